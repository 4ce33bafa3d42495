"""`auto` takes the fastest runtime that is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from vectune.encode.backends.choose import choose_backend, nvidia_device


@pytest.mark.parametrize(
    ("installed", "gpu", "device", "expected"),
    [
        ({"openvino", "onnxruntime", "onnxscript"}, False, None, "openvino"),
        ({"onnxruntime", "onnxscript"}, False, None, "onnx"),
        ({"onnxruntime"}, False, None, "torch"),
        (set(), False, None, "torch"),
        ({"openvino"}, True, None, "torch"),
        ({"openvino"}, True, "cpu", "openvino"),
        ({"openvino"}, False, "mps", "torch"),
    ],
)
def test_choice(tiny_model_folder: Path, installed: set[str], gpu: bool, device: str | None, expected: str) -> None:
    """OpenVINO, onnxruntime where graphs can be made for it, torch; torch on a GPU unless the CPU is named."""
    chosen = choose_backend(tiny_model_folder, device, installed=installed.__contains__, has_gpu=lambda: gpu)
    assert chosen == expected


def test_looking_for_a_gpu_imports_nothing() -> None:
    """The answer is that of the system's device files."""
    assert nvidia_device() == Path("/dev/nvidia0").exists()
