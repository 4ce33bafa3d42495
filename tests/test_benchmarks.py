"""The benchmarks are scripts that people run: each can be imported and tells how it is called."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
_IMPORT_ALL = """
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
print(json.dumps({name: importlib.import_module(name).__doc__ for name in sys.argv[2:]}))
"""


def test_every_script_is_imported_and_says_its_command() -> None:
    """No script is broken by a name that moved, and the docstring of each that is run names its own command."""
    names = sorted(file.stem for file in FOLDER.glob("*.py"))
    assert "train_speed" in names
    command = [sys.executable, "-c", _IMPORT_ALL, str(FOLDER), *names]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    run = [name for name in names if "def main(" in (FOLDER / f"{name}.py").read_text(encoding="utf-8")]
    assert [name for name in run if f"python benchmarks/{name}.py" not in told[name]] == []


def test_every_section_of_the_page_has_its_script() -> None:
    """Each pair of markers in docs/benchmarks.md is named by a script that writes it."""
    page = (FOLDER.parent / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    sections = {
        line[5:-4].removesuffix("_gpu") for line in page.splitlines() if line.startswith("<!-- ") and "/" not in line
    }
    assert len(sections) > 10
    written = "".join(file.read_text(encoding="utf-8") for file in FOLDER.glob("*.py"))
    assert [name for name in sections if f'write_section("{name}"' not in written] == []
    assert all(f"<!-- /{name} -->" in page for name in sections)


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")
@pytest.mark.parametrize("target", ["bench", "bench-serve", "soak", "fuzz", "kills"])
def test_make_hands_arguments_on_to_every_script(target: str) -> None:
    """`make bench-serve ARGS=--json` reaches each script that the target runs."""
    command = ["make", "-n", target, "ARGS=--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, cwd=FOLDER.parent)
    scripts = [line for line in done.stdout.splitlines() if "benchmarks/" in line]
    assert scripts
    assert all("--json" in line for line in scripts)
