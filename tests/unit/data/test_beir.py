"""Tests of data/beir.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.data.sample_files import read, write_jsonl
from vectune.config import DataConfig
from vectune.data.beir import IdSource
from vectune.data.read import open_source, read_retrieval
from vectune.errors import DataError
from vectune.records import Pair

CORPUS: list[Any] = [
    {"_id": "d1", "title": "Reset", "text": "Hold the green button."},
    {"_id": "d2", "title": "", "text": "The filter is clogged."},
    {"_id": "d3", "text": "A hose is 12 euros."},
]
QUERIES: list[Any] = [
    {"_id": "q1", "text": "reset?"},
    {"_id": "q2", "text": "error 12?"},
    {"_id": "q3", "text": "else?"},
]


def _folder(root: Path, tables: dict[str, str], corpus: list[Any] = CORPUS, queries: list[Any] = QUERIES) -> Path:
    write_jsonl(root / "corpus.jsonl", corpus)
    write_jsonl(root / "queries.jsonl", queries)
    for name, content in tables.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content, encoding="utf-8")
    return root


def _read(path: Path) -> IdSource:
    found = read_retrieval(open_source(str(path), DataConfig()), DataConfig())
    assert found is not None
    return found


def test_splits_share_the_corpus_and_have_their_own_queries(tmp_path: Path) -> None:
    """Each qrels file is a split; the corpus is one object; grades are kept; an unjudged query is said."""
    tables = {
        "qrels/test.tsv": "query-id\tcorpus-id\tscore\nq2\td2\t3\nq2\td3\t0\n",
        "qrels/train.tsv": "query-id\tcorpus-id\tscore\nq1\td1\t1\n",
    }
    found = _read(_folder(tmp_path, tables))
    assert list(found.splits) == ["train", "test"]
    train, test = found.splits.values()
    assert train.corpus is test.corpus
    assert train.corpus == {
        "d1": "Reset Hold the green button.",
        "d2": "The filter is clogged.",
        "d3": "A hose is 12 euros.",
    }
    assert (train.queries, train.qrels) == ({"q1": "reset?"}, {"q1": {"d1": 1}})
    assert (test.queries, test.qrels) == ({"q2": "error 12?"}, {"q2": {"d2": 3, "d3": 0}})
    assert found.left_out == ()
    assert any(said.startswith("1 queries have no judgement") for said in found.said)


@pytest.mark.parametrize(
    "table",
    [
        "q1\td1\t1\nq2\td2\t1\n",
        "q1\td1\nq2\td2\n",
        "query_id\tdoc_id\nq1\td1\nq2\td2\n",
        "score\tcorpus-id\tquery-id\n1\td1\tq1\n1.0\td2\tq2\n",
        "q1 0 d1 1\nq2 0 d2 1\n",
        "q1\tQ0\td1\t1\r\nq2\tQ0\td2\t1\r\n",
        "\ufeffquery-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td2\t1\n\n",
    ],
)
def test_judgements_come_with_and_without_header_and_grade(tmp_path: Path, table: str) -> None:
    """Headers in any order, none, no grade, TREC's four columns: all give the same judgements."""
    found = _read(_folder(tmp_path, {"labels.tsv": table}))
    assert found.splits["all"].qrels == {"q1": {"d1": 1}, "q2": {"d2": 1}}
    assert found.left_out == ()


def test_vertex_names_are_splits(tmp_path: Path) -> None:
    """train_labels and the like name splits; other tables are said to be left out."""
    tables = {"train_labels.tsv": "q1\td1\n", "test_labels.tsv": "q2\td2\n", "notes.tsv": "x\ty\n"}
    source = open_source(str(_folder(tmp_path, tables)), DataConfig())
    assert (source.format, source.splits) == ("beir", ("train", "test"))
    assert any("notes.tsv" in said for said in _read(tmp_path).said)


