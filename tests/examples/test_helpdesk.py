"""The example data: complete, well-formed, and in agreement with what its README says."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from vectune.config import TuneConfig
from vectune.data.normal import normal

_ROOT = Path(__file__).parents[2]
_EXAMPLES = _ROOT / "examples"
_HELPDESK = _EXAMPLES / "helpdesk"
_CONFIGS = sorted(_EXAMPLES.rglob("*.toml"))
_DATA = sorted(_EXAMPLES.rglob("*.jsonl"))
_NICKNAMES = {
    "pelican": "Inbound Portal", "heron": "Dispatch Turnstile", "moth": "Count Variance", "Gertie": "Par Level Advisor",
    "bluebell": "Replenishment Notice", "worm": "Tunnel Sequencer", "spaghetti": "Route Composer",
    "rag card": "Textile Passport", "guillotine": "Retirement Rule", "toad": "Site Relay",
    "owl run": "Night Settlement", "fishbowl": "Client Window", "jam number": "Soil Grade",
    "attic": "Quarantine Lane", "christen": "Chip Seeding",
    "stowaway": "Unresolved Item", "bathtub": "Loan Pool", "haircut": "Shrink Charge", "piano": "Shift Ledger",
    "kettle": "Steam Allowance",
}  # fmt: skip


def _rows(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_all_example_files_are_known() -> None:
    """Two configs and two data files lie under examples; a new one must be added here and get its own checks."""
    assert [path.relative_to(_EXAMPLES).as_posix() for path in _CONFIGS] == [
        "helpdesk/adapter.toml",
        "helpdesk/tune.toml",
    ]
    assert [path.relative_to(_EXAMPLES).as_posix() for path in _DATA] == [
        "helpdesk/distractors.jsonl",
        "helpdesk/pairs.jsonl",
    ]


@pytest.mark.parametrize("path", _CONFIGS, ids=lambda path: path.relative_to(_EXAMPLES).as_posix())
def test_every_config_is_valid_and_its_files_exist(path: Path) -> None:
    """Each config passes validation, and the files it names lie where they are said to, seen from the root."""
    config = TuneConfig.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    named = [name for name in (config.path, config.dev, config.test, config.corpus) if name]
    assert named
    assert all((_ROOT / name).is_file() for name in named)


@pytest.mark.parametrize(("name", "columns", "count"), [
    ("pairs.jsonl", ["query", "positive"], 172),
    ("distractors.jsonl", ["text"], 162),
])  # fmt: skip
def test_every_row_is_well_formed(name: str, columns: list[str], count: int) -> None:
    """Each row has exactly its columns, each a trimmed, non-empty text; the number of rows is the README's."""
    rows = _rows(_HELPDESK / name)
    assert len(rows) == count
    assert f"| {count} |" in (_HELPDESK / "README.md").read_text(encoding="utf-8")
    for row in rows:
        assert list(row) == columns
        assert all(isinstance(text, str) and text and text == text.strip() for text in row.values())


def test_questions_differ_and_share_some_answers() -> None:
    """No question comes twice; 86 answers of 25 to 70 words have one to three questions each."""
    rows = _rows(_HELPDESK / "pairs.jsonl")
    assert len({normal(row["query"]) for row in rows}) == len(rows)
    questions = Counter(row["positive"] for row in rows)
    assert len(questions) == len({normal(answer) for answer in questions}) == 86
    assert set(questions.values()) <= {1, 2, 3}
    assert all(25 <= len(answer.split()) <= 70 for answer in questions)


def test_distractors_are_no_answers_and_differ() -> None:
    """No distractor is an answer or another distractor, nor shares half its word pairs with one."""
    answers = {row["positive"] for row in _rows(_HELPDESK / "pairs.jsonl")}
    texts = sorted(answers) + [row["text"] for row in _rows(_HELPDESK / "distractors.jsonl")]
    assert len({normal(text) for text in texts}) == len(texts)
    shingles = [set(pairwise(words)) for words in (normal(text).split() for text in texts)]
    closest = max(
        len(one & other) / len(one | other) for place, one in enumerate(shingles) for other in shingles[:place]
    )
    assert closest < 0.5


def test_each_nickname_leads_to_one_official_name() -> None:
    """A nickname stands in seven or more questions; their answers use the official name and never the nickname."""
    rows = _rows(_HELPDESK / "pairs.jsonl")
    readme = (_HELPDESK / "README.md").read_text(encoding="utf-8")
    for nickname, official in _NICKNAMES.items():
        asked = [row for row in rows if nickname.lower() in row["query"].lower()]
        assert len(asked) >= 7, nickname
        assert official in readme
        assert all(official in row["positive"] for row in asked), nickname
        assert not [row for row in rows if f" {nickname} " in row["positive"]], nickname
