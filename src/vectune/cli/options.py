"""Options that several commands share, and options whose help is the docstring of a config field."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from vectune.config import Config

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the resolved settings as TOML and stop.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", metavar="FILE.toml", help="Settings from a TOML file; flags go before it.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Any other setting, as in --set train.patience=8; may be repeated."
    ),
]


def option(
    model: type[Config], field: str, *names: str, metavar: str | None = None, variable: str | None = None
) -> Any:
    """A flag whose help and default are those of `field` of `model`; not giving the flag leaves the default, or what
    the environment has under `variable`: that is for what must not stand among the arguments."""
    info = model.model_fields[field]
    default = None if info.is_required() or info.default in (None, (), {}) else str(info.default)
    return typer.Option(*names, help=info.description, show_default=default or False, metavar=metavar, envvar=variable)


def url_option(model: type[Config], field: str, variable: str) -> Any:
    """The flag of a setting that is a URL, which may hold a password: it may stand in the environment instead."""
    return option(model, field, f"--{field}", metavar="URL", variable=variable)


def argument(model: type[Config], field: str) -> Any:
    """A positional argument whose help is that of `field` of `model`."""
    return typer.Argument(help=model.model_fields[field].description, show_default=False)
