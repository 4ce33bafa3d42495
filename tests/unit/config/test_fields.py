"""What every config has in common, and the fields with rules of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from vectune import config as configs
from vectune.config.data import DataConfig, SplitConfig
from vectune.config.evaluate import EvaluateConfig, VerdictConfig
from vectune.config.export import ExportConfig
from vectune.config.model import Config
from vectune.config.train import TrainConfig
from vectune.config.workflow import EncodeConfig, TuneConfig

_ENCODE = {"model": "m", "path": "-", "out": "v.npy"}
_ALL = [model for name in configs.__all__ if (model := getattr(configs, name)) is not Config]


def _fields() -> Iterator[tuple[str, str]]:
    for model in _ALL:
        for name in model.model_fields:
            yield model.__name__, name


@pytest.mark.parametrize("model", _ALL, ids=lambda model: model.__name__)
def test_config_is_closed_and_frozen(model: type[Config]) -> None:
    """Every config is a Config, refuses keys that it does not know, and does not change after it was checked."""
    assert issubclass(model, Config)
    assert model.model_config["extra"] == "forbid"
    assert model.model_config["frozen"] is True
    assert model.__doc__


@pytest.mark.parametrize(("model", "name"), list(_fields()))
def test_every_field_explains_itself(model: str, name: str) -> None:
    """The docstring under each field is its help on the command line and in the reference."""
    description = getattr(configs, model).model_fields[name].description
    assert description
    assert description.rstrip().endswith(".")


def test_nothing_is_changed_after() -> None:
    """Setting a field of a config that stands is an error."""
    config = TuneConfig(path="a")
    with pytest.raises(ValidationError, match="frozen"):
        config.path = "b"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (SplitConfig, {"shares": (0.5, 0.5, 0.5)}),
        (SplitConfig, {"shares": (1.0, 0.0, 0.0)}),
        (SplitConfig, {"shares": (0.0, 0.5, 0.5)}),
        (SplitConfig, {"shares": (1.2, -0.4, 0.2)}),
        (SplitConfig, {"giant": 0}),
        (DataConfig, {"max_bad": 1.5}),
        (DataConfig, {"near_duplicate": 0}),
        (TrainConfig, {"epochs": 0}),
        (TrainConfig, {"epochs": float("inf")}),
        (TrainConfig, {"learning_rate": float("nan")}),
        (TrainConfig, {"batch_size": 1}),
        (TrainConfig, {"dims": (0,)}),
        (TrainConfig, {"interpolation": ()}),
        (TrainConfig, {"interpolation": (0.0, 1.0)}),
        (TrainConfig, {"interpolation": (1.5,)}),
        (TrainConfig, {"loss": "hinge"}),
        (TrainConfig, {"distil_loss": "info_nce"}),
        (TrainConfig, {"distil_weight": 1.1}),
        (TrainConfig, {"teacher_temperature": 0}),
        (TrainConfig, {"guide_margin": 3}),
        (TrainConfig, {"method": "adapter", "teacher": "other"}),
        (TrainConfig, {"method": "adapter", "guide": "self"}),
        (TrainConfig, {"texts_per_label": 1}),
        (EncodeConfig, _ENCODE | {"max_tokens": 0}),
        (EncodeConfig, _ENCODE | {"max_tokens": -1}),
        (EncodeConfig, _ENCODE | {"dims": 0}),
        (ExportConfig, {"model": "m", "format": "onnx", "out": "x", "dims": (8, 0)}),
        (EvaluateConfig, {"dims": (-8,)}),
        (EvaluateConfig, {"resamples": 10}),
        (EvaluateConfig, {"confidence": 1}),
        (EvaluateConfig, {"confidence": 0.995, "resamples": 198}),
        (VerdictConfig, {"max_general_drop": -0.1}),
    ],
)
def test_value_out_of_range_is_refused(model: type[Config], values: dict[str, object]) -> None:
    """Each field refuses what makes no sense."""
    with pytest.raises(ValidationError):
        model.model_validate(values)


def test_dims_and_shares_are_put_in_order() -> None:
    """Dimensions come largest first and once, shares of the mix smallest first."""
    config = TrainConfig(dims=(64, 384, 64), interpolation=(1.0, 0.5, 1.0))
    assert config.dims == (384, 64)
    assert config.interpolation == (0.5, 1.0)
