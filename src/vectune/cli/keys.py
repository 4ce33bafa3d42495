"""`vectune keys`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from rich.table import Table
from rich.text import Text

from vectune.cli import parsing
from vectune.cli.options import ConfigFile, Debug, DryRun, Json, Settings, argument, option, url_option
from vectune.cli.service_packages import service_packages
from vectune.cli.show import show, show_config
from vectune.config import KeysConfig
from vectune.config.jobs import DATABASE_VARIABLE
from vectune.config.load import load_config

if TYPE_CHECKING:
    from vectune.jobs.keys import Key, KeyLimits, KeyStore

NAME = "keys"
EXAMPLE = "vectune keys create laptop --project search --requests-per-minute 600"
_LIMITS = ("requests_a_minute", "tokens_a_minute", "jobs_at_once", "jobs_a_day", "tokens_in_all")
_SHORT = {"requests_a_minute": "requests/min", "tokens_a_minute": "tokens/min", "jobs_at_once": "jobs at once"}


def command(
    action: Annotated[str | None, argument(KeysConfig, "action")] = None,
    name: Annotated[str | None, argument(KeysConfig, "name")] = None,
    project: Annotated[str | None, option(KeysConfig, "project", "--project")] = None,
    home: Annotated[Path | None, option(KeysConfig, "home", "--home")] = None,
    database: Annotated[str | None, url_option(KeysConfig, "database", DATABASE_VARIABLE)] = None,
    requests: Annotated[int | None, option(KeysConfig, "requests_a_minute", "--requests-per-minute")] = None,
    tokens: Annotated[int | None, option(KeysConfig, "tokens_a_minute", "--tokens-per-minute")] = None,
    at_once: Annotated[int | None, option(KeysConfig, "jobs_at_once", "--jobs-at-once")] = None,
    a_day: Annotated[int | None, option(KeysConfig, "jobs_a_day", "--jobs-per-day")] = None,
    in_all: Annotated[int | None, option(KeysConfig, "tokens_in_all", "--tokens-in-all")] = None,
    settings: Settings = None,
    config_file: ConfigFile = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Make, list and revoke the API keys of a service, also while it runs."""
    flags: dict[str, Any] = {
        "action": action, "name": name, "project": project, "home": home, "database": database,
        "requests_a_minute": requests, "tokens_a_minute": tokens, "jobs_at_once": at_once, "jobs_a_day": a_day,
        "tokens_in_all": in_all, **parsing.settings(settings),
    }  # fmt: skip
    config = load_config(KeysConfig, config_file, flags)
    if dry_run:
        show_config(config, as_json)
        return 0
    store = _opened(config)
    try:
        _act(config, store, as_json)
    finally:
        store.close()
    return 0


def _opened(config: KeysConfig) -> KeyStore:
    with service_packages():
        from vectune.jobs.keys import open_keys
    return open_keys(config.home, config.database_url)


def _act(config: KeysConfig, store: KeyStore, as_json: bool) -> None:
    if config.action == "list":
        found = store.list()
        show({"keys": [asdict(key) for key in found]}, [_table(found)], as_json)
    elif config.action == "create":
        secret, key = store.create(config.project, config.name or "", _limits(config))
        told = f"The key of {config.name} for the project {key.project}, which is shown this once:"
        show({"secret": secret, **asdict(key)}, [told, "", secret], as_json)
    else:
        key = store.revoke(config.name or "")
        told = f"The key {key.id} ({key.name}) is revoked: servers refuse it within seconds."
        show(asdict(key), [told], as_json)


def _limits(config: KeysConfig) -> KeyLimits:
    from vectune.jobs.keys import KeyLimits

    return KeyLimits(**{name: getattr(config, name) for name in _LIMITS})


def _table(found: Sequence[Key]) -> Table | Text:
    """A line a key; what it may do stands in words, since most keys have no limit at all."""
    if not found:
        return Text("There are no keys yet; `vectune keys create NAME` makes one.")
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold", pad_edge=False)
    for column in ("id", "name", "project", "made", "last used", "tokens", "limits"):
        table.add_column(column, justify="right" if column == "tokens" else "left", overflow="fold")
    for key in found:
        ended = "revoked" if key.revoked_at is not None else _day(key.last_used_at)
        row = (key.id, key.name, key.project, _day(key.created_at), ended, f"{key.tokens_used:,}", _told(key.limits))
        table.add_row(*map(Text, row))
    return table


def _told(limits: KeyLimits) -> str:
    given = {name: value for name, value in asdict(limits).items() if value is not None}
    shown = (f"{value:,} {_SHORT.get(name, name.replace('_', ' '))}" for name, value in given.items())
    return ", ".join(shown) or "-"


def _day(seconds: int | None) -> str:
    return "-" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
