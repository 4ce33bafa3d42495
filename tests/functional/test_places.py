"""A run writes in its own folder and nowhere else."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.word_rows import overlapping_pairs, write_jsonl

# Notes every file or folder that Python opens to write, makes, moves or removes, then runs the command.
_WATCHED = """
import json, os, sys
from pathlib import Path

touched = set()
# Events with the places of the open folders that their paths, which come first, are relative to.
folders = {"os.mkdir": [2], "os.rename": [2, 3], "os.remove": [1], "os.rmdir": [1], "os.link": [2, 3]}

def absolute(path, handle):
    folder = os.readlink(f"/proc/self/fd/{handle}") if handle >= 0 else ""
    return os.path.abspath(os.path.join(folder, os.fsdecode(path)))

def note(event, given):
    if event == "open" and isinstance(given[0], (str, bytes, os.PathLike)):
        writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
        if given[2] is not None and given[2] & writing:
            touched.add(os.path.abspath(os.fsdecode(given[0])))
    elif event in folders:
        paths, handles = given[:len(folders[event])], [given[place] for place in folders[event]]
        touched.update(map(absolute, paths, handles))

sys.addaudithook(note)
sys.dont_write_bytecode = True
from vectune.cli.main import main
status = main(sys.argv[2:])
Path(sys.argv[1]).write_text(json.dumps(sorted(touched)))
sys.exit(status)
"""


def _snapshot(root: Path, apart_from: Path) -> dict[str, str]:
    """Every file and folder under `root` with its content's hash, `apart_from` left out.

    The empty folder that torch makes for its compiler as soon as it is imported is left out too.
    """
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in sorted(root.rglob("*"))
        if path != apart_from and apart_from not in path.parents and not _is_torchs(path)
    }


def _is_torchs(path: Path) -> bool:
    return path.name.startswith("torchinductor_") and not any(path.iterdir())


@pytest.mark.parametrize("method", ["full", "lora", "static", "adapter"])
def test_training_never_writes_outside_its_folder(tiny_model_folder: Path, tmp_path: Path, method: str) -> None:
    """Home, temporary folder, current folder, data and base are as before; Python itself wrote nowhere else."""
    runs = tmp_path / "runs"
    for name in ("home", "tmp", "here", "data"):
        (tmp_path / name).mkdir()
    data = write_jsonl(tmp_path / "data" / "pairs.jsonl", overlapping_pairs(60))
    before = _snapshot(tmp_path, runs), _snapshot(tiny_model_folder, runs)
    report = tmp_path.with_name(f"{tmp_path.name}-touched.json")
    home = str(tmp_path / "home")
    done = subprocess.run(
        [
            sys.executable, "-c", _WATCHED, str(report), "tune", str(data), "--base", str(tiny_model_folder),
            "--out", str(runs / "run"), "--set", f"train.method={method}", "--set", "train.checkpoint_steps=2",
            "--set", "train.threads=1", "--set", "evaluate.general=false",
        ],
        cwd=tmp_path / "here", capture_output=True, text=True, timeout=300, check=False,
        env={
            "HOME": home, "TMPDIR": str(tmp_path / "tmp"), "PATH": "/usr/bin:/bin", "HF_HUB_OFFLINE": "1",
            "XDG_CACHE_HOME": f"{home}/.cache", "XDG_CONFIG_HOME": f"{home}/.config", "OMP_NUM_THREADS": "1",
        },
    )  # fmt: skip
    assert done.returncode in (3, 4), done.stderr
    assert (_snapshot(tmp_path, runs), _snapshot(tiny_model_folder, runs)) == before
    touched = json.loads(report.read_text())
    assert any(path.startswith(f"{runs}/") for path in touched)
    allowed = (f"{runs}/", "/dev/", "/proc/", f"{tmp_path}/tmp/")  # what was in the temporary folder is gone again
    assert [path for path in touched if not f"{path}/".startswith(allowed)] == []
