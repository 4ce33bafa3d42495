"""From settings to a server, as far as it goes without listening for long."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from pathlib import Path

import pytest
from fastapi import FastAPI

from vectune.config import RetentionConfig, ServeConfig
from vectune.config.jobs import JobsConfig
from vectune.encode.backends.graph_aside import graph_aside
from vectune.errors import ConfigError, StorageError, UsageError
from vectune.http.start import housekeeping_of, open_services, running, serve, workers_config
from vectune.jobs.home import open_home
from vectune.jobs.keys import open_keys


def test_home_is_made(tmp_path: Path) -> None:
    """Folder and database are there after the first start, for their owner alone, and a second start takes them as they
    are."""
    config = ServeConfig(home=tmp_path / "a" / "b")
    for _ in range(2):
        services = open_services(config)
        assert services.files.list("default").data == ()
        services.background.close()
    assert (tmp_path / "a" / "b" / "vectune.db").is_file()
    assert (tmp_path / "a" / "b").stat().st_mode & 0o077 == 0


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


async def test_files_that_were_not_read_are_read_on(tmp_path: Path) -> None:
    """A server that died right after an upload leaves a file unread: the next one reads it through."""
    services = open_services(ServeConfig(home=tmp_path, default_model="plain-model"))
    for project, name in (("default", "mine"), ("other", "theirs")):
        services.files.put(name, project, "rows.jsonl", "fine-tune", iter([b'{"text": "a", "label": "b"}\n']))
    assert services.files.unread() == ("mine", "theirs")
    async with running(services)(FastAPI()):
        async with asyncio.timeout(60):
            while services.files.unread():
                await asyncio.sleep(0.05)
    assert services.files.get("other", "theirs").status in ("processed", "error")


async def test_unfinished_graphs_are_cleared_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the last server left half made goes when the next one starts; what a process still writes stays."""
    monkeypatch.setenv("VECTUNE_CACHE", str(tmp_path / "cache"))
    graphs = tmp_path / "cache" / "graphs"
    left = graphs / ".openvino-a.0123.partial"
    left.mkdir(parents=True)
    services = open_services(ServeConfig(home=tmp_path / "home", default_model="plain-model"))
    with graph_aside(graphs / "openvino-b") as aside:
        async with running(services)(FastAPI()), asyncio.timeout(60):
            while left.exists():
                await asyncio.sleep(0.05)
        assert aside.is_dir()


def test_large_files_are_read_by_a_process_of_their_own(tmp_path: Path) -> None:
    """It may hold what a job may; the file of one that takes more can't be used. Small files are read by the server."""
    row = b'{"text": "' + b"word " * 200 + b'%d", "label": "%d"}\n'
    services = open_services(ServeConfig(home=tmp_path, jobs=JobsConfig(most_memory_gib=1e-6)))
    for size, status in ((10, "processed"), (3000, "error")):
        rows = (row % (number, number % 2) for number in range(size))
        name = services.files.create("default", "rows.jsonl", "fine-tune", rows).id
        assert services.files.validate(name).status == status
    assert "more than 1e-06 GiB of memory" in str(services.files.get("default", name).status_details)
    services.background.close()


@pytest.mark.parametrize(("given", "used"), [({}, "torch"), ({"jobs": {"backend": "onnx"}}, "onnx")])
def test_workers_hear_what_will_serve(tmp_path: Path, given: dict[str, object], used: str) -> None:
    """Workers export for the backend of the server, unless their own settings name another."""
    config = ServeConfig.model_validate({"home": tmp_path, "backend": "torch", **given})
    assert workers_config(config).backend == used


def test_home_is_claimed(tmp_path: Path) -> None:
    """The home folder says which database it belongs to, for commands beside the server."""
    services = open_services(ServeConfig(home=tmp_path))
    services.background.close()
    open_home(tmp_path, ServeConfig(home=tmp_path).database_url).close()
    with pytest.raises(UsageError, match="belongs to"):
        open_home(tmp_path, "postgresql://localhost/other")
    with pytest.raises(UsageError, match="belongs to"):
        open_services(ServeConfig(home=tmp_path, database=f"sqlite:///{tmp_path / 'other.db'}"))


async def test_server_clears_up_by_itself(tmp_path: Path) -> None:
    """While the server runs, leftovers go, the log says so, and it ends with the server."""
    config = ServeConfig(home=tmp_path, default_model="plain-model", retention=RetentionConfig(hours=1e-5))
    services = open_services(config)
    kept = services.files.create("default", "a.txt", "user_data", iter([b"x"]))
    folder = tmp_path / "files" / "default"
    left = folder / f"file-{'a' * 24}.txt"
    left.write_bytes(b"12345")
    os.utime(left, (1, 1))
    housekeeping = housekeeping_of(config, services)
    async with running(services, housekeeping=housekeeping)(FastAPI()), asyncio.timeout(60):
        while left.exists():
            await asyncio.sleep(0.02)
    assert [file.name for file in folder.iterdir()] == [f"{kept.id}.txt"]
    assert not housekeeping._thread.is_alive()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_other_addresses_need_a_key(tmp_path: Path, host: str) -> None:
    """Where other machines could call, nothing is listened on until there is a key that is not revoked."""
    config = ServeConfig(home=tmp_path, host=host, port=0)
    with pytest.raises(UsageError, match="no API key") as refused:
        serve(config, lambda url: None)
    assert "vectune keys create" in refused.value.hint
    store = open_keys(config.home, config.database_url)
    store.create("default", "laptop")
    store.revoke("laptop")
    store.close()
    with pytest.raises(UsageError, match="no API key"):
        serve(config, lambda url: None)


class Told:
    """Remembers when it was stopped, among others."""

    def __init__(self, name: str, order: list[str]) -> None:
        self._name = name
        self._order = order

    def start(self) -> None:
        return

    def stop(self) -> None:
        self._order.append(self._name)


async def test_workers_are_stopped_before_anything_is_waited_for(tmp_path: Path) -> None:
    """What is being cleared away does not keep the workers from freeing their jobs; nothing is tried again after."""
    services = open_services(ServeConfig(home=tmp_path, default_model="plain-model"))
    order: list[str] = []
    told = (Told("workers", order), Told("housekeeping", order))
    async with running(services, *told)(FastAPI()):  # type: ignore[arg-type]
        assert order == []
    assert order == ["workers", "housekeeping"]
    await asyncio.to_thread(services.readiness._thread.join, 20)
    assert not services.readiness._thread.is_alive()


def test_ready_server_looks_and_does_not_load(tiny_model_folder: Path, tmp_path: Path) -> None:
    """A default model that had to make room is not loaded again to see that it is well; one that is gone is told."""
    place = shutil.copytree(tiny_model_folder, tmp_path / "model")
    services = open_services(ServeConfig(home=tmp_path / "home", default_model=str(place), backend="torch"))
    services.queue.start()
    for names in ((str(place),), ()):
        services.readiness.prove()
        assert (services.readiness.state, services.cache.names) == ("ready", names)
        services.cache.forget(str(place))
    shutil.rmtree(place)
    services.readiness.prove()
    assert services.readiness.state == "failed"
    services.queue.close()
    services.background.close()


def test_what_waits_for_a_model_is_bounded_by_the_settings(tmp_path: Path) -> None:
    """As much may wait for a model that is loaded as for those that are there."""
    services = open_services(ServeConfig(home=tmp_path, waiting_tokens=777))
    assert services.cache._most_waiting == 777
    services.background.close()
