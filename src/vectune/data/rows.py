"""One record to one row: compiled once from the roles, then called for each line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from vectune.data import reasons
from vectune.data.columns import Getter, getter
from vectune.data.formats import Fields
from vectune.data.normal import normal
from vectune.data.passages import MESSAGE_COLUMNS, READERS, passage_text
from vectune.data.roles import Roles
from vectune.data.row_scores import Scores, compile_scores
from vectune.data.scores import as_score
from vectune.records import Kind, LabelledText, Pair, Row, ScoredPair

Mapper = Callable[[Fields, int, list[str]], Row | str]
"""(fields, row number, reasons of dropped parts to add to) to a row, or the reason why there is none."""


def compile_mapper(roles: Roles, max_chars: int) -> Mapper:
    """The function that turns records of these roles into rows; texts over `max_chars` characters are refused."""
    getters = {role: [_reader(roles.shape, role, column) for column in names] for role, names in roles.columns.items()}
    if roles.kind is Kind.SCORED:
        return _scored_mapper(getters, roles.score_range or (0.0, 1.0), max_chars)
    if roles.kind is Kind.LABELLED:
        return _labelled_mapper(getters, max_chars)
    return _pair_mapper(getters, max_chars, needs_negative=roles.kind is Kind.TRIPLETS)


def _reader(shape: str, role: str, column: str) -> Getter:
    get = getter(column)
    read = READERS.get((shape, role)) if column.lower() in MESSAGE_COLUMNS else None
    return (lambda fields: read(get(fields))) if read is not None else get


def _flaw(value: Any, role: str, max_chars: int) -> str:
    """Why the value is no usable text; "" when it is one."""
    if type(value) is not str:
        return reasons.missing(role) if value is None else reasons.NOT_TEXT
    if len(value) > max_chars:
        return reasons.TOO_LONG
    if not value or value.isspace():
        return reasons.empty(role)
    return reasons.NOT_TEXT if "\0" in value else ""


def same_text(one: str, other: str) -> bool:
    """Whether two texts are the same after `normal`; texts of very different length are taken as different."""
    if one == other:
        return True
    short, long = sorted((len(one), len(other)))
    return long <= 2 * short + 16 and normal(one) == normal(other)


def _pair_mapper(getters: dict[str, list[Getter]], max_chars: int, *, needs_negative: bool) -> Mapper:
    (get_anchor,) = getters["anchor"]
    (get_positive,) = getters["positive"]
    get_negatives = getters.get("negative", [])
    read_scores = compile_scores(getters)

    def to_pair(fields: Fields, row: int, parts: list[str]) -> Row | str:
        anchor = get_anchor(fields)
        flaw = _flaw(anchor, "anchor", max_chars)
        if flaw:
            return flaw
        positives = _positives(get_positive(fields), anchor, max_chars, parts)
        if isinstance(positives, str):
            return positives
        negatives: tuple[str, ...] = ()
        if get_negatives:
            found = _negatives([get(fields) for get in get_negatives], max_chars, parts)
            if isinstance(found, str):
                return found
            if needs_negative and not found:
                return reasons.missing("negative")
            negatives = tuple(found)
        scores: Scores = () if read_scores is None else read_scores(fields, positives, negatives, parts)
        return Pair(anchor, tuple(positives), negatives, row, scores)

    return to_pair


def _positives(value: Any, anchor: str, max_chars: int, parts: list[str]) -> Sequence[str] | str:
    if type(value) is str:
        flaw = _flaw(value, "positive", max_chars)
        if not flaw and same_text(anchor, value):
            flaw = reasons.SAME_TEXT
        return flaw or (value,)
    return _listed_positives(value, anchor, max_chars, parts)


def _listed_positives(value: Any, anchor: str, max_chars: int, parts: list[str]) -> Sequence[str] | str:
    found = _listed(value, max_chars, parts)
    if isinstance(found, str):
        return found
    others = [text for text in found if not same_text(anchor, text)]
    if found and not others:
        return reasons.SAME_TEXT
    parts.extend([reasons.PART_SAME_TEXT] * (len(found) - len(others)))
    return others or reasons.missing("positive")


def _negatives(values: list[Any], max_chars: int, parts: list[str]) -> Sequence[str] | str:
    texts: list[str] = []
    for value in values:
        if type(value) is str and (not value or value.isspace()):
            continue  # a blank cell of negative_1..n: this row has fewer negatives
        found = _listed(value, max_chars, parts)
        if isinstance(found, str):
            return found
        texts.extend(found)
    return texts


def _listed(value: Any, max_chars: int, parts: list[str]) -> Sequence[str] | str:
    """The usable texts of a text, a passage or a list of them; nulls are padding. Too long is no matter of a part."""
    texts = []
    for element in value if isinstance(value, list) else [value]:
        text = passage_text(element)
        flaw = "" if text is None else _flaw(text, "text", max_chars)
        if flaw == reasons.TOO_LONG:
            return flaw
        if flaw:
            parts.append(reasons.PART_EMPTY if type(text) is str and not text.strip() else reasons.PART_NOT_TEXT)
        elif text is not None:
            texts.append(text)
    return texts


def _scored_mapper(getters: dict[str, list[Getter]], scale: tuple[float, float], max_chars: int) -> Mapper:
    (get_first,), (get_second,), (get_score,) = getters["first"], getters["second"], getters["score"]
    low, high = scale
    span = high - low

    def to_scored(fields: Fields, row: int, parts: list[str]) -> Row | str:
        first, second, value = get_first(fields), get_second(fields), get_score(fields)
        flaw = _flaw(first, "first", max_chars) or _flaw(second, "second", max_chars)
        if flaw:
            return flaw
        if value is None or value == "":
            return reasons.missing("score")
        score = as_score(value)
        if score is None:
            return reasons.SCORE_NOT_NUMBER
        if not low <= score <= high:
            return reasons.SCORE_OUT_OF_RANGE
        return ScoredPair(first, second, (score - low) / span, row)

    return to_scored


def _labelled_mapper(getters: dict[str, list[Getter]], max_chars: int) -> Mapper:
    (get_text,), (get_label,) = getters["text"], getters["label"]

    def to_labelled(fields: Fields, row: int, parts: list[str]) -> Row | str:
        text, value = get_text(fields), get_label(fields)
        flaw = _flaw(text, "text", max_chars)
        if flaw:
            return flaw
        label = _as_label(value)
        if label is None:
            return reasons.LABEL_NOT_CLASS
        return LabelledText(text, label, row) if label else reasons.missing("label")

    return to_labelled


def _as_label(value: Any) -> str | None:
    """The class as text; "" for none, and None for what is no class (a fraction, a list, an object)."""
    if isinstance(value, str):
        return value.strip()
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)) and value == value // 1:
        return str(int(value))
    return None
