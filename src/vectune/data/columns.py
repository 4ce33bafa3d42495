"""The columns of a source, as its first rows show them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from vectune.data.formats import Fields

Getter = Callable[[Fields], Any]
_SHOWN_COLUMNS = 20
_SHOWN_CHARS = 60


def getter(column: str) -> Getter:
    """The function that takes a column's value out of a row; "metadata.label" reaches into an object."""
    outer, dot, inner = column.partition(".")
    if not dot:
        return lambda fields: fields.get(column)

    def nested(fields: Fields) -> Any:
        if column in fields:
            return fields[column]
        value = fields.get(outer)
        return value.get(inner) if isinstance(value, dict) else None

    return nested


def plain(name: str) -> str:
    """A column's name as the tables of names write it: lower case, with underscores."""
    return name.strip().lower().replace("-", "_").replace(" ", "_")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and not value.isspace()


class Columns:
    """Names and values of the columns in a sample of rows; `where` names the source in messages."""

    def __init__(self, sample: Sequence[Fields], where: str) -> None:
        self.where = where
        self._sample = sample
        self.names: tuple[str, ...] = tuple(dict.fromkeys(name for fields in sample for name in fields))
        self.lowered: dict[str, str] = {}
        for name in self.names:
            self.lowered.setdefault(plain(name), name)

    def __str__(self) -> str:
        shown = [name[:_SHOWN_CHARS] for name in self.names[:_SHOWN_COLUMNS]]
        return ", ".join(shown) + (", ..." if len(self.names) > _SHOWN_COLUMNS else "") if shown else "none"

    def has(self, column: str) -> bool:
        """Whether some row of the sample has the column, perhaps inside an object."""
        if column in self.names:
            return True
        return "." in column and any(getter(column)(fields) is not None for fields in self._sample)

    def values(self, column: str) -> list[Any]:
        """The column's values that are not null."""
        return [value for value in map(getter(column), self._sample) if value is not None]

    def texts(self, column: str) -> list[str]:
        """The column's texts that are not blank; of a list its first element."""
        firsts = (value[0] if isinstance(value, list) and value else value for value in self.values(column))
        return [value for value in firsts if _is_text(value)]

    def by_names(self, names: Sequence[str]) -> tuple[str, ...]:
        """The columns that bear one of the names, however written, and hold texts, or lists or objects of texts.

        They come in the order of `names`; two columns may bear one name ("Query" and "query").
        """
        found = (column for name in names for column in self.names if plain(column) == name)
        return tuple(column for column in found if self._holds_text(column))

    def _holds_text(self, column: str) -> bool:
        return any(isinstance(value, (list, dict)) or _is_text(value) for value in self.values(column))

    def are_single_texts(self, column: str) -> bool:
        """Whether the column holds plain texts in at least 19 of 20 rows, and never a list or object."""
        values = self.values(column)
        if any(isinstance(value, (list, dict)) for value in values):
            return False
        return sum(map(_is_text, values)) >= 0.95 * len(self._sample)
