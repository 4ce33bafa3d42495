"""The distilled table: each row is the base's vector of its token, reduced and weighted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.fakes.tiny_decoder import save_tiny_decoder
from tests.fakes.tiny_model import SPECIAL, WORDS
from vectune.encode.loading import load_encoder
from vectune.errors import ModelError
from vectune.monitor.progress import Silent
from vectune.train.distil_static import TableShape, distil, principal_components, sif_weights

SHAPE = TableShape(dim=16, words=100, sif=1e-3, whitening=0.5)
TEXTS = ["red1 red1 red2 dog3", "red1 cat7"]


def test_components_keep_what_tells_rows_apart() -> None:
    """All components without whitening keep every distance, up to one scale; fewer keep the largest spread."""
    rows = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32) * [5, 4, 3, 2, 1, 0.1] + 7
    reduced = principal_components(rows.astype(np.float32), 6, 0.0)
    before = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    after = np.linalg.norm(reduced[:, None] - reduced[None], axis=2)
    np.testing.assert_allclose(after / after.max(), before / before.max(), atol=1e-5)
    assert np.linalg.norm(reduced, axis=1).mean() == pytest.approx(1, abs=1e-5)
    spread = principal_components(rows.astype(np.float32), 3, 0.0).std(axis=0)
    assert list(spread) == sorted(spread, reverse=True)


def test_whitening_evens_out_the_components() -> None:
    """At 1 every component is equally large, in between the ratio of the largest to the smallest goes by the power."""
    rows = (np.random.default_rng(0).normal(size=(500, 4)) * [8, 4, 2, 1]).astype(np.float32)
    ratios = [np.ptp(np.log(principal_components(rows, 4, power).std(axis=0))) for power in (0.0, 0.5, 1.0)]
    assert ratios[1] == pytest.approx(ratios[0] / 2, abs=1e-3)
    assert ratios[2] == pytest.approx(0, abs=1e-3)


def test_weights_fall_with_frequency() -> None:
    """a / (a + p): of tokens at neighbouring places the more frequent one counts less; unseen ones count too."""
    counts = np.array([0, 1000, 10, 0, 0])
    weights = sif_weights(counts, 1e-3)
    assert weights[1] < weights[2] < weights[3] < weights[4] <= 1
    frequency = (1000 + 10_000 * (1 / 2) / (1 + 1 / 2 + 1 / 3 + 1 / 4 + 1 / 5)) / 11_010
    assert weights[1] == pytest.approx(1e-3 / (1e-3 + frequency))
    assert (sif_weights(counts, 1e-2) > weights).all()


def test_rows_are_the_vectors_of_single_tokens(tiny_model_folder: Path) -> None:
    """With all components, unwhitened, a row points where the base's vector of the token does, once centred."""
    base = load_encoder(str(tiny_model_folder), precision="fp32")
    base.model.tokenizer.add_special_tokens({"mask_token": "[MASK]"})
    table = distil(base, TEXTS, TableShape(32, 0, 1e-3, 0.0), Silent())
    single = base.encode(WORDS)
    centred = single - single.mean(axis=0)
    expected = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    found = table.encode(WORDS)
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, atol=1e-4)
    assert table.dim == 32


def test_a_text_is_the_weighted_sum_of_its_rows(tiny_model_folder: Path) -> None:
    """Special tokens have rows of zero; the table is as wide as asked, at most as the base."""
    base = load_encoder(str(tiny_model_folder), precision="fp32")
    base.model.tokenizer.add_special_tokens({"mask_token": "[MASK]"})
    table = distil(base, TEXTS, SHAPE, Silent())
    rows = table.table.weight.detach().numpy()
    assert (rows[: len(SPECIAL)] == 0).all()
    total = rows[len(SPECIAL) + WORDS.index("red1")] * 2 + rows[len(SPECIAL) + WORDS.index("cat7")]
    np.testing.assert_allclose(table.encode(["red1 cat7 red1"])[0], total / np.linalg.norm(total), atol=1e-5)
    assert table.dim == 16
    assert distil(base, TEXTS, TableShape(999, 0, 1e-3, 0.5), Silent()).dim == 32


def test_distilling_twice_gives_the_same_table(tiny_model_folder: Path) -> None:
    """Nothing is drawn at random."""
    first, second = (distil(load_encoder(str(tiny_model_folder)), TEXTS, SHAPE, Silent()) for _ in range(2))
    np.testing.assert_array_equal(first.encode(TEXTS), second.encode(TEXTS))


def test_decoder_can_be_distilled(tmp_path: Path) -> None:
    """A base whose tokenizer puts its special token at the end is read with it there."""
    base = load_encoder(str(save_tiny_decoder(tmp_path / "decoder")), precision="fp32")
    single = base.encode(WORDS)
    centred = single - single.mean(axis=0)
    expected = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    found = distil(base, TEXTS, TableShape(32, 0, 1e-3, 0.0), Silent()).encode(WORDS)
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, atol=1e-4)


def test_a_table_is_not_distilled_again(tiny_model_folder: Path) -> None:
    """What is a token table already is refused."""
    table = distil(load_encoder(str(tiny_model_folder)), TEXTS, SHAPE, Silent())
    with pytest.raises(ModelError, match="token table already"):
        distil(table, TEXTS, SHAPE, Silent())
