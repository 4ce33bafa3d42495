"""The space a vector belongs to: vectors of two spaces must never be compared."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from vectune.encode.remote import RemoteEncoder
from vectune.encode.resolve import weights_sha256
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.errors import ModelError
from vectune.records import Role

SPACE_FILE = "vectune_space.json"
_INDEX_STAYS = "Documents are embedded by the base model, unchanged: an index built with the base stays valid."


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
    query_adapter: str = ""
    """SHA-256 of the adapter that queries go through; documents, and so an index of them, are not touched by it."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 over what decides the vectors of documents, as `sha256:...`: neither name nor query adapter count."""
        content = {key: value for key, value in asdict(self).items() if key not in ("model", "query_adapter")}
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        return f"sha256:{digest}"

    def with_adapter(self, digest: str) -> Space:
        """The same space with queries that go through an adapter."""
        return replace(self, query_adapter=digest)


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


def remote_space(encoder: RemoteEncoder) -> Space:
    """The space of a model behind an endpoint; nobody can tell when its weights change, so its name and place count."""
    return Space(
        model=encoder.name,
        revision=f"{encoder.url} {encoder.model}",
        pooling="remote",
        query_prompt=encoder.prompt(Role.QUERY),
        document_prompt=encoder.prompt(Role.DOCUMENT),
        max_tokens=0,
        dims=(encoder.dim,),
    )


def write_space(space: Space, folder: Path) -> None:
    """Leave the space beside the weights."""
    content = {**asdict(space), "fingerprint": space.fingerprint}
    if space.query_adapter:
        content["index"] = _INDEX_STAYS
    else:
        del content["query_adapter"]
    (folder / SPACE_FILE).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read_space(folder: Path) -> Space:
    """The space written beside a model; ModelError when there is none or it was changed by hand."""
    try:
        content = json.loads((folder / SPACE_FILE).read_text(encoding="utf-8"))
        said = content.pop("fingerprint")
        content.pop("index", None)
        space = Space(**{**content, "dims": tuple(content["dims"])})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{folder} has no readable {SPACE_FILE}.", "Save the model with vectune to get one."
        ) from error
    if said != space.fingerprint:
        raise ModelError(f"{folder / SPACE_FILE} was changed: its fingerprint does not fit.", "Save the model again.")
    return space
