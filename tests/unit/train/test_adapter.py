"""An adapter learns what a linear map can teach, always in the same way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.fakes.hash_encoder import HashEncoder
from tests.fakes.word_rows import code_pairs
from vectune.config import TrainConfig
from vectune.encode.adapted import QueryAdapter
from vectune.encode.dims import truncate
from vectune.encode.encoder import Vectors
from vectune.errors import ConfigError, TrainingError
from vectune.records import Retrieval
from vectune.train.adapter import EVALUATIONS, AdapterSurroundings, AdapterTrainer, adapter_recipe
from vectune.train.adapter_rows import AdapterRows, adapter_rows
from vectune.train.loop import Trained

ENCODER = HashEncoder(dim=64)


def _rows(count: int, seed: int) -> AdapterRows:
    pairs = code_pairs(count, seed)
    queries = {f"q{n}": row["query"] for n, row in enumerate(pairs)}
    corpus = {f"d{n}": row["positive"] for n, row in enumerate(pairs)}
    return adapter_rows(Retrieval(queries, corpus, {f"q{n}": {f"d{n}": 1} for n in range(count)}))


TRAIN, OTHER = _rows(200, 0), _rows(100, 1)


def _vectors(rows: AdapterRows) -> tuple[Vectors, Vectors]:
    return ENCODER.encode(rows.queries), ENCODER.encode(rows.documents)


def _found(adapter: QueryAdapter, rows: AdapterRows, dim: int = 64) -> float:
    """Share of the queries whose document is the nearest."""
    queries, documents = _vectors(rows)
    nearest = (truncate(adapter.apply(queries), dim) @ truncate(documents, dim).T).argmax(axis=1)
    return float(np.mean([nearest[query] == document for query, document in rows.edges]))


def _train(around: AdapterSurroundings | None = None, **settings: Any) -> tuple[QueryAdapter, Trained]:
    config = TrainConfig.model_validate({"method": "adapter", **settings})
    return AdapterTrainer(TRAIN, *_vectors(TRAIN), config, around or AdapterSurroundings()).run()


NOTHING = QueryAdapter(np.zeros((64, 1), dtype=np.float32), np.zeros((1, 64), dtype=np.float32))


def test_jargon_is_learnt_and_holds_for_new_queries() -> None:
    """Query words that stand for other words in the documents are found afterwards, also in texts never seen."""
    adapter, trained = _train()
    assert _found(NOTHING, OTHER) < 0.1
    assert _found(adapter, OTHER) > 0.8
    assert adapter.rank == 32
    assert trained.steps == trained.total_steps


def test_training_is_the_same_each_time() -> None:
    """Equal seeds give equal maps to the bit; another seed gives another."""
    first, again, other = (_train(epochs=3, seed=seed)[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.up, again.up)
    assert not np.array_equal(first.up, other.up)


def test_few_candidates_a_step_learn_as_well() -> None:
    """Where a step ranks a part of the documents, mined and drawn, the map still finds what it should."""
    adapter, _ = _train(adapter_candidates=64, batch_size=32, epochs=30)
    assert _found(adapter, OTHER) > 0.7


def test_small_dims_are_trained_when_named() -> None:
    """With --dims the cut vectors find more than without, after the same steps."""
    plain, nested = _train(epochs=40)[0], _train(epochs=40, dims=(64, 12))[0]
    assert _found(nested, TRAIN, 12) > _found(plain, TRAIN, 12)


def test_best_on_dev_is_kept_and_training_ends_early() -> None:
    """The map with the highest score is given back, and after patience without a better one training stops."""
    seen: list[QueryAdapter] = []

    def score(adapter: QueryAdapter) -> float:
        seen.append(adapter)
        return 1.0 if len(seen) == 3 else 0.5 / len(seen)

    events: list[dict[str, Any]] = []

    class Kept:
        def write(self, event: str, **values: Any) -> None:
            events.append({"event": event, **values})

    adapter, trained = _train(AdapterSurroundings(score, Kept()), patience=2)
    assert adapter is seen[2] or np.array_equal(adapter.up, seen[2].up)
    assert trained.best_score == 1.0
    assert trained.stopped_early
    assert len(seen) == 3 + 6
    dev = [event for event in events if event["event"] == "dev"]
    assert [event["best"] for event in dev][:4] == [True, False, True, False]
    assert [event["step"] for event in events if event["event"] == "train"] == list(range(1, trained.steps + 1))
    assert len(dev) <= EVALUATIONS


def test_rank_is_at_most_the_length() -> None:
    """A rank above the vectors' length is cut to it."""
    assert _train(adapter_rank=500, epochs=1)[0].rank == 64


def test_given_settings_go_before_the_defaults() -> None:
    """Epochs, batch size and rate of the config hold; without them the number of rows decides."""
    given = adapter_recipe(TrainConfig(method="adapter", epochs=2, batch_size=8, learning_rate=0.1), 1000)
    assert (given.epochs, given.batch_size, given.learning_rate, given.loss) == (2, 8, 0.1, "info_nce")
    few, many = (adapter_recipe(TrainConfig(method="adapter"), rows) for rows in (50, 1_000_000))
    assert few.epochs > many.epochs
    assert few.batch_size == 50


@pytest.mark.parametrize("settings", [{"loss": "triplet"}, {"loss": "cosent"}])
def test_other_losses_are_refused(settings: dict[str, Any]) -> None:
    """An adapter has one loss; another is refused by name."""
    with pytest.raises(ConfigError, match="An adapter"):
        adapter_recipe(TrainConfig.model_validate({"method": "adapter", **settings}), 100)


def test_a_loss_that_is_no_number_stops_training() -> None:
    """Vectors that are not finite end in an error that says so."""
    queries, documents = _vectors(TRAIN)
    config = TrainConfig(method="adapter")
    with pytest.raises(TrainingError, match="The loss became nan at step 1") as stopped:
        AdapterTrainer(TRAIN, queries * np.nan, documents, config, AdapterSurroundings()).run()
    named = stopped.value.message.split("rows: ")[1].rstrip(".").split(", ")
    assert len(named) == adapter_recipe(config, len(TRAIN.edges)).batch_size
    assert set(named) <= set(TRAIN.names)


def test_a_gradient_that_is_no_number_stops_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """A finite loss whose gradient overflows: the rows are named, and the map has not moved."""
    queries, documents = _vectors(TRAIN)
    trainer = AdapterTrainer(TRAIN, queries, documents, TrainConfig(method="adapter"), AdapterSurroundings())
    weights = list(trainer._map.parameters())
    before = [weight.detach().clone() for weight in weights]
    weights[0].register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(TrainingError, match=r"gradient's norm became .* rows: q"):
        trainer.run()
    assert all(bool((weight == known).all()) for weight, known in zip(weights, before, strict=True))


def test_other_positives_of_a_query_are_not_its_negatives() -> None:
    """With every document relevant there is nothing to push away from, and the loss is zero throughout."""
    losses: list[float] = []

    class Kept:
        def write(self, event: str, **values: Any) -> None:
            losses.append(float(values["loss"]))

    everything = tuple(np.arange(len(TRAIN.documents)) for _ in TRAIN.queries)
    rows = replace(TRAIN, known=everything)
    config = TrainConfig(method="adapter", epochs=1)
    AdapterTrainer(rows, *_vectors(TRAIN), config, AdapterSurroundings(sink=Kept())).run()
    assert losses == pytest.approx([0.0] * len(losses), abs=1e-6)