@pytest.mark.parametrize("form", ["qrels.{}.tsv", "qrels-{}.v2.tsv", "{}.qrels", "qrels/{}.txt"])
def test_a_split_is_named_anywhere_in_the_name_of_its_judgements(tmp_path: Path, form: str) -> None:
    """TREC and MS MARCO write qrels.train.tsv: the two are official splits, and are not joined."""
    tables = {form.format("train"): "q1\td1\n", form.format("test"): "q2\td2\n"}
    found = _read(_folder(tmp_path, tables))
    assert {name: list(split.queries) for name, split in found.splits.items()} == {"train": ["q1"], "test": ["q2"]}


def test_tables_beside_the_corpus_are_no_judgements_by_a_word_after_a_dot(tmp_path: Path) -> None:
    """`queries.train.tsv` holds queries: it is said to be left out, and the judgements are those in qrels."""
    tables = {"qrels/test.tsv": "q1\td1\n", "queries.train.tsv": "q7\twhat is it\n", "triples.train.tsv": "a\tb\tc\n"}
    found = _read(_folder(tmp_path, tables))
    assert list(found.splits) == ["test"]
    assert any("queries.train.tsv" in said and "triples.train.tsv" in said for said in found.said)


def test_bad_lines_are_dropped_with_file_and_line(tmp_path: Path) -> None:
    """Texts and judgements that can't be used are collected, and the rest is read."""
    corpus = [*CORPUS, b"broken", {"_id": "d1", "text": "again"}, {"text": "no id"}, {"_id": 9, "text": " "}, {"id": 5}]
    queries = [*QUERIES, {"_id": "q4", "text": 12}]
    judged = ["q1 d1 1", "q9 d1 1", "q1 d9 1", "q2 d2 high", "q2", "q1 d1 2", "q2 d2 1", "q3 d3 -1"]
    table = "\n".join(["query-id corpus-id score", *judged])
    found = _read(_folder(tmp_path, {"qrels/test.tsv": table}, corpus, queries))
    assert [(drop.row, drop.reason, drop.content.split(":")[0]) for drop in found.left_out] == [
        (4, "broken json", "corpus.jsonl"),
        (5, "id twice", "corpus.jsonl"),
        (6, "missing id", "corpus.jsonl"),
        (7, "empty document", "corpus.jsonl"),
        (8, "missing document", "corpus.jsonl"),
        (4, "not text", "queries.jsonl"),
        (3, "unknown query id", "test.tsv"),
        (4, "unknown document id", "test.tsv"),
        (5, "broken judgement", "test.tsv"),
        (6, "broken judgement", "test.tsv"),
        (7, "judged twice", "test.tsv"),
        (9, "missing positive", str(tmp_path / "qrels/test.tsv")),
    ]
    assert found.splits["test"].qrels == {"q1": {"d1": 2}, "q2": {"d2": 1}}


@pytest.mark.parametrize(
    ("tables", "corpus", "says"),
    [
        ({}, CORPUS, "has no judgements"),
        ({"labels.tsv": "q8\td9\n"}, CORPUS, "judges no document relevant"),
        ({"labels.tsv": "q1\td1\n"}, [b"broken"], "holds no document"),
        ({"labels.tsv": ""}, CORPUS, "judges no document relevant"),
    ],
)
def test_hopeless_folder_is_refused(tmp_path: Path, tables: dict[str, str], corpus: list[Any], says: str) -> None:
    """A folder in which nothing fits together gives one sentence and a hint."""
    with pytest.raises(DataError, match=says) as error:
        _read(_folder(tmp_path, tables, corpus))
    assert error.value.hint


def test_id_source_can_be_read_as_rows(tmp_path: Path) -> None:
    """For callers that only stream, each query is a row with its relevant documents."""
    rows, _ = read(_folder(tmp_path, {"labels.tsv": "q1\td1\nq1\td3\nq2\td2\n"}))
    assert rows == [
        Pair("reset?", ("Reset Hold the green button.", "A hose is 12 euros."), (), 1),
        Pair("error 12?", ("The filter is clogged.",), (), 2),
    ]


