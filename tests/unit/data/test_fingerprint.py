from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.data.split_data import labelled, numbered, retrieval, scored
from vectune.data.fingerprint import fingerprint, order_fingerprint
from vectune.records import Retrieval

BASE = Retrieval({"q": "ask"}, {"d": "a", "e": "b"}, {"q": {"d": 1}}, {"q": ("e",)})


@given(st.permutations(numbered(5)))
def test_the_order_of_rows_does_not_count(pairs: list[tuple[str, str]]) -> None:
    """Shuffled rows get other ids and the same fingerprint."""
    assert fingerprint(retrieval(pairs)) == fingerprint(retrieval(numbered(5)))
    assert fingerprint(scored(pairs)) == fingerprint(scored(numbered(5)))


def test_every_part_of_the_content_counts() -> None:
    """A changed text, grade, judgement, negative, document or repeat changes it."""
    changed = [
        BASE,
        replace(BASE, queries={"q": "Ask"}),
        replace(BASE, qrels={"q": {"d": 2}}),
        replace(BASE, qrels={"q": {"d": 1, "e": 0}}),
        replace(BASE, negatives={}),
        replace(BASE, corpus={"d": "a", "e": "b", "f": "b"}),
    ]
    prints = {fingerprint(data) for data in [*changed, labelled(["a"]), labelled(["a", "a"]), scored([("a", "b")])]}
    assert len(prints) == 9
    assert all(one.startswith("sha256:") and len(one) == 71 for one in prints)


def test_texts_do_not_run_together() -> None:
    """Where one text ends and the next begins is part of the content."""
    assert fingerprint(scored([("ab", "c")])) != fingerprint(scored([("a", "bc")]))


def test_the_order_has_a_line_of_its_own() -> None:
    """Two rows that change places change it; ids, and documents that no row names, do not."""
    rows = numbered(3)
    changed = [rows[1], rows[0], rows[2]]
    assert order_fingerprint(retrieval(rows)) != order_fingerprint(retrieval(changed))
    assert order_fingerprint(scored(rows)) != order_fingerprint(scored(changed))
    assert order_fingerprint(labelled(["a", "b"])) != order_fingerprint(labelled(["b", "a"]))
    renamed = Retrieval({"p": "ask"}, {"f": "c", "e": "b", "d": "a"}, {"p": {"d": 1}}, {"p": ("e",)})
    assert order_fingerprint(BASE) == order_fingerprint(renamed)
    assert order_fingerprint(BASE) != order_fingerprint(replace(BASE, qrels={"q": {"d": 2}}))
