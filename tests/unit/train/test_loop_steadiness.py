"""What the loop does when things go wrong: numbers that are none, damaged checkpoints, memory that runs out."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.fakes.tiny_model import WORDS
from vectune.config import TrainConfig
from vectune.encode.loading import load_encoder
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.encode.tokens import Indices, Tokens
from vectune.errors import Interrupted, TrainingError
from vectune.monitor.progress import Silent
from vectune.records import Dataset, Kind, Labelled, LabelledText, Retrieval, Scored, ScoredPair
from vectune.train.batch import Batch
from vectune.train.checkpoints import Checkpoints
from vectune.train.loop import Surroundings, Trained, Trainer
from vectune.train.recipe import resolve_recipe
from vectune.train.rows import TrainingRows, training_rows

CONFIG = TrainConfig(batch_size=4, epochs=2, learning_rate=1e-3, precision="fp32", checkpoint_steps=2)


class Notes(Silent):
    """Keeps what is said and measured."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.losses: list[float] = []

    def note(self, message: str) -> None:
        self.said.append(message)

    def write(self, event: str, **values: Any) -> None:
        self.losses += [values["loss"]] if event == "train" else []


def pairs(count: int = 20) -> Retrieval:
    queries = {f"q{i}": f"{WORDS[i]} {WORDS[i + 100]}" for i in range(count)}
    corpus = {f"d{i}": f"{WORDS[i + 50]} {WORDS[i + 100]}" for i in range(count)}
    return Retrieval(queries, corpus, {f"q{i}": {f"d{i}": 1} for i in range(count)})


def train(
    encoder: SentenceEncoder,
    notes: Notes,
    config: TrainConfig = CONFIG,
    data: Dataset | None = None,
    checkpoints: Checkpoints | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Trained:
    content = data or pairs()
    recipe = resolve_recipe(config, content.kind, 20)
    around = Surroundings(sink=notes, checkpoints=checkpoints, progress=notes, stop=stop)
    return Trainer(encoder, training_rows(content, config, recipe), config, recipe, around).run()


def stop_after(steps: int) -> Callable[[], bool]:
    asked = iter([False] * (steps - 1) + [True] * 1000)
    return lambda: next(asked)


def unknown_word(encoder: SentenceEncoder, value: float) -> None:
    """From now on a text with a word that the model does not know has vectors that are no numbers."""
    table = encoder.model[0].auto_model.embeddings.word_embeddings.weight
    with torch.no_grad():
        table[1] = value


def poisoned(kind: str) -> tuple[Dataset, str]:
    """Twelve rows with an unknown word in the seventh, and that row's name."""
    words = [f"{WORDS[i]} {WORDS[i + 60]}" for i in range(12)]
    words[6] = "nobody knows"
    if kind == "scored":
        pairs_of = tuple(ScoredPair(text, f"{text} sun1", i / 12, row=i + 30) for i, text in enumerate(words))
        return Scored(pairs_of), "36"
    if kind == "labelled":
        return Labelled(tuple(LabelledText(text, "ab"[i % 2], row=i + 30) for i, text in enumerate(words))), "36"
    corpus = {f"d{i}": f"{WORDS[i + 30]}" for i in range(12)}
    queries = {f"q{i}": text for i, text in enumerate(words)}
    return Retrieval(queries, corpus, {f"q{i}": {f"d{i}": 1} for i in range(12)}), "q6 d6"


@pytest.mark.parametrize("kind", ["pairs", "scored", "labelled"])
def test_a_loss_that_is_no_number_names_the_rows_of_its_batch(tiny_model_folder: Path, kind: str) -> None:
    """The run stops with the names of the batch's rows, the culprit among them and no row of another batch."""
    encoder = load_encoder(str(tiny_model_folder))
    unknown_word(encoder, float("nan"))
    data, culprit = poisoned(kind)
    with pytest.raises(TrainingError, match="The loss became nan at step") as caught:
        train(encoder, Notes(), data=data)
    said, _, listed = caught.value.message.partition(": ")
    named = listed.rstrip(".").split(", ")
    assert said.endswith("in the batch of these rows (the first 1 with vectors that are no numbers)")
    assert named[0] == culprit
    assert len(named) == len(set(named)) == (8 if kind == "labelled" else 4)


def test_of_many_rows_all_are_in_a_file(tiny_model_folder: Path, tmp_path: Path) -> None:
    """Where a sentence is too short for the batch, the file that it names has every row once, the culprit first."""
    encoder = load_encoder(str(tiny_model_folder))
    unknown_word(encoder, float("nan"))
    queries = {f"q{i}": f"{WORDS[i]} {WORDS[(i * 7) % 200]}" for i in range(150)} | {"q140": "nobody knows"}
    corpus = {f"d{i}": f"{WORDS[i]} {WORDS[(i * 3) % 200]}" for i in range(150)}
    data = Retrieval(queries, corpus, {f"q{i}": {f"d{i}": 1} for i in range(150)})
    config = CONFIG.model_copy(update={"batch_size": 150})
    recipe = resolve_recipe(config, data.kind, 150)
    file = tmp_path / "rows.txt"
    around = Surroundings(rows_file=file)
    with pytest.raises(TrainingError) as caught:
        Trainer(encoder, training_rows(data, config, recipe), config, recipe, around).run()
    assert caught.value.message.endswith(f" and 22 more (all 150 are in {file}).")
    rows = file.read_text().splitlines()
    assert rows[0] == "q140 d140"
    assert sorted(rows) == sorted(f"q{i} d{i}" for i in range(150))


class Exploding(SentenceEncoder):
    """Vectors as they should be, with a gradient that is infinite."""

    def forward(self, tokens: Tokens, rows: Indices) -> Tensor:
        vectors = super().forward(tokens, rows)
        if vectors.requires_grad:
            vectors.register_hook(lambda gradient: gradient * float("inf"))
        return vectors


def test_a_gradient_that_is_no_number_stops_before_the_weights_move(tiny_model_folder: Path) -> None:
    """The loss may be fine where the gradient is not: rows are named, and the model is still the one before."""
    encoder = Exploding(load_encoder(str(tiny_model_folder)).model, "exploding")
    with pytest.raises(TrainingError, match=r"The gradient's norm became (nan|inf) at step 1, .* q\d+ d\d+"):
        train(encoder, Notes())
    assert all(weight.isfinite().all() for weight in encoder.model.parameters())


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))


