"""bf16 throughout on a CPU: other arithmetic, the same model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from vectune.encode.loading import load_encoder
from vectune.encode.precision import autocast
from vectune.train.activations import bf16_activations, training_arithmetic

TEXTS = ["the cat sat on the mat", "a dog", "the dog and the cat and the mouse"]


def _dtypes(folder: Path, *, wanted: bool) -> tuple[set[torch.dtype], Tensor, Tensor]:
    """Types that layer norms give, the vectors, and the gradient of the word embeddings."""
    encoder = load_encoder(str(folder))
    tokens = encoder.tokenize(TEXTS)
    seen: set[torch.dtype] = set()
    layers = [module for name, module in encoder.model.named_modules() if name.endswith("output.LayerNorm")]
    for layer in layers:
        layer.register_forward_hook(lambda part, inputs, output: seen.add(output.dtype))
    arithmetic = bf16_activations(encoder.model) if wanted else torch.enable_grad()
    with arithmetic, autocast("bf16", encoder.device):
        vectors = encoder.forward(tokens, np.arange(len(TEXTS)))
    vectors[0, :8].sum().backward()  # type: ignore[no-untyped-call]
    gradient = next(weight.grad for name, weight in encoder.model.named_parameters() if "word_embeddings" in name)
    assert gradient is not None
    return seen, vectors.detach(), gradient.to_dense() if gradient.is_sparse else gradient


def test_the_stream_is_bf16_and_the_weights_are_fp32(tiny_model_folder: Path) -> None:
    """Layer norms give bf16 within the block; vectors and gradients stay close and fp32."""
    plain, before, gradient_before = _dtypes(tiny_model_folder, wanted=False)
    stream, after, gradient = _dtypes(tiny_model_folder, wanted=True)
    assert plain == {torch.float32}
    assert stream == {torch.bfloat16}
    assert after.dtype == gradient.dtype == torch.float32
    assert torch.nn.functional.cosine_similarity(before, after).min() > 0.999
    flat = torch.nn.functional.cosine_similarity(gradient_before.flatten(), gradient.flatten(), dim=0)
    assert flat > 0.99


def test_nothing_is_left_behind(tiny_model_folder: Path) -> None:
    """After the block the model is the one before it: the same hooks, the same attention."""
    encoder = load_encoder(str(tiny_model_folder))
    before = [len(module._forward_hooks) for module in encoder.model.modules()]
    with training_arithmetic([encoder.model], "bf16", torch.device("cpu")):
        within = [len(module._forward_hooks) for module in encoder.model.modules()]
    assert sum(within) == sum(before) + 1
    assert [len(module._forward_hooks) for module in encoder.model.modules()] == before


@pytest.mark.parametrize(("precision", "device"), [("fp32", "cpu"), ("bf16", "cuda"), ("fp32", "cuda")])
def test_elsewhere_the_model_computes_as_it_is(tiny_model_folder: Path, precision: str, device: str) -> None:
    """Only bf16 on a CPU is changed."""
    encoder = load_encoder(str(tiny_model_folder))
    before = [len(module._forward_hooks) for module in encoder.model.modules()]
    with training_arithmetic([encoder.model], precision, torch.device(device)):  # type: ignore[arg-type]
        assert [len(module._forward_hooks) for module in encoder.model.modules()] == before
        names = {module.config._attn_implementation for module in encoder.model.modules() if hasattr(module, "config")}
        assert "vectune_matrices" not in names
