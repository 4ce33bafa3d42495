from __future__ import annotations

import numpy as np
import pytest

from vectune.config import EvaluateConfig
from vectune.errors import ConfigError
from vectune.evaluate.measures import MEASURES, decisive_measure, mean_of_units
from vectune.records import Dataset, Kind, Labelled, Retrieval, Scored

EMPTY: dict[Kind, Dataset] = {
    Kind.PAIRS: Retrieval({}, {}, {}),
    Kind.TRIPLETS: Retrieval({}, {}, {}, kind=Kind.TRIPLETS),
    Kind.SCORED: Scored(()),
    Kind.LABELLED: Labelled(()),
}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("pairs", "ndcg@10"), ("triplets", "triplet_accuracy"), ("scored", "spearman"), ("labelled", "knn_accuracy")],
)
def test_auto_takes_the_kinds_own_measure(kind: str, expected: str) -> None:
    """Each kind of data has its deciding measure, and it is one that the kind has."""
    assert decisive_measure(EMPTY[Kind(kind)], EvaluateConfig()) == expected
    assert expected in MEASURES[Kind(kind)]


@pytest.mark.parametrize("kind", list(Kind))
def test_a_named_measure_is_taken_if_the_kind_has_it(kind: Kind) -> None:
    """Every measure of a kind can be the deciding one."""
    for name in MEASURES[kind]:
        assert decisive_measure(EMPTY[kind], EvaluateConfig(measure=name)) == name


@pytest.mark.parametrize(("kind", "name"), [("pairs", "spearman"), ("scored", "ndcg@10"), ("labelled", "ndcg@11")])
def test_a_measure_the_kind_lacks_is_refused_with_the_known_ones(kind: str, name: str) -> None:
    """The error names the measure and the data, the hint all that exist."""
    with pytest.raises(ConfigError, match=f"'{name}' does not exist for {kind} data") as caught:
        decisive_measure(EMPTY[Kind(kind)], EvaluateConfig(measure=name))
    assert all(known in caught.value.hint for known in MEASURES[Kind(kind)])


def test_the_mean_leaves_out_what_does_not_exist() -> None:
    """NaN counts neither above nor below the line, and nothing at all is 0."""
    assert mean_of_units(np.array([1.0, np.nan, 0.0])) == 0.5
    assert mean_of_units(np.array([np.nan])) == 0.0
    assert mean_of_units(np.array([])) == 0.0
