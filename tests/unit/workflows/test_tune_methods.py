"""Each method through the whole job: tuned, judged, saved, loaded elsewhere, evaluated, encoded, resumed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer

from tests.fakes.tiny_decoder import save_tiny_decoder
from tests.fakes.tiny_model import PROMPTS, save_tiny_model
from tests.fakes.word_rows import overlapping_pairs, write_jsonl
from vectune.config import EncodeConfig, JudgeConfig, TuneConfig
from vectune.encode.loading import load_encoder
from vectune.encode.space import read_space
from vectune.errors import ConfigError, Interrupted, TrainingError
from vectune.monitor.metric_log import read_metrics
from vectune.monitor.progress import Silent
from vectune.train.no_number import ROWS_FILE
from vectune.workflows.encode import encode
from vectune.workflows.evaluate import evaluate
from vectune.workflows.fitting import CHECKPOINTS, METRICS
from vectune.workflows.trial import TRIAL
from vectune.workflows.tune import Hands, partial_folder, tune

TEXTS = ["red1 dog2 cat3", "sun4 bug5", "blue7 " * 20]
METHODS = pytest.mark.parametrize("method", ["lora", "static"])


def _config(tmp_path: Path, base: Path, out: str = "run", **train: Any) -> TuneConfig:
    data = write_jsonl(tmp_path / "pairs.jsonl", overlapping_pairs(60))
    content = {"path": str(data), "base": str(base), "out": tmp_path / out, "evaluate": {"general": False}}
    return TuneConfig.model_validate(content | {"train": {"epochs": 2, "precision": "fp32", **train}})


@METHODS
def test_run_is_judged_and_its_model_goes_everywhere(tiny_model_folder: Path, tmp_path: Path, method: str) -> None:
    """The saved model has the same vectors elsewhere, a space, a card; `evaluate` and `encode` take the run folder."""
    run = tune(_config(tmp_path, tiny_model_folder, method=method, dims=(16, 8)))
    encoder = load_encoder(str(run.folder), precision="fp32")
    loaded = SentenceTransformer(str(run.model), device="cpu")
    np.testing.assert_allclose(loaded.encode(TEXTS), encoder.encode(TEXTS), atol=1e-6)
    assert set(run.verdict["measures"]["tuned"]) >= {"16", "8"}
    assert set(run.verdict["measures"]["base"]) == {"32", "16", "8"}
    space = read_space(run.model)
    assert (space.dims[0], space.normalised) == (encoder.dim, True)
    assert (run.model / "README.md").is_file()
    assert run.report.is_file()
    judged = evaluate(
        JudgeConfig(model=str(run.folder), path=str(tmp_path / "pairs.jsonl"), against=(str(tiny_model_folder),)),
        Silent(),
    )
    assert judged.verdict["tuned"] > 0
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS))
    out = tmp_path / "vectors.npy"
    encode(EncodeConfig(model=str(run.folder), path=str(tmp_path / "texts.txt"), out=out, dims=8), Silent())
    assert np.load(out).shape == (3, 8)
    for file in run.model.rglob("*.json"):
        assert str(tiny_model_folder) not in file.read_text() or file.name == "vectune_space.json"


def _after_two_steps(out: Path) -> Callable[[], bool]:
    log = partial_folder(out) / METRICS
    return lambda: log.is_file() and log.read_text().count('"event":"train"') >= 2


def _saved_weights(model: Path) -> dict[str, np.ndarray]:
    """All weights in a model's folder by file and name."""
    files = {str(file.relative_to(model)): load_file(file) for file in model.rglob("*.safetensors")}
    return {f"{file} {name}": value.numpy() for file, weights in files.items() for name, value in weights.items()}


@pytest.mark.parametrize("method", ["lora", "static", "adapter"])
def test_resumed_run_has_identical_losses(tiny_model_folder: Path, tmp_path: Path, method: str) -> None:
    """Stopped in training and gone on with: every loss and the saved weights are those of the run never stopped."""
    whole = tune(_config(tmp_path, tiny_model_folder, "whole", method=method))
    config = _config(tmp_path, tiny_model_folder, "halves", method=method)
    assert config.out is not None
    with pytest.raises(Interrupted, match="Stopped at step 2"):
        tune(config, Hands(stop=_after_two_steps(config.out)))
    halves = tune(config, Hands(resume=True))
    losses = [
        [entry["loss"] for entry in read_metrics(run.folder / METRICS) if entry["event"] == "train"]
        for run in (whole, halves)
    ]
    assert losses[0] == losses[1]
    first, second = (_saved_weights(run.model) for run in (whole, halves))
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert not (halves.folder / CHECKPOINTS).exists()


