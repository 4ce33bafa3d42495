"""The cached gradient is the gradient: compared with plain autograd for every loss, cut and order of groups."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from vectune.config import TrainConfig
from vectune.config.train import LossName
from vectune.encode.tokens import Indices
from vectune.train.batch import Batch, Classes, Contrast, Grades
from vectune.train.gradient_cache import Group, backpropagate
from vectune.train.objective import build_objective

TEXTS, FEATURES, DIM = 23, 7, 12
INPUTS = torch.randn(TEXTS, FEATURES, generator=torch.Generator().manual_seed(0))


def contrast(hard: bool) -> Batch:
    """Six anchors, six positives, and with `hard` five given negatives; anchor 0 has a second known positive."""
    size, columns = 6, 11 if hard else 6
    known = np.eye(size, columns, dtype=bool)
    known[0, 3] = True
    marked = np.zeros((size, columns), dtype=bool)
    if hard:
        marked[[0, 1, 2, 3, 4], [6, 7, 8, 9, 10]] = True
    texts = np.arange(TEXTS)
    arrangement = Contrast(np.arange(size), np.arange(size, size + columns), known, marked)
    return Batch(texts, arrangement, size)


def grades() -> Batch:
    gold = np.random.default_rng(1).random(11).astype(np.float32)
    return Batch(np.arange(TEXTS), Grades(np.arange(11), np.arange(11, 22), gold), 11)


def classes() -> Batch:
    return Batch(np.arange(TEXTS), Classes(np.arange(TEXTS), np.arange(TEXTS) % 5), TEXTS)


CASES: dict[str, tuple[LossName, TrainConfig, Batch]] = {
    "info_nce": ("info_nce", TrainConfig(symmetric=False), contrast(hard=False)),
    "info_nce both ways": ("info_nce", TrainConfig(symmetric=True), contrast(hard=False)),
    "info_nce hard negatives": ("info_nce", TrainConfig(), contrast(hard=True)),
    "info_nce matryoshka": ("info_nce", TrainConfig(dims=(12, 8, 4)), contrast(hard=True)),
    "triplet": ("triplet", TrainConfig(margin=0.9), contrast(hard=True)),
    "triplet nearest negative": ("triplet", TrainConfig(margin=0.9), contrast(hard=False)),
    "triplet matryoshka": ("triplet", TrainConfig(margin=0.9, dims=(12, 5)), contrast(hard=True)),
    "cosent": ("cosent", TrainConfig(), grades()),
    "cosent matryoshka": ("cosent", TrainConfig(dims=(12, 6, 3)), grades()),
    "supervised contrastive": ("supervised_contrastive", TrainConfig(), classes()),
    "supervised contrastive matryoshka": ("supervised_contrastive", TrainConfig(dims=(12, 6)), classes()),
}


def network(dropout: float = 0.0) -> nn.Sequential:
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(FEATURES, 16), nn.GELU(), nn.Dropout(dropout), nn.Linear(16, DIM))


def encode(model: nn.Module, positions: Indices) -> Tensor:
    return F.normalize(model(INPUTS[torch.from_numpy(positions)]), dim=1)


def plain(model: nn.Module, loss: Callable[[Tensor], Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Loss and gradients by autograd alone, all texts in one pass."""
    value = loss(encode(model, np.arange(TEXTS)))
    return value.detach(), list(torch.autograd.grad(value, list(model.parameters())))


def cached(
    model: nn.Module, loss: Callable[[Tensor], Tensor], groups: list[list[Indices]], *, keep_first: bool
) -> tuple[Tensor, list[Tensor]]:
    def forward(group: Group) -> Tensor:
        return torch.cat([encode(model, part) for part in group])

    model.zero_grad(set_to_none=True)
    value = backpropagate(forward, groups, loss, keep_first=keep_first)
    assert not value.requires_grad
    return value, [weight.grad for weight in model.parameters() if weight.grad is not None]


def cut(order: Indices, size: int, per_group: int) -> list[list[Indices]]:
    parts = [order[start : start + size] for start in range(0, len(order), size)]
    return [parts[start : start + per_group] for start in range(0, len(parts), per_group)]


