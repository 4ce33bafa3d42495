from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.report.conftest import MakeRun
from vectune.report import card_sections


@pytest.mark.parametrize(("text", "said"), [("a_b", r"a\_b"), ("<b>|", r"\<b\>\|"), ("a\n b", "a b")])
def test_plain_makes_signs_harmless(text: str, said: str) -> None:
    """What markdown would take as a sign is escaped, and lines become one."""
    assert card_sections.plain(text) == said


@given(st.text(st.characters(codec=None)))
def test_code_is_one_span(text: str) -> None:
    """Whatever the text, it makes one line with two backticks: at its ends."""
    said = card_sections.code(text)
    assert said.count("`") == 2
    assert "\n" not in said


def test_source_loses_its_folders(make_run: MakeRun) -> None:
    """Only the file's name travels with the model."""
    run = make_run(without=("data.json",), changes={"data": "/home/someone/tickets.jsonl"})
    assert card_sections.source(run) == "tickets.jsonl"


def test_sections_without_their_files_are_empty(make_run: MakeRun) -> None:
    """Nothing is claimed about what is not known."""
    run = make_run(without=("data.json", "split.json", "model/vectune_space.json"), dims=(384,))
    parts = (card_sections.data, card_sections.certificate, card_sections.vectors, card_sections.dimensions)
    assert [part(run) for part in parts] == [""] * 4


def test_one_dimension_offers_no_shorter_vectors(make_run: MakeRun) -> None:
    """truncate_dim is shown only for a model that was judged at shorter vectors."""
    assert "truncate_dim=256" in card_sections.usage(make_run())
    assert "truncate_dim" not in card_sections.usage(make_run(dims=(384,)))


def test_adapter_leaves_the_index_valid(make_run: MakeRun) -> None:
    """The card of an adapted model does not tell people to embed everything anew."""
    run = make_run()
    adapted = replace(run, space={**run.space, "query_adapter": "sha256:1"})
    assert "embed everything anew" in card_sections.vectors(run)
    assert "an index of them stays valid" in card_sections.vectors(adapted)
    assert "anew" not in card_sections.vectors(adapted)


def test_remote_base_is_used_by_vectune(make_run: MakeRun) -> None:
    """Where the folder holds no weights the card shows vectune, and does not offer sentence-transformers."""
    run = make_run()
    remote = replace(run, space={**run.space, "pooling": "remote"})
    assert "vectune.load(" in card_sections.usage(remote)
    assert "SentenceTransformer" not in card_sections.usage(remote)
    assert "SentenceTransformer" in card_sections.usage(run)
