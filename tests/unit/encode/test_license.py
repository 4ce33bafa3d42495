from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from vectune.encode.license import license_of


@pytest.mark.parametrize(
    ("card", "found"),
    [
        ("---\nlanguage: en\nlicense: Apache-2.0\n---\n# Model\n", "apache-2.0"),
        ("---\nlicense: 'mit'\n---\n", "mit"),
        ("---\nlanguage: en\n---\nlicense: mit\n", None),
        ("# Model\n\nlicense: mit\n", None),
        ("---\r\nlicense: mit\r\n---\r\n", "mit"),
    ],
)
def test_licence_is_the_cards(card: str, found: str | None, tiny_model_folder: Path, tmp_path: Path) -> None:
    """The front matter of the card names the licence; text elsewhere does not."""
    model = shutil.copytree(tiny_model_folder, tmp_path / "model")
    (model / "README.md").write_bytes(card.encode())
    assert license_of(str(model)) == found


def test_model_without_a_card_has_no_known_licence(tiny_model_folder: Path) -> None:
    """Nothing is guessed."""
    assert license_of(str(tiny_model_folder)) is None
