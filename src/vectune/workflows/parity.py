"""What an export lost against the model it was made of: measured, or not said at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vectune.config import EvaluateConfig
from vectune.encode.encoder import Encoder, Vectors
from vectune.errors import DataError
from vectune.evaluate.judge import judge
from vectune.evaluate.measures import decisive_measure
from vectune.monitor.progress import Named, Progress
from vectune.records import Dataset, Labelled, Retrieval, Role


@dataclass(frozen=True)
class Loss:
    """One measure of both: the trained model's score, the export's, and the first minus the second.

    `trained_dims` and `exported_dims` are the lengths of the vectors that were judged.
    """

    trained: float
    exported: float
    loss: float
    trained_dims: int
    exported_dims: int


@dataclass(frozen=True)
class Parity:
    """Cosines of an export's vectors to the trained model's over `texts` texts of dev, and the scores of both.

    `units` queries (or rows) were judged, queries among `documents` (None for other data).

    `cosine_min` and `cosine_mean` are None where the two have vectors of different lengths (a distilled table). `dims`
    has a loss for each length of the trained model's vectors that was judged.
    """

    texts: int
    units: int
    documents: int | None
    cosine_min: float | None
    cosine_mean: float | None
    measure: str
    dims: Mapping[int, Loss]

    @property
    def loss(self) -> float:
        """What was lost of the measure at the full size of both."""
        return self.dims[max(self.dims)].loss

    def as_json(self) -> dict[str, Any]:
        """The content of parity.json that was measured."""
        return {
            "split": "dev",
            "texts": self.texts,
            "units": self.units,
            **({} if self.documents is None else {"documents": self.documents}),
            "cosine": {"min": self.cosine_min, "mean": self.cosine_mean},
            "measure": self.measure,
            "dims": {str(dim): asdict(loss) for dim, loss in self.dims.items()},
        }


@dataclass(frozen=True)
class ParityData:
    """The dev data that both models are judged on, the texts that vote where labels are judged, and how."""

    dev: Dataset
    reference: Labelled | None
    dims: tuple[int, ...]
    config: EvaluateConfig


def measure_parity(trained: Encoder, exported: Encoder, data: ParityData, progress: Progress) -> Parity:
    """Judge both on dev and compare every vector that this took.

    Each size of `trained`, the full one first, is set against the export at the same size, or at its full one where
    that is smaller. Sizes of `data` that one of the two does not have are left out. A `trained` that is Remembering is
    asked for no text twice, however many exports it is compared with. Raises DataError when dev is too small for the
    deciding measure.
    """
    measure = decisive_measure(data.dev, data.config)
    kept = {"trained model": Remembering.of(trained), "export": Remembering(exported)}
    sizes = (trained.dim, *(dim for dim in data.dims if dim < trained.dim and dim <= exported.dim))
    nearest = {dim: min(dim, exported.dim) for dim in sizes}
    ours = _scores(kept["trained model"], data, sizes, measure, Named(progress, "judge trained model"))
    theirs = _scores(kept["export"], data, tuple(nearest.values()), measure, Named(progress, "judge export"))
    cosines = _cosines(*kept.values()) if trained.dim == exported.dim else None
    return Parity(
        texts=len(kept["export"].vectors),
        units=len(data.dev),
        documents=len(data.dev.corpus) if isinstance(data.dev, Retrieval) else None,
        cosine_min=None if cosines is None else float(cosines.min()),
        cosine_mean=None if cosines is None else float(cosines.mean()),
        measure=measure,
        dims={
            dim: Loss(ours[dim], theirs[other], ours[dim] - theirs[other], dim, other) for dim, other in nearest.items()
        },
    )


def _scores(
    encoder: Encoder, data: ParityData, dims: tuple[int, ...], measure: str, progress: Progress
) -> dict[int, float]:
    """The measure at the full size and at each of `dims`."""
    judged = judge(encoder, data.dev, data.config, reference=data.reference, dims=dims, progress=progress)
    if any(measure not in one.totals for one in judged.values()):
        raise DataError(f"{measure} can't be measured on the dev data.", "Give more data with --data.")
    return {dim: one.totals[measure] for dim, one in judged.items()}


class Remembering:
    """An encoder that keeps what it was asked: the texts that were judged are the ones that are compared."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.name = encoder.name
        self.dim = encoder.dim
        self.vectors: dict[tuple[Role, str], Vectors] = {}

    @classmethod
    def of(cls, encoder: Encoder) -> Remembering:
        """`encoder` itself if it remembers already."""
        return encoder if isinstance(encoder, Remembering) else cls(encoder)

    def encode(self, texts: Sequence[str], role: Role = Role.DOCUMENT, progress: Progress | None = None) -> Vectors:
        """See Encoder."""
        new = [text for text in dict.fromkeys(texts) if (role, text) not in self.vectors]
        if new:
            vectors = self._encoder.encode(new, role, progress)
            self.vectors.update(((role, text), vector) for text, vector in zip(new, vectors, strict=True))
        if not texts:
            return np.empty((0, self.dim), dtype=np.float32)
        return np.stack([self.vectors[role, text] for text in texts])

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """See Encoder."""
        return self._encoder.count_tokens(texts)


def _cosines(trained: Remembering, exported: Remembering) -> Vectors:
    texts = list(exported.vectors)
    ours = np.stack([trained.vectors[text] for text in texts])
    theirs = np.stack([exported.vectors[text] for text in texts])
    return np.asarray(np.einsum("nd,nd->n", ours, theirs), dtype=np.float32)
