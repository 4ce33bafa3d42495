"""The pages of docs/: every command on them is one that the command line takes, and every link leads somewhere."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from vectune.cli.main import main
from vectune.config import TuneConfig

ROOT = Path(__file__).parents[3]
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")],
    key=lambda page: page.name,
)
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\((?!https?:)([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
WITHOUT_DRY_RUN = ("runs", "gc")


def _commands(page: Path) -> list[str]:
    """The lines of the page's plain fences that call vectune, without comments and what comes after a pipe."""
    lines = [
        line for name, body in FENCE.findall(page.read_text(encoding="utf-8")) if not name for line in body.splitlines()
    ]
    calls = [line.split(" | ")[-1].split(" #")[0].strip() for line in lines]
    return [line for line in calls if line.startswith("vectune ")]


def _anchors(page: Path) -> set[str]:
    return {
        re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in HEADING.findall(page.read_text("utf-8"))
    }


COMMANDS = [(page.name, line) for page in PAGES for line in _commands(page)]


def test_the_guide_shows_every_command_that_can_be_tried() -> None:
    """The commands of the pages are found, so that the tests below look at something."""
    shown = {line.split()[1] for name, line in COMMANDS if name == "guide.md"}
    assert shown == {"check", "tune", "evaluate", "encode", "runs"}


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=[f"{page}: {line}" for page, line in COMMANDS])
def test_every_command_of_the_pages_is_taken(
    page: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --dry-run (or --help, where there is none) the command ends well: its options and settings exist."""
    monkeypatch.chdir(ROOT if "examples/" in line else tmp_path)
    for name in re.findall(r"--config (\S+)", line):
        if not Path(name).exists():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_text('path = "pairs.jsonl"\n', encoding="utf-8")
    words = shlex.split(line)[1:]
    tried = "--help" if words[0] in WITHOUT_DRY_RUN or "--resume" in words else "--dry-run"
    assert main([*words, tried]) == 0, capsys.readouterr().err


def test_the_config_file_of_the_guide_is_valid() -> None:
    """The TOML on the page passes the same validation as a user's file."""
    text = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
    files = [body for name, body in FENCE.findall(text) if name == "toml"]
    assert len(files) == 1
    assert TuneConfig.model_validate(tomllib.loads(files[0])).train.patience == 8


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    """Relative links name a file that is there, and the part after # a heading of it."""
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target), link
