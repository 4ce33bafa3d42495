"""The space fingerprint changes exactly when vectors could."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vectune.encode.loading import load_encoder
from vectune.encode.space import Space, read_space, space_of, write_space
from vectune.errors import ModelError

SPACE = Space("a", "sha256:1", "mean", "", "", 256, (384, 128))


@pytest.mark.parametrize(
    "change",
    [
        {"revision": "sha256:2"},
        {"pooling": "cls"},
        {"query_prompt": "q: "},
        {"max_tokens": 128},
        {"dims": (384,)},
        {"normalised": False},
    ],
)
def test_what_changes_vectors_changes_the_fingerprint(change: dict[str, object]) -> None:
    """Each part of the space counts."""
    assert replace(SPACE, **change).fingerprint != SPACE.fingerprint  # type: ignore[arg-type]


def test_the_name_does_not_count() -> None:
    """The same weights under another name are the same space."""
    assert replace(SPACE, model="b").fingerprint == SPACE.fingerprint


def test_it_is_read_back_and_tampering_is_seen(tiny_model_folder: Path, tmp_path: Path) -> None:
    """A written space reads back equal; an edited one is refused."""
    space = space_of(load_encoder(str(tiny_model_folder)), tiny_model_folder, (16,))
    assert space.dims == (32, 16)
    write_space(space, tmp_path)
    assert read_space(tmp_path) == space
    file = tmp_path / "vectune_space.json"
    file.write_text(file.read_text().replace('"mean"', '"cls"'))
    with pytest.raises(ModelError, match="was changed"):
        read_space(tmp_path)
