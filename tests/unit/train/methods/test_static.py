"""The static method: distilled once, tuned row by row, mixed with what was distilled."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.fakes.tiny_model import WORDS
from vectune.config import TrainConfig
from vectune.encode.loading import load_encoder
from vectune.encode.static_encoder import StaticEncoder
from vectune.errors import ModelError
from vectune.monitor.progress import Silent
from vectune.records import Kind, Retrieval
from vectune.train.interpolate import copy_weights
from vectune.train.loop import Surroundings, Trainer
from vectune.train.methods.choose import choose_method
from vectune.train.methods.full import Full, require_transformer
from vectune.train.methods.method import Start
from vectune.train.methods.static import Static
from vectune.train.recipe import resolve_recipe
from vectune.train.rows import training_rows

CONFIG = TrainConfig(method="static", static_dim=16, epochs=2, batch_size=8)
TEXTS = ["red1 dog2 cat3", "sun4 bug5"]


def _begin(folder: Path, kept: Path) -> StaticEncoder:
    base = load_encoder(str(folder), precision="fp32")
    encoder = Static(CONFIG).begin(base, Start(TEXTS, kept, Silent()))
    assert isinstance(encoder, StaticEncoder)
    return encoder


def test_distilled_table_is_kept_for_resuming(tiny_model_folder: Path, tmp_path: Path) -> None:
    """The second time the table is read and not distilled, and no vector differs."""
    first = _begin(tiny_model_folder, tmp_path / "kept")
    written = (tmp_path / "kept" / "made_from").stat().st_mtime_ns
    again = _begin(tiny_model_folder, tmp_path / "kept")
    np.testing.assert_array_equal(first.encode(TEXTS), again.encode(TEXTS))
    assert first.dim == 16
    assert (tmp_path / "kept" / "made_from").stat().st_mtime_ns == written


def test_table_of_other_weights_texts_or_shape_is_not_taken(tiny_model_folder: Path, tmp_path: Path) -> None:
    """Nor is half a one: what is kept must be what would be made now."""
    kept = tmp_path / "kept"
    _begin(tiny_model_folder, kept)
    made = {(kept / "made_from").read_text()}
    other = load_encoder(str(tiny_model_folder), precision="fp32")
    with torch.no_grad():
        next(other.model.parameters()).mul_(1.5)
    narrow = TrainConfig(method="static", static_dim=8)
    for config, base, texts in (
        (CONFIG, other, TEXTS),
        (CONFIG, load_encoder(str(tiny_model_folder)), [*TEXTS, "more"]),
        (narrow, load_encoder(str(tiny_model_folder)), TEXTS),
    ):
        Static(config).begin(base, Start(texts, kept, Silent()))
        made.add((kept / "made_from").read_text())
    assert len(made) == 4
    shutil.rmtree(kept / "1_Normalize", ignore_errors=True)
    (kept / "made_from").unlink()
    assert _begin(tiny_model_folder, kept).encode(TEXTS).shape == (2, 16)


class Notes(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, message: str) -> None:
        self.said.append(message)


@pytest.mark.parametrize("damage", ["flipped", "cut off", "gone"])
def test_a_damaged_table_is_distilled_again(tiny_model_folder: Path, tmp_path: Path, damage: str) -> None:
    """It is said once, the table is the same as before, and what is kept then is sound."""
    kept, notes = tmp_path / "kept", Notes()
    expected = _begin(tiny_model_folder, kept).encode(TEXTS)
    (file,) = kept.rglob("*.safetensors")
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content if damage == "flipped" else content[:100])
    if damage == "gone":
        file.unlink()
    for _ in range(2):
        again = Static(CONFIG).begin(load_encoder(str(tiny_model_folder), precision="fp32"), Start(TEXTS, kept, notes))
        np.testing.assert_array_equal(again.encode(TEXTS), expected)
    assert notes.said == ["the distilled table that was kept is damaged: it is distilled again"]


def test_a_step_moves_only_the_rows_of_its_texts(tiny_model_folder: Path, tmp_path: Path) -> None:
    """Tokens that no training text holds have, bit for bit, the rows that were distilled."""
    encoder = _begin(tiny_model_folder, tmp_path / "kept")
    before = copy_weights(encoder.model)["0.embedding.weight"]
    queries = {f"q{i}": f"{WORDS[i]} {WORDS[i + 100]}" for i in range(20)}
    corpus = {f"d{i}": f"{WORDS[i + 50]} {WORDS[i + 100]}" for i in range(20)}
    data = Retrieval(queries, corpus, {f"q{i}": {f"d{i}": 1} for i in range(20)})
    recipe = resolve_recipe(CONFIG, Kind.PAIRS, len(data))
    Trainer(encoder, training_rows(data, CONFIG, recipe), CONFIG, recipe, Surroundings()).run()
    after = copy_weights(encoder.model)["0.embedding.weight"]
    moved = set((before != after).any(dim=1).nonzero().flatten().tolist())
    seen = encoder.tokenize([*queries.values(), *corpus.values()]).ids.tolist()
    assert moved == set(seen)


def test_dim_is_the_settings_within_the_base(tiny_model_folder: Path, tmp_path: Path) -> None:
    """The table is as wide as asked, at most as the base; a base that is a table keeps its width and is tuned as is."""
    base = load_encoder(str(tiny_model_folder))
    assert Static(CONFIG).dim(base) == 16
    assert Static(TrainConfig(method="static")).dim(base) == 32
    table = _begin(tiny_model_folder, tmp_path / "kept")
    assert Static(TrainConfig(method="static")).dim(table) == 16
    assert Static(CONFIG).begin(table, Start((), tmp_path / "none", Silent())) is table


def test_the_distilled_table_is_a_candidate() -> None:
    """Share 0 of the tuned weights is tried beside those of the settings."""
    assert Static(CONFIG).shares((0.5, 1.0)) == (0.0, 0.5, 1.0)


def test_each_method_has_its_name(tiny_model_folder: Path, tmp_path: Path) -> None:
    """`full`, `lora` and `static` are what their names say; the first two need a transformer."""
    assert isinstance(choose_method(TrainConfig()), Full)
    assert isinstance(choose_method(CONFIG), Static)
    assert type(choose_method(TrainConfig(method="lora"))).__name__ == "Lora"
    table = _begin(tiny_model_folder, tmp_path / "kept")
    for method in ("full", "lora"):
        with pytest.raises(ModelError, match="no transformer to tune") as refused:
            choose_method(TrainConfig(method=method)).dim(table)
        assert "--method static" in refused.value.hint
    base = load_encoder(str(tiny_model_folder))
    assert require_transformer(base) is base
    assert choose_method(TrainConfig()).dim(base) == 32
