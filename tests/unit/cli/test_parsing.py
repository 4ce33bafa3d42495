from __future__ import annotations

import pytest

from vectune.cli import parsing
from vectune.errors import UsageError


def test_columns_are_roles_and_names() -> None:
    """`ROLE=COLUMN,ROLE=COLUMN` becomes a mapping; the column may hold an equals sign; none stays none."""
    assert parsing.columns("anchor=q, positive=a=b") == {"anchor": "q", "positive": "a=b"}
    assert parsing.columns(None) is None


def test_dims_are_whole_numbers() -> None:
    """Numbers with commas between become a tuple in the order given."""
    assert parsing.dims("384,128, 64") == (384, 128, 64)
    assert parsing.dims(None) is None


@pytest.mark.parametrize("text", ["70/10/20", "7/1/2", "0.7/0.1/0.2", "140/20/40"])
def test_shares_add_up_to_one(text: str) -> None:
    """Shares in any unit are scaled so that they add up to 1."""
    assert parsing.shares(text) == pytest.approx((0.7, 0.1, 0.2))
    assert parsing.shares(None) is None


def test_settings_are_read_as_toml() -> None:
    """Values that are TOML have its types; what is no TOML is plain text."""
    given = [
        "train.patience=8",
        "train.interpolation=[0.5, 1.0]",
        "name=my run",
        'base="a=b"',
        "evaluate.general=false",
    ]
    assert parsing.settings(given) == {
        "train.patience": 8,
        "train.interpolation": [0.5, 1.0],
        "name": "my run",
        "base": "a=b",
        "evaluate.general": False,
    }
    assert parsing.settings(None) == {}


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parsing.columns, "anchor"),
        (parsing.columns, "anchor=,positive=a"),
        (parsing.dims, "384,small"),
        (parsing.shares, "70/30"),
        (parsing.shares, "a/b/c"),
        (parsing.shares, "0/0/0"),
        (lambda text: parsing.settings([text]), "train.patience"),
        (lambda text: parsing.settings([text]), "=8"),
    ],
)
def test_other_writing_is_refused_with_the_right_one(parse: object, text: str) -> None:
    """What can't be read is quoted, and the hint shows how to write it."""
    assert callable(parse)
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert repr(text) in caught.value.message
    assert "Write" in caught.value.hint