@pytest.mark.parametrize("file", ["weights.safetensors", "moments.safetensors", "counters.json"])
def test_a_damaged_checkpoint_is_passed_over_and_the_losses_are_the_same(
    tiny_model_folder: Path, tmp_path: Path, file: str
) -> None:
    """Resumed from the checkpoint before the damaged one, which is said, training ends as if nothing had happened."""
    whole, first, second = Notes(), Notes(), Notes()
    train(load_encoder(str(tiny_model_folder)), whole)
    with pytest.raises(Interrupted):
        train(load_encoder(str(tiny_model_folder)), first, checkpoints=Checkpoints(tmp_path), stop=stop_after(7))
    flip(tmp_path / "step-00000007" / file)
    trained = train(load_encoder(str(tiny_model_folder)), second, checkpoints=Checkpoints(tmp_path))
    assert second.said == ["the checkpoint step-00000007 is damaged and passed over; training goes on after step 6"]
    assert first.losses[:6] + second.losses == whole.losses
    assert Checkpoints(tmp_path).latest_step() == trained.steps == len(whole.losses)


def test_without_a_sound_checkpoint_training_begins_again(tiny_model_folder: Path, tmp_path: Path) -> None:
    """With nothing sound left the run starts from its first step, says so, and ends the same."""
    whole, again = Notes(), Notes()
    train(load_encoder(str(tiny_model_folder)), whole)
    with pytest.raises(Interrupted):
        train(load_encoder(str(tiny_model_folder)), Notes(), checkpoints=Checkpoints(tmp_path), stop=stop_after(3))
    flip(tmp_path / "step-00000003" / "best.safetensors")
    shutil.rmtree(tmp_path / "step-00000002")
    train(load_encoder(str(tiny_model_folder)), again, checkpoints=Checkpoints(tmp_path))
    assert again.losses == whole.losses
    assert again.said == [
        "the checkpoint step-00000003 is damaged and passed over; training goes on from the first step"
    ]


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("settings", [{"gradient_cache": "on"}, {"activation_gib": 1e-4}, {"precision": "bf16"}])
def test_resume_is_bit_identical_with_gradient_caching(
    tiny_model_folder: Path, tmp_path: Path, settings: dict[str, Any]
) -> None:
    """A resumed run takes the same path through the same groups: the losses are equal to the last bit."""
    config = CONFIG.model_copy(update={"activation_gib": 1e-4} | settings)
    whole, first, second = Notes(), Notes(), Notes()
    train(load_encoder(str(tiny_model_folder)), whole, config)
    kept = Checkpoints(tmp_path)
    with pytest.raises(Interrupted):
        train(load_encoder(str(tiny_model_folder)), first, config, checkpoints=kept, stop=stop_after(5))
    train(load_encoder(str(tiny_model_folder)), second, config, checkpoints=Checkpoints(tmp_path))
    assert first.losses + second.losses == whole.losses


