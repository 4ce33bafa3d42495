"""A part of a list, and whether more follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some entries of a list in its order; `has_more` says whether others come after them."""

    data: tuple[T, ...]
    has_more: bool


def page(found: Sequence[T], limit: int) -> Page[T]:
    """The first `limit` of `found`, which was asked for one more than that."""
    return Page(tuple(found[:limit]), len(found) > limit)
