"""What is traced is the whole way from tokens to vector, and what can't be traced is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.fakes.tiny_model import WORDS
from vectune.encode.export.graph import EmbeddingGraph, example_inputs, refuse_unfit, tracing
from vectune.encode.loading import load_encoder
from vectune.errors import ModelError


def test_graph_gives_the_encoders_vectors(tiny_model_folder: Path) -> None:
    """Ids and mask in, vectors of norm 1 out, as the encoder's own forward pass."""
    encoder = load_encoder(str(tiny_model_folder), precision="fp32")
    tokens = encoder.tokenize([" ".join(WORDS[:9]), WORDS[3]])
    ids, mask = tokens.padded(np.arange(2), 0)
    with tracing(encoder) as graph:
        found = graph(torch.from_numpy(ids), torch.from_numpy(mask))
    np.testing.assert_allclose(found.numpy(), encoder.forward(tokens, np.arange(2)).detach().numpy(), atol=1e-6)
    assert isinstance(graph, EmbeddingGraph)


def test_example_masks_something(tiny_model_folder: Path) -> None:
    """Without padding in the example, tracing would leave the mask out."""
    ids, mask = example_inputs(load_encoder(str(tiny_model_folder)))
    assert ids.shape == mask.shape
    assert 0 < int(mask.sum()) < mask.numel()


def test_prompt_outside_the_pooling_is_refused(prompted_model: Path) -> None:
    """A graph of two inputs does not know where the prompt ends."""
    encoder = load_encoder(str(prompted_model))
    refuse_unfit(encoder)
    encoder.model.set_pooling_include_prompt(False)
    with pytest.raises(ModelError, match="out of the pooling"):
        refuse_unfit(encoder)
