"""Which column plays which role, found by name and content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vectune.config import DataConfig
from vectune.data import shapes
from vectune.data.columns import Columns
from vectune.data.refusals import no_roles, refuse_ambiguous, refuse_given, refuse_swapped
from vectune.data.row_scores import score_columns
from vectune.data.scores import as_score, find_range
from vectune.errors import DataError
from vectune.records import Kind

RoleColumns = dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Roles:
    """What the rows of a source are: their kind, the shape's name, and the column or columns of each role.

    `score_range` is the scale on which the source's scores stand (None without scores); `said` are sentences that tell
    the user what was understood.
    """

    kind: Kind
    shape: str
    columns: Mapping[str, tuple[str, ...]]
    score_range: tuple[float, float] | None = None
    said: tuple[str, ...] = ()


def find_roles(columns: Columns, config: DataConfig) -> Roles:
    """The roles of a source's columns. DataError when they are absent, ambiguous or swapped; its hint mends it.

    The scale of scores is left open: see `scale_scores`.
    """
    refuse_given(columns, config.columns)
    given: RoleColumns = {role: (column,) for role, column in config.columns.items()}
    shape = None if given else shapes.named_shape(frozenset(columns.lowered))
    if shape is not None and "messages" in shape.columns:
        found = _message_roles(columns, shape.name)
    else:
        found = _Matching(columns, given, shape.ignored if shape is not None else frozenset()).roles()
    kind = _kind(columns, found)
    if "anchor" in found and not {"anchor", "positive"} <= given.keys() and found["anchor"] != found["positive"]:
        refuse_swapped(columns, found["anchor"][0], found["positive"][0])
    name = shape.name if shape is not None and kind in shape.kinds else _shape_name(columns, kind, found)
    return Roles(kind, name, found, None, _said(columns, name, found))


def scale_scores(roles: Roles, values: Sequence[Any], config: DataConfig, where: str) -> Roles:
    """The same roles with the scale that `values`, the first scores of the source, stand on."""
    column = roles.columns["score"][0]
    scores = [score for score in map(as_score, values) if score is not None]
    if 2 * len(scores) < len(values) or not scores:
        raise _no_scores(column, values, where)
    low, high = config.score_range or find_range(scores, where)
    said = f"scores read on a scale from {low:g} to {high:g}, and brought to 0 to 1"
    return replace(roles, score_range=(low, high), said=(*roles.said, said))


def _no_scores(column: str, values: Sequence[Any], where: str) -> DataError:
    shown = ", ".join(repr(value)[:40] for value in values[:3]) or "nothing"
    found = f"the column {column!r} of {where} should hold scores, but most are no numbers ({shown})"
    return DataError(found, hint="give numbers, or name the columns of plain pairs: --columns anchor=..,positive=..")


def _message_roles(columns: Columns, shape: str) -> RoleColumns:
    """Roles of conversations: all in `messages`, or one column a side as in ms-swift."""
    named = columns.lowered
    if shape == "chat":
        return {"anchor": (named["messages"],), "positive": (named["messages"],)}
    found: RoleColumns = {"anchor": (named["messages"],), "positive": (named["positive_messages"],)}
    if "negative_messages" in named:
        found["negative"] = (named["negative_messages"],)
    elif "label" in named:
        return {"first": found["anchor"], "second": found["positive"], "score": (named["label"],)}
    return found


class _Matching:
    """Roles by the tables of names; what the user gave goes first and takes its columns out of the game."""

    def __init__(self, columns: Columns, given: RoleColumns, ignored: frozenset[str]) -> None:
        self._columns, self._given = columns, given
        self._taken = {columns.lowered[name] for name in ignored if name in columns.lowered}
        self._taken |= {column for names in given.values() for column in names}

    def _candidates(self, names: Sequence[str]) -> tuple[str, ...]:
        return tuple(column for column in self._columns.by_names(names) if column not in self._taken)

    def roles(self) -> RoleColumns:
        given = self._given
        if {"text", "label"} & given.keys():
            return self._labelled()
        anchors = given.get("anchor") or given.get("first") or self._candidates(shapes.ANCHOR_NAMES)
        positives = given.get("positive") or given.get("second") or self._candidates(shapes.POSITIVE_NAMES)
        if anchors and positives:
            refuse_ambiguous(self._columns, anchors, positives)
            return self._two_sided(anchors, positives)
        if given:
            raise no_roles(self._columns, anchors, positives)
        return self._labelled()

    def _two_sided(self, anchors: tuple[str, ...], positives: tuple[str, ...]) -> RoleColumns:
        """Pairs with their negatives, or scored pairs."""
        given = self._given
        negatives = given.get("negative") or self._negatives()
        must_be_scored = bool({"first", "second", "score"} & given.keys())
        score = given.get("score") or self._score(anchors[0])
        plain = {"anchor", "positive"} <= given.keys() or negatives or positives[0].lower() in shapes.NEVER_SCORED
        if must_be_scored and not score:
            found = f"{self._columns.where} has columns {self._columns}, and none is known as the score"
            raise DataError(found, hint="name it: --columns first=..,second=..,score=..")
        if score and (must_be_scored or not plain):
            return {"first": anchors, "second": positives, "score": score}
        sides = {"anchor": anchors, "positive": positives} | ({"negative": negatives} if negatives else {})
        return sides | score_columns(self._columns, negatives=bool(negatives))

    def _negatives(self) -> tuple[str, ...]:
        numbered = [name for name in self._columns.lowered if shapes.NEGATIVE_NUMBERED.fullmatch(name)]
        return self._candidates((*shapes.NEGATIVE_NAMES, *numbered))

    def _score(self, anchor: str) -> tuple[str, ...]:
        """The score column. A question's label may be its topic, so there only numbers make it a score."""
        named = self._columns.lowered
        for name in shapes.SCORE_NAMES:
            values = self._columns.values(named[name]) if name in named else []
            numbers = sum(as_score(value) is not None for value in values)
            if values and (anchor.lower() in shapes.UNASKED or 2 * numbers >= len(values)):
                return (named[name],)
        return ()

    def _labelled(self) -> RoleColumns:
        """A text and its class, the class perhaps inside `metadata`."""
        columns, given = self._columns, self._given
        texts = given.get("text") or self._candidates(shapes.TEXT_NAMES)
        named = [columns.lowered[name] for name in shapes.LABEL_NAMES if name in columns.lowered]
        nested = [f"metadata.{name}" for name in shapes.LABEL_NAMES if columns.has(f"metadata.{name}")]
        labels = given.get("label") or tuple((named or nested)[:1])
        if not texts or not labels:
            anchors, positives = (self._candidates(names) for names in (shapes.ANCHOR_NAMES, shapes.POSITIVE_NAMES))
            raise no_roles(columns, anchors, positives)
        if len(texts) > 1:
            found = f"{columns.where} has {len(texts)} columns that could be the text: {' and '.join(texts)}"
            raise DataError(found, hint=f"choose one, for instance --columns text={texts[0]},label={labels[0]}")
        return {"text": texts, "label": labels}


