"""Settings of one method are refused with another."""

from __future__ import annotations

import pytest

from vectune.config import TrainConfig, TuneConfig
from vectune.config.load import load_config, to_toml
from vectune.errors import ConfigError


@pytest.mark.parametrize(
    ("method", "setting", "value"),
    [("full", "lora_rank", 4), ("static", "lora_alpha", 1.0), ("lora", "static_dim", 64), ("full", "static_words", 0)],
)
def test_setting_of_another_method_is_refused(method: str, setting: str, value: float) -> None:
    """The sentence names the setting, whose it is and which method was chosen."""
    flags = {"path": "a", "train.method": method, f"train.{setting}": value}
    owner = setting.split("_")[0]
    with pytest.raises(ConfigError, match=f"setting of the method {owner}, but the method is {method}") as refused:
        load_config(TuneConfig, None, flags)
    assert f"`train.{setting}`" in refused.value.message


def test_setting_goes_with_its_method() -> None:
    """With its own method a setting is taken, and every default goes with every method, as in a saved config."""
    assert TrainConfig(method="lora", lora_rank=4).lora_rank == 4
    assert TrainConfig(method="static", lora_rank=16).static_dim == 256
    config = TuneConfig(path="a", train=TrainConfig(method="static", static_dim=64))
    assert "lora_rank" in to_toml(config)
    assert TuneConfig.model_validate(config.model_dump()) == config


def test_order_of_the_settings_does_not_matter() -> None:
    """A file may name the setting before the method."""
    content = {"lora_rank": 4, "method": "lora"}
    assert TrainConfig.model_validate(content).lora_rank == 4
    assert TrainConfig.model_validate({"dev_queries": 50, "max_tokens": 64}).dev_queries == 50
