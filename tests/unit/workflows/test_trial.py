"""A few texts are read before a method that would read none."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.fakes.hash_encoder import HashEncoder
from vectune.encode.encoder import Vectors
from vectune.monitor.progress import Progress, Silent
from vectune.records import Dataset, Labelled, LabelledText, Retrieval, Role, Scored, ScoredPair
from vectune.workflows.trial import TRIAL, try_out


class Listening(HashEncoder):
    """Remembers the texts of each call."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[list[str]] = []

    def encode(self, texts: Sequence[str], role: Role = Role.DOCUMENT, progress: Progress | None = None) -> Vectors:
        self.calls.append(list(texts))
        return super().encode(texts, role, progress)


class Counting(Silent):
    """Remembers stages with their totals, and what was counted."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, int | None]] = []
        self.counted: list[int] = []

    def stage(self, name: str, total: int | None = None) -> None:
        self.stages.append((name, total))

    def advance(self, amount: int = 1, **values: float) -> None:
        self.counted.append(amount)


def _retrieval(queries: int, documents: int) -> Retrieval:
    """Queries of one word, and documents of 1 word to 100, in no order; a word is as long as it likes."""
    words = {f"d{place}": " ".join(["w" * (place % 7 + 1)] * (place * 37 % 100 + 1)) for place in range(documents)}
    return Retrieval({f"q{place}": f"q{place}" for place in range(queries)}, words, {})


def test_lengths_are_those_of_all_texts() -> None:
    """Eight groups of eight texts of one length, as long on average as all; one of middle length before them."""
    encoder, progress = Listening(), Counting()
    data = _retrieval(600, 1400)
    try_out(encoder, data, progress)
    assert progress.stages == [(TRIAL, 65)]
    assert progress.counted == [len(call) for call in encoder.calls] == [1, *[8] * 8]
    lengths = [encoder.count_tokens(call) for call in encoder.calls[1:]]
    assert max(int(found.max() - found.min()) for found in lengths) <= 3
    wanted = encoder.count_tokens([*data.queries.values(), *data.corpus.values()]).mean()
    assert sum(found.mean() for found in lengths) / 8 == pytest.approx(wanted, rel=0.05)


@pytest.mark.parametrize(("texts", "tried"), [(127, 0), (128, 9), (300, 17), (5000, 65)])
def test_it_takes_little_beside_the_judging_of_all(texts: int, tried: int) -> None:
    """One text of sixteen at most, and none where that is too few to tell anything."""
    encoder, progress = Listening(), Counting()
    try_out(encoder, _retrieval(texts // 2, texts - texts // 2), progress)
    assert sum(map(len, encoder.calls)) == sum(progress.counted) == tried
    assert progress.stages == ([(TRIAL, tried)] if tried else [])


@pytest.mark.parametrize(
    "data",
    [
        Scored(tuple(ScoredPair(f"a{place}", f"b{place}", 0.5) for place in range(64))),
        Labelled(tuple(LabelledText(f"a{place}", "x") for place in range(128))),
    ],
)
def test_any_kind_of_data_will_do(data: Dataset) -> None:
    """Both texts of a pair count, and texts with a label."""
    encoder = Listening()
    try_out(encoder, data, Silent())
    assert [len(call) for call in encoder.calls] == [1] * 9
