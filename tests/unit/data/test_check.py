from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vectune.config import DataConfig
from vectune.data.check import check, load_checked
from vectune.data.read import open_source
from vectune.errors import DataError, StorageError
from vectune.records import Kind, Labelled, Retrieval, Scored

CONFIG = DataConfig(max_bad=0.3)
PAIRS: list[dict[str, object]] = [
    {"query": "how do I reset it", "answer": "press the red button"},
    {"query": "how do I feed it", "answer": "twice a day with oats"},
    {"query": "How do I reset  it", "answer": "Press the red button"},
    {"query": "how do I wash it", "answer": "never with cold water"},
    {"query": "how do I sell it", "answer": ["ask around", "put up a note"], "negative": "twice a day with oats"},
]


def write(path: Path, rows: list[dict[str, object]], broken: int = 0) -> str:
    """The rows as JSONL; broken lines, if any, stand before a repeat of the first row."""
    lines = [json.dumps(row) for row in rows]
    if broken:
        lines += ['{"broken'] * broken + lines[:1]
    path.write_text("".join(line + "\n" for line in lines))
    return str(path)


def read(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_file_is_checked_and_its_clean_rows_read_back_the_same(tmp_path: Path) -> None:
    """Clean data checks clean, row by row, and makes the same data set."""
    source = open_source(write(tmp_path / "pairs.jsonl", PAIRS), CONFIG)
    out = tmp_path / "out"
    report = check(source, CONFIG, out=out)
    assert (report.rows_read, report.rows_kept, report.dropped) == (5, 4, {"duplicate": 1})
    assert read(out / "dropped.jsonl")[0]["row"] == 3
    assert json.loads((out / "summary.json").read_text()) == json.loads(json.dumps(report.as_json()))
    clean = open_source(str(out / "clean.jsonl"), CONFIG)
    again = check(clean, CONFIG)
    assert (again.rows_kept, again.dropped, again.findings) == (4, {}, ())
    first, second = load_checked(source, CONFIG).data, load_checked(clean, CONFIG).data
    assert isinstance(first, Retrieval)
    assert isinstance(second, Retrieval)
    assert sorted(first.corpus.values()) == sorted(second.corpus.values())
    assert [len(grades) for grades in first.qrels.values()] == [len(grades) for grades in second.qrels.values()]


def test_lists_of_one_negative_are_read_back_as_pairs(tmp_path: Path) -> None:
    """Clean data is of the kind that was checked: it is judged as retrieval, and not by triplets."""
    listed: list[dict[str, object]] = [
        {"query": row["query"], "pos": [row["answer"]], "neg": ["buy a horse"]} for row in PAIRS[:2]
    ]
    out = tmp_path / "out"
    check(open_source(write(tmp_path / "lists.jsonl", listed), CONFIG), CONFIG, out=out)
    assert check(open_source(str(out / "clean.jsonl"), CONFIG), CONFIG).kind is Kind.PAIRS
    plain: list[dict[str, object]] = [{**row, "negative": "buy a horse"} for row in PAIRS[:2]]
    check(open_source(write(tmp_path / "triplets.jsonl", plain), CONFIG), CONFIG, out=out)
    assert check(open_source(str(out / "clean.jsonl"), CONFIG), CONFIG).kind is Kind.TRIPLETS


def test_negatives_that_come_late_are_read_back(tmp_path: Path) -> None:
    """The columns are told by the first rows: of these none has a negative, and those of the last are not lost."""
    rows = [{"query": f"what is thing {n}", "pos": [f"thing number {n} explained"], "neg": []} for n in range(300)]
    late: list[dict[str, object]] = [*rows, {"query": "and a car", "pos": ["sell it"], "neg": ["buy a horse", "walk"]}]
    out = tmp_path / "out"
    check(open_source(write(tmp_path / "late.jsonl", late), CONFIG), CONFIG, out=out)
    again = load_checked(open_source(str(out / "clean.jsonl"), CONFIG), CONFIG).data
    assert isinstance(again, Retrieval)
    assert [len(found) for found in again.negatives.values() if found] == [2]


def test_streaming_and_in_memory_say_the_same(tmp_path: Path) -> None:
    """Both faces of the check share their decisions."""
    source = open_source(write(tmp_path / "pairs.jsonl", PAIRS, broken=1), CONFIG)
    checked = load_checked(source, CONFIG)
    assert checked.report == check(source, CONFIG)
    assert [drop.reason for drop in checked.dropped] == ["duplicate of row 1", "broken json", "duplicate of row 1"]
    assert len(checked.data) == 4


def test_too_many_bad_lines_stop_the_check_but_lose_nothing(tmp_path: Path) -> None:
    """dropped.jsonl is there although the data is refused; clean data and a summary are not."""
    source = open_source(write(tmp_path / "pairs.jsonl", PAIRS, broken=4), CONFIG)
    with pytest.raises(DataError, match="4 of 10"):
        check(source, CONFIG, out=tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["dropped.jsonl"]
    assert sum(line["reason"] == "broken json" for line in read(tmp_path / "out/dropped.jsonl")) == 4
    with pytest.raises(DataError, match="4 of 10"):
        load_checked(source, CONFIG)


def test_a_single_usable_row_stops_the_check(tmp_path: Path) -> None:
    """One row can't be divided; what was wrong with the others is written."""
    source = open_source(write(tmp_path / "pairs.jsonl", [PAIRS[0], {"query": "q", "answer": ""}]), CONFIG)
    with pytest.raises(DataError):
        check(source, CONFIG, out=tmp_path / "out")
    assert len(read(tmp_path / "out/dropped.jsonl")) == 1


def test_a_foreign_folder_is_refused_before_any_work(tmp_path: Path) -> None:
    """The user learns at once that the results have no place."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out/other.txt").write_text("x")
    source = open_source(write(tmp_path / "pairs.jsonl", PAIRS), CONFIG)
    with pytest.raises(StorageError):
        check(source, CONFIG, out=tmp_path / "out")


def test_scored_and_labelled_files_come_out_as_their_kind(tmp_path: Path) -> None:
    """Each kind goes through its own checks, and through clean.jsonl unharmed."""
    scored = [{"sentence1": f"text {i}", "sentence2": f"other {i}", "score": i / 4} for i in range(5)]
    labelled = [{"text": f"text number {i}", "label": "xy"[i % 2]} for i in range(5)]
    for name, rows, kind, made in (
        ("s", scored, Kind.SCORED, Scored),
        ("l", [*labelled, {"text": "TEXT number 0", "label": "y"}], Kind.LABELLED, Labelled),
    ):
        source = open_source(write(tmp_path / f"{name}.jsonl", rows), CONFIG)
        report = check(source, CONFIG, out=tmp_path / name)
        checked = load_checked(source, CONFIG)
        assert report.kind is kind
        assert isinstance(checked.data, made)
        clean = open_source(str(tmp_path / name / "clean.jsonl"), CONFIG)
        assert load_checked(clean, CONFIG).report.rows_read == report.rows_kept
    assert report.dropped == {"contradicting labels": 2}


def beir(folder: Path) -> str:
    (folder / "qrels").mkdir(parents=True)
    texts = {"d1": "the first", "d2": "The  first", "d3": "the second", "d4": "nobody asks for this"}
    corpus = "".join(json.dumps({"_id": i, "title": "", "text": text}) + "\n" for i, text in texts.items())
    (folder / "corpus.jsonl").write_text(corpus + "{broken\n")
    queries = "".join(json.dumps({"_id": f"q{i}", "text": f"question {i}"}) + "\n" for i in range(3))
    (folder / "queries.jsonl").write_text(queries)
    (folder / "qrels/train.tsv").write_text("query-id\tcorpus-id\tscore\nq0\td1\t1\nq1\td3\t1\n")
    (folder / "qrels/test.tsv").write_text("query-id\tcorpus-id\tscore\nq2\td2\t2\nq2\td3\t1\n")
    return str(folder)


def test_a_folder_by_id_is_checked_split_by_split_and_written_as_one(tmp_path: Path) -> None:
    """Twins are merged in every split, the rest of the corpus stays, and the result is such a folder again."""
    source = open_source(beir(tmp_path / "set"), CONFIG)
    out = tmp_path / "out"
    report = check(source, CONFIG, out=out)
    assert report.rows_read == 5
    assert {finding.code for finding in report.findings} == {"unreadable", "same_text_two_ids"}
    test = load_checked(source, CONFIG, split="test").data
    assert isinstance(test, Retrieval)
    assert test.qrels == {"q2": {"d1": 2, "d3": 1}}
    assert set(test.corpus) == {"d1", "d3", "d4"}
    clean = open_source(str(out), CONFIG)
    assert clean.splits == ("train", "test")
    assert load_checked(clean, CONFIG, split="test").data == test
    whole = load_checked(source, CONFIG).data
    assert len(whole) == 3


def test_a_refused_folder_by_id_leaves_its_drops(tmp_path: Path) -> None:
    """Bad input loses nothing here either."""
    source = open_source(beir(tmp_path / "set"), DataConfig())
    with pytest.raises(DataError, match="broken json"):
        check(source, DataConfig(), out=tmp_path / "out")
    assert any(line["reason"] == "broken json" for line in read(tmp_path / "out/dropped.jsonl"))
    with pytest.raises(DataError):
        load_checked(source, DataConfig())


def test_texts_over_the_models_limit_are_told(tmp_path: Path) -> None:
    """Half of the answers have more tokens than the model sees."""

    def count_tokens(texts: object) -> np.ndarray:
        return np.array([len(text.split()) for text in texts])  # type: ignore[attr-defined]

    source = open_source(write(tmp_path / "pairs.jsonl", PAIRS[:2]), CONFIG)
    report = check(source, CONFIG, count_tokens=count_tokens, max_tokens=4)
    assert report.profile.truncated == {"query": 1.0, "document": 0.5}
    assert {finding.code: finding.count for finding in report.findings} == {
        "truncated_queries": 100,
        "truncated_documents": 50,
    }


@pytest.mark.parametrize(
    ("name", "kind", "rows", "kept"),
    [
        ("tldr_de", Kind.PAIRS, 2059, 2059),
        ("banking77/train.jsonl", Kind.LABELLED, 9978, 9974),
        ("stsb_en/train.jsonl", Kind.SCORED, 5724, 5682),
        ("snli_triplets/train.jsonl", Kind.TRIPLETS, 2509, 2506),
    ],
)
def test_real_data_has_its_kind_and_no_row_goes_missing(
    name: str, kind: Kind, rows: int, kept: int, shared_data: Path
) -> None:
    """Real files of each kind: rows add up, and few are dropped."""
    report = check(open_source(str(shared_data / name), DataConfig()), DataConfig())
    assert (report.kind, report.rows_read, report.rows_kept) == (kind, rows, kept)
    assert sum(report.dropped.values()) == rows - kept
