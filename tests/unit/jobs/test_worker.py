"""The loop of a worker."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.unit.jobs.conftest import Stores
from vectune.config.jobs import JobsConfig
from vectune.jobs.running import Workshop
from vectune.jobs.worker import default_threads, main, work, worker_name


def test_worker_ends_when_asked(stores: Stores) -> None:
    """A worker without a job looks for one until it is told to end."""
    ending = threading.Event()
    config = JobsConfig(poll_seconds=0.01)
    shop = Workshop(stores.home, stores.files, stores.leases(), config, ending.is_set, lambda job: lambda wanted: None)
    thread = threading.Thread(target=work, args=(shop, ending))
    thread.start()
    ending.set()
    thread.join(10)
    assert not thread.is_alive()


def test_names_differ_and_half_the_cores_are_left() -> None:
    """No two workers share a name; at least one thread is taken, and not all of several cores."""
    assert worker_name() != worker_name()
    assert default_threads() >= 1


def test_worker_needs_its_urls(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without them in the environment it says which, and does nothing."""
    with pytest.raises(SystemExit):
        main(["--home", str(tmp_path / "home")], {"VECTUNE_FILES": str(tmp_path)})
    assert "VECTUNE_DATABASE" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
