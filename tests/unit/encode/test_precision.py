from __future__ import annotations

import pytest
import torch

from vectune.encode.precision import autocast, resolve_precision


def test_what_is_wanted_is_taken() -> None:
    """A precision that was asked for is not second-guessed; auto is one of the two."""
    cpu = torch.device("cpu")
    assert resolve_precision("fp32", cpu) == "fp32"
    assert resolve_precision("bf16", cpu) == "bf16"
    assert resolve_precision("auto", cpu) in ("fp32", "bf16")
    assert resolve_precision("auto", torch.device("meta")) == "fp32"


@pytest.mark.parametrize(
    ("capabilities", "precision"),
    [
        ({}, "fp32"),
        ({"avx512_bf16": False, "avx512_f": True}, "fp32"),
        ({"avx512_bf16": True}, "bf16"),
        ({"amx_bf16": True}, "bf16"),
        ({"bf16": True}, "bf16"),
    ],
)
def test_the_processor_decides(monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], precision: str) -> None:
    """Without bf16 instructions (x86 or Arm) a CPU works in fp32."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert resolve_precision("auto", torch.device("cpu")) == precision


@pytest.mark.parametrize(
    ("capability", "precision"), [((7, 0), "fp32"), ((7, 5), "fp32"), ((8, 0), "bf16"), ((9, 0), "bf16")]
)
def test_the_gpu_decides(monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], precision: str) -> None:
    """A GPU that only emulates bf16 (before Ampere) works in fp32; it is asked for the device that is meant."""
    asked: list[torch.device] = []

    def capability_of(device: torch.device) -> tuple[int, int]:
        asked.append(device)
        return capability

    monkeypatch.setattr(torch.cuda, "get_device_capability", capability_of)
    assert resolve_precision("auto", torch.device("cuda:1")) == precision
    assert asked == [torch.device("cuda:1")]


@pytest.mark.parametrize(("precision", "product"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_products_run_in_the_precision(precision: str, product: torch.dtype) -> None:
    """Matrix products run in it, weights stay as they are, and after the context all is as before."""
    layer = torch.nn.Linear(4, 4)
    with autocast("bf16" if precision == "bf16" else "fp32", torch.device("cpu")):
        assert layer(torch.ones(1, 4)).dtype == product
    assert layer.weight.dtype == torch.float32
    assert layer(torch.ones(1, 4)).dtype == torch.float32
