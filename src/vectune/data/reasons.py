"""Why a row is left out: one stable slug a reason, with the sentence that explains it."""

from __future__ import annotations

NOT_UTF8 = "not utf-8"
BROKEN_JSON = "broken json"
NOT_AN_OBJECT = "not an object"
BROKEN_CSV = "broken csv"
WRONG_COLUMNS = "wrong number of columns"
EMPTY_LINE = "empty line"
TOO_LONG = "too long"
NOT_TEXT = "not text"
SAME_TEXT = "anchor equals positive"
SCORE_NOT_NUMBER = "score not a number"
SCORE_OUT_OF_RANGE = "score out of range"
LABEL_NOT_CLASS = "label not a class"
PART_EMPTY = "empty text in a list"
PART_NOT_TEXT = "no text in a list"
PART_SAME_TEXT = "anchor among its positives"
PART_SCORES = "scores that do not fit"
UNKNOWN_QUERY = "unknown query id"
UNKNOWN_DOCUMENT = "unknown document id"
MISSING_ID = "missing id"
ID_TWICE = "id twice"
JUDGED_TWICE = "judged twice"
BROKEN_JUDGEMENT = "broken judgement"

_SIDES = {
    "anchor": "anchor",
    "positive": "positive",
    "first": "first text",
    "second": "second text",
    "text": "text",
    "query": "text under the query's id",
    "document": "text under the document's id",
}
_OTHERS = {"negative": "negative, though the other rows have one", "score": "score", "label": "label"}


def missing(role: str) -> str:
    """The slug for a row without a value for `role`."""
    return f"missing {role}"


def empty(role: str) -> str:
    """The slug for a row whose text for `role` is empty or white space."""
    return f"empty {role}"


REASONS: dict[str, str] = {
    NOT_UTF8: "The line holds bytes that are not UTF-8.",
    BROKEN_JSON: "The line is not JSON.",
    NOT_AN_OBJECT: "The line is JSON, but not an object with names and values.",
    BROKEN_CSV: "The line can't be read as CSV, for instance for a quote that never ends.",
    WRONG_COLUMNS: "The line has more fields than the header has names.",
    EMPTY_LINE: "The line is empty, and rows follow it.",
    TOO_LONG: "A text of the row has more characters than `max_chars`, or the line is too long to be read.",
    NOT_TEXT: "The value is no text: a number, a list, an object, or it holds NUL characters.",
    SAME_TEXT: "Anchor and positive are the same text, which teaches nothing.",
    SCORE_NOT_NUMBER: "The score is not a finite number.",
    SCORE_OUT_OF_RANGE: "The score lies outside the range that the other rows keep to.",
    LABEL_NOT_CLASS: "The label is neither a text nor a whole number.",
    PART_EMPTY: "One text of a list is empty; the rest of the row is kept.",
    PART_NOT_TEXT: "One value of a list is no text; the rest of the row is kept.",
    PART_SAME_TEXT: "One of several positives is the anchor itself; the rest of the row is kept.",
    PART_SCORES: "The scores beside the texts are more or fewer than these, or no numbers; the texts are kept.",
    UNKNOWN_QUERY: "A judgement names a query that the source does not have.",
    UNKNOWN_DOCUMENT: "A judgement names a document that the source does not have.",
    MISSING_ID: "A query or document has no id.",
    ID_TWICE: "A query or document has the id of an earlier one, which is kept.",
    JUDGED_TWICE: "The same query and document were judged before; the higher grade is kept.",
    BROKEN_JUDGEMENT: "The line does not hold a query id, a document id and a whole number.",
}
REASONS |= {missing(role): f"The row has no {noun}." for role, noun in (_SIDES | _OTHERS).items()}
REASONS |= {empty(role): f"The {noun} is empty or white space." for role, noun in _SIDES.items()}

PARTS = frozenset({PART_EMPTY, PART_NOT_TEXT, PART_SAME_TEXT, PART_SCORES})
"""Reasons that take a part of a row: the row itself is kept and follows."""
