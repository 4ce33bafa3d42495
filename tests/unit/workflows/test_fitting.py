from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.fakes.hash_encoder import HashEncoder
from tests.fakes.tiny_model import save_tiny_model
from tests.fakes.word_rows import overlapping_pairs, write_jsonl
from vectune.config import TuneConfig
from vectune.encode.loading import load_encoder
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.errors import DataError, Interrupted, TrainingError
from vectune.monitor.metric_log import read_metrics
from vectune.monitor.progress import Silent
from vectune.records import Retrieval, Splits
from vectune.workflows.fitting import METRICS, Place, fit
from vectune.workflows.prepare import TokenLimit, prepare

TEXTS = ["red1 dog2 cat3", "sun4 bug5"]


class Values(Silent):
    """Remembers stages and the names of values."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.names: set[str] = set()

    def stage(self, name: str, total: int | None = None) -> None:
        self.stages.append(name)

    def advance(self, amount: int = 1, **values: float) -> None:
        self.names |= values.keys()


@pytest.fixture
def encoder(tiny_model_folder: Path) -> SentenceEncoder:
    """The tiny model, fresh."""
    return load_encoder(str(tiny_model_folder))


@pytest.fixture
def splits(tmp_path: Path) -> Splits:
    """Sixty pairs, divided."""
    data = write_jsonl(tmp_path / "pairs.jsonl", overlapping_pairs(60))
    return prepare(TuneConfig(path=str(data)), TokenLimit(HashEncoder().count_tokens, 48), Silent()).splits


def _config(**train: object) -> TuneConfig:
    return TuneConfig.model_validate({"path": "a", "train": {"epochs": 2, **train}})


def _place(tmp_path: Path, progress: Silent | None = None, stop_after: int = 10_000) -> Place:
    asked = iter(range(stop_after))
    return Place(tmp_path, progress or Silent(), lambda: next(asked, None) is None)


def test_stages_and_values_have_names_for_people(encoder: SentenceEncoder, splits: Splits, tmp_path: Path) -> None:
    """Baseline, training and mixing are stages; the dev score goes by its measure."""
    seen = Values()
    fitted = fit(encoder, splits, _config(), _place(tmp_path, seen))
    assert seen.stages == ["baseline on dev", "train", "interpolate"]
    assert seen.names == {"loss", "rows_per_second", "dev ndcg@10"}
    assert fitted.share in (0.5, 0.75, 1.0)
    assert 0 < fitted.trained.steps <= fitted.trained.total_steps


def test_log_names_the_measure(encoder: SentenceEncoder, splits: Splits, tmp_path: Path) -> None:
    """Every dev score and mix in the log says which measure it is; the base's score stands at step 0."""
    fit(encoder, splits, _config(), _place(tmp_path))
    entries = read_metrics(tmp_path / METRICS)
    measures = entries[0].pop("measures")
    assert entries[0] == {
        "event": "dev", "measure": "ndcg@10", "step": 0, "epoch": 0.0, "score": measures["ndcg@10"], "best": False,
    }  # fmt: skip
    scored = [entry for entry in entries if entry["event"] in ("dev", "interpolation")]
    assert {entry["measure"] for entry in scored} == {"ndcg@10"}


def test_without_dev_the_last_weights_are_kept(encoder: SentenceEncoder, splits: Splits, tmp_path: Path) -> None:
    """Where dev is too small, nothing is judged in training and nothing is mixed in."""
    bare = Splits(splits.train, Retrieval({}, {}, {}), splits.test)
    before = encoder.encode(TEXTS)
    seen = Values()
    fitted = fit(encoder, bare, _config(learning_rate=0.01), _place(tmp_path, seen))
    assert (fitted.share, fitted.trained.best_score) == (1.0, None)
    assert seen.stages == ["train"]
    assert {entry["event"] for entry in read_metrics(tmp_path / METRICS)} == {"train"}
    assert not np.allclose(encoder.encode(TEXTS), before, atol=1e-3)


def test_one_share_is_not_tried(encoder: SentenceEncoder, splits: Splits, tmp_path: Path) -> None:
    """With the tuned weights as the only mix there is nothing to choose."""
    seen = Values()
    assert fit(encoder, splits, _config(interpolation=(1.0,)), _place(tmp_path, seen)).share == 1.0
    assert "interpolate" not in seen.stages


def test_interrupted_fit_goes_on(tiny_model_folder: Path, splits: Splits, tmp_path: Path) -> None:
    """Stopped in training and called again, it gives the weights of the undisturbed fit and logs each step once."""
    whole, halves = load_encoder(str(tiny_model_folder)), load_encoder(str(tiny_model_folder))
    (tmp_path / "whole").mkdir()
    (tmp_path / "halves").mkdir()
    fit(whole, splits, _config(), _place(tmp_path / "whole"))
    with pytest.raises(Interrupted, match="Stopped at step"):
        fit(halves, splits, _config(), _place(tmp_path / "halves", stop_after=5))
    again, seen = load_encoder(str(tiny_model_folder)), Values()
    fit(again, splits, _config(), _place(tmp_path / "halves", seen))
    assert again.encode(TEXTS) == pytest.approx(whole.encode(TEXTS), abs=1e-6)
    assert "baseline on dev" not in seen.stages
    steps = [entry["step"] for entry in read_metrics(tmp_path / "halves" / METRICS) if entry["event"] == "train"]
    assert steps == list(range(1, len(steps) + 1))


