"""The loop learns, keeps the best, stops early, and resumes with the identical loss sequence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.fakes.tiny_model import WORDS
from vectune.config import TrainConfig
from vectune.encode.loading import load_encoder
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.errors import Interrupted, TrainingError
from vectune.records import Kind, Retrieval
from vectune.train.checkpoints import Checkpoints, TrainingState
from vectune.train.interpolate import Guard, Tried, choose_share, copy_weights
from vectune.train.loop import Surroundings, Trained, Trainer
from vectune.train.recipe import resolve_recipe
from vectune.train.rows import training_rows

CONFIG = TrainConfig(
    batch_size=8, epochs=3, learning_rate=1e-3, precision="fp32", checkpoint_steps=2, evals_per_epoch=2
)


class Notes:
    """Keeps events in memory."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, object]]] = []

    def write(self, event: str, **values: object) -> None:
        self.events.append((event, values))

    def losses(self) -> list[object]:
        return [values["loss"] for event, values in self.events if event == "train"]


def pairs(count: int = 40) -> Retrieval:
    queries = {f"q{i}": f"{WORDS[i]} {WORDS[i + 100]}" for i in range(count)}
    corpus = {f"d{i}": f"{WORDS[i + 50]} {WORDS[i + 100]}" for i in range(count)}
    return Retrieval(queries, corpus, {f"q{i}": {f"d{i}": 1} for i in range(count)})


def trainer(encoder: SentenceEncoder, around: Surroundings, config: TrainConfig = CONFIG) -> Trainer:
    data = pairs()
    recipe = resolve_recipe(config, Kind.PAIRS, len(data))
    return Trainer(encoder, training_rows(data, config, recipe), config, recipe, around)


def train(encoder: SentenceEncoder, around: Surroundings, config: TrainConfig = CONFIG) -> Trained:
    return trainer(encoder, around, config).run()


def stop_after(steps: int) -> Callable[[], bool]:
    asked = iter([False] * (steps - 1) + [True] * 1000)
    return lambda: next(asked)


def test_training_lowers_the_loss(tiny_model_folder: Path) -> None:
    """Twelve passes over forty pairs bring the loss well below where it began."""
    notes = Notes()
    train(load_encoder(str(tiny_model_folder)), Surroundings(sink=notes), CONFIG.model_copy(update={"epochs": 12.0}))
    losses = [float(str(loss)) for loss in notes.losses()]
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("at_once", [1, 2])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_resume_goes_on_with_the_identical_losses(
    tiny_model_folder: Path, tmp_path: Path, precision: str, at_once: int
) -> None:
    """Stopped after step 5 and resumed, the run has bit for bit the losses and the best score of one never stopped."""
    config = CONFIG.model_copy(update={"precision": precision, "micro_batches_at_once": at_once})
    whole, first, second = Notes(), Notes(), Notes()
    scores = [0.1, 0.5, 0.2, 0.3, 0.4, 0.6, 0.1, 0.2]

    def scoring(skip: int = 0) -> Callable[[], float]:
        remaining = iter(scores[skip:])
        return lambda: next(remaining)

    encoder = load_encoder(str(tiny_model_folder))
    straight = train(encoder, Surroundings(score_dev=scoring(), sink=whole), config)
    expected = copy_weights(encoder.model)
    kept = Checkpoints(tmp_path)
    around = Surroundings(score_dev=scoring(), sink=first, checkpoints=kept, stop=stop_after(5))
    with pytest.raises(Interrupted):
        train(load_encoder(str(tiny_model_folder)), around, config)
    judged = sum(event == "dev" for event, _ in first.events)
    again = load_encoder(str(tiny_model_folder))
    resumed = train(again, Surroundings(score_dev=scoring(judged), sink=second, checkpoints=kept), config)
    assert len(first.losses()) == 5
    assert first.losses() + second.losses() == whole.losses()
    assert (resumed.best_step, resumed.best_score) == (straight.best_step, straight.best_score)
    assert all(torch.equal(value, expected[name]) for name, value in copy_weights(again.model).items())


def test_a_finished_run_is_not_trained_further(tiny_model_folder: Path, tmp_path: Path) -> None:
    """Resuming after the last step trains no step more."""
    train(load_encoder(str(tiny_model_folder)), Surroundings(checkpoints=Checkpoints(tmp_path)))
    notes = Notes()
    again = train(load_encoder(str(tiny_model_folder)), Surroundings(sink=notes, checkpoints=Checkpoints(tmp_path)))
    assert notes.losses() == []
    assert again.steps == again.total_steps == 15


