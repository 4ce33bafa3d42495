"""`vectune encode` tells what is needed to use what it wrote."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.functional.command_line import run_here


def test_scale_of_int8_is_printed(tiny_model_folder: Path, tmp_path: Path) -> None:
    """The .npy file has no place for it: the number on the screen brings the vectors back."""
    (tmp_path / "texts.txt").write_text("red1 blue2\ncat3\n")
    command = ("encode", tiny_model_folder, tmp_path / "texts.txt", "--backend", "torch", "--precision", "fp32")
    plain = run_here(*command, "--out", tmp_path / "plain.npy")
    small = run_here(*command, "--out", tmp_path / "small.npy", "--type", "int8")
    assert "scale of" not in plain.out
    (line,) = (line for line in small.out.splitlines() if line.startswith("scale"))
    restored = np.load(tmp_path / "small.npy") * float(line.rsplit(" ", 1)[1])
    np.testing.assert_allclose(restored, np.load(tmp_path / "plain.npy"), atol=0.01)
