"""Values that hold a text in some wrapping: a title and a text, or the messages of a conversation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def with_title(title: Any, text: Any) -> Any:
    """Title and text joined by a space, as BEIR does; the text alone when the title is empty or already begins it."""
    if not isinstance(title, str) or not isinstance(text, str) or not title.strip() or text.startswith(title):
        return text
    return f"{title} {text}" if text.strip() else title


def passage_text(value: Any) -> Any:
    """The text of a passage given as an object with `text` and perhaps `title`; any other value as it is."""
    if isinstance(value, dict) and "text" in value:
        return with_title(value.get("title"), value["text"])
    return value


def _messages(value: Any) -> Iterator[tuple[Any, Any]]:
    """(role, content) of each message; content given in parts becomes the text of its text parts."""
    for message in value if isinstance(value, list) else ():
        if isinstance(message, dict):
            content = message.get("content")
            if isinstance(content, list):
                texts = [
                    part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)
                ]
                content = "\n".join(texts) if texts else None
            yield message.get("role"), content


def _last_exchange(value: Any) -> tuple[Any, Any]:
    """The last user message that an assistant message follows, and that answer; what is missing is None."""
    question = answer = last_user = None
    for role, content in _messages(value):
        if role == "user":
            last_user = content
        elif role == "assistant" and last_user is not None:
            question, answer, last_user = last_user, content, None
    return (question, answer) if question is not None else (last_user, None)


def chat_question(value: Any) -> Any:
    """What the user asked last in a conversation that was answered; None when nobody asked."""
    return _last_exchange(value)[0]


def chat_answer(value: Any) -> Any:
    """What the assistant answered to `chat_question`; None when it did not."""
    return _last_exchange(value)[1]


def last_content(value: Any) -> Any:
    """The content of a conversation's last message, whoever speaks (system aside); None when there is none."""
    contents = [content for role, content in _messages(value) if role != "system"]
    return contents[-1] if contents else None


def conversations(value: Any) -> Any:
    """The last content of each conversation in a list of them; a single conversation counts as a list of one."""
    if not isinstance(value, list):
        return value
    if value and all(isinstance(part, dict) for part in value):
        return [last_content(value)]
    return [last_content(part) for part in value]


def first_conversation(value: Any) -> Any:
    """The last content of the first conversation in a list of them; None when there is none."""
    contents = conversations(value)
    return (contents[0] if contents else None) if isinstance(contents, list) else contents


READERS: dict[tuple[str, str], Callable[[Any], Any]] = {
    ("chat", "anchor"): chat_question,
    ("chat", "positive"): chat_answer,
    ("ms-swift", "anchor"): last_content,
    ("ms-swift", "positive"): conversations,
    ("ms-swift", "negative"): conversations,
    ("ms-swift", "first"): last_content,
    ("ms-swift", "second"): first_conversation,
}
"""(shape, role) to the function that finds the role's text in a column of messages."""
MESSAGE_COLUMNS = ("messages", "positive_messages", "negative_messages")
