"""Scores beside pairs: found by name and content, kept with their text from the file to the split and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.word_rows import write_jsonl
from vectune.config import DataConfig, SplitConfig
from vectune.data import reasons
from vectune.data.assemble import assemble, disassemble
from vectune.data.check import check, load_checked
from vectune.data.fingerprint import fingerprint
from vectune.data.join import join_splits
from vectune.data.overlaps import without_held_out_negatives, without_leaks
from vectune.data.read import RowStream, open_source, read_rows
from vectune.data.split import split_dataset
from vectune.records import Dropped, Kind, Pair, Retrieval

CONFIG = DataConfig()
OTHER = {"query": "error 12", "pos": ["the filter is clogged"], "neg": ["buy a hose"]}
PLAIN = {"anchor": "error 12", "positive": "the filter is clogged", "negative": "buy a hose"}


def stream(folder: Path, *rows: dict[str, Any]) -> RowStream:
    return read_rows(open_source(str(write_jsonl(folder / "rows.jsonl", rows)), CONFIG), CONFIG)


def first(folder: Path, *rows: dict[str, Any]) -> Pair:
    """The first row that can be used."""
    pair = next(item for item in stream(folder, *rows) if isinstance(item, Pair))
    assert isinstance(pair, Pair)
    return pair


def drops(folder: Path, *rows: dict[str, Any]) -> list[str]:
    return [item.reason for item in stream(folder, *rows) if isinstance(item, Dropped)]


def row(**more: object) -> dict[str, Any]:
    return {"query": "reset pump", "pos": ["green button"], "neg": ["rinse it", "new hose"], **more}


def test_flagembedding_scores_belong_to_their_texts(tmp_path: Path) -> None:
    """pos_scores and neg_scores are read and named among the columns used; rows without them have none."""
    rows = (row(pos_scores=[0.9], neg_scores=[0.2, "0.1"]), OTHER)
    read = stream(tmp_path, *rows)
    assert "positive_score = pos_scores, negative_score = neg_scores" in read.roles.said[0]
    assert [item.scores for item in read if isinstance(item, Pair)] == [(0.9, 0.2, 0.1), ()]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"pos_score": 3, "neg_score": -1.5}, (3.0, -1.5)),
        ({"positive_score": 0.5}, (0.5, None)),
        ({"scores": [0.9, 0.2]}, (0.9, 0.2)),
        ({"label": [0.9, 0.2]}, (0.9, 0.2)),
        ({"scores": "[0.9, null]"}, (0.9, None)),
        ({"margin": 4.5}, (0.0, -4.5)),
        ({"margin": [4.5]}, (0.0, -4.5)),
        ({"score": 0.9}, ()),
        ({"margin": None}, ()),
    ],
)
def test_other_styles(tmp_path: Path, given: dict[str, Any], expected: tuple[float | None, ...]) -> None:
    """A column a side, one list for all texts, or the margin; a lone `score` may be anything and is not used."""
    plain = {"anchor": "reset pump", "positive": "green button", "negative": "rinse it"}
    read = first(tmp_path, plain | given, PLAIN | given)
    assert read.scores == expected
    assert stream(tmp_path, plain | given, PLAIN | given).roles.kind is Kind.TRIPLETS


def test_list_of_classes_is_no_list_of_scores(tmp_path: Path) -> None:
    """Without negatives a list called `label` may be anything; one called `scores` is what it says."""
    plain = {"question": "reset pump?", "answer": "green button"}
    assert first(tmp_path, plain | {"label": [3]}, plain | {"label": [4], "question": "x"}).scores == ()
    assert first(tmp_path, plain | {"scores": [3]}, plain | {"scores": [4], "question": "x"}).scores == (3.0,)


def test_scores_in_a_table(tmp_path: Path) -> None:
    """In CSV a list of scores is written as JSON, a single one as a number."""
    lines = ["query,positive,negative,pos_score,neg_scores", "reset,green button,rinse it,0.9,[0.25]", "a,b,c,,"]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    read = read_rows(open_source(str(tmp_path / "rows.csv"), CONFIG), CONFIG)
    assert [item.scores for item in read if isinstance(item, Pair)] == [(0.9, 0.25), ()]


def test_numbered_negatives_share_one_list(tmp_path: Path) -> None:
    """One list scores the positive, negative_1, negative_2...; a blank column may have a score or none."""
    texts = {"query": "reset", "positive": "green button", "negative_1": "rinse it", "negative_2": "hose"}
    assert first(tmp_path, texts | {"scores": [3, 2, 1]}, texts | {"query": "x"}).scores == (3.0, 2.0, 1.0)
    for scores in ([3, 2, 1], [3, 1]):
        read = first(tmp_path, texts | {"negative_1": "", "scores": scores}, texts | {"query": "x", "scores": scores})
        assert (read.negatives, read.scores) == (("hose",), (3.0, 1.0))


def test_text_that_is_left_out_takes_its_score(tmp_path: Path) -> None:
    """Empty texts and the anchor among its positives go with their scores; nulls have none."""
    given = {"pos": ["reset pump", "green button"], "neg": ["", "new hose", None, "rinse it"]}
    pair = first(tmp_path, row(**given, pos_scores=[9, 1], neg_scores=[8, 2, 7, 3]), OTHER)
    assert (pair.positives, pair.negatives) == (("green button",), ("new hose", "rinse it"))
    assert pair.scores == (1.0, 2.0, 3.0)


@pytest.mark.parametrize("scores", [[0.1], [0.1, 0.2, 0.3], [0.1, "high"], "[0.1"])
def test_scores_that_do_not_fit_are_left_out_alone(tmp_path: Path, scores: object) -> None:
    """Too few, too many or no numbers: the row stays without scores, and the reason is told."""
    rows = (row(pos_scores=[0.9], neg_scores=[0.2, 0.1]), {**OTHER, "query": "x"}, row(query="y", neg_scores=scores))
    kept = [item for item in stream(tmp_path, *rows) if isinstance(item, Pair)]
    assert [len(pair.scores) for pair in kept] == [3, 0, 0]
    assert drops(tmp_path, *rows) == [reasons.PART_SCORES]


def loaded(folder: Path, *rows: dict[str, Any]) -> Retrieval:
    data = load_checked(open_source(str(write_jsonl(folder / "rows.jsonl", rows)), CONFIG), CONFIG).data
    assert isinstance(data, Retrieval)
    return data


def by_text(data: Retrieval) -> dict[str, dict[str, float]]:
    return {data.queries[q]: {data.corpus[d]: s for d, s in found.items()} for q, found in data.scores.items()}


def test_negative_dropped_in_the_check_drops_its_score(tmp_path: Path) -> None:
    """A negative that another row knows as right goes, and the others keep the scores that are theirs."""
    again = row(pos=["rinse it"], pos_scores=[0.7], neg=["paint"], neg_scores=[0.3])
    data = loaded(tmp_path, row(pos_scores=[0.9], neg_scores=[0.2, 0.1]), again, OTHER)
    assert by_text(data) == {"reset pump": {"green button": 0.9, "new hose": 0.1, "rinse it": 0.7, "paint": 0.3}}


def test_clean_data_keeps_scores(tmp_path: Path) -> None:
    """What `check` writes out is read back with the same scores, nulls too."""
    rows = (row(pos_scores=[0.9], neg_scores=[None, 0.1]), OTHER)
    source = open_source(str(write_jsonl(tmp_path / "rows.jsonl", rows)), CONFIG)
    check(source, CONFIG, out=tmp_path / "out")
    lines = [json.loads(line) for line in (tmp_path / "out" / "clean.jsonl").read_text().splitlines()]
    assert (lines[0]["pos_scores"], lines[0]["neg_scores"]) == ([0.9], [None, 0.1])
    assert "pos_scores" not in lines[1]
    again = load_checked(open_source(str(tmp_path / "out" / "clean.jsonl"), CONFIG), CONFIG).data
    before = load_checked(source, CONFIG).data
    assert isinstance(again, Retrieval)
    assert by_text(again) == {"reset pump": {"green button": 0.9, "new hose": 0.1}}
    assert fingerprint(again) == fingerprint(before)


PAIRS = [Pair("a", ("x", "y"), ("z",), 1, (0.9, None, 0.1)), Pair("b", ("z",), ("x",), 2, (0.8, 0.2))]


def test_rows_come_back_with_their_scores() -> None:
    """Taken apart, the data set gives the rows that it was made of; of two scores the first holds."""
    assert list(disassemble(assemble(PAIRS, Kind.PAIRS))) == PAIRS
    twice = assemble([*PAIRS, Pair("a", ("x",), (), 3, (0.5,))], Kind.PAIRS)
    assert isinstance(twice, Retrieval)
    assert twice.scores["q1"]["d1-0"] == 0.9


def test_fingerprint_tells_scores() -> None:
    """Another score is other data; without scores the fingerprint is what it was."""
    plain = [Pair("a", ("x",), ("z",), 1)]
    first_score, second_score = (fingerprint(assemble([Pair("a", ("x",), ("z",), 1, s)], Kind.PAIRS)) for s in SCORES)
    assert len({fingerprint(assemble(plain, Kind.PAIRS)), first_score, second_score}) == 3


SCORES = ((0.9, 0.1), (0.9, 0.2))


def test_split_keeps_the_scores_of_each_side() -> None:
    """Every query takes its scores to its side, and joined splits name the documents anew."""
    rows = [Pair(f"q{i} w{i}", (f"p{i} v{i}",), (f"n{i} u{i}",), i, (i + 0.5, i + 0.25)) for i in range(1, 30)]
    splits = split_dataset(assemble(rows, Kind.PAIRS), SplitConfig(), 0.8).splits
    sides = [side for side in (splits.train, splits.dev, splits.test) if isinstance(side, Retrieval)]
    assert len(sides) == 3
    for side in sides:
        assert side.scores.keys() == side.queries.keys()
    apart = {name: assemble(rows[i::3], Kind.PAIRS) for i, name in enumerate(("train", "dev", "test"))}
    train = join_splits(apart).train
    assert isinstance(train, Retrieval)
    assert by_text(train)["q4 w4"] == {"p4 v4": 4.5, "n4 u4": 4.25}


def test_leaking_documents_lose_their_scores() -> None:
    """A negative that is right in the test, and a judgement that leaks, go with their scores."""
    train, test = assemble(PAIRS, Kind.PAIRS), assemble([Pair("other", ("z",), (), 1)], Kind.PAIRS)
    assert isinstance(train, Retrieval)
    cleared, count = without_held_out_negatives(train, test, 0.8)
    assert count == 1
    assert by_text(cleared) == {"a": {"x": 0.9}, "b": {"z": 0.8, "x": 0.2}}
    fixed, _ = without_leaks(train, test, 0.8)
    assert isinstance(fixed, Retrieval)
    assert by_text(fixed) == {"a": {"x": 0.9}}
