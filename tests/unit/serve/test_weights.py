"""How large a model is."""

from __future__ import annotations

from pathlib import Path

from vectune.serve.weights import weights_bytes


def test_sum_of_the_weights_files(tiny_model_folder: Path) -> None:
    """The size is that of the safetensors, config and tokenizer left out."""
    size = (tiny_model_folder / "model.safetensors").stat().st_size
    assert weights_bytes(str(tiny_model_folder)) == size > 0


def test_what_is_not_here_weighs_nothing(tmp_path: Path) -> None:
    """A remote model, one of the hub and a missing folder count as nothing."""
    assert [weights_bytes(name) for name in ("openai:x", "no-one/no-model", str(tmp_path / "gone"))] == [0, 0, 0]