def _kind(columns: Columns, found: RoleColumns) -> Kind:
    if "score" in found:
        return Kind.SCORED
    if "label" in found:
        return Kind.LABELLED
    negatives = found.get("negative", ())
    single = len(negatives) == 1 and columns.are_single_texts(negatives[0])
    return Kind.TRIPLETS if single and columns.are_single_texts(found["positive"][0]) else Kind.PAIRS


def _shape_name(columns: Columns, kind: Kind, found: RoleColumns) -> str:
    if kind is Kind.PAIRS:
        lists = any(isinstance(value, list) for value in columns.values(found["positive"][0]))
        return "lists" if lists or "negative" in found else "pairs"
    return {Kind.TRIPLETS: "triplets", Kind.SCORED: "scored pairs", Kind.LABELLED: "labelled texts"}[kind]


def _said(columns: Columns, shape: str, found: RoleColumns) -> tuple[str, ...]:
    parts = ", ".join(f"{role} = {' + '.join(names)}" for role, names in found.items())
    used = {name if name in columns.names else name.split(".")[0] for names in found.values() for name in names}
    unused = [name[:60] or "(no name)" for name in columns.names if name not in used][:20]
    return (f"read as {shape}: {parts}", *([f"columns not used: {', '.join(unused)}"] if unused else []))
