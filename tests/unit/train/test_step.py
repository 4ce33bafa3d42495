"""A step's loss and gradients do not depend on how much of it is in memory at once."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.fakes.tiny_model import WORDS
from vectune.config import TrainConfig
from vectune.encode.loading import load_encoder
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.encode.tokens import Indices, Tokens
from vectune.errors import TrainingError
from vectune.records import Dataset, Kind, Labelled, LabelledText, Retrieval, Scored, ScoredPair
from vectune.train.objective import build_objective
from vectune.train.recipe import resolve_recipe
from vectune.train.rows import training_rows
from vectune.train.step import Step, StepResult

SMALL = 0.0002  # GiB: a few texts of the tiny model


def sentence(seed: int) -> str:
    draw = np.random.default_rng(seed)
    return " ".join(draw.choice(WORDS, size=int(draw.integers(2, 30))))


def data(kind: str) -> Dataset:
    if kind == "scored":
        return Scored(tuple(ScoredPair(sentence(i), sentence(100 + i), i / 24, row=i + 1) for i in range(24)))
    if kind == "labelled":
        return Labelled(tuple(LabelledText(sentence(i), "abc"[i % 3], row=i + 1) for i in range(24)))
    queries = {f"q{i}": sentence(i) for i in range(24)}
    corpus = {f"d{i}": sentence(100 + i) for i in range(72)}
    negatives = {f"q{i}": (f"d{24 + i}", f"d{48 + i}") for i in range(20)}
    shape = Kind.TRIPLETS if kind == "triplets" else Kind.PAIRS
    return Retrieval(queries, corpus, {f"q{i}": {f"d{i}": 1} for i in range(24)}, negatives, shape)


@dataclass
class Done:
    result: StepResult
    gradients: dict[str, Tensor]
    notes: list[str]


def do(encoder: SentenceEncoder, kind: str = "pairs", **settings: Any) -> Done:
    """The first step of an epoch in fp32, all rows in one batch, the gradient unclipped."""
    given = {"precision": "fp32", "clip": 1e9, "batch_size": 24, "gradient_cache": "off", **settings}
    config = TrainConfig.model_validate(given)
    content = data(kind)
    recipe = resolve_recipe(config, content.kind, 24)
    rows = training_rows(content, config, recipe)
    notes: list[str] = []
    tokens = rows.pool.tokenize(encoder, None)
    step = Step(encoder, tokens, build_objective(recipe.loss, config), config, notes.append)
    result = step.run(rows.batches(0)[0])
    named = encoder.model.named_parameters()
    return Done(result, {name: weight.grad.clone() for name, weight in named if weight.grad is not None}, notes)


def assert_equal(one: Done, other: Done, most: float = 1e-5) -> None:
    assert abs(one.result.loss - other.result.loss) <= most
    assert one.gradients.keys() == other.gradients.keys()
    assert len(one.gradients) > 20
    for name, gradient in one.gradients.items():
        torch.testing.assert_close(gradient, other.gradients[name], rtol=most, atol=most, msg=name)


@pytest.fixture
def encoder(tiny_model_folder: Path) -> SentenceEncoder:
    return load_encoder(str(tiny_model_folder))


@pytest.mark.parametrize("dims", [(), (32, 16, 8)], ids=["full", "matryoshka"])
@pytest.mark.parametrize("kind", ["pairs", "triplets", "scored", "labelled"])
def test_gradient_caching_changes_nothing(encoder: SentenceEncoder, kind: str, dims: tuple[int, ...]) -> None:
    """Loss and gradients of every kind of data equal those of one graph to 1e-5 in fp32, with all or some kept."""
    whole = do(encoder, kind, dims=dims)
    assert whole.result.gradient_norm > 1e-3
    assert_equal(do(encoder, kind, dims=dims, gradient_cache="on", micro_batch_tokens=256), whole)
    some = do(encoder, kind, dims=dims, gradient_cache="auto", activation_gib=SMALL, micro_batch_tokens=256)
    assert_equal(some, whole)


def test_sparse_gradients_are_added_up_group_after_group(encoder: SentenceEncoder) -> None:
    """A table with sparse gradients gets the same one, with each row once and not once a group."""
    whole = do(encoder)
    encoder.model[0].auto_model.embeddings.word_embeddings.sparse = True
    done = do(encoder, gradient_cache="on", activation_gib=SMALL)
    sparse = [name for name, gradient in done.gradients.items() if gradient.is_sparse]
    assert len(sparse) == 1
    assert done.gradients[sparse[0]].coalesce()._nnz() == done.gradients[sparse[0]]._nnz() <= len(WORDS) + 5
    dense = {name: gradient.to_dense() for name, gradient in done.gradients.items()}
    assert_equal(Done(done.result, dense, done.notes), whole)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("kind", ["pairs", "triplets", "scored", "labelled"])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"gradient_cache": "auto", "activation_gib": SMALL},
        {"gradient_cache": "on", "activation_checkpointing": "on"},
    ],
    ids=["whole", "in groups", "layers twice"],
)
def test_micro_batches_at_once_change_nothing(encoder: SentenceEncoder, kind: str, settings: dict[str, Any]) -> None:
    """Loss and gradients are those of one after another, whatever is kept in memory, sparse tables too."""
    encoder.model[0].auto_model.embeddings.word_embeddings.sparse = True
    one, two = (do(encoder, kind, micro_batches_at_once=number, **settings) for number in (1, 2))
    for done in (one, two):
        done.gradients.update({name: part.to_dense() for name, part in done.gradients.items()})
    assert_equal(two, one)


@pytest.mark.usefixtures("two_threads")
def test_micro_batches_go_at_once(encoder: SentenceEncoder) -> None:
    """On a CPU with two threads, by default: in two threads, each with a model of its own."""
    watching = Watching(encoder.model, "watching")
    watching.seen.clear()
    do(watching)
    assert len(set(watching.seen)) == len({thread for thread, _ in watching.seen}) == 2
    assert len({model for _, model in watching.seen}) == 2


@pytest.mark.usefixtures("two_threads")
def test_a_step_gives_the_same_bits_each_time(encoder: SentenceEncoder) -> None:
    """With several threads too, and in bf16, where the order of sums shows."""
    first, second = (do(encoder, precision="bf16") for _ in range(2))
    assert_equal(first, second, most=0.0)


class Watching(SentenceEncoder):
    """Notes in which thread, and with which model, texts go through it, but for the probes of the main thread."""

    seen: ClassVar[list[tuple[int, int]]] = []

    def forward(self, tokens: Tokens, rows: Indices) -> Tensor:
        if (thread := threading.get_ident()) != threading.main_thread().ident:
            self.seen.append((thread, id(self.model)))
        return super().forward(tokens, rows)


def passes_of(encoder: SentenceEncoder) -> list[tuple[bool, tuple[int, ...], Tensor]]:
    """(graph?, rows, vectors) of each forward pass from now on."""
    seen: list[tuple[bool, tuple[int, ...], Tensor]] = []
    forward = encoder.forward

    def watched(tokens: Tokens, rows: Indices) -> Tensor:
        vectors = forward(tokens, rows)
        seen.append((torch.is_grad_enabled(), tuple(rows.tolist()), vectors.detach()))
        return vectors

    encoder.forward = watched  # type: ignore[method-assign]
    return seen


def test_auto_keeps_a_batch_that_fits_in_one_graph(encoder: SentenceEncoder) -> None:
    """By default a small batch goes through the model once, with a graph; a batch too large goes through twice."""
    seen = passes_of(encoder)
    do(encoder, gradient_cache="auto")
    assert all(graph for graph, _, _ in seen)
    seen.clear()
    do(encoder, gradient_cache="auto", activation_gib=SMALL)
    assert not all(graph for graph, _, _ in seen)


def test_in_bf16_the_second_pass_gives_the_same_vectors(encoder: SentenceEncoder) -> None:
    """Recomputed with a graph, each micro-batch's vectors are bit for bit those that the loss has seen."""
    seen = passes_of(encoder)
    do(encoder, gradient_cache="on", activation_gib=SMALL, precision="bf16")
    first = {rows: vectors for graph, rows, vectors in seen if not graph}
    second = {rows: vectors for graph, rows, vectors in seen[-len(first) :]}
    assert len(first) > 3
    assert first.keys() == second.keys()
    assert all(torch.equal(vectors, second[rows]) for rows, vectors in first.items())


