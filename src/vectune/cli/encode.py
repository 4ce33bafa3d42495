"""`vectune encode`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from vectune.cli import parsing
from vectune.cli.console import watching
from vectune.cli.options import ConfigFile, Debug, DryRun, Json, Settings, argument, option
from vectune.cli.show import show, show_config
from vectune.config import EncodeConfig
from vectune.config.load import load_config

NAME = "encode"
EXAMPLE = "vectune encode runs/first documents.txt --out vectors.npy --dims 128"


def command(
    model: Annotated[str | None, argument(EncodeConfig, "model")] = None,
    path: Annotated[str | None, argument(EncodeConfig, "path")] = None,
    out: Annotated[Path | None, option(EncodeConfig, "out", "--out", "-o")] = None,
    dims: Annotated[int | None, option(EncodeConfig, "dims", "--dims")] = None,
    role: Annotated[str | None, option(EncodeConfig, "role", "--role")] = None,
    column: Annotated[str | None, option(EncodeConfig, "column", "--column")] = None,
    max_tokens: Annotated[int | None, option(EncodeConfig, "max_tokens", "--max-tokens")] = None,
    settings: Settings = None,
    config_file: ConfigFile = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Turn texts into vectors: .npy, .parquet or .jsonl."""
    flags: dict[str, Any] = {
        "model": model, "path": path, "out": out, "dims": dims, "role": role, "column": column,
        "max_tokens": max_tokens, **parsing.settings(settings),
    }  # fmt: skip
    config = load_config(EncodeConfig, config_file, flags)
    if dry_run:
        show_config(config, as_json)
        return 0
    from vectune.workflows.encode import encode

    with watching(quiet=as_json) as progress:
        report = encode(config, progress)
    line = f"{report.texts} texts to {report.dim} dims in {report.seconds:.1f} s: {report.out}"
    show(report.as_json(), [line], as_json)
    return 0
