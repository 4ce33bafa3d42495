"""What every command of the service says where the packages that it needs are missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from vectune.errors import ConfigError


@contextmanager
def service_packages() -> Iterator[None]:
    """Around the imports of the service: ConfigError names the package that is missing, and how to install it."""
    try:
        yield
    except ImportError as error:
        raise ConfigError(
            f"The service needs the package {error.name}, which is not installed.", "pip install 'vectune[serve]'"
        ) from error
