"""Hyperparameters: what is taken, what it becomes, and what is refused by its path."""

from __future__ import annotations

from typing import Any

import pytest

from vectune.config import TrainConfig
from vectune.jobs.hyperparameters import check, for_base, train_settings, unused
from vectune.jobs.refusals import BadParameter
from vectune.records import Kind
from vectune.train.recipe import resolve_recipe


def test_left_out_is_auto() -> None:
    """The reference's three are auto when they are left out or null, and auto sets nothing."""
    found = check({"n_epochs": None})
    assert found == {"n_epochs": "auto", "batch_size": "auto", "learning_rate_multiplier": "auto"}
    assert train_settings(found) == {}


def test_values_become_settings_of_training() -> None:
    """Each hyperparameter is a setting of training; a batch of one row is one of two."""
    given = {"n_epochs": 3, "batch_size": 1, "learning_rate_multiplier": 0.1, "dimensions": 16, "loss": "info_nce"}
    expected = {"epochs": 3.0, "batch_size": 2, "learning_rate_multiplier": 0.1, "dims": [16], "loss": "info_nce"}
    assert train_settings(check(given)) == expected


@pytest.mark.parametrize("rate", [None, 1e-3])
def test_multiplier_multiplies_the_recipes_rate(rate: float | None) -> None:
    """The rate is the one that the recipe would have taken, times the multiplier."""
    plain, less = (
        resolve_recipe(TrainConfig(learning_rate=rate, learning_rate_multiplier=by), Kind.PAIRS, 100)
        for by in (1.0, 0.1)
    )
    assert less.learning_rate == pytest.approx(plain.learning_rate * 0.1)


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"nepochs": 1}, "nepochs"),
        ({"n_epochs": 0}, "n_epochs"),
        ({"n_epochs": True}, "n_epochs"),
        ({"n_epochs": "many"}, "n_epochs"),
        ({"n_epochs": float("nan")}, "n_epochs"),
        ({"batch_size": 1.5}, "batch_size"),
        ({"batch_size": float("inf")}, "batch_size"),
        ({"batch_size": 10**9}, "batch_size"),
        ({"learning_rate_multiplier": -1}, "learning_rate_multiplier"),
        ({"method": "magic"}, "method"),
        ({"dimensions": ["x"]}, "dimensions.0"),
        ({"lora_rank": 8}, "lora_rank"),
        ({"threads": 64}, "threads"),
        ({"teacher": "/etc"}, "teacher"),
        ({"prompt_loss_weight": 0.1}, "prompt_loss_weight"),
    ],
)
def test_what_can_not_be_used_is_named_by_its_path(given: dict[str, Any], path: str) -> None:
    """Unknown keys, values out of range and settings that are the operator's are refused with their path."""
    with pytest.raises(BadParameter) as refused:
        check(given, "method.supervised.hyperparameters")
    assert refused.value.param == f"method.supervised.hyperparameters.{path}"
    assert refused.value.hint


def test_older_interface_may_say_what_means_nothing_here() -> None:
    """What only generating models understand is taken from old clients, and named as unused."""
    found = check({"prompt_loss_weight": 0.01, "n_epochs": 4}, legacy=True)
    assert unused(found) == ("prompt_loss_weight",)
    assert train_settings(found) == {"epochs": 4.0}


def test_remote_base_is_adapted() -> None:
    """Behind an endpoint there are no weights: the method is the adapter, and any other is refused by its path."""
    assert for_base("openai:small", check({}))["method"] == "adapter"
    assert for_base("openai:small", check({"method": "adapter"}))["method"] == "adapter"
    assert "method" not in for_base("/models/base", check({}))
    for path in ("hyperparameters", "method.supervised.hyperparameters"):
        with pytest.raises(BadParameter, match="nobody here has the weights") as refused:
            for_base("openai:small", check({"method": "lora"}), path)
        assert refused.value.param == f"{path}.method"


@pytest.mark.parametrize("given", [{"n_epochs": 0}, {"zap": 1}, {"method": "magic"}])
def test_path_of_what_stands_at_the_top_is_its_name(given: dict[str, Any]) -> None:
    """Without a path before it, a name has no dot before it either."""
    with pytest.raises(BadParameter) as refused:
        check(given, "")
    assert [refused.value.param] == list(given)