def test_checkpoint_of_other_settings_is_refused(tiny_model_folder: Path, splits: Splits, tmp_path: Path) -> None:
    """What was trained with another seed is not gone on with."""
    with pytest.raises(Interrupted):
        fit(load_encoder(str(tiny_model_folder)), splits, _config(), _place(tmp_path, stop_after=5))
    with pytest.raises(TrainingError, match="another base, other data or other settings"):
        fit(load_encoder(str(tiny_model_folder)), splits, _config(seed=1), _place(tmp_path))


def test_checkpoint_of_another_base_is_refused(tiny_model_folder: Path, splits: Splits, tmp_path: Path) -> None:
    """The base's folder holds other weights now: what was learnt on top of the old ones is not put on these."""
    with pytest.raises(Interrupted):
        fit(load_encoder(str(tiny_model_folder)), splits, _config(), _place(tmp_path, stop_after=5))
    changed = load_encoder(str(tiny_model_folder))
    with torch.no_grad():
        next(changed.model.parameters())[0] += 1
    with pytest.raises(TrainingError, match="another base"):
        fit(changed, splits, _config(), _place(tmp_path))


def test_one_row_is_too_few(encoder: SentenceEncoder, splits: Splits, tmp_path: Path) -> None:
    """A single row has nothing to be told from."""
    one = Retrieval({"q": "red1"}, {"d": "dog1"}, {"q": {"d": 1}})
    with pytest.raises(DataError, match="Only 1 row"):
        fit(encoder, Splits(one, splits.dev, splits.test), _config(), _place(tmp_path))


def _stopped_in_training(folder: Path) -> Place:
    """A place where training is stopped after some steps, however often was asked before."""
    seen = Values()
    asked = iter([False] * 4)
    return Place(folder, seen, lambda: "train" in seen.stages and next(asked, True))


def test_teacher_is_a_stage_and_is_not_asked_twice(tiny_model_folder: Path, splits: Splits, tmp_path: Path) -> None:
    """An interrupted fit with a teacher goes on to the very weights, without computing the teacher's vectors again."""
    config = _config(teacher=str(save_tiny_model(tmp_path / "teacher", seed=3)), guide="self")
    whole, halves, again = (load_encoder(str(tiny_model_folder)) for _ in range(3))
    config = config.model_copy(update={"base": str(tiny_model_folder)})
    seen, after = Values(), Values()
    for name in ("whole", "halves"):
        (tmp_path / name).mkdir()
    fit(whole, splits, config, _place(tmp_path / "whole", seen))
    with pytest.raises(Interrupted, match="Stopped at step"):
        fit(halves, splits, config, _stopped_in_training(tmp_path / "halves"))
    fit(again, splits, config, _place(tmp_path / "halves", after))
    assert seen.stages[:2] == ["teacher", "guide"]
    assert {"teacher", "guide"}.isdisjoint(after.stages)
    expected = whole.model.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in again.model.state_dict().items())


def test_checkpoint_of_another_teacher_is_refused(tiny_model_folder: Path, splits: Splits, tmp_path: Path) -> None:
    """A teacher whose weights changed under its name is another training."""
    teacher = tmp_path / "teacher"
    config = _config(teacher=str(save_tiny_model(teacher, seed=3)))
    (tmp_path / "run").mkdir()
    with pytest.raises(Interrupted, match="Stopped at step"):
        fit(load_encoder(str(tiny_model_folder)), splits, config, _stopped_in_training(tmp_path / "run"))
    save_tiny_model(teacher, seed=4)
    with pytest.raises(TrainingError, match="another base, other data or other settings"):
        fit(load_encoder(str(tiny_model_folder)), splits, config, _place(tmp_path / "run"))


@pytest.mark.parametrize(
    ("settings", "said"),
    [({}, "--loss listwise_kl or margin_mse"), ({"teacher": "base"}, "the teacher's"), ({"loss": "listwise_kl"}, "")],
)
def test_unused_scores_are_told(
    tiny_model_folder: Path, tmp_path: Path, splits: Splits, settings: dict[str, str], said: str
) -> None:
    """Scores in the data that nothing learns from are said, with what would; where they are learnt nothing is said."""
    train = splits.train
    assert isinstance(train, Retrieval)
    scores = {query: dict.fromkeys(grades, 0.9) for query, grades in train.qrels.items()}
    named = {key: str(tiny_model_folder) if value == "base" else value for key, value in settings.items()}
    notes: list[str] = []

    class Notes(Silent):
        def note(self, message: str) -> None:
            notes.append(message)

    with_scores = Splits(replace(train, scores=scores), splits.dev, splits.test)
    fit(load_encoder(str(tiny_model_folder)), with_scores, _config(**named, epochs=1), _place(tmp_path, Notes()))
    assert len(notes) == bool(said)
    assert all("scores" in note and said in note for note in notes)
