"""Tests of data/shapes.py."""

from __future__ import annotations

import pytest

from vectune.data import shapes


@pytest.mark.parametrize(
    ("columns", "name"),
    [
        ({"messages"}, "chat"),
        ({"messages", "positive_messages", "negative_messages"}, "ms-swift"),
        ({"query", "response", "label"}, "ms-swift"),
        ({"query", "pos_doc", "neg_doc"}, "nvidia"),
        ({"query", "pos", "neg", "prompt"}, "flagembedding"),
        ({"prompt", "completion"}, "legacy"),
        ({"query", "positive"}, None),
        (set(), None),
    ],
)
def test_mixture_of_columns_has_its_name(columns: set[str], name: str | None) -> None:
    """The formats of other tools are known by their columns; the more special one wins."""
    shape = shapes.named_shape(frozenset(columns))
    assert (shape.name if shape else None) == name


def test_no_name_plays_two_sides() -> None:
    """Anchor, positive and negative names do not overlap, so that a column has one role among pairs."""
    sides = [set(shapes.ANCHOR_NAMES), set(shapes.POSITIVE_NAMES), set(shapes.NEGATIVE_NAMES)]
    assert sum(map(len, sides)) == len(set().union(*sides))
    assert not any(shapes.NEGATIVE_NUMBERED.fullmatch(name) for side in sides for name in side)


def test_role_sets_name_every_role_and_no_other() -> None:
    """Each role can be named together with those of its kind."""
    assert {role for roles in shapes.ROLE_SETS for role in roles} == set(shapes.ROLES)
