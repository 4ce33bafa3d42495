"""docs/reference.md can't lag behind the code: it is generated, whole, and checked here."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from vectune import config as configs
from vectune import errors
from vectune.cli.main import app, modules
from vectune.cli.reference import reference
from vectune.config import Config
from vectune.errors import VectuneError

PAGE = (Path(__file__).parents[1] / "docs" / "reference.md").read_text(encoding="utf-8")
_MODELS = [model for name in configs.__all__ if (model := getattr(configs, name)) is not Config]
_ERRORS = [error for error in vars(errors).values() if inspect.isclass(error) and issubclass(error, VectuneError)]


def _section(title: str) -> str:
    """The part of the page under a heading of third level."""
    return PAGE.split(f"\n### {title}\n", 1)[1].split("\n### ", 1)[0].split("\n## ", 1)[0]


def _options() -> Iterator[tuple[str, str]]:
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    for name, command in group.commands.items():
        for parameter in command.params:
            yield from ((name, option) for option in parameter.opts if option.startswith("-"))


def test_page_is_what_would_be_generated() -> None:
    """The file equals the generated page; `make docs` writes it."""
    assert reference() == PAGE


@pytest.mark.parametrize(("command", "option"), list(_options()))
def test_every_option_is_listed(command: str, option: str) -> None:
    """Each option of each command stands in that command's table."""
    assert f"`{option}`" in _section(f"vectune {command}")


@pytest.mark.parametrize("module", modules, ids=lambda module: module.NAME)
def test_every_command_has_its_example(module: object) -> None:
    """Each command is explained and shown in use."""
    section = _section(f"vectune {getattr(module, 'NAME', '')}")
    assert f"```\n{getattr(module, 'EXAMPLE', '?')}\n```" in section


@pytest.mark.parametrize("model", _MODELS, ids=lambda model: model.__name__)
def test_every_setting_is_listed(model: type[Config]) -> None:
    """Each setting of each config stands in that config's table with its default."""
    section = _section(model.__name__)
    for name, field in model.model_fields.items():
        (row,) = [line for line in section.splitlines() if line.startswith(f"| `{name}` |")]
        assert "required" in row or not field.is_required()
        assert " ".join((field.description or "?").split()).replace("|", "\\|") in row


@pytest.mark.parametrize("error", _ERRORS, ids=lambda error: error.__name__)
def test_every_error_is_listed(error: type[VectuneError]) -> None:
    """Each error code stands in the table with its exit status; no two errors share a code."""
    assert f"| `{error.code}` | {error.exit_status} |" in PAGE
    assert [other.code for other in _ERRORS].count(error.code) == 1
