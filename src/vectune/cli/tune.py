"""`vectune tune`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from vectune.cli import parsing
from vectune.cli.console import stoppable, watching
from vectune.cli.options import ConfigFile, Debug, DryRun, Json, Settings, argument, option
from vectune.cli.show import show, show_config
from vectune.config import DataConfig, EvaluateConfig, RemoteConfig, SplitConfig, TrainConfig, TuneConfig
from vectune.config.load import load_config
from vectune.errors import UsageError

NAME = "tune"
EXAMPLE = "vectune tune pairs.jsonl --out runs/first"


def command(
    path: Annotated[str | None, argument(TuneConfig, "path")] = None,
    base: Annotated[str | None, option(TuneConfig, "base", "--base")] = None,
    trust_remote_code: Annotated[bool, option(TuneConfig, "trust_remote_code", "--trust-remote-code")] = False,
    base_url: Annotated[str | None, option(RemoteConfig, "base_url", "--base-url", metavar="URL")] = None,
    out: Annotated[Path | None, option(TuneConfig, "out", "--out", "-o")] = None,
    name: Annotated[str | None, option(TuneConfig, "name", "--name")] = None,
    dev: Annotated[str | None, option(TuneConfig, "dev", "--dev")] = None,
    test: Annotated[str | None, option(TuneConfig, "test", "--test")] = None,
    corpus: Annotated[str | None, option(TuneConfig, "corpus", "--corpus")] = None,
    columns: Annotated[str | None, option(DataConfig, "columns", "--columns", metavar="ROLE=COLUMN,...")] = None,
    max_bad: Annotated[float | None, option(DataConfig, "max_bad", "--max-bad")] = None,
    split: Annotated[str | None, option(SplitConfig, "shares", "--split", metavar="70/10/20")] = None,
    fix_leaks: Annotated[bool, option(SplitConfig, "fix_leaks", "--fix-leaks")] = False,
    method: Annotated[str | None, option(TrainConfig, "method", "--method")] = None,
    loss: Annotated[str | None, option(TrainConfig, "loss", "--loss")] = None,
    teacher: Annotated[str | None, option(TrainConfig, "teacher", "--teacher", metavar="MODEL")] = None,
    guide: Annotated[str | None, option(TrainConfig, "guide", "--guide", metavar="MODEL")] = None,
    epochs: Annotated[float | None, option(TrainConfig, "epochs", "--epochs")] = None,
    batch_size: Annotated[int | None, option(TrainConfig, "batch_size", "--batch-size")] = None,
    learning_rate: Annotated[float | None, option(TrainConfig, "learning_rate", "--learning-rate")] = None,
    dims: Annotated[str | None, option(TrainConfig, "dims", "--dims", metavar="384,128,...")] = None,
    max_tokens: Annotated[int | None, option(TrainConfig, "max_tokens", "--max-tokens")] = None,
    seed: Annotated[int | None, option(TrainConfig, "seed", "--seed")] = None,
    measure: Annotated[str | None, option(EvaluateConfig, "measure", "--measure")] = None,
    settings: Settings = None,
    config_file: ConfigFile = None,
    resume: Annotated[Path | None, typer.Option("--resume", help="Go on with an interrupted run folder.")] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Tune a model on your data and judge it: read, check, split, train, judge, save."""
    flags: dict[str, Any] = {
        "path": path, "base": base, "trust_remote_code": trust_remote_code or None,
        "out": out, "name": name, "dev": dev, "test": test, "corpus": corpus,
        "data.columns": parsing.columns(columns), "data.max_bad": max_bad,
        "split.shares": parsing.shares(split), "split.fix_leaks": fix_leaks or None,
        "train.method": method, "train.loss": loss, "train.teacher": teacher, "train.guide": guide,
        "train.epochs": epochs, "train.batch_size": batch_size,
        "train.learning_rate": learning_rate, "train.dims": parsing.dims(dims), "train.max_tokens": max_tokens,
        "train.seed": seed, "evaluate.measure": measure, "remote.base_url": base_url,
        **parsing.settings(settings),
    }  # fmt: skip
    if resume:
        config = _resumed(resume, {**flags, "--config": config_file})
    else:
        config = load_config(TuneConfig, config_file, flags)
    if dry_run:
        show_config(config, as_json)
        return 0
    return tune_and_show(config, resume=resume is not None, as_json=as_json)


def tune_and_show(config: TuneConfig, *, resume: bool = False, as_json: bool = False) -> int:
    """Run the workflow under a progress bar and print what came of it."""
    from vectune.cli.tables import measures_table, verdict_panel
    from vectune.workflows.tune import Hands, tune

    with watching(quiet=as_json) as progress, stoppable(progress.note) as stop:
        run = tune(config, Hands(progress, stop, resume))
    content = {**run.verdict, "run": str(run.folder), "model": str(run.model), "report": str(run.report)}
    tables = [measures_table(run.verdict), verdict_panel(run.verdict), f"model   {run.model}", f"report  {run.report}"]
    show(content, tables, as_json)
    return run.exit_status


def _resumed(folder: Path, flags: dict[str, Any]) -> TuneConfig:
    """The settings that the interrupted run was started with."""
    from vectune.workflows.tune import clear_finished, partial_folder

    given = [key for key, value in flags.items() if value is not None]
    if given:
        raise UsageError(
            f"--resume goes on with the settings of {folder}, but {given[0]} was given too.", "Leave it out."
        )
    file = partial_folder(folder) / "config.toml"
    if not file.is_file():
        raise _nothing_to_resume(folder, clear_finished(folder), file.parent.is_dir())
    return load_config(TuneConfig, file, {"out": folder})


def _nothing_to_resume(folder: Path, finished: bool, begun: bool) -> UsageError:
    """The error that says why: the run is done, was stopped before its settings were saved, or never was."""
    if not finished and begun:
        return UsageError(
            f"The run at {folder} was stopped before its settings were saved.",
            f"Start it again without --resume and with --out {folder}: what is left of it is cleared away then.",
        )
    found = f"The run at {folder} is finished." if finished else f"There is nothing to resume at {folder}."
    return UsageError(found, "Give the run folder that the interrupted run named.")
