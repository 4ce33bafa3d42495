"""Which device and which arithmetic the machine is good at."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch

Precision = Literal["auto", "fp32", "bf16"]

AMPERE = (8, 0)
"""The compute capability from which on NVIDIA's GPUs have bf16; torch also calls it supported where it is emulated."""


def default_device() -> str:
    """Where a model goes when nobody says: CUDA where there is one, else the CPU. Others were never tried."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def resolve_precision(wanted: Precision, device: torch.device) -> Literal["fp32", "bf16"]:
    """What `wanted` means on `device`: `auto` is bf16 where there are instructions for it, fp32 elsewhere.

    Without such instructions bf16 is emulated, several times slower than fp32.
    """
    if wanted != "auto":
        return wanted
    if device.type == "cuda":
        return "bf16" if _gpu_has_bf16(device) else "fp32"
    if device.type == "cpu":
        return "bf16" if _cpu_has_bf16() else "fp32"
    return "fp32"


def autocast(precision: Literal["fp32", "bf16"], device: torch.device) -> AbstractContextManager[object]:
    """A context in which matrix products run in `precision`; weights stay fp32."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def _gpu_has_bf16(device: torch.device) -> bool:
    return bool(torch.version.hip) or torch.cuda.get_device_capability(device) >= AMPERE


def _cpu_has_bf16() -> bool:
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") or capabilities.get("bf16"))
