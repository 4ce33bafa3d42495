"""What a check leaves on disk: clean data, what was dropped and why, a summary."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import orjson

from vectune.data.roles import Roles
from vectune.data.row_decisions import columns_of
from vectune.records import Dropped, Kind, Retrieval, Row
from vectune.store.atomic import folder_aside, refuse_occupied, storage_error

CLEAN, DROPPED, SUMMARY = "clean.jsonl", "dropped.jsonl", "summary.json"
_OURS = {CLEAN, DROPPED, SUMMARY, "corpus.jsonl", "queries.jsonl", "qrels"}


def refuse_foreign(out: Path) -> None:
    """Raise StorageError when `out` holds anything but the results of an earlier check."""
    if not _holds_earlier_results(out):
        refuse_occupied(out)


@contextmanager
def results_folder(out: Path) -> Iterator[Path]:
    """A folder to write in that becomes `out` when the block ends well; it replaces the results of an earlier check.

    Raises StorageError when `out` holds anything else, or when the disk refuses.
    """
    if not _holds_earlier_results(out):
        with folder_aside(out) as aside:
            yield aside
        return
    fresh = out.with_name(f"{out.name}.{uuid4().hex[:8]}")
    with folder_aside(fresh) as aside:
        yield aside
    try:
        shutil.rmtree(out)
        fresh.rename(out)
    except OSError as error:
        raise storage_error(out, error) from error


def write_outcomes(folder: Path, outcomes: Iterable[Row | Dropped], roles: Roles) -> None:
    """Stream rows, which have all these roles, to clean.jsonl and what was left out to dropped.jsonl.

    Negatives of pairs are lists in every row: a single one would be read as a triplet's, and where the first rows have
    none nobody would look for those of others.
    """
    listed = ("negative",) if roles.kind is Kind.PAIRS and "negative" in roles.columns else ()
    with _writing(folder / CLEAN) as clean, _writing(folder / DROPPED) as dropped:
        for item in outcomes:
            if isinstance(item, Dropped):
                dropped.write(_line(item))
            else:
                clean.write(orjson.dumps(columns_of(item, listed)) + b"\n")


def write_dropped(folder: Path, items: Iterable[Row | Dropped]) -> None:
    """Stream what was left out to dropped.jsonl; rows that stay are passed over."""
    with _writing(folder / DROPPED) as dropped:
        for item in items:
            if isinstance(item, Dropped):
                dropped.write(_line(item))


def write_retrieval(folder: Path, splits: dict[str, Retrieval]) -> None:
    """A BEIR folder: corpus.jsonl, queries.jsonl and qrels/SPLIT.tsv."""
    corpus: dict[str, str] = {}
    queries: dict[str, str] = {}
    for data in splits.values():
        corpus |= data.corpus
        queries |= data.queries
    for name, texts in (("corpus", corpus), ("queries", queries)):
        with _writing(folder / f"{name}.jsonl") as file:
            for identity, text in texts.items():
                file.write(orjson.dumps({"_id": identity, "text": text}) + b"\n")
    (folder / "qrels").mkdir()
    for split, data in splits.items():
        with _writing(folder / "qrels" / f"{split}.tsv") as file:
            file.write(b"query-id\tcorpus-id\tscore\n")
            for query, grades in data.qrels.items():
                for document, grade in grades.items():
                    file.write(f"{query}\t{document}\t{grade}\n".encode())


def write_summary(folder: Path, summary: dict[str, Any]) -> None:
    """The report as summary.json."""
    with _writing(folder / SUMMARY) as file:
        file.write(orjson.dumps(summary, option=orjson.OPT_INDENT_2) + b"\n")


@contextmanager
def _writing(path: Path) -> Iterator[IO[bytes]]:
    """A new file to write to; what the system refuses is a StorageError."""
    try:
        with path.open("xb", buffering=1 << 20) as file:
            yield file
    except OSError as error:
        raise storage_error(path, error) from error


def _line(drop: Dropped) -> bytes:
    return orjson.dumps({"row": drop.row, "reason": drop.reason, "content": drop.content}) + b"\n"


def _holds_earlier_results(out: Path) -> bool:
    """Whether `out` is a folder that an earlier check wrote, with nothing of anybody else's in it."""
    if not out.is_dir():
        return False
    names = {entry.name for entry in out.iterdir()}
    return DROPPED in names and names <= _OURS
