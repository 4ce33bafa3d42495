from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from vectune.config import CheckConfig, EncodeConfig, JudgeConfig, TuneConfig
from vectune.config.load import load_config, parse_config, to_toml
from vectune.errors import ConfigError, UsageError


def test_order_of_precedence(tmp_path: Path) -> None:
    """The model's defaults stand under the command's, those under the file, the file under the flags."""
    (tmp_path / "c.toml").write_text("[train]\npatience = 2\nseed = 2\n")
    config = load_config(
        TuneConfig,
        tmp_path / "c.toml",
        {"train.seed": 3, "train.epochs": None},
        {"path": "a", "train.epochs": 1.0, "train.patience": 1, "train.seed": 1},
    )
    train = config.train
    assert (config.path, train.epochs, train.patience, train.seed) == ("a", 1.0, 2, 3)
    assert train.warmup == 0.1


def test_every_bad_field_is_named() -> None:
    """Unknown, missing, of another type and out of range: all in one sentence, and the hint lists what there is."""
    content = {"speed": 1, "train": {"epochs": "many", "clip": -1}, "split": {"shares": [0.5, 0.5, 0.5]}}
    with pytest.raises(ConfigError) as caught:
        parse_config(TuneConfig, content, "test")
    for part in ("`path` is missing", "`speed` is no setting", "`train.epochs` is 'many'", "`train.clip` is -1"):
        assert part in caught.value.message
    assert "must be 0 or more and add up to 1" in caught.value.message
    assert "corpus" in caught.value.hint
    assert "\n" not in caught.value.message


def test_setting_under_a_plain_value_is_refused() -> None:
    """A nested key below something that is no table is an error of the settings, not of ours."""
    with pytest.raises(ConfigError, match="`train` is 3"):
        load_config(TuneConfig, None, {"path": "a", "train": 3, "train.seed": 1})


@pytest.mark.parametrize(
    ("content", "error"), [(b"path = = 1", ConfigError), (b"path = '\xff'", ConfigError), (None, UsageError)]
)
def test_file_that_is_no_toml(content: bytes | None, error: type[Exception], tmp_path: Path) -> None:
    """Broken TOML, bytes that are no UTF-8 and a missing file are errors that name the file."""
    if content is not None:
        (tmp_path / "c.toml").write_bytes(content)
    with pytest.raises(error, match=r"c\.toml"):
        load_config(CheckConfig, tmp_path / "c.toml", {})


def test_folder_is_no_config(tmp_path: Path) -> None:
    """A folder in the file's place is said to be one."""
    with pytest.raises(UsageError, match="directory"):
        load_config(CheckConfig, tmp_path, {})


@pytest.mark.parametrize(
    "config",
    [
        TuneConfig(path="ä b.jsonl", out=Path("runs/x")),
        CheckConfig(path="a"),
        JudgeConfig(model="m", path="a", against=("b", "c")),
        EncodeConfig(model="m", path="-", out=Path("v.npy"), dims=64),
    ],
    ids=lambda config: type(config).__name__,
)
def test_toml_means_the_same(config: TuneConfig | CheckConfig | JudgeConfig | EncodeConfig) -> None:
    """Every config written as TOML is read back as the same config."""
    assert type(config).model_validate(tomllib.loads(to_toml(config))) == config
