"""Sources that name texts by id: BEIR and Vertex folders, LlamaIndex documents."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, cast

from vectune.data import reasons
from vectune.data.formats import (
    is_id_document,
    jsonl_records,
    line_limit,
    numbered_lines,
    open_bytes,
    read_document,
    shown,
)
from vectune.data.passages import with_title
from vectune.errors import DataError
from vectune.records import Dropped, Retrieval

_ENDINGS = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")
_QUERY_NAMES = ("query-id", "query_id", "queryid", "qid", "query")
_DOCUMENT_NAMES = ("corpus-id", "corpus_id", "corpusid", "doc-id", "doc_id", "docid", "document-id", "pid", "corpus")
_GRADE_NAMES = ("score", "label", "relevance", "rel", "grade")


@dataclass(frozen=True)
class IdSource:
    """What an id-based source holds: its splits (or "all"), what was left out, and what to tell the user.

    `dropped` was left out of what all splits share, the texts of a folder; `own_dropped` of what a split has alone.
    """

    splits: dict[str, Retrieval]
    dropped: tuple[Dropped, ...]
    said: tuple[str, ...]
    own_dropped: Mapping[str, tuple[Dropped, ...]] = field(default_factory=dict)

    @property
    def left_out(self) -> tuple[Dropped, ...]:
        """All that was left out, what the splits share first."""
        return (*self.dropped, *chain.from_iterable(self.own_dropped.values()))


@dataclass(frozen=True)
class Layout:
    """Where the parts of a BEIR or Vertex folder lie."""

    corpus: Path
    queries: Path
    judgements: dict[str, tuple[str, ...]]
    said: tuple[str, ...] = ()


def _one_of(folder: Path, stem: str) -> Path | None:
    return next((folder / (stem + end) for end in _ENDINGS if (folder / (stem + end)).is_file()), None)


def is_folder(folder: Path) -> bool:
    """Whether the folder has a corpus and queries by id."""
    return _one_of(folder, "corpus") is not None and _one_of(folder, "queries") is not None


def layout(folder: Path, names: Mapping[str, str]) -> Layout:
    """The parts of a folder: qrels/SPLIT.tsv (BEIR), qrels.SPLIT.tsv, or labels.tsv, SPLIT_labels.tsv (Vertex)."""
    corpus, queries = _one_of(folder, "corpus"), _one_of(folder, "queries")
    if corpus is None or queries is None:
        raise DataError(f"{folder} lacks corpus.jsonl or queries.jsonl", hint="a BEIR folder has both")
    files = [file for place in (folder / "qrels", folder) if place.is_dir() for file in sorted(place.iterdir())]
    tables = [file for file in files if file.name.lower().removesuffix(".gz").endswith((".tsv", ".txt", ".qrels"))]
    found: dict[str, tuple[str, ...]] = {}
    others = []
    for file in tables:
        split = next((names[word] for word in _words(file, folder) if word in names), None)
        if split is not None and split not in found:
            found[split] = (str(file),)
        else:
            others.append(file)
    if not found:
        whole = [file for file in others if file.parent != folder or not _is_prose(file)]
        found = {"all": tuple(map(str, whole))} if whole else {}
        others = [file for file in others if file not in whole]
    if not found:
        raise DataError(f"{folder} has no judgements", hint="add qrels/train.tsv and qrels/test.tsv, or labels.tsv")
    found = {split: found[split] for split in dict.fromkeys((*names.values(), "all")) if split in found}
    said = (f"not read: {', '.join(file.name for file in others)}",) if others else ()
    return Layout(corpus, queries, found, said)


def _words(file: Path, folder: Path) -> list[str]:
    """The words of a file's name that may be a split's: those after a dot only where it must hold judgements, since
    `queries.train.tsv` beside the corpus holds none."""
    dotted = file.parent != folder or _says_judgements(file)
    return re.split(r"[-_.]", file.name.lower() if dotted else file.name.lower().split(".", 1)[0])


def _is_prose(file: Path) -> bool:
    """Whether a file beside the corpus is a README.txt, LICENSE.txt or the like, and not judgements."""
    return file.name.lower().removesuffix(".gz").endswith(".txt") and not _says_judgements(file)


def _says_judgements(file: Path) -> bool:
    return any(word in file.name.lower() for word in ("qrel", "label"))


class _Texts:
    """Id to text, gathered line by line."""

    def __init__(self, role: str, dropped: list[Dropped], max_chars: int) -> None:
        self.texts: dict[str, str] = {}
        self._role, self._dropped, self._max_chars = role, dropped, max_chars

    def add(self, row: int, identity: Any, text: Any, where: str, raw: bytes | None = None) -> None:
        """Keep the text, or a Dropped that says why not; `where` and the line as read become its content."""
        reason = ""
        if identity is None or isinstance(identity, (dict, list)) or identity == "":
            reason = reasons.MISSING_ID
        elif text is None:
            reason = reasons.missing(self._role)
        elif not isinstance(text, str) or "\0" in text:
            reason = reasons.NOT_TEXT
        elif not text or text.isspace():
            reason = reasons.empty(self._role)
        elif len(text) > self._max_chars:
            reason = reasons.TOO_LONG
        elif str(identity) in self.texts:
            reason = reasons.ID_TWICE
        if reason:
            self._dropped.append(Dropped(row, reason, f"{where}: {identity if raw is None else shown(raw)}"))
        else:
            self.texts[str(identity)] = text


def _read_texts(path: Path, role: str, dropped: list[Dropped], max_chars: int) -> dict[str, str]:
    texts = _Texts(role, dropped, max_chars)
    for item in jsonl_records(path, max_chars):
        if isinstance(item, Dropped):
            dropped.append(Dropped(item.row, item.reason, f"{path.name}: {item.content}"))
            continue
        row, fields, raw = item
        identity = fields["_id"] if "_id" in fields else fields.get("id")
        texts.add(row, identity, with_title(fields.get("title"), fields.get("text")), path.name, raw)
    if not texts.texts:
        first = "; ".join(f"line {drop.row}: {drop.reason}" for drop in dropped[:3]) or "it is empty"
        raise DataError(
            f"{path} holds no {role} that can be used ({first})", hint='write {"_id": .., "text": ..} a line'
        )
    return texts.texts


class _Judgements:
    """Grades of one split, checked against the ids that exist."""

    def __init__(self, queries: Mapping[str, str], corpus: Mapping[str, str], dropped: list[Dropped]) -> None:
        self._queries, self._corpus, self._dropped = queries, corpus, dropped
        self.grades: dict[str, dict[str, int]] = {}
        self.rows: dict[str, int] = {}

    def add(self, row: int, query: str, document: str, grade: Any, content: str) -> None:
        """Keep one judgement, or a Dropped that says why not. Grades below 0 (TREC's junk) count as 0."""
        whole = _whole(grade)
        known = self.grades.get(query, {})
        reason = ""
        if query not in self._queries:
            reason = reasons.UNKNOWN_QUERY
        elif document not in self._corpus:
            reason = reasons.UNKNOWN_DOCUMENT
        elif whole is None:
            reason = reasons.BROKEN_JUDGEMENT
        elif document in known:
            reason = reasons.JUDGED_TWICE
        if reason:
            self._dropped.append(Dropped(row, reason, content))
        if whole is not None and reason in ("", reasons.JUDGED_TWICE):
            self.rows.setdefault(query, row)
            self.grades.setdefault(query, {})[document] = max(whole, 0, known.get(document, 0))

    def retrieval(self, name: str) -> Retrieval:
        """The queries that have a relevant document; the others are dropped."""
        for query in [query for query, grades in self.grades.items() if not any(grades.values())]:
            self._dropped.append(Dropped(self.rows[query], reasons.missing("positive"), f"{name}: query {query}"))
            del self.grades[query]
        if not self.grades:
            raise DataError(f"{name} judges no document relevant to a query", hint="check the ids and the grades in it")
        return Retrieval({query: self._queries[query] for query in self.grades}, self._corpus, self.grades)


def _whole(grade: Any) -> int | None:
    try:
        number = float(grade)
    except (TypeError, ValueError, OverflowError):
        return None
    return int(number) if number.is_integer() and abs(number) < 1e6 else None


def _judgement_lines(path: Path, dropped: list[Dropped], max_chars: int) -> Iterator[tuple[int, list[str], str]]:
    with open_bytes(path) as stream:
        for row, line, reason in numbered_lines(stream, line_limit(max_chars)):
            content = f"{path.name}: {shown(line)}"
            try:
                text = line.decode().strip("\r\n")
            except UnicodeDecodeError:
                reason = reason or reasons.NOT_UTF8
            if reason:
                dropped.append(Dropped(row, reason, content))
            else:
                parts = text.split("\t") if "\t" in text else text.split()
                yield row, [part.strip() for part in parts], content


def _columns(first: list[str]) -> tuple[int, int, int] | None:
    """Where a header puts query, document and grade (-1 when it has no grade); None when it is no header."""
    lowered = [name.lower() for name in first]

    def place(names: tuple[str, ...]) -> int:
        return next((lowered.index(name) for name in names if name in lowered), -1)

    query, document = place(_QUERY_NAMES), place(_DOCUMENT_NAMES)
    return (query, document, place(_GRADE_NAMES)) if query >= 0 and document >= 0 else None


def _read_judgements(path: Path, into: _Judgements, dropped: list[Dropped], max_chars: int) -> None:
    """Add the lines of one file: with a header or without; three columns, two (grade 1), or TREC's four."""
    columns: tuple[int, int, int] | None = None
    for row, parts, content in _judgement_lines(path, dropped, max_chars):
        if columns is None:
            columns = _columns(parts)
            if columns is not None:
                continue
            columns = (0, 2, 3) if len(parts) == 4 else (0, 1, 2)
        query, document, grade = columns
        if len(parts) <= max(query, document):
            dropped.append(Dropped(row, reasons.BROKEN_JUDGEMENT, content))
            continue
        into.add(row, parts[query], parts[document], parts[grade] if 0 <= grade < len(parts) else 1, content)


def read_folder(folder: Path, names: Mapping[str, str], max_chars: int) -> IdSource:
    """A BEIR or Vertex folder: each split with its own queries and the one shared corpus."""
    parts = layout(folder, names)
    dropped: list[Dropped] = []
    corpus = _read_texts(parts.corpus, "document", dropped, max_chars)
    queries = _read_texts(parts.queries, "query", dropped, max_chars)
    splits: dict[str, Retrieval] = {}
    own: dict[str, tuple[Dropped, ...]] = {}
    for split, files in parts.judgements.items():
        bad: list[Dropped] = []
        judgements = _Judgements(queries, corpus, bad)
        for file in files:
            _read_judgements(Path(file), judgements, bad, max_chars)
        splits[split] = judgements.retrieval(" and ".join(files))
        own[split] = tuple(bad)
    return IdSource(splits, tuple(dropped), (*parts.said, *_said(splits, len(queries), len(corpus))), own)


def _said(splits: Mapping[str, Retrieval], queries: int, corpus: int) -> tuple[str, ...]:
    judged = set().union(*(split.queries for split in splits.values()))
    said = f"{len(judged)} queries with judgements over {corpus} documents"
    unjudged = queries - len(judged)
    return (said, f"{unjudged} queries have no judgement and are not used") if unjudged else (said,)


def read_llamaindex(files: Mapping[str, tuple[str, ...]], max_chars: int) -> IdSource:
    """LlamaIndex documents with `queries`, `corpus` and `relevant_docs`: one a split, or several that make one up."""
    splits: dict[str, Retrieval] = {}
    own: dict[str, tuple[Dropped, ...]] = {}
    said: tuple[str, ...] = ()
    for split, names in files.items():
        dropped: list[Dropped] = []
        documents = [_id_document(name) for name in names]
        corpus = _texts_of(documents, "corpus", "document", dropped, max_chars)
        queries = _texts_of(documents, "queries", "query", dropped, max_chars)
        judgements = _Judgements(queries, corpus, dropped)
        for row, query, document in _relevant(documents):
            judgements.add(row, query, document, 1, f"relevant_docs: {query}")
        splits[split] = judgements.retrieval(names[0])
        own[split] = tuple(dropped)
        said += _said({split: splits[split]}, len(queries), len(corpus))
    return IdSource(splits, (), said, own)


def _id_document(file: str) -> dict[str, dict[str, Any]]:
    document = read_document(Path(file))
    if not is_id_document(document):
        raise DataError(f"{file} has no queries, corpus and relevant_docs", hint="give all splits the same format")
    return cast(dict[str, dict[str, Any]], document)


def _texts_of(
    documents: Sequence[Mapping[str, Mapping[str, Any]]], part: str, role: str, dropped: list[Dropped], max_chars: int
) -> dict[str, str]:
    """The texts of one part of all documents, numbered on; one that several documents have is no repeat."""
    texts = _Texts(role, dropped, max_chars)
    named = [item for document in documents for item in document[part].items()]
    for row, (identity, text) in enumerate(named, 1):
        if identity not in texts.texts or texts.texts[identity] != text:
            texts.add(row, identity, text, part)
    return texts.texts


def _relevant(documents: Sequence[Mapping[str, Mapping[str, Any]]]) -> Iterator[tuple[int, str, str]]:
    """Query and relevant document, each with the number of its entry, counted on over all documents."""
    entries = [entry for document in documents for entry in document["relevant_docs"].items()]
    for row, (query, relevant) in enumerate(entries, 1):
        for name in relevant if isinstance(relevant, list) else [relevant]:
            yield row, query, str(name)
