"""Vectors of a teacher and a guide: right, computed once, found again by content."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.tiny_model import save_tiny_model
from tests.unit.encode.test_adapted import random_adapter
from vectune.config import TrainConfig
from vectune.encode.adapted import AdaptedEncoder
from vectune.encode.loading import load_encoder
from vectune.errors import ModelError, StorageError
from vectune.monitor.progress import Silent
from vectune.records import Role
from vectune.train.pool import TextPool
from vectune.train.teacher import NO_REFERENCES, consult, content_key, text_vectors

TEXTS = [("red1 dog2", Role.QUERY), ("cat3", Role.DOCUMENT), ("sun4 bug5 sun6", Role.DOCUMENT), ("cat3", Role.QUERY)]


class Stages(Silent):
    """Remembers stages and notes and counts units."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, int | None]] = []
        self.said: list[str] = []
        self.done = 0

    def stage(self, name: str, total: int | None = None) -> None:
        self.stages.append((name, total))

    def advance(self, amount: int = 1, **values: float) -> None:
        self.done += amount

    def note(self, message: str) -> None:
        self.said.append(message)


@pytest.fixture
def pool() -> TextPool:
    """Four texts in their roles."""
    pool = TextPool()
    for text, role in TEXTS:
        pool.add(text, role)
    return pool


@pytest.fixture(scope="module")
def prompted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model that treats queries and documents differently."""
    return save_tiny_model(tmp_path_factory.mktemp("prompted") / "model", prompts=True, seed=1)


def test_a_teacher_with_an_adapter_is_asked_with_it(pool: TextPool, prompted: Path, tmp_path: Path) -> None:
    """Queries are those of the adapted model, documents the base's, and the key is another than the base's."""
    encoder = load_encoder(str(prompted), precision="fp32")
    adapted = AdaptedEncoder(encoder, random_adapter(), "adapted")
    vectors = text_vectors(pool, adapted, tmp_path, "teacher", Silent())
    expected = np.concatenate([adapted.encode([text], role) for text, role in TEXTS])
    assert vectors.at(np.array([0, 1, 2, 3])).numpy() == pytest.approx(expected, abs=1e-3)
    halved = AdaptedEncoder(encoder, random_adapter().scaled(0.5), "adapted")
    assert len({content_key(one) for one in (encoder, adapted, halved)}) == 3


def test_each_text_is_encoded_in_its_role(pool: TextPool, prompted: Path, tmp_path: Path) -> None:
    """The vectors at the numbers are those that the model gives query and document, to half precision, of norm 1."""
    encoder = load_encoder(str(prompted), precision="fp32")
    vectors = text_vectors(pool, encoder, tmp_path, "teacher", Silent())
    expected = np.concatenate([encoder.encode([text], role) for text, role in TEXTS])
    found = vectors.at(np.array([0, 1, 2, 3]))
    assert found.numpy() == pytest.approx(expected, abs=1e-3)
    assert found.norm(dim=1).numpy() == pytest.approx(1.0, abs=1e-6)
    assert (vectors.at(np.array([3, 0])) == found[[3, 0]]).all()


def test_vectors_are_computed_once(pool: TextPool, tiny_model_folder: Path, tmp_path: Path) -> None:
    """One stage counts every text; teacher and guide of one model share a file, and a second run computes none."""
    config = TrainConfig(teacher=str(tiny_model_folder), guide="self")
    seen, again = Stages(), Stages()
    first = consult(pool, config, str(tiny_model_folder), tmp_path, seen)
    second = consult(pool, config, str(tiny_model_folder), tmp_path, again)
    assert seen.stages == [("teacher", len(TEXTS))]
    assert seen.done == len(TEXTS)
    assert again.stages == []
    assert first.teacher is not None
    assert {path.name for path in tmp_path.iterdir()} == {f"{first.teacher.key}.{end}" for end in ("npy", "sha256")}
    assert first.key == second.key != ""
    assert first.guide is not None
    assert second.teacher is not None
    numbers = np.arange(len(TEXTS))
    assert (first.guide.at(numbers) == second.teacher.at(numbers)).all()


def _flipped(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize(
    "damage",
    [lambda content: b"", lambda content: b"half", lambda content: content[:-1], _flipped],
    ids=["empty", "no array", "cut short", "a bit flipped"],
)
def test_kept_vectors_that_are_not_whole_are_computed_again(
    pool: TextPool, tiny_model_folder: Path, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    """What a crash or a disk left of the file is passed over, which is said, and the file is whole afterwards."""
    encoder, numbers = load_encoder(str(tiny_model_folder), precision="fp32"), np.arange(len(TEXTS))
    expected = text_vectors(pool, encoder, tmp_path, "teacher", Silent()).at(numbers)
    (file,) = tmp_path.glob("*.npy")
    file.write_bytes(damage(file.read_bytes()))
    seen, again = Stages(), Stages()
    assert (text_vectors(pool, encoder, tmp_path, "teacher", seen).at(numbers) == expected).all()
    text_vectors(pool, encoder, tmp_path, "teacher", again)
    assert (seen.stages, again.stages) == ([("teacher", len(TEXTS))], [])
    assert seen.said == ["the vectors of the teacher that were kept are damaged: they are computed again"]
    assert again.said == []


def test_other_texts_or_weights_are_other_vectors(
    pool: TextPool, tiny_model_folder: Path, prompted: Path, tmp_path: Path
) -> None:
    """What was kept is never taken for another model's, or for another pool's."""
    one, other = load_encoder(str(tiny_model_folder)), load_encoder(str(prompted))
    assert content_key(one) == content_key(load_encoder(str(tiny_model_folder))) != content_key(other)
    keys = {text_vectors(pool, encoder, tmp_path, "teacher", Silent()).key for encoder in (one, other)}
    pool.add("one more", Role.DOCUMENT)
    keys.add(text_vectors(pool, one, tmp_path, "teacher", Silent()).key)
    assert len(keys) == len(list(tmp_path.glob("*.npy"))) == 3


def test_nothing_asked_for_is_nothing_done(pool: TextPool, tmp_path: Path) -> None:
    """Without teacher and guide no model is loaded and no file written."""
    assert consult(pool, TrainConfig(), "nowhere/at/all", tmp_path, Silent()) == NO_REFERENCES
    assert NO_REFERENCES.key == ""
    assert list(tmp_path.iterdir()) == []


def test_teacher_that_is_not_there_is_refused(pool: TextPool, tmp_path: Path) -> None:
    """A wrong path is an error of the model."""
    with pytest.raises(ModelError, match="no model at"):
        consult(pool, TrainConfig(teacher=str(tmp_path / "none")), "base", tmp_path, Silent())


def test_failure_leaves_no_half_file(pool: TextPool, tiny_model_folder: Path, tmp_path: Path) -> None:
    """A folder that can't be made is a sentence; an error while encoding leaves nothing to be taken for whole."""
    encoder = load_encoder(str(tiny_model_folder))
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        text_vectors(pool, encoder, tmp_path / "file" / "vectors", "teacher", Silent())

    class Breaking(Silent):
        def advance(self, amount: int = 1, **values: float) -> None:
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        text_vectors(pool, encoder, tmp_path / "vectors", "teacher", Breaking())
    assert list((tmp_path / "vectors").iterdir()) == []
