from __future__ import annotations

import pytest
import torch
from torch import nn

from vectune.config import TrainConfig
from vectune.train.optimiser import build_optimiser, learning_rate, make_tables_sparse


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


def test_large_tables_move_their_seen_rows_alone() -> None:
    """A vocabulary's gradient has the rows of the batch; these move as under dense AdamW, the others stay."""
    torch.manual_seed(0)
    model = nn.ModuleDict({"words": nn.Embedding(5000, 4), "kinds": nn.Embedding(2, 4), "layer": nn.Linear(4, 4)})
    dense = {name: value.clone() for name, value in model.state_dict().items()}
    ids = torch.tensor([3, 4999, 3])
    results = []
    for sparse in (True, False):
        model.load_state_dict(dense)
        if sparse:
            make_tables_sparse(model)
        model["words"].sparse = sparse
        optimiser = build_optimiser(model, TrainConfig(weight_decay=0.1))
        for group in optimiser.param_groups:
            group["lr"] = 0.01
        model.zero_grad()
        (model["layer"](model["words"](ids) + model["kinds"](ids % 2)) ** 2).sum().backward()
        assert model["words"].weight.grad.is_sparse is sparse
        assert not model["kinds"].weight.grad.is_sparse
        optimiser.step()
        results.append({name: value.clone() for name, value in model.state_dict().items()})
    for name, value in results[0].items():
        torch.testing.assert_close(value, results[1][name])
    moved = (results[0]["words.weight"] != dense["words.weight"]).any(dim=1).nonzero().flatten()
    assert moved.tolist() == [3, 4999]


def test_frozen_and_small_tables_stay_dense() -> None:
    """Only a table that is trained and large is worth it."""
    model = nn.ModuleDict({"frozen": nn.Embedding(5000, 2), "small": nn.Embedding(100, 2)})
    model["frozen"].weight.requires_grad_(False)
    make_tables_sparse(model)
    assert [module.sparse for module in model.values()] == [False, False]
