"""Sizes that a model was trained for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vectune.serve.matryoshka import trained_dims


def test_sizes_stand_beside_the_model(tmp_path: Path) -> None:
    """They are read from the model's folder, or from the run folder around it."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "vectune_space.json").write_text(json.dumps({"dims": [32, 16]}), encoding="utf-8")
    assert trained_dims(tmp_path) == trained_dims(tmp_path / "model") == {32, 16}


@pytest.mark.parametrize("content", [None, "no json", "{}", '{"dims": 3}'])
def test_other_models_have_none(tmp_path: Path, content: str | None) -> None:
    """Without a readable file no size counts as trained."""
    if content is not None:
        (tmp_path / "vectune_space.json").write_text(content, encoding="utf-8")
    assert trained_dims(tmp_path) == frozenset()
