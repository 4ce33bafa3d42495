"""Flags as people write them to values as configs want them."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from typing import Any

from vectune.errors import UsageError


def columns(text: str | None) -> dict[str, str] | None:
    """`anchor=q,positive=a` as {"anchor": "q", "positive": "a"}."""
    if text is None:
        return None
    pairs = [part.split("=", 1) for part in text.split(",")]
    if any(len(pair) != 2 or not all(pair) for pair in pairs):
        raise UsageError(f"--columns is {text!r}.", "Write it as ROLE=COLUMN,ROLE=COLUMN, as anchor=question.")
    return {role.strip(): column.strip() for role, column in pairs}


def dims(text: str | None) -> tuple[int, ...] | None:
    """`384,256,128` as numbers."""
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(f"--dims is {text!r}.", "Write whole numbers with commas between, as 384,128,64.") from error


def shares(text: str | None) -> tuple[float, ...] | None:
    """`70/10/20` as shares that add up to 1."""
    if text is None:
        return None
    try:
        parts = [float(part) for part in text.split("/")]
    except ValueError:
        parts = []
    if len(parts) != 3 or sum(parts) <= 0:
        raise UsageError(f"--split is {text!r}.", "Write the shares of train, dev and test, as 70/10/20.")
    return tuple(part / sum(parts) for part in parts)


def settings(texts: Sequence[str] | None) -> dict[str, Any]:
    """`train.patience=8` as {"train.patience": 8}; the value is read as TOML, and as plain text if it is none."""
    found: dict[str, Any] = {}
    for text in texts or ():
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"--set is {text!r}.", "Write it as KEY=VALUE, as train.patience=8.")
        found[key.strip()] = _toml_value(value.strip())
    return found


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
