from __future__ import annotations

import json
import tomllib

import pytest

from vectune.cli.show import show, show_config
from vectune.config import CheckConfig


def test_json_is_printed_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """With JSON wanted, the content is all there is on standard output, letters as they are."""
    show({"name": "Straße", "score": 0.5}, ["a table"], as_json=True)
    printed = capsys.readouterr().out
    assert json.loads(printed) == {"name": "Straße", "score": 0.5}
    assert "Straße" in printed


def test_tables_are_printed_otherwise(capsys: pytest.CaptureFixture[str]) -> None:
    """Without JSON, each renderable is printed in its turn."""
    show({"score": 0.5}, ["one", "two"], as_json=False)
    assert capsys.readouterr().out == "one\ntwo\n"


def test_config_is_printed_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """A config is printed as TOML or as JSON that mean the same."""
    config = CheckConfig(path="a.jsonl")
    show_config(config, as_json=False)
    assert CheckConfig.model_validate(tomllib.loads(capsys.readouterr().out)) == config
    show_config(config, as_json=True)
    assert CheckConfig.model_validate(json.loads(capsys.readouterr().out)) == config
