"""`vectune demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from vectune.cli import parsing
from vectune.cli.options import ConfigFile, Debug, DryRun, Json, Settings, option
from vectune.cli.show import show_config
from vectune.cli.tune import tune_and_show
from vectune.config import TrainConfig, TuneConfig
from vectune.config.load import load_config

NAME = "demo"
EXAMPLE = "vectune demo"


def command(
    out: Annotated[Path | None, option(TuneConfig, "out", "--out", "-o")] = None,
    epochs: Annotated[float | None, option(TrainConfig, "epochs", "--epochs")] = None,
    settings: Settings = None,
    config_file: ConfigFile = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Tune the packaged model on the documentation of Python's own standard library."""
    from vectune.workflows.demo import DEMO_DATA, DEMO_SETTINGS, write_demo_data

    flags: dict[str, Any] = {"out": out, "train.epochs": epochs, **parsing.settings(settings)}
    flags["path"] = str(DEMO_DATA)  # never a path of the user's, which would be written over
    config = load_config(TuneConfig, config_file, flags, DEMO_SETTINGS)
    if dry_run:
        show_config(config, as_json)
        return 0
    write_demo_data(DEMO_DATA)
    return tune_and_show(config, as_json=as_json)