@pytest.mark.parametrize("cache", ["off", "on"])
def test_activation_checkpointing_changes_nothing(encoder: SentenceEncoder, cache: str) -> None:
    """Layers computed twice give the same loss and gradients, with and without gradient caching."""
    whole = do(encoder)
    assert_equal(do(encoder, activation_checkpointing="on", gradient_cache=cache), whole)


def test_one_large_text_turns_activation_checkpointing_on(encoder: SentenceEncoder) -> None:
    """`auto` recomputes the layers of texts that need more than the room each, and of no others."""
    calls: list[None] = []
    attention = encoder.model[0].auto_model.encoder.layer[0].attention
    attention.register_forward_pre_hook(lambda *_: calls.append(None))
    seen = passes_of(encoder)
    whole = do(encoder)
    assert len(calls) == len(seen)
    calls.clear()
    seen.clear()
    tight = do(encoder, activation_gib=1e-6)
    probes = 2
    assert len(calls) - probes == 2 * (len(seen) - probes)
    assert_equal(tight, whole)


class Cramped(SentenceEncoder):
    """Runs out of memory with more than `most` texts at once, and always unless its layers are `checkpointed`."""

    most = 10**9
    checkpointed = False
    probed = 0  # passes at the start that have room all the same

    def forward(self, tokens: Tokens, rows: Indices) -> Tensor:
        kept = "forward" in vars(self.model[0].auto_model.encoder.layer[0])
        self.probed -= 1
        if self.probed < 0 and (len(rows) > self.most or (self.checkpointed and not kept)):
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return super().forward(tokens, rows)


