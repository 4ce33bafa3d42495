"""`vectune encode`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from vectune.cli import parsing
from vectune.cli.console import watching
from vectune.cli.options import ConfigFile, Debug, DryRun, Json, Settings, argument, option
from vectune.cli.show import show, show_config
from vectune.config import EncodeConfig, RemoteConfig
from vectune.config.load import load_config

NAME = "encode"
EXAMPLE = "vectune encode runs/first documents.txt --out vectors.npy --dims 128"


def command(
    model: Annotated[str | None, argument(EncodeConfig, "model")] = None,
    path: Annotated[str | None, argument(EncodeConfig, "path")] = None,
    out: Annotated[Path | None, option(EncodeConfig, "out", "--out", "-o")] = None,
    dims: Annotated[int | None, option(EncodeConfig, "dims", "--dims")] = None,
    kind: Annotated[str | None, option(EncodeConfig, "type", "--type", metavar="TYPE")] = None,
    backend: Annotated[str | None, option(EncodeConfig, "backend", "--backend")] = None,
    precision: Annotated[str | None, option(EncodeConfig, "precision", "--precision")] = None,
    role: Annotated[str | None, option(EncodeConfig, "role", "--role")] = None,
    column: Annotated[str | None, option(EncodeConfig, "column", "--column")] = None,
    max_tokens: Annotated[int | None, option(EncodeConfig, "max_tokens", "--max-tokens")] = None,
    trust_remote_code: Annotated[bool, option(EncodeConfig, "trust_remote_code", "--trust-remote-code")] = False,
    base_url: Annotated[str | None, option(RemoteConfig, "base_url", "--base-url", metavar="URL")] = None,
    settings: Settings = None,
    config_file: ConfigFile = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Turn texts into vectors: .npy, .parquet or .jsonl."""
    flags: dict[str, Any] = {
        "model": model, "path": path, "out": out, "dims": dims, "role": role, "column": column,
        "type": kind, "backend": backend, "precision": precision,
        "max_tokens": max_tokens, "trust_remote_code": trust_remote_code or None,
        "remote.base_url": base_url, **parsing.settings(settings),
    }  # fmt: skip
    config = load_config(EncodeConfig, config_file, flags)
    if dry_run:
        show_config(config, as_json)
        return 0
    from vectune.workflows.encode import encode

    with watching(quiet=as_json) as progress:
        report = encode(config, progress)
    lines = [f"{report.texts} texts to {report.dim} dims in {report.seconds:.1f} s: {report.out}"]
    if report.type == "int8":
        lines.append(f"scale of int8, by which values are multiplied to have the vectors back: {report.scale!r}")
    if report.loss is not None:
        lines.append(_loss_line(report.type, report.loss))
    show(report.as_json(), lines, as_json)
    return 0


def _loss_line(kind: str, loss: Mapping[str, Any]) -> str:
    line = f"{kind} against float32 on {loss['texts']} of these texts: mean cosine {loss['cosine']:.5f}"
    if loss["top_10"] is None:
        return line
    return f"{line}, {loss['top_10']:.1%} of each text's 10 nearest kept"
