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


def test_looking_for_a_gpu_imports_nothing(tmp_path: Path) -> None:
    """The answer is that of the system's device files, whichever of them a container is given."""
    for name, seen in [("tty", False), ("nvidia-uvm", False), ("nvidia3", True)]:
        (tmp_path / name).touch()
        assert nvidia_device(tmp_path, {}) is seen


def test_gpu_beneath_windows_is_seen(tmp_path: Path) -> None:
    """It has another name there."""
    (tmp_path / "dxg").touch()
    assert nvidia_device(tmp_path, {})


@pytest.mark.parametrize(("hidden", "seen"), [("", False), ("-1", False), ("0", True), ("GPU-8932f937", True)])
def test_gpu_that_the_environment_hides_is_none(tmp_path: Path, hidden: str, seen: bool) -> None:
    """As CUDA itself has it."""
    (tmp_path / "nvidia0").touch()
    assert nvidia_device(tmp_path, {"CUDA_VISIBLE_DEVICES": hidden}) is seen
