"""Which runtime encodes fastest here, found out without importing any."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from vectune.encode.backends.static import is_token_table

Chosen = Literal["torch", "openvino", "onnx", "static"]


def choose_backend(
    folder: Path,
    device: str | None = None,
    *,
    installed: Callable[[str], bool] = lambda name: find_spec(name) is not None,
    has_gpu: Callable[[], bool] = lambda: nvidia_device(),
) -> Chosen:
    """A token table runs as one; a GPU, or a device that is named, is torch's; then OpenVINO, onnxruntime, torch.

    OpenVINO comes first: it alone has bf16 on a CPU, and is no slower than onnxruntime without. onnxruntime is chosen
    only where graphs can be exported for it too.
    """
    if is_token_table(folder):
        return "static"
    if device not in (None, "cpu") or (device is None and has_gpu()):
        return "torch"
    if installed("openvino"):
        return "openvino"
    return "onnx" if installed("onnxruntime") and installed("onnxscript") else "torch"


def nvidia_device(devices: Path = Path("/dev"), environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the system shows an NVIDIA GPU (any, or that of Windows beneath) and the environment does not hide it."""
    if environment.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1"):
        return False
    return (devices / "dxg").exists() or any(devices.glob("nvidia[0-9]*"))
