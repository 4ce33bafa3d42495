from __future__ import annotations

import typer

from vectune.cli.main import app, modules
from vectune.cli.options import argument, option
from vectune.config import TrainConfig, TuneConfig


def test_flag_says_what_the_field_says() -> None:
    """Help and default of a flag are those of its config field; a default of nothing is not shown."""
    seed = option(TrainConfig, "seed", "--seed")
    assert seed.help == TrainConfig.model_fields["seed"].description
    assert seed.show_default == "0"
    assert option(TrainConfig, "epochs", "--epochs").show_default is False


def test_argument_says_what_the_field_says() -> None:
    """So does a positional argument, which has no default."""
    path = argument(TuneConfig, "path")
    assert path.help == TuneConfig.model_fields["path"].description
    assert path.show_default is False


def test_every_option_has_help() -> None:
    """No flag of any command is left unexplained."""
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    assert set(group.commands) == {module.NAME for module in modules}
    for command in group.commands.values():
        assert command.help
        assert all(getattr(parameter, "help", None) for parameter in command.params), command.name
