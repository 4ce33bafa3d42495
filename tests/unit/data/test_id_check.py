from __future__ import annotations

import pytest

from vectune.config import DataConfig
from vectune.data.id_check import ExaminedIds, examine_ids, one_split
from vectune.data.profile import Limits
from vectune.data.read import IdSource
from vectune.errors import UsageError
from vectune.records import Dropped, Retrieval

CORPUS = {"d1": "the first text", "d2": "The first  text", "d3": "another text", "d4": "never judged"}
TRAIN = Retrieval({"q1": "one", "q2": "two"}, CORPUS, {"q1": {"d1": 1, "d2": 1}, "q2": {"d3": 1}})
TEST = Retrieval({"q3": "three"}, CORPUS, {"q3": {"d2": 2}})


def look(dropped: tuple[Dropped, ...] = (), splits: dict[str, Retrieval] | None = None) -> ExaminedIds:
    source = IdSource(splits or {"train": TRAIN, "test": TEST}, dropped, ("said",))
    return examine_ids(source, "folder", "beir", DataConfig(), Limits())


def test_documents_with_one_text_become_one_in_every_split() -> None:
    """The twin's judgements go to the first id, and the corpus loses the twin."""
    found = look()
    assert found.splits["test"].qrels == {"q3": {"d1": 2}}
    assert set(found.splits["train"].corpus) == {"d1", "d3", "d4"}
    assert [(finding.code, finding.count) for finding in found.report.findings] == [("same_text_two_ids", 1)]
    assert [drop.reason for drop in found.dropped] == ["same text as document d1"]
    assert "d2" in found.dropped[0].content


def test_judgements_read_are_kept_or_dropped_with_a_reason() -> None:
    """Judgements that fall together count as judged twice; lines that could not be read count too."""
    report = look((Dropped(7, "unknown document id", "x"),), None).report
    assert (report.rows_read, report.rows_kept) == (5, 3)
    assert report.dropped == {"unknown document id": 1, "judged twice": 1}
    assert report.said == ("said",)


def test_too_many_bad_lines_are_measured_against_all_lines() -> None:
    """Texts are lines as well: one bad line of eleven is under 10 %, two are not."""
    bad = Dropped(7, "broken json", "x")
    config = DataConfig(max_bad=0.1)
    one = examine_ids(IdSource({"all": TRAIN}, (bad,), ()), "x", "beir", config, Limits())
    two = examine_ids(IdSource({"all": TRAIN}, (bad, bad), ()), "x", "beir", config, Limits())
    assert one.refusal is None
    assert two.refusal is not None


def test_a_single_judgement_is_too_few() -> None:
    """Nothing can be learned from one pair."""
    refusal = look(splits={"all": TEST}).refusal
    assert refusal is not None
    assert "1 row is left" in refusal.message


def test_splits_are_taken_one_by_one_or_joined() -> None:
    """`all` joins; unknown names are refused with those that exist."""
    source = IdSource({"train": TRAIN, "test": TEST}, (), ())
    assert one_split(source, "test").splits == {"test": TEST}
    assert set(one_split(source, "all").splits["all"].queries) == {"q1", "q2", "q3"}
    with pytest.raises(UsageError) as caught:
        one_split(source, "dev")
    assert "train, test" in caught.value.hint


def test_lost_negatives_are_told() -> None:
    """A negative whose twin is relevant is no negative."""
    data = Retrieval({"q": "ask", "r": "b"}, CORPUS, {"q": {"d1": 1}, "r": {"d3": 1}}, {"q": ("d2", "d3")})
    found = look(splits={"all": data})
    assert found.splits["all"].negatives == {"q": ("d3",)}
    assert "negative_is_positive" in [finding.code for finding in found.report.findings]


def test_bad_judgements_of_a_split_count_against_it_alone() -> None:
    """What is wrong with train says nothing of test; bad texts are shared and count against both."""
    shared, own = Dropped(1, "empty document", "d9"), Dropped(7, "unknown query id", "q9")
    source = IdSource({"train": TRAIN, "test": TEST}, (shared,), (), {"train": (own, own), "test": ()})
    assert one_split(source, "train").left_out == (shared, own, own)
    assert one_split(source, "test").left_out == (shared,)
    assert one_split(source, "all").left_out == source.left_out == (shared, own, own)
    limits, config = Limits(), DataConfig(max_bad=0.2)
    assert examine_ids(one_split(source, "train"), "x", "beir", config, limits).refusal is not None
    report = examine_ids(one_split(source, "test"), "x", "beir", config, limits).report
    assert report.dropped == {"empty document": 1}