class Cramped(SentenceEncoder):
    """A device with memory for three texts at once."""

    def forward(self, tokens: Tokens, rows: Indices) -> Tensor:
        if len(rows) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return super().forward(tokens, rows)


def test_what_memory_came_to_is_kept_for_a_resumed_run(tiny_model_folder: Path, tmp_path: Path) -> None:
    """Micro-batches that were halved stay so after a resume: nothing is said again, and the losses are the same."""

    def encoder() -> SentenceEncoder:
        return Cramped(load_encoder(str(tiny_model_folder)).model, "cramped")

    whole, first, second = Notes(), Notes(), Notes()
    train(encoder(), whole)
    with pytest.raises(Interrupted):
        train(encoder(), first, checkpoints=Checkpoints(tmp_path), stop=stop_after(4))
    train(encoder(), second, checkpoints=Checkpoints(tmp_path))
    assert first.losses + second.losses == whole.losses
    assert (len(whole.said), len(first.said), second.said) == (1, 1, [])


class NoRoom(torch.optim.SGD):
    """An optimiser for whose state there is no memory."""

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        raise torch.OutOfMemoryError("CUDA out of memory.")


def test_no_memory_for_the_optimiser_is_said(tiny_model_folder: Path) -> None:
    """Nothing smaller can be tried: the sentence tells what needs less."""
    encoder = load_encoder(str(tiny_model_folder))
    recipe = resolve_recipe(CONFIG, Kind.PAIRS, 20)
    trainer = Trainer(encoder, training_rows(pairs(), CONFIG, recipe), CONFIG, recipe, Surroundings())
    trainer._optimiser = NoRoom(encoder.model.parameters())
    with pytest.raises(TrainingError, match="too small for what the optimiser keeps") as caught:
        trainer.run()
    assert "lora" in caught.value.hint


class FewerLater:
    """Rows whose epochs after the first have a batch less."""

    def __init__(self, rows: TrainingRows) -> None:
        self._rows = rows
        self.pool = rows.pool

    def __len__(self) -> int:
        return len(self._rows)

    def batches(self, epoch: int) -> Sequence[Batch]:
        return self._rows.batches(epoch)[: -1 if epoch else None]

    def names(self, batch: Batch) -> Sequence[str]:
        return self._rows.names(batch)


def test_all_steps_are_done_though_epochs_differ_in_batches(tiny_model_folder: Path) -> None:
    """Steps are counted by the first epoch: where others have fewer batches, further ones make up for them."""
    config = CONFIG.model_copy(update={"epochs": 6.0})
    recipe, notes = resolve_recipe(config, Kind.PAIRS, 20), Notes()
    rows = FewerLater(training_rows(pairs(), config, recipe))
    encoder = load_encoder(str(tiny_model_folder))
    trained = Trainer(encoder, rows, config, recipe, Surroundings(sink=notes)).run()
    assert trained.steps == trained.total_steps == len(notes.losses) == 30
    assert not trained.stopped_early


def test_a_batch_is_made_when_its_turn_comes() -> None:
    """The masks of an epoch's batches are not all in memory; asked for twice, a batch is the same."""
    data = pairs(40)
    recipe = resolve_recipe(CONFIG, Kind.PAIRS, 40)
    batches = training_rows(data, CONFIG, recipe).batches(0)
    assert len(batches) == 10
    assert batches[3] is not batches[3]
    assert (batches[3].texts == batches[3].texts).all()
    assert [len(batch.texts) for batch in batches[-2:]] == [8, 8]
    with pytest.raises(IndexError):
        batches[10]
