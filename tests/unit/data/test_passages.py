"""Tests of data/passages.py."""

from __future__ import annotations

from typing import Any

import pytest

from vectune.data.passages import (
    chat_answer,
    chat_question,
    conversations,
    first_conversation,
    last_content,
    passage_text,
    with_title,
)


def _says(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


CHAT = [
    _says("system", "s"),
    _says("user", "q1"),
    _says("assistant", "a1"),
    _says("user", "q2"),
    _says("assistant", "a2"),
]


@pytest.mark.parametrize(
    ("title", "text", "joined"),
    [
        ("Reset", "Hold it.", "Reset Hold it."),
        ("", "Hold it.", "Hold it."),
        (None, "Hold it.", "Hold it."),
        ("Reset", "Reset: hold it.", "Reset: hold it."),
        ("Reset", "", "Reset"),
        ("Reset", None, None),
        (7, "Hold it.", "Hold it."),
    ],
)
def test_title_is_put_before_the_text_once(title: Any, text: Any, joined: Any) -> None:
    """A title joins the text by a space, unless it is empty or begins the text already."""
    assert with_title(title, text) == joined


def test_passage_objects_give_their_text() -> None:
    """An object with a text is that text; other values stay for the check of texts to judge."""
    assert passage_text({"docid": "1", "title": "Reset", "text": "Hold it."}) == "Reset Hold it."
    assert passage_text("plain") == "plain"
    assert passage_text({"docid": "1"}) == {"docid": "1"}


def test_last_answered_question_is_taken() -> None:
    """Of several turns the last user message with an answer counts, also when one more question follows."""
    assert (chat_question(CHAT), chat_answer(CHAT)) == ("q2", "a2")
    asked_again = [*CHAT, _says("user", "q3")]
    assert (chat_question(asked_again), chat_answer(asked_again)) == ("q2", "a2")


@pytest.mark.parametrize("value", [None, [], "text", [1], [_says("assistant", "a")], [_says("system", "s")]])
def test_conversation_without_a_question_has_none(value: Any) -> None:
    """Whatever stands in the column, a missing question is None."""
    assert chat_question(value) is None
    assert chat_answer(value) is None


def test_question_without_an_answer_has_none() -> None:
    """An unanswered question is found, and its answer is None."""
    assert (chat_question(CHAT[:2]), chat_answer(CHAT[:2])) == ("q1", None)


def test_content_in_parts_is_joined() -> None:
    """Text parts of a message are its text; images have none."""
    parts = [{"type": "text", "text": "one"}, {"type": "image_url"}, {"type": "text", "text": "two"}]
    assert last_content([_says("user", parts)]) == "one\ntwo"
    assert last_content([_says("user", [{"type": "image_url"}])]) is None


def test_conversations_give_their_last_contents() -> None:
    """A list of conversations and a single one are both read; the first alone for scored pairs."""
    assert conversations([[_says("user", "x")], CHAT]) == ["x", "a2"]
    assert conversations([_says("user", "x")]) == ["x"]
    assert conversations(None) is None
    assert first_conversation([[_says("user", "x")], CHAT]) == "x"
    assert first_conversation([]) is None
