"""`vectune export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from vectune.cli import parsing
from vectune.cli.console import watching
from vectune.cli.options import ConfigFile, Debug, DryRun, Json, Settings, argument, option
from vectune.cli.show import show, show_config
from vectune.config import DataConfig, ExportConfig
from vectune.config.load import load_config

NAME = "export"
EXAMPLE = "vectune export runs/first --format openvino-int8 --out exports/first"


def command(
    model: Annotated[str | None, argument(ExportConfig, "model")] = None,
    form: Annotated[str | None, option(ExportConfig, "format", "--format", metavar="FORMAT")] = None,
    out: Annotated[Path | None, option(ExportConfig, "out", "--out", "-o")] = None,
    path: Annotated[str | None, option(ExportConfig, "path", "--data", metavar="PATH")] = None,
    columns: Annotated[str | None, option(DataConfig, "columns", "--columns", metavar="ROLE=COLUMN,...")] = None,
    dims: Annotated[str | None, option(ExportConfig, "dims", "--dims", metavar="384,128,...")] = None,
    trust_remote_code: Annotated[bool, option(ExportConfig, "trust_remote_code", "--trust-remote-code")] = False,
    no_certificate: Annotated[
        bool, typer.Option("--no-certificate", help="Measure nothing; the folder says that it is uncertified.")
    ] = False,
    settings: Settings = None,
    config_file: ConfigFile = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Write a model for another runtime, and certify what it lost: OpenVINO, ONNX, int8, token table, safetensors."""
    flags: dict[str, Any] = {
        "model": model, "format": form, "out": out, "path": path, "data.columns": parsing.columns(columns),
        "dims": parsing.dims(dims), "certificate": False if no_certificate else None,
        "trust_remote_code": trust_remote_code or None, **parsing.settings(settings),
    }  # fmt: skip
    config = load_config(ExportConfig, config_file, flags)
    if dry_run:
        show_config(config, as_json)
        return 0
    from vectune.workflows.export import export

    with watching(quiet=as_json) as progress:
        report = export(config, progress)
    show(report.as_json(), _lines(report.as_json()), as_json)
    return 0


def _lines(report: dict[str, Any]) -> list[str]:
    """What was made and, a line a dimension, what it lost."""
    lines = [f"{report['format']}, {report['megabytes']} MB: {report['folder']}"]
    parity = report["parity"]
    if parity is None:
        return [*lines, "uncertified: nothing was measured"]
    cosine = parity["cosine"]
    if cosine["min"] is not None:
        lines.append(
            f"cosine to the model on {parity['texts']} texts: min {cosine['min']:.5f}, mean {cosine['mean']:.5f}"
        )
    for dim, loss in parity["dims"].items():
        size = (
            dim if loss["exported_dims"] == loss["trained_dims"] else f"{dim} (of the export {loss['exported_dims']})"
        )
        lines.append(
            f"{parity['measure']} at {size} dims on {parity['units']} dev units: "
            f"{loss['trained']:.4f} to {loss['exported']:.4f} (loss {loss['loss']:+.4f})"
        )
    return lines
