from __future__ import annotations

import pytest
from torch import nn

from vectune.config import TrainConfig
from vectune.train.optimiser import build_optimiser, learning_rate


def test_rate_climbs_and_falls() -> None:
    """The rate climbs straight to its peak over the warm-up and falls along a half cosine, never below zero."""
    rates = [learning_rate(step, 100, 1.0, 0.1) for step in range(100)]
    assert rates[:10] == pytest.approx([n / 10 for n in range(1, 11)])
    assert rates[10] == pytest.approx(1.0)
    assert rates[55] == pytest.approx(0.5)
    assert 0 < rates[99] < 0.001
    assert rates[10:] == sorted(rates[10:], reverse=True)


@pytest.mark.parametrize("total", [1, 2, 3])
def test_rate_of_very_short_training(total: int) -> None:
    """Even one step has a rate above zero, whatever the share of the warm-up."""
    assert all(0 < learning_rate(step, total, 2e-5, warmup) <= 2e-5 for step in range(total) for warmup in (0, 0.9))


def test_only_matrices_decay() -> None:
    """Weight matrices decay; biases, norms and embedding tables do not; frozen weights are left out."""
    model = nn.ModuleDict(
        {"table": nn.Embedding(7, 4), "layer": nn.Linear(4, 4), "norm": nn.LayerNorm(4), "frozen": nn.Linear(4, 4)}
    )
    model["frozen"].requires_grad_(False)
    decayed, plain = build_optimiser(model, TrainConfig(weight_decay=0.1)).param_groups
    assert decayed["weight_decay"] == 0.1
    assert plain["weight_decay"] == 0.0
    assert [weight is model["layer"].weight for weight in decayed["params"]] == [True]
    assert {id(weight) for weight in plain["params"]} == {
        id(model["table"].weight), id(model["layer"].bias), id(model["norm"].weight), id(model["norm"].bias),
    }  # fmt: skip