def test_the_best_weights_are_kept(tiny_model_folder: Path) -> None:
    """When dev was best at the second evaluation, the model ends with the weights of that moment."""
    encoder = load_encoder(str(tiny_model_folder))
    scores = iter([0.1, 0.9, 0.3, 0.2, 0.1, 0.1, 0.1, 0.1])
    seen = []

    def score() -> float:
        seen.append(copy_weights(encoder.model))
        return next(scores)

    trained = train(encoder, Surroundings(score_dev=score))
    assert trained.best_score == 0.9
    assert all(torch.equal(value, seen[1][name]) for name, value in copy_weights(encoder.model).items())


def test_it_stops_early_when_dev_does_not_get_better(tiny_model_folder: Path) -> None:
    """After the first score, `patience` worse ones end the training before the last step."""
    scores = iter([0.9, *[0.1] * 100])
    config = CONFIG.model_copy(update={"patience": 2})
    trained = train(load_encoder(str(tiny_model_folder)), Surroundings(score_dev=lambda: next(scores)), config)
    assert trained.stopped_early
    assert trained.steps == 6


def test_a_loss_that_is_no_number_stops_the_run(tiny_model_folder: Path) -> None:
    """A weight of infinity ends in a sentence and not in a model of NaN."""
    encoder = load_encoder(str(tiny_model_folder))
    with torch.no_grad():
        next(encoder.model.parameters()).fill_(float("inf"))
    with pytest.raises(TrainingError, match="The loss became nan at step 1"):
        train(encoder, Surroundings())


def test_a_checkpoint_of_other_data_or_settings_is_refused(tiny_model_folder: Path, tmp_path: Path) -> None:
    """Resuming with anything else than what was begun is an error, not a silent mixture."""
    around = Surroundings(checkpoints=Checkpoints(tmp_path, "these"), stop=lambda: True)
    with pytest.raises(Interrupted):
        train(load_encoder(str(tiny_model_folder)), around)
    with pytest.raises(TrainingError, match="another base, other data or other settings"):
        train(load_encoder(str(tiny_model_folder)), Surroundings(checkpoints=Checkpoints(tmp_path, "others")))


def test_interpolation_takes_what_dev_likes_best(tiny_model_folder: Path) -> None:
    """Half of the way wins when the score says so, and the model then holds exactly the mixture."""
    encoder = load_encoder(str(tiny_model_folder))
    base = copy_weights(encoder.model)
    tuned = {name: value + 1 if value.is_floating_point() else value for name, value in base.items()}
    scores = iter([0.2, 0.8, 0.5])
    share, tried = choose_share(encoder.model, base, tuned, (0.25, 0.5, 1.0), lambda: next(scores))
    assert share == 0.5
    assert tried == {0.25: Tried(0.2, None), 0.5: Tried(0.8, None), 1.0: Tried(0.5, None)}
    for name, value in copy_weights(encoder.model).items():
        expected = base[name] + 0.5 if value.is_floating_point() else base[name]
        torch.testing.assert_close(value, expected)


@pytest.mark.parametrize(("most_lost", "expected"), [(0.5, 1.0), (0.3, 0.5), (0.05, 0.25)])
def test_the_guard_leaves_out_shares_that_lose_too_much(
    tiny_model_folder: Path, most_lost: float, expected: float
) -> None:
    """The best score wins among the shares that keep enough; where none does, the smallest is taken."""
    encoder = load_encoder(str(tiny_model_folder))
    base = copy_weights(encoder.model)
    tuned = {name: value + 1 if value.is_floating_point() else value for name, value in base.items()}
    name = next(name for name, value in base.items() if value.is_floating_point())

    def share() -> float:
        return float((encoder.model.state_dict()[name] - base[name]).flatten()[0])

    guard = Guard(lambda: 0.9 - 0.4 * share(), most_lost)
    chosen, tried = choose_share(encoder.model, base, tuned, (0.25, 0.5, 1.0), share, guard)
    assert chosen == expected
    assert share() == pytest.approx(expected)
    assert tried[1.0].kept == pytest.approx(0.5)


def test_a_tie_goes_to_the_larger_share(tiny_model_folder: Path) -> None:
    """Where dev sees no difference the weights stay as they were tuned."""
    encoder = load_encoder(str(tiny_model_folder))
    weights = copy_weights(encoder.model)
    assert choose_share(encoder.model, weights, weights, (0.5, 1.0), lambda: 0.5)[0] == 1.0


class Witness(Checkpoints):
    """Keeps what it was handed, so that no memory of it can be used again."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.states: list[TrainingState] = []

    def save(self, state: TrainingState) -> Path:
        self.states.append(state)
        return super().save(state)


def test_a_checkpoint_takes_no_memory_for_moments(tiny_model_folder: Path, tmp_path: Path) -> None:
    """On a CPU the optimiser's numbers are written as they lie there: twice the weights are not copied first."""
    kept = Witness(tmp_path)
    train(load_encoder(str(tiny_model_folder)), Surroundings(checkpoints=kept))
    first, *others = ({name: value.data_ptr() for name, value in state.moments.items()} for state in kept.states)
    assert first
    assert others
    assert all(other == first for other in others)
