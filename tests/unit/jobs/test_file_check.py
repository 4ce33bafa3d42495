"""Uploaded files read through."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fakes.word_rows import labelled_texts
from vectune.config.jobs import JobsConfig
from vectune.errors import Interrupted
from vectune.jobs.file_check import fault
from vectune.monitor.progress import Silent, Stoppable


def _written(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


def test_reason_calls_the_file_as_its_owner_does(tmp_path: Path) -> None:
    """Rows that can be used give no reason; others one with the owner's name of the file, and no path."""
    good = _written(tmp_path / "good.jsonl", "".join(json.dumps(row) + "\n" for row in labelled_texts(8)))
    assert fault(JobsConfig(), good, "mine.jsonl", Silent()) is None
    bad = fault(JobsConfig(), _written(tmp_path / "bad.jsonl", "no json\n" * 5), "mine.jsonl", Silent())
    assert bad is not None
    assert "mine.jsonl" in bad
    assert str(tmp_path) not in bad


class Reading:
    """Counts how many rows were read."""

    rows = 0

    def stage(self, name: str, total: int | None = None) -> None: ...

    def advance(self, amount: int = 1, **values: float) -> None:
        self.rows += amount

    def note(self, message: str) -> None: ...


def _document(rows: int) -> str:
    return json.dumps([{"text": f"text {number}", "label": f"label {number % 2}"} for number in range(rows)])


@pytest.mark.parametrize("as_document", [False, True])
def test_reading_ends_where_a_job_may_not_have_more(tmp_path: Path, as_document: bool) -> None:
    """A file with more rows than a job may have is refused with the job's sentence before the rest of it is read: by
    its lines before any of it is, and by its rows where they all stand on one. As many as allowed are fine."""
    for rows, fits in ((5000, True), (20_000, False)):
        content = _document(rows)
        if not as_document:
            content = content[1:-1].replace("}, {", "}\n{")
        path, reading = _written(tmp_path / "rows.jsonl", content), Reading()
        reason = fault(JobsConfig(most_rows=5000), path, "rows.jsonl", reading)
        if fits:
            assert (reason, reading.rows) == (None, rows)
        else:
            assert reason is not None
            assert "The file has more than 5,000 rows, which is all that a job may have here. Leave" in reason
            assert reading.rows <= (5000 if as_document else 0)


def test_left_out_parts_are_no_rows(tmp_path: Path) -> None:
    """A row of whose lists something is left out counts once."""
    row = {"query": "what is red", "positives": ["red is a colour", ""], "negatives": ["", ""]}
    content = "".join(json.dumps(row | {"query": f"what is red {number}"}) + "\n" for number in range(3))
    path, reading = _written(tmp_path / "rows.jsonl", content), Reading()
    assert fault(JobsConfig(most_rows=3), path, "rows.jsonl", reading) is None
    assert reading.rows == 3


def test_reading_can_be_stopped(tmp_path: Path) -> None:
    """Asked to stop, it says nothing about the file."""
    path = _written(tmp_path / "rows.jsonl", _document(3))
    with pytest.raises(Interrupted):
        fault(JobsConfig(), path, "rows.jsonl", Stoppable(Silent(), lambda: True))
