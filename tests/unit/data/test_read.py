"""Tests of data/read.py: whole sources, bad input, real data."""

from __future__ import annotations

import gzip
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.data.sample_files import PAIRS, read, reasons_of, stream_of, write_jsonl
from vectune.config import DataConfig
from vectune.data.read import open_source, read_retrieval, read_rows
from vectune.data.reasons import REASONS
from vectune.errors import DataError, UsageError, VectuneError
from vectune.records import Dropped, Kind, Pair, ScoredPair

REAL = Path(__file__).parents[4] / "shared" / "data"
EXPECTED = [Pair(row["query"], (row["positive"],), (), number) for number, row in enumerate(PAIRS, 1)]


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.mark.parametrize("packed", ["", ".gz"])
@pytest.mark.parametrize("ending", [".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet"])
def test_every_format_gives_the_same_rows(tmp_path: Path, ending: str, packed: str) -> None:
    """The same three pairs come out of every format, gzipped or not; only line numbers differ by the header."""
    comma = "\t" if ending == ".tsv" else ","
    lines = [list(PAIRS[0]), *([row["query"], row["positive"]] for row in PAIRS)]
    contents = {
        ".json": b"[" + write_jsonl(tmp_path / "x.jsonl", PAIRS).read_bytes().strip().replace(b"\n", b",") + b"]",
        ".csv": "".join(comma.join(f'"{cell}"' for cell in line) + "\r\n" for line in lines).encode(),
        ".tsv": "".join(comma.join(line) + "\n" for line in lines).encode(),
    }
    if ending == ".parquet":
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(PAIRS), sink)
        contents[ending] = sink.getvalue().to_pybytes()
    content = contents.get(ending, (tmp_path / "x.jsonl").read_bytes())
    rows, dropped = read(_write(tmp_path / f"a{ending}{packed}", content))
    header = ending in (".csv", ".tsv")
    assert rows == [Pair(row.anchor, row.positives, (), row.row + header) for row in EXPECTED]
    assert dropped == []


def test_stream_can_be_read_again(tmp_path: Path) -> None:
    """Each iteration reads the source anew."""
    stream = stream_of(write_jsonl(tmp_path / "a.jsonl", PAIRS))
    assert list(stream) == list(stream) == EXPECTED


def test_bad_line_in_the_middle_stops_nothing(tmp_path: Path) -> None:
    """Broken JSON, a missing role and a wrong type each drop their line, shown as read; the rest is there."""
    bad = [b'{"query": "x", ', {"query": "only"}, {"query": 3, "positive": "x"}, {"query": "Same", "positive": "same "}]
    path = write_jsonl(tmp_path / "a.jsonl", [PAIRS[0], *bad, PAIRS[1]])
    rows, dropped = read(path)
    assert [row.row for row in rows] == [1, 6]
    assert [(drop.row, drop.reason) for drop in dropped] == [
        (2, "broken json"),
        (3, "missing positive"),
        (4, "not text"),
        (5, "anchor equals positive"),
    ]
    assert [drop.content for drop in dropped[:2]] == ['{"query": "x", ', '{"query":"only"}']


def test_dropped_part_comes_before_its_row(tmp_path: Path) -> None:
    """An empty text in a list is told with its row's number, and the row is kept."""
    path = write_jsonl(tmp_path / "a.jsonl", [{"query": "a", "pos": ["b"], "neg": ["", "c"]}] * 2)
    items = list(stream_of(path))
    assert [type(item).__name__ for item in items] == ["Dropped", "Pair"] * 2
    assert [item.row for item in items] == [1, 1, 2, 2]


def test_wrong_scores_are_dropped_on_the_scale_of_the_others(tmp_path: Path) -> None:
    """A word, a score beyond the scale and an absent one each cost their row; the others are scaled."""
    good = [{"sentence1": f"a{n}", "sentence2": "b", "score": n % 6} for n in range(40)]
    bad = [{"sentence1": "a", "sentence2": "b", "score": score} for score in ("high", 17, None)]
    rows, dropped = read(write_jsonl(tmp_path / "a.jsonl", good + bad))
    assert [drop.reason for drop in dropped] == ["score not a number", "score out of range", "missing score"]
    assert {row.score for row in rows if isinstance(row, ScoredPair)} == {0, 0.2, 0.4, 0.6, 0.8, 1}


