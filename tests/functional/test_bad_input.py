"""Bad data: each answered by one sentence with what was found, and a hint; never by a traceback or a half run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.word_rows import labelled_texts, overlapping_pairs, scored_pairs, write_jsonl
from tests.functional.command_line import run_here

_LONG = "dog1 cat2 sun3 " * 20


def _lines(rows: list[dict[str, object]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def _swapped() -> bytes:
    return _lines([{"question": f"red{n % 25} {_LONG} {n}", "answer": f"bug{n % 25} dog{n // 3}"} for n in range(60)])


def _wrong_scores() -> bytes:
    return _lines([row | {"score": (-7, 3, 1000)[n % 3]} for n, row in enumerate(scored_pairs(60))])


def _one_label() -> bytes:
    return _lines([row | {"label": "a"} for row in labelled_texts(40)])


_BAD: dict[str, tuple[str, Callable[[], bytes], str, str]] = {
    "empty file": ("data.jsonl", lambda: b"", "is empty", "row"),
    "one row": ("data.jsonl", lambda: _lines(overlapping_pairs(1)), "one usable row only", "at least two"),
    "binary file": ("data.jsonl", lambda: bytes(range(256)) * 20, "binary", "JSONL"),
    "binary table": ("data.csv", lambda: bytes(range(256)) * 20, "binary", "JSONL"),
    "missing column": ("data.jsonl", lambda: _lines([{"query": "red1", "other": "dog1"}] * 9), "columns", "--columns"),
    "lone column": ("data.jsonl", lambda: _lines([{"positive": f"red{n}"} for n in range(9)]), "anchor", "column"),
    "swapped columns": ("data.jsonl", _swapped, "swapped", "--columns"),
    "scores off any scale": ("data.jsonl", _wrong_scores, "scores", "score_range"),
    "scores in words": (
        "data.jsonl", lambda: _lines([row | {"score": "high"} for row in scored_pairs(20)]), "no numbers", "numbers",
    ),
    "only one label": ("data.jsonl", _one_label, "only one label", "two labels"),
    "mostly broken lines": (
        "data.jsonl", lambda: _lines(overlapping_pairs(20)) + b'{"query": "red\n' * 20, "can't be used", "max-bad",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", _BAD)
def test_bad_data_is_refused_in_a_sentence(name: str, tiny: tuple[str, ...], tmp_path: Path) -> None:
    """`tune` ends with status 1, a sentence that names the finding and a hint; no folder is left."""
    file, content, found, hint = _BAD[name]
    (tmp_path / file).write_bytes(content())
    done = run_here("tune", tmp_path / file, *tiny, "--out", tmp_path / "runs" / "bad")
    assert done.status == 1
    assert found in done.error
    assert hint in done.hint
    assert "Traceback" not in done.err
    assert done.out == ""
    assert not list(tmp_path.glob("runs/*")) + list(tmp_path.glob("runs/.*"))


def test_broken_line_in_the_middle_is_dropped_and_named(tiny: tuple[str, ...], tmp_path: Path) -> None:
    """Reading goes on after a broken line; dropped.jsonl names it, and so does the screen."""
    lines = _lines(overlapping_pairs(60)).splitlines()
    lines[30] = b'{"query": "red1 red2'
    (tmp_path / "data.jsonl").write_bytes(b"\n".join(lines))
    done = run_here("tune", tmp_path / "data.jsonl", *tiny, "--out", tmp_path / "run")
    assert done.status == 4, done.err
    (dropped,) = map(json.loads, (tmp_path / "run" / "dropped.jsonl").read_text().splitlines())
    assert (dropped["row"], dropped["reason"]) == (31, "broken json")
    assert "1 row can't be used" in done.err


def test_line_of_five_megabytes_is_dropped_and_named(tiny: tuple[str, ...], tmp_path: Path) -> None:
    """A text far longer than any text is dropped with its line number, and dropped.jsonl stays small."""
    rows = overlapping_pairs(60)
    rows.insert(10, {"query": "red1", "positive": "dog1 " * 1_000_000})
    data = write_jsonl(tmp_path / "data.jsonl", rows)
    assert data.stat().st_size > 5_000_000
    done = run_here("tune", data, *tiny, "--out", tmp_path / "run")
    assert done.status == 4, done.err
    (dropped,) = map(json.loads, (tmp_path / "run" / "dropped.jsonl").read_text().splitlines())
    assert (dropped["row"], dropped["reason"]) == (11, "too long")
    assert (tmp_path / "run" / "dropped.jsonl").stat().st_size < 10_000


@pytest.mark.parametrize("name", [name for name in _BAD if name != "only one label"])
def test_check_refuses_the_same(name: str, tiny_model_folder: Path, tmp_path: Path) -> None:
    """`check` finds what `tune` finds; as JSON the error is one object on standard output."""
    file, content, found, _ = _BAD[name]
    (tmp_path / file).write_bytes(content())
    done = run_here("check", tmp_path / file, "--base", tiny_model_folder, "--json")
    assert done.status == 1
    assert found in done.json["error"]["message"]
    assert done.json["error"]["code"] == "data_error"
    assert done.json["error"]["hint"]


def test_no_such_data(tiny: tuple[str, ...], tmp_path: Path) -> None:
    """A path where nothing lies is asked wrongly: status 2, for the data and for each other file."""
    pairs = write_jsonl(tmp_path / "pairs.jsonl", overlapping_pairs(20))
    nowhere = tmp_path / "nowhere.jsonl"
    for arguments in ([nowhere], [pairs, "--test", nowhere], [pairs, "--dev", nowhere], [pairs, "--corpus", nowhere]):
        done = run_here("tune", *arguments, *tiny, "--out", tmp_path / "run")
        assert done.status == 2, done.err
        assert "nowhere.jsonl" in done.error
        assert done.hint
