"""Defaults by the number of rows, and the page that tells them."""

from __future__ import annotations

import re
from math import inf
from pathlib import Path

import pytest

from vectune.config import TrainConfig
from vectune.errors import ConfigError
from vectune.records import Kind
from vectune.train.recipe import Recipe, resolve_recipe

PAGE = Path(__file__).parents[3] / "docs" / "training.md"
ROW = re.compile(r"^\| (up to [\d,]+|more) \| (\d+) \| (\d+) \| (\S+) \|$", re.MULTILINE)
FEW, MANY = 2, 10_000_000


def told() -> list[tuple[float, float, int, float]]:
    """(rows up to, epochs, batch size, learning rate) of each line of the page's table."""
    bounds = {"more": inf}
    return [
        (bounds.get(rows) or int(rows.removeprefix("up to ").replace(",", "")), float(epochs), int(size), float(rate))
        for rows, epochs, size, rate in ROW.findall(PAGE.read_text(encoding="utf-8"))
    ]


def values(num_rows: int, config: TrainConfig | None = None) -> tuple[float, int, float]:
    recipe = resolve_recipe(config or TrainConfig(), Kind.PAIRS, num_rows)
    return recipe.epochs, recipe.batch_size, recipe.learning_rate


def steps() -> list[int]:
    """The last number of rows that each line of the code's table holds for, found by halving."""
    found, low = [], FEW
    while values(low) != values(MANY):
        inside, outside = low, MANY
        while outside - inside > 1:
            middle = (inside + outside) // 2
            inside, outside = (middle, outside) if values(middle) == values(low) else (inside, middle)
        found.append(inside)
        low = outside
    return found


def test_the_page_tells_the_defaults() -> None:
    """Every line of the table on the training page gives what the code takes for the last number of rows it names."""
    lines = told()
    assert lines
    for bound, *expected in lines:
        assert values(int(min(bound, MANY))) == tuple(expected)


def test_the_page_leaves_no_step_out() -> None:
    """The table's bounds are exactly the numbers of rows after which the code's defaults change."""
    assert [bound for bound, *_ in told()] == [*steps(), inf]


@pytest.mark.parametrize(("setting", "place"), [("epochs", 0), ("batch_size", 1), ("learning_rate", 2)])
def test_a_given_value_goes_before_the_default(setting: str, place: int) -> None:
    """What the config names is taken as it is, and the others still follow the number of rows."""
    wanted = 7 if setting != "learning_rate" else 7e-4
    found = values(500, TrainConfig.model_validate({setting: wanted}))
    expected = list(values(500))
    expected[place] = wanted
    assert list(found) == expected


@pytest.mark.parametrize(
    ("kind", "loss"),
    [
        (Kind.PAIRS, "info_nce"),
        (Kind.TRIPLETS, "triplet"),
        (Kind.SCORED, "cosent"),
        (Kind.LABELLED, "supervised_contrastive"),
    ],
)
def test_the_loss_follows_the_kind_of_data(kind: Kind, loss: str) -> None:
    """`auto` takes the usual loss of each kind, and the page names it beside the kind."""
    assert resolve_recipe(TrainConfig(), kind, 100).loss == loss
    assert f"`{kind.value}`: `{loss}`" in PAGE.read_text(encoding="utf-8")


def test_a_loss_that_fits_is_taken() -> None:
    """Triplet loss on pairs is the user's choice to make."""
    assert resolve_recipe(TrainConfig(loss="triplet"), Kind.PAIRS, 100) == Recipe("triplet", *values(100))


def test_a_loss_that_does_not_fit_is_refused_with_those_that_do() -> None:
    """CoSENT needs scores, which pairs do not have."""
    with pytest.raises(ConfigError, match="cosent does not fit pairs") as refused:
        resolve_recipe(TrainConfig(loss="cosent"), Kind.PAIRS, 100)
    assert "info_nce, triplet" in refused.value.hint