def test_scale_is_found_beyond_the_first_rows_and_over_all_splits(tmp_path: Path) -> None:
    """Low scores at the beginning of a file, or in one split, do not narrow the scale."""
    low = [{"text1": f"a{n}", "text2": "b", "score": n % 2} for n in range(300)]
    high = [{"text1": f"a{n}", "text2": "b", "score": n % 6} for n in range(300)]
    assert stream_of(write_jsonl(tmp_path / "one" / "a.jsonl", low + high)).roles.score_range == (0, 5)
    write_jsonl(tmp_path / "two" / "train.jsonl", low)
    write_jsonl(tmp_path / "two" / "test.jsonl", high)
    assert stream_of(tmp_path / "two", "train").roles.score_range == (0, 5)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([PAIRS[0]], "one usable row only"),
        ([PAIRS[0], b"broken"], r"one usable row only \(row 2: broken json\)"),
        ([b"x", b"[1]", b"\xff"], r"no usable row \(row 1: broken json; row 2: not an object; row 3: not utf-8\)"),
        ([{"query": "a", "positive": "a"}] * 3, "no usable row .*anchor equals positive"),
        ([{"query": "", "positive": ""}] * 3, "names do not tell the roles"),
        ([{}, {}], "has columns none"),
        ([{"sentence1": "a", "sentence2": "b", "label": "entailment"}] * 3, "should hold scores"),
        ([b"broken"] * 3000, "no usable row"),
    ],
)
def test_hopeless_file_gives_one_sentence_and_a_hint(tmp_path: Path, rows: list[Any], says: str) -> None:
    """When nothing can be used, the first reasons are named."""
    with pytest.raises(DataError, match=says) as error:
        read(write_jsonl(tmp_path / "a.jsonl", rows))
    assert error.value.hint


def test_unknown_split_is_a_usage_error(tmp_path: Path) -> None:
    """Asking for a split that is not there lists those that are."""
    write_jsonl(tmp_path / "train.jsonl", PAIRS)
    write_jsonl(tmp_path / "test.jsonl", PAIRS)
    with pytest.raises(UsageError, match="no split named 'dev'") as error:
        read(tmp_path, "dev")
    assert "train, test" in error.value.hint


def test_columns_option_reaches_the_rows(tmp_path: Path) -> None:
    """Columns named in the config are read; an absent one is refused with those found."""
    path = write_jsonl(tmp_path / "a.jsonl", [{"title": f"t{n}", "body": f"b{n}", "id": n} for n in range(3)])
    rows, _ = read(path, columns={"anchor": "title", "positive": "body"})
    assert rows[0] == Pair("t0", ("b0",), (), 1)
    with pytest.raises(DataError, match="no column named 'text'") as error:
        read(path, columns={"anchor": "title", "positive": "text"})
    assert "title, body, id" in error.value.hint


def test_long_texts_are_dropped(tmp_path: Path) -> None:
    """max_chars decides what is too long to be one text; a 5 MB line is too long at the default."""
    path = write_jsonl(tmp_path / "a.jsonl", [*PAIRS, {"query": "x" * 50, "positive": "y"}])
    assert reasons_of(path, max_chars=40) == [(4, "too long")]
    assert reasons_of(path) == []
    huge = write_jsonl(tmp_path / "b.jsonl", [*PAIRS, {"query": "x", "positive": "y" * 5_000_000}])
    assert reasons_of(huge) == [(4, "too long")]


def test_memory_stays_small_while_a_large_file_streams(tmp_path: Path) -> None:
    """A file of 30 MB is read in a few MB."""
    rows = [{"query": f"question {n}", "positive": "word " * 100} for n in range(2_000)]
    path = write_jsonl(tmp_path / "a.jsonl", rows * 30)
    stream = stream_of(path)
    tracemalloc.start()
    count = sum(1 for _ in stream)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 60_000
    assert peak < 8_000_000


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["query", "positive", "negative", "score", "label", "text", "messages", "positive_messages", "pos", "metadata", "x"]
)
LINES = st.lists(st.dictionaries(NAMES, JSON_VALUES, max_size=5), min_size=1, max_size=5)
ENDINGS = st.sampled_from([".jsonl", ".json", ".csv", ".tsv", ".parquet", ".jsonl.gz", ".csv.gz", ".parquet.gz"])


