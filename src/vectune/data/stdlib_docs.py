"""Pairs for a demonstration on real text: the documentation of Python's own standard library, from this interpreter.

A query is a docstring's summary sentence; its document is the object's name with its signature and the rest of the
docstring. The language reference that `help()` shows is added: heading to text. Nothing is shipped or downloaded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from pydoc_data.topics import topics

from vectune.data.normal import normal
from vectune.data.stdlib_walk import Documented, Walk, documented_objects
from vectune.records import Pair
from vectune.store.atomic import write_text

MAX_DOCUMENT_WORDS = 200
MIN_QUERY_WORDS = 3
MAX_QUERY_WORDS = 40
MIN_DOCUMENT_WORDS = 8
_SENTENCE_END = re.compile(r"(?<!e\.g\.)(?<!i\.e\.)(?<=[a-z0-9\])'\"`][.!?])\s+(?=[A-Z\"'`*(])")
_CALL = re.compile(r"[\w.]+ ?\([^)]*\)\)?( *(->|=|:|--) *\S.*)?")
_UNDERLINE = re.compile(r"[*=\-~^\"#+]{3,}")


@dataclass(frozen=True)
class StdlibDocs:
    """The pairs and how they came about: what was met, and how many were left out for which reason."""

    pairs: tuple[Pair, ...]
    walk: Walk
    dropped: dict[str, int]


def stdlib_pairs() -> Iterator[Pair]:
    """Summary and documentation of everything public in the standard library, in a fixed order; `row` counts from 1.

    Imports the standard library's modules, save those with side effects. The texts are those of the running Python, so
    they differ a little between versions: about 2,550 pairs on each of 3.11 to 3.13.
    """
    yield from collect_stdlib_docs().pairs


def write_stdlib_pairs(path: Path) -> int:
    """Write the pairs as JSON lines with `query` and `positive` (UTF-8); the number of lines.

    Raises StorageError when the file can't be written.
    """
    rows = [{"query": pair.anchor, "positive": pair.positives[0]} for pair in stdlib_pairs()]
    write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return len(rows)


def collect_stdlib_docs() -> StdlibDocs:
    """The pairs, with counts of modules, quiet warnings, and texts left out."""
    walk = Walk()
    kept: list[Pair] = []
    dropped: dict[str, int] = {}
    queries: set[str] = set()
    documents: set[str] = set()
    for query, document in _texts(walk):
        reason = _why_not(query, document, queries, documents)
        if reason:
            dropped[reason] = dropped.get(reason, 0) + 1
            continue
        queries.add(normal(query))
        documents.add(normal(document))
        kept.append(Pair(query, (document,), row=len(kept) + 1))
    return StdlibDocs(tuple(kept), walk, dropped)


def _texts(walk: Walk) -> Iterator[tuple[str, str]]:
    for found in documented_objects(walk):
        yield _summary_and_rest(found)
    for name in sorted(topics):
        yield _heading_and_text(topics[name])


def _why_not(query: str, document: str, queries: set[str], documents: set[str]) -> str:
    """Why a pair is left out, or "": the same filters that a user's own pairs pass."""
    if len(query.split()) < MIN_QUERY_WORDS:
        return "query too short"
    if len(query.split()) > MAX_QUERY_WORDS:
        return "query too long"
    if len(document.split()) < MIN_DOCUMENT_WORDS:
        return "document too short"
    if normal(query) in normal(document):
        return "document repeats the query"
    if normal(query) in queries:
        return "query seen before"
    return "document seen before" if normal(document) in documents else ""


def _summary_and_rest(found: Documented) -> tuple[str, str]:
    paragraphs = [part for part in re.split(r"\n\s*\n", found.doc.strip()) if part.strip()]
    calls: list[str] = []
    lines = paragraphs[0].splitlines()
    while lines and _CALL.fullmatch(lines[0].strip()):
        # Older C docstrings open with their own signature: it belongs to the document.
        calls.append(lines.pop(0).strip())
    following = paragraphs[1:]
    if not lines and following:
        lines, following = following[0].splitlines(), following[1:]
    summary, rest = _first_sentence(" ".join(lines))
    signature = " ".join(calls) if calls and not found.signature else ""
    return summary, _passage(f"{found.name}{found.signature}", signature, rest, *following)


def _heading_and_text(topic: str) -> tuple[str, str]:
    heading, _, text = topic.partition("\n")
    paragraphs = [" ".join(line for line in part.splitlines() if not _UNDERLINE.fullmatch(line.strip()))
                  for part in re.split(r"\n\s*\n", text)]  # fmt: skip
    heading = " ".join(heading.split())
    if len(heading.split()) >= MIN_QUERY_WORDS:
        return heading, _passage(*paragraphs)
    body = " ".join(part.strip() for part in paragraphs if part.strip())
    summary, rest = _first_sentence(body)
    return summary, _passage(heading, rest)


def _first_sentence(text: str) -> tuple[str, str]:
    parts = _SENTENCE_END.split(" ".join(text.split()), maxsplit=1)
    return parts[0], parts[1] if len(parts) > 1 else ""


def _passage(*parts: str) -> str:
    """The parts as one line of at most MAX_DOCUMENT_WORDS words."""
    return " ".join(" ".join(parts).split()[:MAX_DOCUMENT_WORDS])
