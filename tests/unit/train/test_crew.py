"""Micro-batches that go through copies of a model at the same time give what they give one after another."""

from __future__ import annotations

import threading
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.fakes.tiny_model import WORDS
from vectune.encode.loading import load_encoder
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.encode.tokens import Indices, Tokens
from vectune.train.crew import Crew, Task, crew_size, form_crew

PARTS = [np.array(rows) for rows in ([0, 1, 2], [3], [4, 5], [6, 7, 8, 9])]
SHARES = [[3, 1], [0, 2]]


pytestmark = pytest.mark.usefixtures("two_threads")


@pytest.fixture
def encoder(tiny_model_folder: Path) -> SentenceEncoder:
    return load_encoder(str(tiny_model_folder), precision="fp32")


def tokens_of(encoder: SentenceEncoder) -> Tokens:
    return encoder.tokenize([" ".join(WORDS[i : 2 * i + 3]) for i in range(10)])


def tasks_of(encoder: SentenceEncoder) -> list[Task]:
    tokens = tokens_of(encoder)

    def one(rows: Indices, encoder: SentenceEncoder) -> Tensor:
        return encoder.forward(tokens, rows)

    return [partial(one, rows) for rows in PARTS]


def gradients(vectors: Tensor, model: nn.Module) -> dict[str, Tensor]:
    """Of a sum in which each value counts differently."""
    (vectors * torch.linspace(-1, 1, vectors.numel()).view(vectors.shape)).sum().backward()  # type: ignore[no-untyped-call]
    return {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}


def test_vectors_and_gradients_are_those_of_one_model(encoder: SentenceEncoder) -> None:
    """In the order of the tasks, whoever did them; the copy's gradients are in the model afterwards."""
    tasks = tasks_of(encoder)
    alone = torch.cat([task(encoder) for task in tasks])
    wanted = gradients(alone, encoder.model)
    crew = Crew(encoder, 2)
    crew.clear()
    together = crew.forward(tasks, SHARES)
    torch.testing.assert_close(together.detach(), alone.detach(), rtol=1e-6, atol=1e-6)
    gradients(together, encoder.model)
    assert all(weight.grad is not None for weight in crew.models[1][0].auto_model.encoder.parameters())
    crew.gather()
    found = {name: weight.grad for name, weight in encoder.model.named_parameters() if weight.grad is not None}
    assert found.keys() == wanted.keys()
    assert len(found) > 20
    for name, gradient in wanted.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-5, atol=1e-5, msg=name)
    assert all(weight.grad is None for weight in crew.models[1].parameters())


def test_the_same_bits_each_time(encoder: SentenceEncoder) -> None:
    """Gradients are added up in an order of their own, whichever thread is first."""
    crew = Crew(encoder, 2)
    seen = []
    for slow in (0, 1, 0):

        def late(task: Task, encoder: SentenceEncoder, slow: int = slow) -> Tensor:
            if encoder is crew.encoders[slow]:
                time.sleep(0.01)
            return task(encoder)

        crew.clear()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            vectors = crew.forward([partial(late, task) for task in tasks_of(encoder)], SHARES)
        gradients(vectors, encoder.model)
        crew.gather()
        seen.append([weight.grad for weight in encoder.model.parameters() if weight.grad is not None])
    assert all(torch.equal(one, other) for again in seen[1:] for one, other in zip(seen[0], again, strict=True))


def test_without_gradients_there_is_no_graph(encoder: SentenceEncoder) -> None:
    """Threads do not inherit the mode of the one that asks: it is handed on."""
    with torch.no_grad():
        assert Crew(encoder, 2).forward(tasks_of(encoder), SHARES).grad_fn is None


def test_sparse_gradients_are_added_up_row_by_row(encoder: SentenceEncoder) -> None:
    """Each row stands there once, as in the gradient of one model."""
    encoder.model[0].auto_model.embeddings.word_embeddings.sparse = True
    tasks = tasks_of(encoder)
    name = "0.model.embeddings.word_embeddings.weight"
    wanted = gradients(torch.cat([task(encoder) for task in tasks]), encoder.model)[name].coalesce()
    crew = Crew(encoder, 2)
    crew.clear()
    gradients(crew.forward(tasks, SHARES), encoder.model)
    crew.gather()
    found = dict(encoder.model.named_parameters())[name].grad
    assert found is not None
    assert found.is_coalesced()
    torch.testing.assert_close(found.indices(), wanted.indices())
    torch.testing.assert_close(found.values(), wanted.values(), rtol=1e-5, atol=1e-5)


