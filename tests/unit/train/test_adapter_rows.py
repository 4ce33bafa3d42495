"""What an adapter learns from, taken out of retrieval data."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fakes.hash_encoder import HashEncoder
from vectune.errors import ConfigError, TrainingError
from vectune.records import Kind, Labelled, LabelledText, Retrieval, Scored, ScoredPair
from vectune.train.adapter_rows import AdapterRows, adapter_rows, mined_negatives

DATA = Retrieval(
    queries={"q1": "red", "q2": "blue", "q3": "red", "q4": "nothing"},
    corpus={"d1": "cat", "d2": "dog", "d3": "sun", "d4": "rain", "d5": "never asked for"},
    qrels={"q1": {"d1": 1, "d2": 2, "d3": 0}, "q2": {"d3": 1}, "q3": {"d4": 1}, "q4": {"d1": 0}},
    negatives={"q1": ("d3", "d4")},
    kind=Kind.PAIRS,
)


def _names(rows: AdapterRows, numbers: object) -> set[str]:
    return {rows.documents[number] for number in np.asarray(numbers).tolist()}


def test_rows_hold_each_text_once() -> None:
    """Equal queries are one with all their documents; documents of no train query are not among them."""
    rows = adapter_rows(DATA)
    assert rows.queries == ("red", "blue")
    assert set(rows.documents) == {"cat", "dog", "sun", "rain"}
    assert _names(rows, rows.known[0]) == {"cat", "dog", "rain"}
    assert {(rows.queries[q], rows.documents[d]) for q, d in rows.edges} == {
        ("red", "cat"), ("red", "dog"), ("red", "rain"), ("blue", "sun"),
    }  # fmt: skip
    told = [name.split() for name in rows.names]
    assert [(DATA.queries[query], DATA.corpus[document]) for query, document in told] == [
        (rows.queries[q], rows.documents[d]) for q, d in rows.edges
    ]


def test_a_known_positive_is_no_negative() -> None:
    """`rain` was given as a negative of q1 and is a positive of the same text under q3: it stays a positive."""
    rows = adapter_rows(DATA)
    assert _names(rows, rows.given[0]) == {"sun"}
    assert rows.given[1].tolist() == []


@pytest.mark.parametrize("data", [Scored((ScoredPair("a", "b", 1.0),)), Labelled((LabelledText("a", "x"),))])
def test_data_without_queries_is_refused(data: Scored | Labelled) -> None:
    """Scored pairs and labels have no query side; the sentence names the methods that take them."""
    with pytest.raises(ConfigError, match=data.kind.value) as raised:
        adapter_rows(data)
    assert "lora or full" in raised.value.hint


def test_one_row_is_too_few() -> None:
    """A single pair has nothing to be told from."""
    with pytest.raises(TrainingError, match="two train rows"):
        adapter_rows(Retrieval({"q": "a"}, {"d": "b"}, {"q": {"d": 1}}))


def test_mined_negatives_are_near_but_not_too_near() -> None:
    """What scores 95 % of the positive's cosine or more is left out, like the positives; given ones always stay."""
    queries = {f"q{n}": f"w{n} w{n}a" for n in range(3)}
    corpus = {f"p{n}": f"w{n} w{n}a z{n} y{n}" for n in range(3)}
    corpus |= {"twin": "w0 w0a", "far": "u v", "near": "w0 o p r s t"}
    qrels = {f"q{n}": {f"p{n}": 1} for n in range(3)} | {"q9": {"twin": 1, "near": 1}}
    data = Retrieval(queries | {"q9": "something else"}, corpus, qrels, {"q1": ("far",), "q9": ("far",)})
    rows, encoder = adapter_rows(data), HashEncoder(dim=256)
    mined = mined_negatives(rows, encoder.encode(rows.queries), encoder.encode(rows.documents))
    assert corpus["near"] in _names(rows, mined[0])
    assert not {corpus["p0"], corpus["twin"]} & _names(rows, mined[0])
    assert corpus["far"] in _names(rows, mined[1])
