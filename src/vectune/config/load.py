"""From defaults, a TOML file and flags to one checked config, and back to TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import tomli_w
from pydantic import ValidationError

from vectune.config.model import Config
from vectune.errors import ConfigError, UsageError

C = TypeVar("C", bound=Config)


def load_config(
    model: type[C], file: Path | None, flags: Mapping[str, Any], defaults: Mapping[str, Any] | None = None
) -> C:
    """The config of type `model`: its defaults, under `defaults`, under the TOML `file`, under `flags`.

    `flags` and `defaults` map dotted keys (`train.epochs`) to values; None means that the flag was not given. Raises
    ConfigError that names every bad field at once, UsageError when the file is missing.
    """
    content: dict[str, Any] = {}
    for key, value in (defaults or {}).items():
        _put(content, key.split("."), value)
    _lay_over(content, _read_toml(file) if file else {})
    for key, value in flags.items():
        if value is not None:
            _put(content, key.split("."), value)
    return parse_config(model, content, str(file) if file else "the command line")


def parse_config(model: type[C], content: Mapping[str, Any], source: str) -> C:
    """Check plain values against `model`; ConfigError names every bad field of `source` at once."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(_sentence(model, problem) for problem in error.errors())
        place = error.errors()[0]["loc"][:-1]
        raise ConfigError(f"The settings from {source} can't be used: {problems}.", _hint(model, place)) from error


def to_toml(config: Config) -> str:
    """The config as TOML; values that are None are left out, since TOML has no null."""
    return tomli_w.dumps(_without_none(config.model_dump(mode="json")))


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(f"There is no config file {file}.", "Give the path of a TOML file to --config.") from error
    except OSError as error:
        raise UsageError(
            f"{file} can't be read: {error.strerror}.", "Give the path of a TOML file to --config."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not TOML: {error}.", "Mend the line that is named.") from error


def _put(content: dict[str, Any], keys: list[str], value: Any) -> None:
    """Set a nested value; what is no table on the way stays, for the model to refuse."""
    for key in keys[:-1]:
        content = content.setdefault(key, {})
        if not isinstance(content, dict):
            return
    content[keys[-1]] = value


def _lay_over(content: dict[str, Any], upper: Mapping[str, Any]) -> None:
    for key, value in upper.items():
        below = content.get(key)
        if isinstance(value, dict) and isinstance(below, dict):
            _lay_over(below, value)
        else:
            content[key] = value


def _sentence(model: type[Config], problem: Any) -> str:
    place = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"`{place}` is no setting"
    if problem["type"] == "missing":
        return f"`{place}` is missing"
    message = problem["msg"].removeprefix("Value error, ")
    return f"`{place}` is {problem['input']!r}: {message[0].lower()}{message[1:]}"


def _hint(model: type[Config], place: tuple[Any, ...]) -> str:
    """The settings beside the first bad one: those of the table that it stands in."""
    for key in place:
        inner = model.model_fields[key].annotation if key in model.model_fields else None
        if not (isinstance(inner, type) and issubclass(inner, Config)):
            break
        model = inner
    return f"Settings at this place: {', '.join(model.model_fields)}; docs/reference.md explains each."


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_none(inner) for inner in value]
    return value
