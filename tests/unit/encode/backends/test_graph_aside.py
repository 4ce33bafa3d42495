"""Graphs that are being written, and those that nobody goes on with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vectune.encode.backends.graph_aside import clear_unfinished, graph_aside

WRITER = """
import sys
from pathlib import Path
from vectune.encode.backends.graph_aside import graph_aside
with graph_aside(Path(sys.argv[1])) as aside:
    (aside / "model.bin").write_text("half")
    print(aside.name, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def graphs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of graphs in a cache of its own; it is not there yet."""
    monkeypatch.setenv("VECTUNE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "graphs"


def test_what_a_killed_process_left_is_cleared_away(graphs: Path) -> None:
    """While a process writes a graph nobody clears it away; once it was killed the rest of it goes."""
    command = [sys.executable, "-c", WRITER, str(graphs / "openvino-a")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        aside = graphs / writer.stdout.readline().strip()
        clear_unfinished()
        assert (aside / "model.bin").read_text() == "half"
        writer.kill()
        writer.wait()
        assert aside.is_dir()
        clear_unfinished()
    assert list(graphs.iterdir()) == []


def test_only_what_was_begun_is_cleared_away(graphs: Path) -> None:
    """Graphs that are ready stay, and so does what another hand put there; where there is no cache nothing is done."""
    clear_unfinished()
    assert not graphs.exists()
    names = {"openvino-a", ".openvino-b.0123", ".openvino-c.4567.partial", "openvino-d.partial"}
    for name in names:
        (graphs / name).mkdir(parents=True)
    (graphs / ".openvino-e.89ab.partial").symlink_to(graphs / "openvino-a")
    clear_unfinished()
    left = {each.name for each in graphs.iterdir()}
    assert left == names - {".openvino-c.4567.partial"} | {".openvino-e.89ab.partial"}


def test_own_folder_ends_with_the_block(graphs: Path) -> None:
    """What has its name by then stays, all else is removed; nothing that is being written is cleared away."""
    with graph_aside(graphs / "openvino-a") as first, graph_aside(graphs / "openvino-a") as second:
        clear_unfinished()
        assert first.is_dir()
        second.rename(graphs / "openvino-a")
    assert [each.name for each in graphs.iterdir()] == ["openvino-a"]