def test_lora_leaves_both_forms(tiny_model_folder: Path, tmp_path: Path) -> None:
    """model/ is whole without peft; adapter/ holds the updates alone, under the base's name."""
    run = tune(_config(tmp_path, tiny_model_folder, method="lora"))
    names = list(load_file(run.model / "model.safetensors"))
    assert not [name for name in names if "lora" in name]
    config = json.loads((run.folder / "adapter" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == tiny_model_folder.name
    weights = load_file(run.folder / "adapter" / "adapter_model.safetensors")
    assert all(".lora_" in name for name in weights)


def test_checkpoints_of_lora_hold_the_updates_alone(tiny_model_folder: Path, tmp_path: Path) -> None:
    """What can be read from the base is in no checkpoint."""
    config = _config(tmp_path, tiny_model_folder, method="lora", checkpoint_steps=1)
    assert config.out is not None
    with pytest.raises(Interrupted):
        tune(config, Hands(stop=lambda: any((partial_folder(config.out) / CHECKPOINTS).glob("step-*"))))
    (checkpoint, *_) = (partial_folder(config.out) / CHECKPOINTS).glob("step-*")
    assert all(".lora_" in name for name in load_file(checkpoint / "weights.safetensors"))


@pytest.mark.parametrize("method", ["full", "lora"])
def test_prompts_are_kept(tmp_path: Path, method: str) -> None:
    """A base with prompts is tuned with them, and the saved model has them."""
    base = save_tiny_model(tmp_path / "base", prompts=True)
    run = tune(_config(tmp_path, base, method=method, epochs=1))
    loaded = SentenceTransformer(str(run.model), device="cpu")
    assert {name: loaded.prompts[name] for name in PROMPTS} == PROMPTS
    encoder = load_encoder(str(run.model), precision="fp32")
    np.testing.assert_allclose(loaded.encode_document(TEXTS), encoder.encode(TEXTS), atol=1e-6)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("method", ["full", "lora", "static"])
def test_decoder_goes_through_the_whole_job(tmp_path: Path, side: str, method: str) -> None:
    """A plain decoder folder is tuned, judged and saved; elsewhere the model gives the same vectors."""
    base = save_tiny_decoder(tmp_path / "decoder", side=side)
    run = tune(_config(tmp_path, base, method=method, epochs=1, learning_rate=1e-3))
    loaded = SentenceTransformer(str(run.model), device="cpu")
    encoder = load_encoder(str(run.model), precision="fp32")
    np.testing.assert_allclose(loaded.encode(TEXTS), encoder.encode(TEXTS), atol=1e-5)
    expected = "none" if method == "static" else "lasttoken"
    assert read_space(run.model).pooling == expected


def test_static_run_shows_what_was_distilled(tiny_model_folder: Path, tmp_path: Path) -> None:
    """Step 0 of the dev curve is the distilled table, and share 0 stands among the mixtures."""
    run = tune(_config(tmp_path, tiny_model_folder, method="static"))
    entries = read_metrics(run.folder / METRICS)
    (distilled,) = [entry["score"] for entry in entries if entry["event"] == "dev" and entry["step"] == 0]
    tried = {entry["share"]: entry["score"] for entry in entries if entry["event"] == "interpolation"}
    assert tried[0.0] == pytest.approx(distilled)
    assert max(tried.values()) == tried[run.verdict["interpolation"]]


def test_table_can_be_the_base(tiny_model_folder: Path, tmp_path: Path) -> None:
    """A token table is tuned further by the same method, and is then what the tuned one is compared with."""
    first = tune(_config(tmp_path, tiny_model_folder, "first", method="static"))
    second = tune(_config(tmp_path, first.folder, "second", method="static"))
    assert second.verdict["base"] == pytest.approx(first.verdict["tuned"])


def test_dims_beyond_the_table_are_refused(tiny_model_folder: Path, tmp_path: Path) -> None:
    """What the base would have but the table will not is refused before the data is read."""
    with pytest.raises(ConfigError, match="tuned model have 8 values"):
        tune(_config(tmp_path, tiny_model_folder, method="static", static_dim=8, dims=(16,)))


class Stages(Silent):
    """Remembers stages."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def stage(self, name: str, total: int | None = None) -> None:
        self.names.append(name)


@pytest.mark.parametrize(("method", "tried"), [("static", 1), ("lora", 0)])
def test_the_base_is_tried_where_training_tells_nothing_of_it(
    tiny_model_folder: Path, tmp_path: Path, method: str, tried: int
) -> None:
    """A table is trained without a text going through the base: some do before, so that its pace is known."""
    data = write_jsonl(tmp_path / "more.jsonl", overlapping_pairs(200))
    config = _config(tmp_path, tiny_model_folder, method=method, epochs=1).model_copy(update={"path": str(data)})
    seen = Stages()
    tune(config, Hands(seen))
    assert seen.names.count(TRIAL) == tried


def test_the_rows_of_a_large_batch_outlive_the_run_that_they_ended(tiny_model_folder: Path, tmp_path: Path) -> None:
    """Where the loss becomes no number before any checkpoint, the file that the error names is there to be read."""
    data = write_jsonl(tmp_path / "pairs.jsonl", overlapping_pairs(400))
    train = {"learning_rate": 1e30, "batch_size": 150, "epochs": 4, "clip": 1e38, "warmup": 0.0, "evals_per_epoch": 1}
    content = {"path": str(data), "base": str(tiny_model_folder), "out": tmp_path / "run", "train": train}
    with pytest.raises(TrainingError, match=r"The (loss|gradient's norm) became") as caught:
        tune(TuneConfig.model_validate(content | {"evaluate": {"general": False}}))
    file = partial_folder(tmp_path / "run") / ROWS_FILE
    assert str(file) in caught.value.message
    assert len(file.read_text().splitlines()) > 128