@pytest.mark.parametrize("keep_first", [True, False], ids=["first kept", "none kept"])
@pytest.mark.parametrize("case", CASES)
def test_loss_and_gradients_are_those_of_the_plain_step(case: str, keep_first: bool) -> None:
    """Each loss, with hard negatives, both directions and Matryoshka: equal to autograd's to 1e-5 in fp32."""
    name, config, batch = CASES[case]
    objective = build_objective(name, config)
    model = network()
    expected, gradients = plain(model, lambda vectors: objective(vectors, batch))
    groups = cut(np.random.default_rng(0).permutation(TEXTS), size=4, per_group=2)
    value, found = cached(model, lambda vectors: objective(vectors, batch), groups, keep_first=keep_first)
    assert len(groups) == 3
    assert abs(float(value - expected)) < 1e-5
    assert all(gradient.abs().max() > 1e-4 for gradient in gradients)
    assert len(found) == len(gradients)
    for one, other in zip(found, gradients, strict=True):
        assert (one - other).abs().max() < 1e-5


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(TEXTS)), st.integers(1, TEXTS), st.integers(1, 5), st.booleans())
def test_any_cut_gives_the_same_gradient(order: list[int], size: int, per_group: int, keep_first: bool) -> None:
    """However the texts are ordered, cut and grouped, from one group of all to groups of one text."""
    name, config, batch = CASES["info_nce matryoshka"]
    objective = build_objective(name, config)
    model = network()
    expected, gradients = plain(model, lambda vectors: objective(vectors, batch))
    groups = cut(np.array(order), size, per_group)
    value, found = cached(model, lambda vectors: objective(vectors, batch), groups, keep_first=keep_first)
    assert abs(float(value - expected)) < 1e-5
    assert all((one - other).abs().max() < 1e-5 for one, other in zip(found, gradients, strict=True))


def test_dropout_is_drawn_the_same_twice() -> None:
    """With dropout forced on, the second pass drops what the first dropped, and later draws are not moved by it."""
    name, config, batch = CASES["info_nce"]
    objective = build_objective(name, config)
    model = network(dropout=0.5).train()
    groups = cut(np.arange(TEXTS), size=6, per_group=1)
    torch.manual_seed(11)
    vectors = torch.cat([encode(model, part) for group in groups for part in group])
    expected = torch.autograd.grad(objective(vectors, batch), list(model.parameters()))
    after = torch.rand(3)
    torch.manual_seed(11)
    _, found = cached(model, lambda vectors: objective(vectors, batch), groups, keep_first=False)
    assert torch.equal(torch.rand(3), after)
    assert all((one - other).abs().max() < 1e-5 for one, other in zip(found, expected, strict=True))


def test_gradients_are_added_to_those_there() -> None:
    """As with `backward`, what stands in `grad` already stays in the sum."""
    name, config, batch = CASES["cosent"]
    objective = build_objective(name, config)
    model = network()
    _, gradients = plain(model, lambda vectors: objective(vectors, batch))
    first = next(model.parameters())
    first.grad = torch.ones_like(first)
    backpropagate(
        lambda group: torch.cat([encode(model, part) for part in group]),
        cut(np.arange(TEXTS), 5, 2),
        lambda vectors: objective(vectors, batch),
    )
    assert (first.grad - 1 - gradients[0]).abs().max() < 1e-5


@pytest.mark.parametrize(("keep_first", "first_pass"), [(True, [0, 1, 1]), (False, [1, 1, 1])])
def test_only_what_does_not_fit_is_computed_twice(keep_first: bool, first_pass: list[int]) -> None:
    """Each of three groups has a graph once; without one the kept group never goes through, the others once."""
    name, config, batch = CASES["info_nce"]
    objective = build_objective(name, config)
    model = network()
    groups = cut(np.arange(TEXTS), size=8, per_group=1)
    with_graph, without = [0, 0, 0], [0, 0, 0]

    def forward(group: Group) -> Tensor:
        counted = with_graph if torch.is_grad_enabled() else without
        counted[int(group[0][0]) // 8] += 1
        return torch.cat([encode(model, part) for part in group])

    backpropagate(forward, groups, lambda vectors: objective(vectors, batch), keep_first=keep_first)
    assert with_graph == [1, 1, 1]
    assert without == first_pass