def cramped(folder: Path, most: int, *, checkpointed: bool = False) -> Cramped:
    encoder = Cramped(load_encoder(str(folder)).model, "cramped")
    encoder.most, encoder.checkpointed = most, checkpointed
    return encoder


@pytest.mark.parametrize("cache", ["auto", "on", "off"])
def test_out_of_memory_halves_micro_batches_and_goes_on(tiny_model_folder: Path, cache: str) -> None:
    """With room for three texts the same step is done in smaller parts, with the same result, and that is said."""
    whole = do(load_encoder(str(tiny_model_folder)))
    small = do(cramped(tiny_model_folder, 3), gradient_cache=cache)
    assert_equal(small, whole)
    assert small.notes == ["the memory of cpu ran out: from here on micro-batches are cut from 1024 to 16 tokens"]


def test_it_is_said_once_and_kept(tiny_model_folder: Path) -> None:
    """The second step starts with what the first came to, and says nothing more, even when it has to halve again."""
    encoder = cramped(tiny_model_folder, 6)
    config = TrainConfig(precision="fp32", batch_size=24)
    content = data("pairs")
    recipe = resolve_recipe(config, content.kind, 24)
    rows = training_rows(content, config, recipe)
    notes: list[str] = []
    tokens = rows.pool.tokenize(encoder, None)
    step = Step(encoder, tokens, build_objective(recipe.loss, config), config, notes.append)
    step.run(rows.batches(0)[0])
    room = step.room
    seen = passes_of(encoder)
    step.run(rows.batches(0)[0])
    assert step.room == room
    assert max(len(passed) for _, passed, _ in seen) <= 6
    encoder.most = 2
    step.run(rows.batches(0)[0])
    assert step.room.halvings > room.halvings
    assert len(notes) == 1
    again = Step(encoder, tokens, build_objective(recipe.loss, config), config, notes.append)
    again.resume(step.room.halvings, step.room.everything_checkpointed)
    assert again.room == step.room


def test_when_one_text_does_not_fit_its_layers_are_computed_twice(tiny_model_folder: Path) -> None:
    """Halving down to one text is not enough: activation checkpointing comes on, with the same result."""
    whole = do(load_encoder(str(tiny_model_folder)))
    small = cramped(tiny_model_folder, 1, checkpointed=True)
    small.probed = 2
    done = do(small, gradient_cache="auto")
    assert_equal(done, whole)
    assert len(done.notes) == 1
    assert "layers are computed twice" in done.notes[0]


def test_memory_that_is_too_small_to_be_tried_is_said(tiny_model_folder: Path) -> None:
    """Where two texts do not fit for a try, texts go one at a time from the first step on."""
    whole = do(load_encoder(str(tiny_model_folder)))
    done = do(cramped(tiny_model_folder, 1))
    assert_equal(done, whole)
    assert done.notes == ["the memory of cpu is small: texts go through the model one at a time, layers twice"]


def test_when_nothing_helps_the_error_says_what_to_lower(tiny_model_folder: Path) -> None:
    """A device too small for one text ends the run with a sentence."""
    with pytest.raises(TrainingError, match="too small to train on one text of 31 tokens") as caught:
        do(cramped(tiny_model_folder, 0))
    assert "--max-tokens" in caught.value.hint


def test_a_loss_that_is_no_number_is_handed_out(encoder: SentenceEncoder) -> None:
    """The step says what it found; nobody is told that it was fine."""
    with torch.no_grad():
        next(encoder.model.parameters()).fill_(float("nan"))
    result = do(encoder).result
    assert np.isnan([result.loss, result.gradient_norm]).all()
