"""Defaults that follow the number of training rows."""

from __future__ import annotations

from dataclasses import dataclass

from vectune.config.train import LossName, MethodName, TrainConfig
from vectune.records import Dataset, Kind, Retrieval
from vectune.train.objective import choose_loss


@dataclass(frozen=True)
class Recipe:
    """What training will do: the config's values where given, else the defaults for this number of rows."""

    loss: LossName
    epochs: float
    batch_size: int
    learning_rate: float


@dataclass(frozen=True)
class _Defaults:
    up_to_rows: float
    epochs: float
    batch_size: int
    learning_rate: float


# Few rows need more passes to move the model at all; many rows need few before they overfit or bore.
_BY_ROWS = (
    _Defaults(200, 6, 16, 3e-5),
    _Defaults(1_000, 4, 32, 5e-5),
    _Defaults(3_000, 3, 64, 5e-5),
    _Defaults(20_000, 2, 64, 5e-5),
    _Defaults(float("inf"), 1, 128, 5e-5),
)
# What starts at zero, or is a table whose rows are seen in few steps, moves too little at the rate of a whole model.
_RATE_OF_METHOD: dict[MethodName, float] = {"full": 1.0, "lora": 10.0, "static": 20.0}
# Steps on a table take milliseconds, and each row is in few of them.
_EPOCHS_OF_METHOD: dict[MethodName, float] = {"static": 3.0}


def count_rows(data: Dataset) -> int:
    """Rows that an epoch sees: for retrieval a row per query and relevant document."""
    if isinstance(data, Retrieval):
        return sum(grade > 0 for grades in data.qrels.values() for grade in grades.values())
    return len(data)


def resolve_recipe(config: TrainConfig, kind: Kind, num_rows: int) -> Recipe:
    """The recipe for `num_rows` training rows of data of `kind`."""
    defaults = next(entry for entry in _BY_ROWS if num_rows <= entry.up_to_rows)
    rate = round(defaults.learning_rate * _RATE_OF_METHOD.get(config.method, 1.0), 8)
    return Recipe(
        loss=choose_loss(kind, config.loss),
        epochs=config.epochs or defaults.epochs * _EPOCHS_OF_METHOD.get(config.method, 1.0),
        batch_size=config.batch_size or defaults.batch_size,
        learning_rate=(config.learning_rate or rate) * config.learning_rate_multiplier,
    )
