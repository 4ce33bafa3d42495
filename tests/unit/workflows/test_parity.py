"""Parity is what was measured on both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.fakes.hash_encoder import HashEncoder
from vectune.config import EvaluateConfig
from vectune.encode.encoder import Vectors
from vectune.errors import ConfigError
from vectune.evaluate.judge import judge
from vectune.monitor.progress import Progress, Silent
from vectune.records import Retrieval, Role
from vectune.workflows.parity import ParityData, measure_parity


class Turned(HashEncoder):
    """The hash encoder with every vector pulled towards one direction by `share`."""

    def __init__(self, share: float, dim: int = 32) -> None:
        super().__init__(dim)
        self._share = share

    def encode(self, texts: Sequence[str], role: Role = Role.DOCUMENT, progress: Progress | None = None) -> Vectors:
        vectors = super().encode(texts, role, progress) * (1 - self._share)
        vectors[:, 0] += self._share
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def _data(dims: tuple[int, ...] = (8,)) -> ParityData:
    queries = {f"q{i}": f"word{i} more{i}" for i in range(20)}
    corpus = {f"d{i}": f"word{i} other{i} third{i}" for i in range(40)}
    dev = Retrieval(queries, corpus, {f"q{i}": {f"d{i}": 1} for i in range(20)})
    return ParityData(dev, None, dims, EvaluateConfig())


def test_the_same_model_loses_nothing() -> None:
    """Cosine 1 and no loss at any dimension; every text of dev was compared."""
    found = measure_parity(HashEncoder(), HashEncoder(), _data(), Silent())
    assert found.cosine_min == pytest.approx(1.0, abs=1e-6)
    assert (found.texts, found.units, found.measure) == (60, 20, "ndcg@10")
    assert list(found.dims) == [32, 8]
    assert all(loss.loss == 0 for loss in found.dims.values())
    assert found.as_json()["dims"]["8"]["trained"] == found.dims[8].trained


def test_what_is_lost_is_told() -> None:
    """Vectors pulled together: the cosine is the one computed by hand, and the loss is the difference of the scores."""
    found = measure_parity(HashEncoder(), Turned(0.9), _data(), Silent())
    texts = list(_data().dev.queries.values())  # type: ignore[union-attr]
    by_hand = (HashEncoder().encode(texts) * Turned(0.9).encode(texts)).sum(axis=1)
    assert found.cosine_min is not None
    assert found.cosine_min <= by_hand.min() + 1e-6
    loss = found.dims[8]
    assert loss.loss == loss.trained - loss.exported
    assert loss.loss > 0


def _score(dim: int, cut: int) -> float:
    """nDCG@10 of the hash encoder of `dim`, cut to `cut`."""
    data = _data()
    return judge(HashEncoder(dim), data.dev, data.config, dims=(cut,))[cut].totals["ndcg@10"]


def test_other_sizes_are_told_as_they_were_judged() -> None:
    """A distilled table has no cosine; its full size is set against the model's full size and the model's own cut."""
    found = measure_parity(HashEncoder(32), HashEncoder(16), _data((16, 8)), Silent())
    assert found.cosine_min is None
    assert list(found.dims) == [32, 16, 8]
    assert [(loss.trained_dims, loss.exported_dims) for loss in found.dims.values()] == [(32, 16), (16, 16), (8, 8)]
    assert [loss.trained for loss in found.dims.values()] == [_score(32, 32), _score(32, 16), _score(32, 8)]
    assert [loss.exported for loss in found.dims.values()] == [_score(16, 16), _score(16, 16), _score(16, 8)]
    assert found.loss == found.dims[32].loss
    assert found.as_json()["dims"]["32"]["exported_dims"] == 16


def test_sizes_that_one_of_them_lacks_are_left_out() -> None:
    """A cut of 24 is none of a table of 16; the full size of the model stands first and once."""
    assert list(measure_parity(HashEncoder(32), HashEncoder(16), _data((48, 32, 24)), Silent()).dims) == [32]


def test_dev_that_cannot_be_measured_is_refused() -> None:
    """No certificate comes of a measure that does not exist."""
    data = ParityData(_data().dev, None, (), EvaluateConfig(measure="spearman"))
    with pytest.raises(ConfigError, match="spearman"):
        measure_parity(HashEncoder(), HashEncoder(), data, Silent())
