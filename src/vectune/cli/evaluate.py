"""`vectune evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from vectune.cli import parsing
from vectune.cli.console import watching
from vectune.cli.options import ConfigFile, Debug, DryRun, Json, Settings, argument, option
from vectune.cli.show import show, show_config
from vectune.config import DataConfig, EvaluateConfig, JudgeConfig, RemoteConfig
from vectune.config.load import load_config

NAME = "evaluate"
EXAMPLE = "vectune evaluate runs/first data/test.jsonl --against sentence-transformers/all-MiniLM-L6-v2"


def command(
    model: Annotated[str | None, argument(JudgeConfig, "model")] = None,
    path: Annotated[str | None, argument(JudgeConfig, "path")] = None,
    against: Annotated[list[str] | None, option(JudgeConfig, "against", "--against")] = None,
    corpus: Annotated[str | None, option(JudgeConfig, "corpus", "--corpus")] = None,
    split: Annotated[str | None, option(JudgeConfig, "split", "--split")] = None,
    out: Annotated[Path | None, option(JudgeConfig, "out", "--out", "-o")] = None,
    columns: Annotated[str | None, option(DataConfig, "columns", "--columns", metavar="ROLE=COLUMN,...")] = None,
    dims: Annotated[str | None, option(EvaluateConfig, "dims", "--dims", metavar="384,128,...")] = None,
    measure: Annotated[str | None, option(EvaluateConfig, "measure", "--measure")] = None,
    trust_remote_code: Annotated[bool, option(JudgeConfig, "trust_remote_code", "--trust-remote-code")] = False,
    base_url: Annotated[str | None, option(RemoteConfig, "base_url", "--base-url", metavar="URL")] = None,
    settings: Settings = None,
    config_file: ConfigFile = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Judge a model on your data, beside BM25 and the models it is compared with."""
    flags: dict[str, Any] = {
        "model": model, "path": path, "against": against or None, "corpus": corpus,
        "split": split, "out": out,
        "data.columns": parsing.columns(columns), "evaluate.dims": parsing.dims(dims), "evaluate.measure": measure,
        "remote.base_url": base_url,
        "trust_remote_code": trust_remote_code or None, **parsing.settings(settings),
    }  # fmt: skip
    config = load_config(JudgeConfig, config_file, flags)
    if dry_run:
        show_config(config, as_json)
        return 0
    from vectune.cli.tables import measures_table, verdict_panel
    from vectune.workflows.evaluate import evaluate

    with watching(quiet=as_json) as progress:
        judged = evaluate(config, progress)
    lines = [f"report  {judged.folder / 'report.html'}"] if judged.folder else []
    show(judged.verdict, [measures_table(judged.verdict), verdict_panel(judged.verdict), *lines], as_json)
    return judged.exit_status
