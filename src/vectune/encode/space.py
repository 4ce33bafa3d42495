"""The space a vector belongs to: vectors of two spaces must never be compared."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from vectune.encode.resolve import weights_sha256
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.errors import ModelError
from vectune.records import Role

SPACE_FILE = "vectune_space.json"


@dataclass(frozen=True)
class Space:
    """What decides a model's vectors; `fingerprint` is equal exactly when all of it is equal."""

    model: str
    revision: str
    pooling: str
    query_prompt: str
    document_prompt: str
    max_tokens: int
    dims: tuple[int, ...]
    normalised: bool = True

    @property
    def fingerprint(self) -> str:
        """SHA-256 over everything but the model's name, as `sha256:...`."""
        content = {key: value for key, value in asdict(self).items() if key != "model"}
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        return f"sha256:{digest}"


def space_of(encoder: SentenceEncoder, folder: Path, dims: tuple[int, ...] = ()) -> Space:
    """The space of a model saved in `folder`; `dims` are the Matryoshka sizes it was trained for."""
    pooling = next((module.pooling_mode for module in encoder.model if hasattr(module, "pooling_mode")), "none")
    return Space(
        model=encoder.name,
        revision=f"sha256:{weights_sha256(folder)}",
        pooling=str(pooling),
        query_prompt=encoder.prompt(Role.QUERY),
        document_prompt=encoder.prompt(Role.DOCUMENT),
        max_tokens=encoder.max_tokens,
        dims=tuple(sorted({encoder.dim, *dims}, reverse=True)),
    )


def write_space(space: Space, folder: Path) -> None:
    """Leave the space beside the weights."""
    content = {**asdict(space), "fingerprint": space.fingerprint}
    (folder / SPACE_FILE).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read_space(folder: Path) -> Space:
    """The space written beside a model; ModelError when there is none or it was changed by hand."""
    try:
        content = json.loads((folder / SPACE_FILE).read_text(encoding="utf-8"))
        said = content.pop("fingerprint")
        space = Space(**{**content, "dims": tuple(content["dims"])})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{folder} has no readable {SPACE_FILE}.", "Save the model with vectune to get one."
        ) from error
    if said != space.fingerprint:
        raise ModelError(f"{folder / SPACE_FILE} was changed: its fingerprint does not fit.", "Save the model again.")
    return space
