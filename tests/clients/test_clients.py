"""Other real clients, each in a process and an environment of its own; they run where VECTUNE_CLIENTS names it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.trying import FOLDER, TRIES, Bench, bench


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Servers, and the folder with the clients."""
    installed = os.environ.get(FOLDER)
    if not installed:  # they are fetched from two registries, which a plain test run must not need
        pytest.skip(f"other clients are not asked for: {FOLDER}=$(sh tests/clients/prepare.sh)")
    with bench(Path(installed), tmp_path_factory.mktemp("clients")) as found:
        yield found


@pytest.mark.parametrize("what", TRIES)
def test_client(what: str, on: Bench) -> None:
    """The client gets what our own client gets."""
    if "Node" in what and not ((on.installed / "node" / "node_modules").is_dir() and shutil.which("node")):
        pytest.skip("there is no Node client here")  # machines without Node still try the Python clients
    assert TRIES[what](on)
