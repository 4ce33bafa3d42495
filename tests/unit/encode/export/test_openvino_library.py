"""OpenVINO and NNCF leave nothing in the user's home."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_PROGRAM = """
from vectune.encode.export.openvino_library import load_nncf, load_openvino
openvino, nncf = load_openvino(), load_nncf()
import torch
model = openvino.convert_model(torch.nn.Linear(4, 4), example_input=torch.zeros(2, 4))
nncf.compress_weights(model)
"""


def test_telemetry_writes_nothing(tmp_path: Path) -> None:
    """Converting and compressing a model in a fresh process makes no file that telemetry would keep at home."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], env={**os.environ, "HOME": str(tmp_path)}, capture_output=True, timeout=120
    )
    assert done.returncode == 0, done.stderr.decode()
    assert not (tmp_path / "intel").exists()