def _survives(path: Path) -> None:
    """Reading ends in rows, drops of known reasons, or an error of ours with a hint."""
    try:
        source = open_source(str(path), DataConfig())
        for item in read_rows(source, DataConfig()):
            if isinstance(item, Dropped):
                assert item.reason in REASONS
                assert item.row >= 1
        read_retrieval(source, DataConfig())
    except VectuneError as error:
        told = bool(error.message and error.hint)
    else:
        told = True
    assert told


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(content=st.binary(max_size=400), ending=ENDINGS, zipped=st.booleans())
def test_arbitrary_bytes_never_crash(tmp_path: Path, content: bytes, ending: str, zipped: bool) -> None:
    """Any bytes under any ending give rows or an error of ours."""
    path = tmp_path / f"a{ending}"
    path.write_bytes(gzip.compress(content) if zipped else content)
    _survives(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(
    text=st.text(alphabet='ab,;\t"\n\r\x00é[]{}:', max_size=200),
    ending=st.sampled_from([".csv", ".tsv", ".json", ".jsonl"]),
)
def test_arbitrary_tables_and_documents_never_crash(tmp_path: Path, text: str, ending: str) -> None:
    """Any mixture of the marks that formats live on gives rows or an error of ours."""
    path = tmp_path / f"a{ending}"
    path.write_text("query,positive\n" * (ending == ".csv") + text, encoding="utf-8")
    _survives(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(lines=LINES)
def test_arbitrary_values_under_known_names_never_crash(tmp_path: Path, lines: list[dict[str, Any]]) -> None:
    """Any JSON value in any column that plays a role gives rows or an error of ours."""
    _survives(write_jsonl(tmp_path / "a.jsonl", [line for line in lines if _fits(line)] or [{}]))


def _fits(value: Any) -> bool:
    """Whether orjson can write the value: integers of 64 bits, no lone surrogates."""
    if isinstance(value, dict):
        return all(_fits(key) and _fits(part) for key, part in value.items())
    if isinstance(value, list):
        return all(map(_fits, value))
    if isinstance(value, str):
        return value.isprintable() or not any("\ud800" <= sign <= "\udfff" for sign in value)
    return not isinstance(value, int) or -(2**63) <= value < 2**63


@pytest.mark.skipif(not REAL.is_dir(), reason="the shared data sets are not there")
@pytest.mark.parametrize(
    ("path", "kind", "shape", "rows"),
    [
        ("banking77/train.jsonl", Kind.LABELLED, "labelled texts", 9978),
        ("stsb_en/train.jsonl", Kind.SCORED, "scored pairs", 5724),
        ("snli_triplets/train.jsonl", Kind.TRIPLETS, "triplets", 2509),
    ],
)
def test_real_rows_are_read(path: str, kind: Kind, shape: str, rows: int) -> None:
    """Real files of rows are told for what they are, and all but equal texts are kept."""
    stream = stream_of(REAL / path)
    assert (stream.roles.kind, stream.roles.shape) == (kind, shape)
    counts = Counter(item.reason if isinstance(item, Dropped) else "kept" for item in stream)
    assert sum(counts.values()) == rows
    assert counts.keys() <= {"kept", "anchor equals positive"}
    assert counts["kept"] >= 0.99 * rows


@pytest.mark.skipif(not REAL.is_dir(), reason="the shared data sets are not there")
@pytest.mark.parametrize(
    ("name", "corpus", "queries"),
    [
        ("medquad", 8002, (4892, 699, 1396)),
        ("scifact", 5183, (708, 99, 300)),
        ("tldr_de", 2256, (1442, 205, 412)),
        ("covidqa", 2606, (917, 139, 247)),
        ("covid_faq_multi", 918, (958, 136, 274)),
    ],
)
def test_real_folders_are_read(name: str, corpus: int, queries: tuple[int, int, int]) -> None:
    """Real BEIR folders have the queries and documents that their descriptions count, without a drop."""
    found = read_retrieval(open_source(str(REAL / name), DataConfig()), DataConfig())
    assert found is not None
    assert tuple(len(split.queries) for split in found.splits.values()) == queries
    assert {len(split.corpus) for split in found.splits.values()} == {corpus}
    assert found.left_out == ()
