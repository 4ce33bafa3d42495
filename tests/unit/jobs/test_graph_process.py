"""Graphs made by a real process of their own."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from vectune.config.log import LogConfig
from vectune.config.remote import RemoteConfig
from vectune.encode.backends.graph_aside import graph_aside
from vectune.encode.backends.graph_encoder import GraphEncoder
from vectune.encode.backends.openvino import OpenvinoSession
from vectune.encode.backends.plain_bert import BertSession
from vectune.errors import Interrupted, ModelError
from vectune.jobs.graph_process import GraphProcess
from vectune.monitor.json_log import writing_log
from vectune.serve.graphs import GraphMaker
from vectune.serve.models import ModelCache
from vectune.serve.opening import ModelOpener
from vectune.serve.remote_model import Calls
from vectune.serve.shared_encoder import SharedEncoder

PATIENCE = 120


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache without graphs, and a machine without a GPU."""
    monkeypatch.setenv("VECTUNE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    return tmp_path / "cache"


def test_a_served_model_gets_its_graph(tiny_model_folder: Path) -> None:
    """Torch answers at once; a process makes the graph, and from then on the graph answers in its place. Whoever held
    the first one goes on with it."""
    make = GraphProcess(nice=1, threads=1)
    maker = GraphMaker(make)
    cache = ModelCache(ModelOpener("auto", RemoteConfig(), Calls(2), maker.want), 1 << 30, lambda name: 10)
    name, renewed = str(tiny_model_folder), threading.Event()
    first = cache.get(name)
    assert isinstance(first, SharedEncoder)
    assert isinstance(first._encoder, GraphEncoder)
    assert isinstance(first._encoder._session, BertSession)

    def made(name: str) -> None:
        cache.renew(name)
        renewed.set()

    maker.start(made)
    assert renewed.wait(PATIENCE)
    second = cache.held(name)
    assert isinstance(second, SharedEncoder)
    assert isinstance(second._encoder, GraphEncoder)
    assert isinstance(second._encoder._session, OpenvinoSession)
    assert (first.encode(["red1 cat2"]) * second.encode(["red1 cat2"])).sum() > 0.999
    assert np.isfinite(first.encode(["red1"])).all()
    maker.close()


def test_why_it_can_not_be_made_is_told(tmp_path: Path) -> None:
    """In the words of the export; nothing is left in the cache."""
    with pytest.raises(ModelError, match="There is no model at"):
        GraphProcess(nice=0, threads=1)(str(tmp_path / "gone"), "openvino")
    assert not (tmp_path / "cache").exists()


def test_a_process_that_dies_is_told(tiny_model_folder: Path) -> None:
    """For want of memory, most likely."""
    make = GraphProcess(nice=0, threads=1)
    with ThreadPoolExecutor(1) as pool:
        made = pool.submit(make, str(tiny_model_folder), "openvino")
        os.kill(_pid(make), signal.SIGKILL)
        with pytest.raises(ModelError, match="signal 9"):
            made.result(PATIENCE)


def test_the_end_of_the_server_ends_the_process(tiny_model_folder: Path) -> None:
    """It is not waited for, and none is started afterwards."""
    make = GraphProcess(nice=0, threads=1)
    with ThreadPoolExecutor(1) as pool:
        made = pool.submit(make, str(tiny_model_folder), "openvino")
        pid = _pid(make)
        make.close()
        with pytest.raises(Interrupted):
            made.result(PATIENCE)
    assert not Path(f"/proc/{pid}").exists()
    with pytest.raises(Interrupted):
        make(str(tiny_model_folder), "openvino")


@pytest.mark.parametrize("way", ["killed", "closed"])
def test_nothing_is_left_of_a_graph_that_never_got_ready(tiny_model_folder: Path, cache_folder: Path, way: str) -> None:
    """The folder of a process that was ended in the middle is cleared away at once, whoever ended it; one that another
    process writes stays."""
    make = GraphProcess(nice=0, threads=1)
    with graph_aside(cache_folder / "graphs" / "openvino-other") as other, ThreadPoolExecutor(1) as pool:
        made = pool.submit(make, str(tiny_model_folder), "openvino")
        _wait_for(lambda: len(_names(cache_folder)) == 2)
        if way == "killed":
            os.kill(_pid(make), signal.SIGKILL)
        else:
            make.close()
            assert _names(cache_folder) == [other.name]
        with pytest.raises((ModelError, Interrupted)):
            made.result(PATIENCE)
        assert _names(cache_folder) == [other.name]


def test_what_it_says_is_in_the_log(
    tiny_model_folder: Path, cache_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a process says that dies in a library stands in the file that the service logs to, in a line of JSON like
    all others."""
    monkeypatch.setenv("PYTHONFAULTHANDLER", "1")  # says what libraries say by themselves: that it dies, on stderr
    config = LogConfig(file=tmp_path / "service.log")
    make = GraphProcess(nice=0, threads=1, log=config)
    with writing_log(config), ThreadPoolExecutor(1) as pool:
        made = pool.submit(make, str(tiny_model_folder), "openvino")
        _wait_for(lambda: (cache_folder / "graphs").is_dir() and bool(_names(cache_folder)))
        os.kill(_pid(make), signal.SIGABRT)
        with pytest.raises(ModelError, match="signal 6"):
            made.result(PATIENCE)
    assert any("Fatal Python error: Aborted" in line["message"] for line in _lines(tmp_path / "service.log"))


def test_fault_of_ours_is_in_the_log(tmp_path: Path) -> None:
    """An error that nobody foresaw is a line in the file that the service logs to, with where it came from."""
    log = tmp_path / "service.log"
    with pytest.raises(ModelError, match="status 1"):
        GraphProcess(nice=0, threads=1, log=LogConfig(file=log))(None, "openvino")  # type: ignore[arg-type]
    (line,) = _lines(log)
    assert (line["level"], line["message"]) == ("critical", "the process ends")
    assert "open_encoder" in line["traceback"]


def _lines(log: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in log.read_bytes().splitlines()]


def _wait_for(state: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not state():
        assert time.monotonic() < until
        time.sleep(0.001)


def _names(cache_folder: Path) -> list[str]:
    return sorted(each.name for each in (cache_folder / "graphs").iterdir())


def _pid(make: GraphProcess) -> int:
    _wait_for(lambda: make._process is not None)
    assert make._process is not None
    return make._process.pid
