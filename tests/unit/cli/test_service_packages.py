"""A missing package of the service is told by its name, with the command that installs it."""

from __future__ import annotations

import pytest

from vectune.cli.service_packages import service_packages
from vectune.errors import ConfigError


def test_missing_package_is_named() -> None:
    """Whatever import fails within the block becomes one sentence and what to do."""
    with pytest.raises(ConfigError, match="needs the package no_such_package") as refused, service_packages():
        import no_such_package  # type: ignore[import-not-found]  # noqa: F401
    assert "vectune[serve]" in refused.value.hint


def test_other_errors_pass() -> None:
    """An error that is not about imports stays what it is."""
    with pytest.raises(ValueError, match="mine"), service_packages():
        raise ValueError("mine")
