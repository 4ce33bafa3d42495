"""docs/data.md: every example on the page is read as the page says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from vectune.config import DataConfig
from vectune.data.read import open_source, read_retrieval, read_rows
from vectune.data.reasons import REASONS
from vectune.data.shapes import ANCHOR_NAMES, LABEL_NAMES, NEGATIVE_NAMES, POSITIVE_NAMES, SCORE_NAMES, TEXT_NAMES
from vectune.errors import DataError
from vectune.records import Dropped

PAGE = Path(__file__).parents[3] / "docs" / "data.md"
FENCE = re.compile(r"^```(\w+) (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Example:
    title: str
    files: tuple[tuple[str, str], ...]
    shape: str
    mended_by: str

    def write(self, folder: Path) -> str:
        """Write the files; the path to give to the reader is the one file, or the folder that they share."""
        for name, content in self.files:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        return str(folder / self.files[0][0].split("/")[0])


def _examples() -> list[Example]:
    sections = re.split(r"^#{2,3} (.+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    found = []
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        files = tuple((name, content) for _, name, content in FENCE.findall(body))
        shape = re.search(r"^Read as `(.+)`\.$", body, re.MULTILINE)
        mended = re.search(r"^Refused; mended by `--columns (.+)`\.$", body, re.MULTILINE)
        if files:
            found.append(Example(title, files, shape[1] if shape else "", mended[1] if mended else ""))
    return found


EXAMPLES = _examples()


def test_every_fence_of_the_page_is_an_example() -> None:
    """No fence is passed over, and each example says how it is read or what mends it."""
    assert PAGE.read_text(encoding="utf-8").count("\n```") == 2 * sum(len(example.files) for example in EXAMPLES)
    assert len(EXAMPLES) == 28
    assert all(bool(example.shape) != bool(example.mended_by) for example in EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.title)
def test_example_is_read_as_the_page_says(example: Example, tmp_path: Path) -> None:
    """An accepted example gives rows of its shape without a drop; a refused one is mended by the option in the hint."""
    source = open_source(example.write(tmp_path), DataConfig())
    config = DataConfig()
    if example.mended_by:
        with pytest.raises(DataError) as refused:
            read_rows(source, config)
        assert f"--columns {example.mended_by}" in refused.value.hint
        config = DataConfig(columns=dict(part.split("=") for part in example.mended_by.split(",")))
    stream = read_rows(source, config)
    rows = list(stream)
    assert len(rows) >= 2
    assert not any(isinstance(row, Dropped) for row in rows)
    assert stream.roles.shape == (example.shape or "pairs")
    by_id = read_retrieval(source, config)
    assert (by_id is not None) == (example.shape in ("beir", "llamaindex"))


def test_page_lists_every_reason_with_its_sentence() -> None:
    """The table of reasons is the one in the code."""
    page = PAGE.read_text(encoding="utf-8")
    listed = dict(
        re.findall(r"^\| `([a-z0-9 -]+)` \| (.+) \|$", page[page.index("## Rows that can't") :], re.MULTILINE)
    )
    assert listed == REASONS


@pytest.mark.parametrize(
    ("role", "names"),
    [
        ("anchor", ANCHOR_NAMES),
        ("positive", POSITIVE_NAMES),
        ("negative", NEGATIVE_NAMES),
        ("score", SCORE_NAMES),
        ("text", [name for name in TEXT_NAMES if name not in ANCHOR_NAMES]),
        ("label", LABEL_NAMES),
    ],
)
def test_page_lists_every_name_of_a_role(role: str, names: list[str]) -> None:
    """The table of names holds all names that the reader knows."""
    line = re.search(rf"^\| {role} \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert line is not None
    assert set(names) <= set(re.findall(r"`(\w+)`", line[1]))
