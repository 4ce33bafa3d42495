"""The benchmarks are scripts that people run: each can be imported and tells how it is called."""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.functional.killing import Survivor

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
        line[5:-4].removesuffix("_gpu").removesuffix("_slow")
        for line in page.splitlines()
        if line.startswith("<!-- ") and "/" not in line
    }
    assert len(sections) > 10
    written = "".join(file.read_text(encoding="utf-8") for file in FOLDER.glob("*.py"))
    assert [name for name in sections if f'write_section("{name}"' not in written] == []
    assert all(f"<!-- /{name} -->" in page for name in sections)


@pytest.mark.parametrize("target", ["bench", "bench-serve", "soak", "fuzz", "kills"])
def test_make_hands_arguments_on_to_every_script(target: str) -> None:
    """`make bench-serve ARGS=--json` reaches each script that the target runs."""
    command = ["make", "-n", target, "ARGS=--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, cwd=FOLDER.parent)
    scripts = [line for line in done.stdout.splitlines() if "benchmarks/" in line]
    assert scripts
    assert all("--json" in line for line in scripts)


def _module(name: str) -> ModuleType:
    """A file of benchmarks/, which is no package."""
    spec = importlib.util.spec_from_file_location(f"benchmarks_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def page() -> ModuleType:
    """benchmarks/page.py."""
    return _module("page")


def test_a_missing_section_is_made_after_that_of_the_same_name(page: ModuleType) -> None:
    """The figures of a GPU or a slow machine stand below the others', which stay; one that is there is replaced."""
    text = "a\n<!-- x -->\n1\n<!-- /x -->\nb"
    once = page.placed(text, "x", "_slow", "2")
    assert once == "a\n<!-- x -->\n1\n<!-- /x -->\n\n<!-- x_slow -->\n2\n<!-- /x_slow -->\nb"
    assert page.placed(once, "x", "_slow", "3") == once.replace("2", "3")
    assert page.placed(once, "x", "", "4") == once.replace("1", "4")
    with pytest.raises(SystemExit, match="no section y"):
        page.placed(text, "y", "_gpu", "2")


def test_a_machine_is_slow_by_its_peak(page: ModuleType) -> None:
    """Below 300 GFLOP/s a core the section is another one and says the peak; where none is measured it is the usual."""
    suffix, heading = page.kind_of(415.2, 2)
    assert suffix == "_slow"
    assert "peak at 415 GFLOP/s" in heading
    assert page.kind_of(830.0, 2) == page.kind_of(None, 2) == ("", "")


@pytest.mark.parametrize(
    ("asked", "partial"),
    [(["--rounds", "4"], True), (["a"], True), ([], False), (["--rounds", "9", "--quick"], False)],
)
def test_less_than_the_default_is_partial(page: ModuleType, asked: list[str], partial: bool) -> None:
    """Fewer rounds or sets are, as many or more are not; flags do not count."""
    parser = argparse.ArgumentParser()
    parser.add_argument("sets", nargs="*", default=["a", "b"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    assert page.is_partial(parser, parser.parse_args(asked)) is partial


def test_a_partial_run_leaves_the_page_as_it_is(page: ModuleType, tmp_path: Path) -> None:
    """Only a whole run writes, and it measures the machine when it is asked to."""
    file = tmp_path / "page.md"
    file.write_text("<!-- x -->\n1\n<!-- /x -->")
    page.write_section("x", "2", file, partial=True)
    assert file.read_text() == "<!-- x -->\n1\n<!-- /x -->"
    page.write_section("x", "2", file, peak=lambda: 1.0)
    assert "\n1\n" in file.read_text()
    assert "\n2\n" in file.read_text()


def test_kills_are_counted_by_method() -> None:
    """A row a method: all kills, those after a step and after a checkpoint, those that were resumed and ended the same;
    sums stand where they stood before there were methods."""
    table = _module("kill_table")
    found = {
        "full": [Survivor(9, True, 8, True, True, ""), Survivor(0, False, 0, True, True, "")],
        "adapter": [Survivor(5, False, 0, True, False, ""), Survivor(40, False, 30, False, False, "no")],
    }
    lines = table.as_markdown(found).splitlines()
    assert lines[2:] == [
        "| full | 2 | 1 | 1 | 1 | 2 | 2 |", "| adapter | 2 | 2 | 1 | 0 | 1 | 0 |", "",
        "4 kills, 3 resumed, 2 identical.",
    ]  # fmt: skip
    told = table.as_json(found)
    assert {key: told[key] for key in ("kills", "resumed", "identical")} == {"kills": 4, "resumed": 3, "identical": 2}
    assert told["methods"]["adapter"]["from_checkpoint"] == 1
    assert lines[0].count("|") == lines[2].count("|")
