"""The row-wise AdamW agrees with torch's own, and clipping counts sparse gradients as dense ones."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from vectune.train.row_adam import RowAdamW, clip_gradients


def _bag(sparse: bool) -> nn.EmbeddingBag:
    torch.manual_seed(0)
    return nn.EmbeddingBag(9, 4, sparse=sparse)


def _lose(bag: nn.EmbeddingBag, ids: list[int]) -> None:
    bag.zero_grad(set_to_none=True)
    vectors = bag(torch.tensor(ids), torch.tensor([0, 2]))
    (vectors**3).sum().backward()


def test_rows_seen_in_every_step_move_as_under_adamw() -> None:
    """With all rows in every step the table goes where torch's AdamW takes it."""
    ours, theirs = _bag(sparse=True), _bag(sparse=False)
    mine = RowAdamW(ours.parameters(), lr=0.1)
    reference = torch.optim.AdamW(theirs.parameters(), lr=0.1, weight_decay=0.0)
    for _ in range(5):
        _lose(ours, list(range(9)))
        _lose(theirs, list(range(9)))
        mine.step()
        reference.step()
    torch.testing.assert_close(ours.weight, theirs.weight)


def test_rows_that_were_not_seen_stay() -> None:
    """Neither a row that no text of the step holds nor its moments change; a repeated row counts once with its sum."""
    bag = _bag(sparse=True)
    optimiser = RowAdamW(bag.parameters(), lr=0.1)
    _lose(bag, [1, 2, 2, 5])
    optimiser.step()
    before, moments = bag.weight.detach().clone(), optimiser.state[bag.weight]["exp_avg"].clone()
    _lose(bag, [1, 1, 3])
    optimiser.step()
    changed = (bag.weight != before).any(dim=1).nonzero().flatten().tolist()
    assert changed == [1, 3]
    assert (optimiser.state[bag.weight]["exp_avg"] != moments).any(dim=1).nonzero().flatten().tolist() == [1, 3]


def test_state_can_be_saved_and_taken_up() -> None:
    """A second optimiser with the first one's state makes the same step."""
    bag, again = _bag(sparse=True), _bag(sparse=True)
    first = RowAdamW(bag.parameters(), lr=0.1)
    _lose(bag, [1, 2, 3])
    first.step()
    again.load_state_dict(bag.state_dict())
    second = RowAdamW(again.parameters(), lr=0.1)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for table, optimiser in ((bag, first), (again, second)):
        _lose(table, [2, 3, 4])
        optimiser.step()
    assert torch.equal(bag.weight, again.weight)


def test_dense_weights_move_as_under_adamw() -> None:
    """A weight with a dense gradient decays and moves as under torch's AdamW."""
    torch.manual_seed(0)
    ours, theirs = nn.Linear(3, 3), nn.Linear(3, 3)
    theirs.load_state_dict(ours.state_dict())
    pairs = [(ours, RowAdamW([{"params": list(ours.parameters()), "weight_decay": 0.1}], lr=0.1))]
    pairs += [(theirs, torch.optim.AdamW(theirs.parameters(), lr=0.1, weight_decay=0.1))]  # type: ignore[list-item]
    for layer, optimiser in pairs:
        for _ in range(3):
            layer.zero_grad(set_to_none=True)
            (layer(torch.ones(2, 3)) ** 2).sum().backward()
            optimiser.step()
    torch.testing.assert_close(ours.weight, theirs.weight)


@pytest.mark.parametrize("largest", [0.01, 1000.0])
def test_clipping_is_that_of_dense_gradients(largest: float) -> None:
    """The norm and the gradients after clipping are those that torch's function gives for the dense table."""
    ours, theirs = _bag(sparse=True), _bag(sparse=False)
    _lose(ours, [1, 2, 2, 5])
    _lose(theirs, [1, 2, 2, 5])
    expected = torch.nn.utils.clip_grad_norm_(theirs.parameters(), largest)
    torch.testing.assert_close(clip_gradients(ours.parameters(), largest), expected)
    torch.testing.assert_close(ours.weight.grad.to_dense(), theirs.weight.grad)


def test_nothing_to_clip_is_a_norm_of_zero() -> None:
    """Weights without a gradient are passed over."""
    assert float(clip_gradients(_bag(sparse=True).parameters(), 1.0)) == 0.0
