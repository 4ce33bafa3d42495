from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from vectune.data.clean import (
    refuse_foreign,
    results_folder,
    write_dropped,
    write_outcomes,
    write_retrieval,
    write_summary,
)
from vectune.data.roles import Roles
from vectune.errors import StorageError
from vectune.records import Dropped, Kind, Pair, Retrieval

ROLES = Roles(Kind.PAIRS, "pairs", {"anchor": ("anchor",), "positive": ("positive",)})
ITEMS = [Pair("a", ("b",), (), 1), Dropped(2, "broken json", '{"x'), Pair("c", ("d", "e"), (), 3)]


def lines(path: Path) -> list[object]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def test_rows_and_drops_go_to_their_files(tmp_path: Path) -> None:
    """Clean rows are named columns, drops have number, reason and content."""
    with results_folder(tmp_path / "out") as folder:
        write_outcomes(folder, ITEMS, ROLES)
    assert lines(tmp_path / "out/clean.jsonl") == [
        {"anchor": "a", "positive": "b"},
        {"anchor": "c", "positive": ["d", "e"]},
    ]
    assert lines(tmp_path / "out/dropped.jsonl") == [{"row": 2, "reason": "broken json", "content": '{"x'}]


def test_an_earlier_result_is_replaced_whole(tmp_path: Path) -> None:
    """No file of the first check stays beside those of the second."""
    out = tmp_path / "out"
    with results_folder(out) as folder:
        write_outcomes(folder, ITEMS, ROLES)
        write_summary(folder, {"rows": 1})
    refuse_foreign(out)
    with results_folder(out) as folder:
        write_dropped(folder, ITEMS)
    assert [path.name for path in out.iterdir()] == ["dropped.jsonl"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_somebody_elses_files_are_never_replaced(tmp_path: Path) -> None:
    """A folder with anything that no check writes is refused and left alone."""
    (tmp_path / "dropped.jsonl").write_text("")
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(StorageError):
        refuse_foreign(tmp_path)
    with pytest.raises(StorageError), results_folder(tmp_path) as folder:
        write_dropped(folder, ITEMS)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_failure_leaves_the_earlier_result(tmp_path: Path) -> None:
    """Half a result never replaces a whole one."""
    out = tmp_path / "out"
    with results_folder(out) as folder:
        write_outcomes(folder, ITEMS, ROLES)

    def failing() -> Iterator[Dropped]:
        yield Dropped(1, "why")
        raise RuntimeError

    with pytest.raises(RuntimeError), results_folder(out) as folder:
        write_dropped(folder, failing())
    assert (out / "clean.jsonl").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_retrieval_becomes_a_folder_by_id(tmp_path: Path) -> None:
    """Corpus, queries and judgements in the files that BEIR folders have."""
    data = Retrieval({"q": "ask"}, {"d": "text", "e": "more"}, {"q": {"d": 2}})
    write_retrieval(tmp_path, {"train": data})
    assert lines(tmp_path / "corpus.jsonl") == [{"_id": "d", "text": "text"}, {"_id": "e", "text": "more"}]
    assert lines(tmp_path / "queries.jsonl") == [{"_id": "q", "text": "ask"}]
    assert (tmp_path / "qrels/train.tsv").read_text() == "query-id\tcorpus-id\tscore\nq\td\t2\n"


def test_a_file_that_can_not_be_written_is_a_storage_error(tmp_path: Path) -> None:
    """The system's refusal is told in a sentence."""
    with pytest.raises(StorageError):
        write_summary(tmp_path / "absent", {})
