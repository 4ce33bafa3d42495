"""What is refused about roles, each with the exact option that mends it."""

from __future__ import annotations

from statistics import median

from vectune.data import shapes
from vectune.data.columns import Columns
from vectune.data.swapped import why_swapped
from vectune.errors import ConfigError, DataError

_LONG_NAME_WORDS = 4


def _choice(anchor: str, positive: str) -> str:
    return f"--columns anchor={anchor},positive={positive}"


def refuse_given(columns: Columns, given: dict[str, str]) -> None:
    """ConfigError or DataError when the roles that the user named can't be."""
    for role, column in given.items():
        if role not in shapes.ROLES:
            raise ConfigError(f"there is no role named {role!r}", hint=f"the roles are {', '.join(shapes.ROLES)}")
        if not columns.has(column):
            found = f"{columns.where} has no column named {column!r} for the {role}"
            raise DataError(found, hint=f"name one of the columns found: {columns}")
    if not any(given.keys() <= set(roles) for roles in shapes.ROLE_SETS):
        found = f"the roles {', '.join(given)} do not go together"
        raise ConfigError(found, hint="name " + ", or ".join("/".join(roles) for roles in shapes.ROLE_SETS[:3]))
    if len(set(given.values())) < len(given):
        raise ConfigError("one column is named for two roles", hint="name a column of its own for each role")


def refuse_ambiguous(columns: Columns, anchors: tuple[str, ...], positives: tuple[str, ...]) -> None:
    """DataError when two columns could play one role."""
    for role, found in (("anchor", anchors), ("positive", positives)):
        if len(found) > 1:
            message = f"{columns.where} has {len(found)} columns that could be the {role}: {' and '.join(found)}"
            raise DataError(message, hint=f"choose one, for instance {_choice(anchors[0], positives[0])}")


def refuse_swapped(columns: Columns, anchor: str, positive: str) -> None:
    """DataError when the content says that the two columns stand the wrong way round."""
    if anchor.lower() in shapes.UNASKED:
        return
    why = why_swapped(columns.texts(anchor), columns.texts(positive), positive)
    if why:
        raise DataError(
            f"the columns {anchor} and {positive} of {columns.where} look swapped: {anchor} should hold what people "
            f"ask, but {why}",
            hint=f"swap them with {_choice(positive, anchor)}, or insist with {_choice(anchor, positive)}",
        )


def no_roles(columns: Columns, anchors: tuple[str, ...], positives: tuple[str, ...]) -> DataError:
    """The error for columns whose roles can't be told, with a guess at the option that names them."""
    what = "their names do not tell the roles"
    if anchors or positives:
        there, absent = (anchors[0], "positive") if anchors else (positives[0], "anchor")
        what = f"beside {there} none is known as the {absent}"
    message = f"{columns.where} has columns {columns}, and {what}"
    if any(len(name.split()) > _LONG_NAME_WORDS for name in columns.names):
        return DataError(message, hint="name the columns in the first line: it seems to hold a row already")
    lengths = {name: median(map(len, texts)) for name in columns.names if (texts := columns.texts(name))}
    by_length = sorted(lengths, key=lambda name: lengths[name])
    others = [name for name in by_length if name not in anchors + positives]
    anchor = anchors[0] if anchors else next(iter(others), None)
    positive = positives[0] if positives else next((name for name in reversed(others) if name != anchor), None)
    if anchor is None or positive is None:
        return DataError(message, hint="pairs need a column anchor and a column positive, classes a text and a label")
    return DataError(message, hint=f"name them, for instance {_choice(anchor, positive)}")