def test_copies_have_modules_of_their_own_and_the_weights_of_the_model(encoder: SentenceEncoder) -> None:
    """What an optimiser or a checkpoint writes into the model is in the copy as well; the tokenizer is the same."""
    crew = Crew(encoder, 2)
    own, other = crew.models
    assert not {id(module) for module in own.modules()} & {id(module) for module in other.modules()}
    for one, two in zip(own.parameters(), other.parameters(), strict=True):
        assert one is not two
        assert one.data_ptr() == two.data_ptr()
    assert cast("Any", own).tokenizer is cast("Any", other).tokenizer
    with torch.no_grad():
        next(own.parameters()).fill_(3.0)
    assert bool((next(other.parameters()) == 3.0).all())


def test_copies_go_into_the_mode_of_the_model(encoder: SentenceEncoder) -> None:
    """Dropout is on in all of them or in none."""
    crew = Crew(encoder, 2)
    for training in (True, False):
        encoder.model.train(training)
        encoder.model[0].auto_model.embeddings.eval()
        crew.clear()
        assert crew.models[1].training is training
        assert encoder.model.training is training
        assert not encoder.model[0].auto_model.embeddings.training


def test_a_model_that_refuses_to_be_copied_goes_alone(encoder: SentenceEncoder) -> None:
    """Models bring code of their own, which may hold what cannot be copied."""
    assert len(form_crew(encoder, 2).encoders) == 2
    encoder.model.kept = threading.Lock()
    assert len(form_crew(encoder, 2).encoders) == 1


def test_an_error_comes_when_no_thread_works_any_more(encoder: SentenceEncoder) -> None:
    """What is put in place around a step is taken away afterwards: nobody may still be using it."""
    done: list[str] = []

    def fails(encoder: SentenceEncoder) -> Tensor:
        raise torch.OutOfMemoryError("on purpose")

    def is_slow(encoder: SentenceEncoder) -> Tensor:
        time.sleep(0.05)
        done.append("slow")
        return torch.zeros(1, 2)

    with pytest.raises(torch.OutOfMemoryError, match="on purpose"):
        Crew(encoder, 2).forward([fails, is_slow], [[0], [1]])
    assert done == ["slow"]


def test_threads_are_shared_out(encoder: SentenceEncoder) -> None:
    """Each has its part of torch's threads; who asks keeps all."""
    torch.set_num_threads(4)
    seen: list[int] = []

    def asks(encoder: SentenceEncoder) -> Tensor:
        seen.append(torch.get_num_threads())
        return torch.zeros(1, 2)

    with torch.no_grad():
        Crew(encoder, 2).forward([asks, asks], [[0], [1]])
    assert seen == [2, 2]
    assert torch.get_num_threads() == 4


def test_two_at_once_on_a_cpu_with_two_threads(encoder: SentenceEncoder) -> None:
    """What is wanted counts as far as there are threads."""
    assert [crew_size(encoder, wanted) for wanted in (None, 1, 2, 3)] == [2, 1, 2, 2]
    torch.set_num_threads(1)
    assert [crew_size(encoder, wanted) for wanted in (None, 2)] == [1, 1]


def test_one_at_once_on_a_gpu(encoder: SentenceEncoder) -> None:
    """There one micro-batch fills the device."""
    encoder.device = torch.device("cuda")
    assert crew_size(encoder, 2) == 1


@pytest.mark.parametrize("place", ["hook", "pre-hook", "module", "encoder"])
def test_one_at_once_where_a_copy_would_share_more_than_weights(encoder: SentenceEncoder, place: str) -> None:
    """A hook or a forward pass put in place belongs to the model that it was made for."""
    layer = encoder.model[0].auto_model.encoder.layer[0]
    if place == "hook":
        layer.register_forward_hook(lambda *_: None)
    elif place == "pre-hook":
        layer.register_forward_pre_hook(lambda *_: None)
    else:
        kept = layer if place == "module" else encoder
        kept.forward = kept.forward
    assert crew_size(encoder, None) == crew_size(encoder, 2) == 1


@pytest.mark.parametrize(("rows", "sparse", "size"), [(100, False, 2), (200_000, False, 1), (200_000, True, 2)])
def test_one_at_once_where_a_copy_would_take_much_memory(rows: int, sparse: bool, size: int) -> None:
    """A second gradient of all weights; tables count only where they have a gradient as large as they are."""
    table = nn.Embedding(rows, 1024, sparse=sparse, device="meta")
    encoder = cast("SentenceEncoder", SimpleNamespace(device=torch.device("cpu"), model=table))
    assert crew_size(encoder, None) == size
    assert crew_size(encoder, 2) == 2


def test_no_gradients_of_frozen_weights(encoder: SentenceEncoder) -> None:
    """What is not trained in the model is not trained in the copy."""
    for weight in encoder.model.parameters():
        weight.requires_grad_(False)
    encoder.model[0].auto_model.encoder.layer[1].output.dense.weight.requires_grad_(True)
    crew = Crew(encoder, 2)
    crew.clear()
    gradients(crew.forward(tasks_of(encoder), SHARES), encoder.model)
    assert sum(weight.grad is not None for weight in crew.models[1].parameters()) == 1
