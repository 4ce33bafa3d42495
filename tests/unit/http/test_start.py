"""From settings to a server, as far as it goes without listening for long."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from vectune.config import ServeConfig
from vectune.errors import ConfigError, StorageError, UsageError
from vectune.http.start import open_services, serve


def test_home_is_made(tmp_path: Path) -> None:
    """Folder and database are there after the first start, and a second start takes them as they are."""
    config = ServeConfig(home=tmp_path / "a" / "b")
    for _ in range(2):
        services = open_services(config)
        assert services.files.list("default").data == ()
        services.background.close()
    assert (tmp_path / "a" / "b" / "vectune.db").is_file()


def test_home_that_can_not_be_used(tmp_path: Path) -> None:
    """A file in the way is told in a sentence."""
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(StorageError, match="can't be used"):
        open_services(ServeConfig(home=tmp_path / "file" / "home"))


def test_bad_database_and_table_stop_the_start(tmp_path: Path) -> None:
    """What could not work later is said before the server listens."""
    for settings in ({"database": "mysql://localhost/x"}, {"token_table": tmp_path / "gone"}):
        with pytest.raises(ConfigError):
            open_services(ServeConfig(home=tmp_path, **settings))  # type: ignore[arg-type]


def test_address_that_is_taken(tmp_path: Path) -> None:
    """Before anything is opened the address is tried; one that is in use is named."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"127.0.0.1:{port}"):
            serve(ServeConfig(home=tmp_path / "home", port=port), lambda url: None)
    assert not (tmp_path / "home").exists()
