"""Every config under examples/ runs as its first line says, here with the tiny model in place of the real one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.functional.command_line import run_here

CONFIGS = sorted((ROOT / "examples").rglob("*.toml"))


def test_all_configs_are_found() -> None:
    """There are two configs; a new one is run below as soon as it is there."""
    assert [path.relative_to(ROOT).as_posix() for path in CONFIGS] == [
        "examples/helpdesk/adapter.toml",
        "examples/helpdesk/tune.toml",
    ]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_config_runs_from_the_root(
    path: Path, tiny: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the repository's root the config leads to a verdict over the example's own data."""
    monkeypatch.chdir(ROOT)
    name = path.relative_to(ROOT)
    assert f"vectune tune --config {name}" in path.read_text(encoding="utf-8").splitlines()[0]
    done = run_here("tune", "--config", name, *tiny, "--epochs", 1, "--out", tmp_path / "run", "--json")
    assert done.status in (0, 3, 4), done.err
    assert done.json["queries"] > 20
