"""Any known source to a stream of rows, or to retrieval data where texts are named by id."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from vectune.config import DataConfig
from vectune.data import beir, hub
from vectune.data.assemble import disassemble
from vectune.data.beir import IdSource
from vectune.data.columnar import parquet_records
from vectune.data.columns import Columns, getter
from vectune.data.formats import RawItem, file_format, json_flavour, json_records, jsonl_records, shown
from vectune.data.roles import Roles, find_roles, scale_scores
from vectune.data.rows import compile_mapper
from vectune.data.source import ALL, ID_FORMATS, SPLIT_NAMES, Source, open_source
from vectune.data.tables import table_records
from vectune.errors import DataError, UsageError
from vectune.records import Dropped, Kind, Row

__all__ = ["IdSource", "RowStream", "Source", "open_source", "read_retrieval", "read_rows"]

SAMPLE_ROWS = 200
SAMPLE_CHARS = 20_000_000
SCORE_ROWS = 10_000
HOPELESS_LINES = 1_000
FIRST_REASONS = 3
Records = Callable[[], Iterator[RawItem]]


class RowStream:
    """The rows of one stream of a source, read while iterated: memory stays constant for all but .json documents.

    Iterating gives each row, and a Dropped for each line (or part of a list, see `reasons.PARTS`) that can't be used.
    It ends with a DataError when no row, or a single one, could be used. Every iteration reads the source anew.
    """

    def __init__(self, roles: Roles, items: Callable[[], Iterator[Row | Dropped]], where: str) -> None:
        self.roles = roles
        self._items = items
        self._where = where

    def __iter__(self) -> Iterator[Row | Dropped]:
        used = 0
        first: list[Dropped] = []
        for item in self._items():
            if type(item) is not Dropped:
                used += 1
            elif len(first) < FIRST_REASONS:
                first.append(item)
            yield item
        if used < 2:
            raise _too_few(self._where, used, first)


def _too_few(where: str, used: int, first: list[Dropped]) -> DataError:
    why = "; ".join(f"row {drop.row}: {drop.reason}" for drop in first)
    found = f"{where} holds {'one usable row only' if used else 'no usable row'}" + (f" ({why})" if why else "")
    return DataError(found, hint="mend the rows or add more" if first else "add more rows: at least two are needed")


def read_rows(source: Source, config: DataConfig, split: str = ALL) -> RowStream:
    """The rows of one split of a source, or of all splits one after another (row numbers then begin anew in each).

    Roles are found from the first rows of every split, so that they, and the scale of scores, are the same in all.
    DataError when the source is empty, has no usable row, or its roles are absent, ambiguous or swapped; UsageError
    when there is no such split.
    """
    if split != ALL and split not in source.splits:
        found = f"{source.path} has no split named {split!r}"
        raise UsageError(found, hint=f"it has {', '.join(source.splits) or 'no splits'}")
    if source.format in ID_FORMATS:
        return _id_rows(source, config, split)
    wanted = source.streams if split == ALL else (split,)
    roles = find_roles(_sample(source, config), config)
    if roles.kind is Kind.SCORED:
        roles = scale_scores(roles, _first_scores(source, config, roles.columns["score"][0]), config, source.path)
    roles = replace(roles, said=(*source.said, *roles.said))
    mapper = compile_mapper(roles, config.max_chars)
    only = _top_columns(roles)

    def items() -> Iterator[Row | Dropped]:
        for stream in wanted:
            for item in _records(source, config, stream, only):
                if isinstance(item, Dropped):
                    yield item
                    continue
                row, fields, raw = item
                parts: list[str] = []
                made = mapper(fields, row, parts)
                for reason in parts:
                    yield Dropped(row, reason, shown(raw, fields))
                yield Dropped(row, made, shown(raw, fields)) if isinstance(made, str) else made

    return RowStream(roles, items, source.path if split == ALL else f"the {split} split of {source.path}")


def _top_columns(roles: Roles) -> tuple[str, ...]:
    """The columns that the roles need, and the objects that hold those written as "metadata.label"."""
    named = [column for names in roles.columns.values() for column in names]
    return tuple(dict.fromkeys([*named, *(column.split(".")[0] for column in named)]))


def file_records(
    path: Path, config: DataConfig, only: Sequence[str] | None = None, form: str | None = None
) -> Iterator[RawItem]:
    """The records of one file of format `form` (or what ending and content say), `only` some columns of Parquet."""
    if form is None:
        form = file_format(path)
        form = json_flavour(path) if form in ("jsonl", "json") else form
    if form == "jsonl":
        return jsonl_records(path, config.max_chars)
    if form == "json":
        return json_records(path)
    if form == "parquet":
        return parquet_records(path, only)
    return table_records(path, form or "csv", config.max_chars)


def _records(source: Source, config: DataConfig, stream: str, only: Sequence[str] | None = None) -> Iterator[RawItem]:
    """The records of one stream, with `only` some columns where that saves work; shards of a split are numbered on."""
    if source.format == "hf":
        yield from hub.hub_records(source.path, stream, SPLIT_NAMES, only)
        return
    last = 0
    form = None if source.splits else source.format
    for file in source.files[stream]:
        begin = last
        for item in file_records(Path(file), config, only, form):
            if isinstance(item, Dropped):
                last = begin + item.row
                yield Dropped(last, item.reason, item.content) if begin else item
            else:
                last = begin + item[0]
                yield (last, item[1], item[2]) if begin else item


def _sample(source: Source, config: DataConfig) -> Columns:
    """The first rows of every split; DataError when there are none, or none that can be read."""
    sample = []
    dropped: list[Dropped] = []
    for stream in source.streams:
        good = size = 0
        for count, item in enumerate(_records(source, config, stream), 1):
            if isinstance(item, Dropped):
                dropped.append(item)
            else:
                sample.append(item[1])
                good += 1
                size += sum(len(value) for value in item[1].values() if isinstance(value, (str, list)))
            if good == SAMPLE_ROWS or size > SAMPLE_CHARS or (not good and count == HOPELESS_LINES):
                break
    if not sample:
        raise _too_few(source.path, 0, dropped[:FIRST_REASONS])
    return Columns(sample, source.path)


def _first_scores(source: Source, config: DataConfig, column: str) -> list[Any]:
    """Scores of the first rows of every split: more rows than the sample, since few of them may show the scale."""
    get, only = getter(column), (column, column.split(".")[0])
    items = (islice(_records(source, config, stream, only), SCORE_ROWS) for stream in source.streams)
    values = (get(item[1]) for part in items for item in part if not isinstance(item, Dropped))
    return [value for value in values if value is not None]


def _id_rows(source: Source, config: DataConfig, split: str) -> RowStream:
    """An id-based source as rows: each query with its relevant documents."""
    found = read_retrieval(source, config)
    assert found is not None  # the caller looked at the format
    wanted = tuple(found.splits) if split == ALL else (split,)
    columns = {"anchor": ("queries",), "positive": ("corpus",)}

    def items() -> Iterator[Row | Dropped]:
        yield from found.dropped
        for name in wanted:
            yield from found.own_dropped.get(name, ())
            yield from disassemble(found.splits[name])

    return RowStream(Roles(Kind.PAIRS, source.format, columns, None, found.said), items, source.path)


def read_retrieval(source: Source, config: DataConfig) -> IdSource | None:
    """Queries, corpus and judgements of a BEIR folder, Vertex folder or LlamaIndex document; None for other sources.

    The splits share one corpus in a folder. Lines that can't be used, and judgements of unknown ids, are in
    `left_out` with their file's name in the content.
    """
    if source.format == "beir":
        return beir.read_folder(Path(source.path), SPLIT_NAMES, config.max_chars)
    if source.format == "llamaindex":
        return beir.read_llamaindex(source.files, config.max_chars)
    return None