def test_llamaindex_document_is_read_by_id(tmp_path: Path) -> None:
    """Ids join the three parts; ids that are not there, and texts that are none, are dropped."""
    document = {
        "queries": {"q1": "reset?", "q2": "error?", "q3": None},
        "corpus": {"d1": "Hold it.", "d2": "Clogged.", "d3": " "},
        "relevant_docs": {"q1": ["d1", "d9"], "q2": "d2", "q8": ["d1"]},
    }
    path = tmp_path / "data.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    found = _read(path)
    assert found.splits["all"].qrels == {"q1": {"d1": 1}, "q2": {"d2": 1}}
    reasons = [drop.reason for drop in found.left_out]
    assert reasons == ["empty document", "missing query", "unknown document id", "unknown query id"]


def test_llamaindex_documents_can_be_splits(tmp_path: Path) -> None:
    """A folder of such documents has official splits; one of another form among them is refused."""
    document = {"queries": {"q": "a?"}, "corpus": {"d": "b"}, "relevant_docs": {"q": ["d"]}}
    for name in ("train", "test"):
        (tmp_path / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")
    assert list(_read(tmp_path).splits) == ["train", "test"]
    (tmp_path / "test.json").write_text('[{"query": "a", "positive": "b"}]', encoding="utf-8")
    with pytest.raises(DataError, match="no queries, corpus and relevant_docs"):
        _read(tmp_path)


def test_shards_of_llamaindex_documents_are_one_split(tmp_path: Path) -> None:
    """All shards are read and numbered on; a text that two repeat is one, and another under its id is dropped."""
    shards = [
        {"queries": {"q1": "a?"}, "corpus": {"d1": "b", "d2": "c"}, "relevant_docs": {"q1": ["d1"]}},
        {"queries": {"q2": "d?", "q1": "e?"}, "corpus": {"d2": "c", "d3": "f"}, "relevant_docs": {"q2": ["d2", "d9"]}},
    ]
    for i, document in enumerate(shards):
        (tmp_path / f"train-0000{i}-of-00002.json").write_text(json.dumps(document), encoding="utf-8")
    found = _read(tmp_path)
    assert found.splits["train"].qrels == {"q1": {"d1": 1}, "q2": {"d2": 1}}
    assert found.splits["train"].corpus == {"d1": "b", "d2": "c", "d3": "f"}
    assert [(drop.row, drop.reason) for drop in found.left_out] == [(3, "id twice"), (2, "unknown document id")]


def test_a_readme_beside_the_labels_is_no_judgement(tmp_path: Path) -> None:
    """Prose in README.txt is left alone and named; labels.txt is read like labels.tsv."""
    for labels in ("labels.tsv", "labels.txt"):
        tables = {labels: "q1\td1\nq2\td2\n", "README.txt": "About this data\n", "LICENSE.txt": "Free\n"}
        found = _read(_folder(tmp_path / labels, tables))
        assert found.left_out == ()
        assert found.splits["all"].qrels == {"q1": {"d1": 1}, "q2": {"d2": 1}}
        assert "README.txt" in found.said[0]


def test_bad_judgements_belong_to_their_split(tmp_path: Path) -> None:
    """Texts are shared by all splits, judgements are not; a split read alone gives its own drops only."""
    tables = {"qrels/train.tsv": "q1\td1\nq9\td1\n", "qrels/test.tsv": "q2\td2\nq3\td1\n"}
    folder = _folder(tmp_path, tables, [*CORPUS, {"_id": "d4", "text": " "}])
    found = _read(folder)
    assert [drop.reason for drop in found.dropped] == ["empty document"]
    assert {name: [drop.reason for drop in own] for name, own in found.own_dropped.items()} == {
        "train": ["unknown query id"],
        "test": [],
    }
    assert [drop.reason for drop in read(folder, "test")[1]] == ["empty document"]
