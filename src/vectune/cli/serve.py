"""`vectune serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from vectune.cli import parsing
from vectune.cli.options import ConfigFile, Debug, DryRun, Settings, option, url_option
from vectune.cli.serve_example import example
from vectune.cli.service_packages import service_packages
from vectune.cli.show import show, show_config
from vectune.config import LogConfig, ServeConfig
from vectune.config.jobs import DATABASE_VARIABLE, FILES_VARIABLE
from vectune.config.load import load_config

NAME = "serve"
EXAMPLE = "vectune serve --port 8765 --home service"


def command(
    host: Annotated[str | None, option(ServeConfig, "host", "--host")] = None,
    port: Annotated[int | None, option(ServeConfig, "port", "--port")] = None,
    home: Annotated[Path | None, option(ServeConfig, "home", "--home")] = None,
    workers: Annotated[int | None, option(ServeConfig, "workers", "--workers")] = None,
    database: Annotated[str | None, url_option(ServeConfig, "database", DATABASE_VARIABLE)] = None,
    files: Annotated[str | None, url_option(ServeConfig, "files", FILES_VARIABLE)] = None,
    default_model: Annotated[str | None, option(ServeConfig, "default_model", "--default-model")] = None,
    backend: Annotated[str | None, option(ServeConfig, "backend", "--backend")] = None,
    log: Annotated[Path | None, option(LogConfig, "file", "--log")] = None,
    print_example: Annotated[
        bool, typer.Option("--print-example", help="Print a Python and a curl session for this server and stop.")
    ] = False,
    settings: Settings = None,
    config_file: ConfigFile = None,
    dry_run: DryRun = False,
    debug: Debug = False,
) -> int:
    """Serve files, fine-tuning jobs and embeddings as OpenAI clients speak it, until stopped."""
    flags: dict[str, Any] = {
        "host": host, "port": port, "home": home, "workers": workers, "database": database, "files": files,
        "default_model": default_model, "backend": backend, "log.file": log, **parsing.settings(settings),
    }  # fmt: skip
    config = load_config(ServeConfig, config_file, flags)
    if dry_run:
        show_config(config, False)
        return 0
    if print_example:
        show({}, [example(f"http://{config.host}:{config.port}/v1")], False)
        return 0
    return _serve(config)


def _serve(config: ServeConfig) -> int:
    with service_packages():
        from vectune.http.start import serve
    serve(config, lambda url: print(f"vectune serves {url}/v1 from {config.home}", flush=True))
    return 0
