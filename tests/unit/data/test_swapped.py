"""Tests of data/swapped.py."""

from __future__ import annotations

import pytest

from vectune.data.swapped import why_swapped

QUESTIONS = ["How do I reset the pump?", "What is error 12?", "Is a hose 12 euros?"]
ANSWERS = [
    "Hold the green button down for five seconds.",
    "The intake filter is clogged with sand.",
    "Yes, it is that.",
]
PAGES = ["word " * 60] * 3


def test_questions_under_answer_are_swapped() -> None:
    """A column named for answers that asks, beside questions that tell, is the wrong way round."""
    assert why_swapped(ANSWERS, QUESTIONS, "answer")
    assert not why_swapped(QUESTIONS, ANSWERS, "answer")


def test_long_queries_with_short_positives_are_swapped() -> None:
    """A query of 60 words beside a positive of 5 is a document."""
    assert "60 words" in why_swapped(PAGES, QUESTIONS, "positive")
    assert not why_swapped(QUESTIONS, PAGES, "positive")


def test_long_queries_without_spaces_are_swapped() -> None:
    """In Chinese every character counts as a word: a page without spaces is no short query."""
    pages, questions = ["\u6309\u4f4f\u7eff\u8272\u6309\u94ae\u4e94\u79d2" * 8] * 3, ["\u5982\u4f55\u91cd\u7f6e"] * 3
    assert "64 words" in why_swapped(pages, questions, "positive")
    assert not why_swapped(questions, pages, "positive")


def test_short_queries_are_never_too_long() -> None:
    """The ratio alone proves nothing: 20 words against 2 may be a question and a name."""
    assert not why_swapped(["word " * 20] * 3, ["two words"] * 3, "positive")


def test_rewordings_of_questions_are_not_swapped() -> None:
    """Search words beside the question they stand for are right, though only the positives ask."""
    assert not why_swapped(["reset pump", "error 12", "hose price"], QUESTIONS, "positive")


@pytest.mark.parametrize("mark", ["？", "؟", '?"', "? "])
def test_questions_of_other_scripts_count(mark: str) -> None:
    """A question mark is one in Chinese and Arabic, and inside quotes."""
    assert why_swapped(ANSWERS, [text.rstrip("?") + mark for text in QUESTIONS], "answer")


def test_two_rows_prove_nothing() -> None:
    """Below three rows nothing is refused."""
    assert not why_swapped(PAGES[:2], QUESTIONS[:2], "answer")
