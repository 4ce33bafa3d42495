"""The demonstration pairs from the interpreter's own documentation."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from vectune.data.normal import normal
from vectune.data.stdlib_docs import (
    MAX_DOCUMENT_WORDS,
    MAX_QUERY_WORDS,
    MIN_DOCUMENT_WORDS,
    MIN_QUERY_WORDS,
    StdlibDocs,
    _heading_and_text,
    _summary_and_rest,
    collect_stdlib_docs,
    stdlib_pairs,
    write_stdlib_pairs,
)
from vectune.data.stdlib_walk import Documented

_PROBE = """
import hashlib, sys
from vectune.data.stdlib_docs import stdlib_pairs
pairs = list(stdlib_pairs())
import threading, multiprocessing
heavy = {"torch", "transformers", "numpy", "tkinter", "turtle", "antigravity", "this", "readline"} & set(sys.modules)
print(hashlib.sha256(repr(pairs).encode()).hexdigest(), sorted(heavy), threading.active_count(),
      len(multiprocessing.active_children()))
"""


@pytest.fixture(scope="module")
def docs() -> StdlibDocs:
    return collect_stdlib_docs()


def _probe(hash_seed: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _PROBE],
        env=os.environ | {"PYTHONHASHSEED": hash_seed}, capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip


def test_there_are_enough_pairs_of_usable_length(docs: StdlibDocs) -> None:
    """At least 2,000 pairs come out, each within the word limits and with one document."""
    assert len(docs.pairs) >= 2_000
    for pair in docs.pairs:
        (document,) = pair.positives
        assert MIN_QUERY_WORDS <= len(pair.anchor.split()) <= MAX_QUERY_WORDS
        assert MIN_DOCUMENT_WORDS <= len(document.split()) <= MAX_DOCUMENT_WORDS
    assert statistics.median(len(pair.positives[0].split()) for pair in docs.pairs) > 20


def test_no_text_comes_twice_and_no_document_gives_its_query_away(docs: StdlibDocs) -> None:
    """Queries are unique, documents are unique, and no document holds its own query."""
    queries = {normal(pair.anchor) for pair in docs.pairs}
    documents = {normal(pair.positives[0]) for pair in docs.pairs}
    assert len(queries) == len(documents) == len(docs.pairs)
    assert not [pair for pair in docs.pairs if normal(pair.anchor) in normal(pair.positives[0])]


def test_known_entries_of_every_kind_are_there(docs: StdlibDocs) -> None:
    """A module, a class, a function, a method, a C function and a chapter of the language reference are all found."""
    documents = {pair.positives[0].split("(")[0].split()[0]: pair.anchor for pair in docs.pairs}
    assert documents["heapq"] == "Heap queue algorithm (a.k.a. priority queue)."
    assert "collections.Counter" in documents
    assert documents["shutil.get_terminal_size"] == "Get the size of the terminal window."
    assert "logging.Handler.handle" in documents
    assert "math.isclose" in documents
    assert 'The "assert" statement' in {pair.anchor for pair in docs.pairs}


def test_rows_are_numbered_and_what_was_left_out_is_counted(docs: StdlibDocs) -> None:
    """Rows count from 1 and every reason for leaving a text out has its number."""
    assert [pair.row for pair in docs.pairs] == list(range(1, len(docs.pairs) + 1))
    assert docs.dropped["document too short"] > 0
    assert docs.dropped["query seen before"] > 0
    assert docs.walk.imported > 200
    assert all("." in name or name in sys.stdlib_module_names for name in docs.walk.failed)


def test_documents_tell_nothing_of_this_machine(docs: StdlibDocs) -> None:
    """Default values that are addresses or paths of this interpreter are left out of signatures."""
    text = "\n".join(pair.positives[0] for pair in docs.pairs)
    assert sys.executable not in text
    assert "object at 0x7f" not in text
    assert "<_io.TextIOWrapper" not in text


def test_two_processes_agree_and_stay_quiet() -> None:
    """Another hash seed gives the same pairs; nothing is printed, no thread, child or heavy module stays behind."""
    first, second = _probe("1"), _probe("2")
    assert first.stdout == second.stdout
    assert first.stderr == second.stderr == ""
    assert first.stdout.split(maxsplit=1)[1].strip() == "[] 1 0"


def test_patched_methods_of_other_libraries_are_left_out(docs: StdlibDocs) -> None:
    """A method that this test module puts on a standard class does not become a pair."""
    import logging

    def shout_quietly(self: object) -> None:
        """Shout the message as quietly as a method can shout it.

        This text is long enough to become a document if nobody looked where it came from.
        """

    logging.Logger.shout_quietly = shout_quietly  # type: ignore[attr-defined]
    try:
        assert collect_stdlib_docs().pairs == docs.pairs
    finally:
        del logging.Logger.shout_quietly  # type: ignore[attr-defined]


def test_the_file_has_one_row_a_pair(tmp_path: Path, docs: StdlibDocs) -> None:
    """The written JSON lines hold the same pairs under `query` and `positive`."""
    path = tmp_path / "stdlib.jsonl"
    assert write_stdlib_pairs(path) == len(docs.pairs)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [(row["query"], row["positive"]) for row in rows] == [(p.anchor, p.positives[0]) for p in stdlib_pairs()]


def test_a_signature_in_the_docstring_goes_to_the_document() -> None:
    """The signature line of an older C docstring is no summary; the sentence after it is."""
    found = Documented("pack.it", "", "it(a[, b]) -> int\n\nPack both values. The second is optional.")
    assert _summary_and_rest(found) == ("Pack both values.", "pack.it it(a[, b]) -> int The second is optional.")


def test_an_abbreviation_does_not_end_a_sentence() -> None:
    """A summary is not cut after `e.g.`."""
    found = Documented("name", "()", "Return the type, e.g. 'i386'. Empty if unknown.")
    assert _summary_and_rest(found) == ("Return the type, e.g. 'i386'.", "name() Empty if unknown.")


def test_a_chapter_with_a_short_heading_is_asked_for_by_its_first_sentence() -> None:
    """A heading of fewer than three words joins the document; a longer one is the query."""
    assert _heading_and_text("Lambdas\n*******\n\nThey make functions. More here.") == (
        "They make functions.",
        "Lambdas More here.",
    )
    assert _heading_and_text("The long heading\n****\n\nText here.") == ("The long heading", "Text here.")
