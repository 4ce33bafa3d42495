"""Every kind of data goes through `vectune tune` to a verdict by its own measure."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.word_rows import Row, labelled_texts, overlapping_pairs, scored_pairs, triplets, write_jsonl
from tests.functional.command_line import run_here

_KINDS = [
    (triplets, "triplets", "triplet_accuracy", {"ndcg@10", "recall@10"}),
    (scored_pairs, "scored", "spearman", {"pearson"}),
    (labelled_texts, "labelled", "knn_accuracy", {"probe_accuracy", "ndcg@10"}),
]


@pytest.mark.parametrize(("rows", "kind", "measure", "others"), _KINDS, ids=[kind for _, kind, _, _ in _KINDS])
def test_kind_is_judged_by_its_measure(
    rows: Callable[[int, int], list[Row]],
    kind: str,
    measure: str,
    others: set[str],
    tiny: tuple[str, ...],
    tmp_path: Path,
) -> None:
    """Train rows and a test file of one kind give a whole run whose verdict rests on that kind's measure."""
    data = write_jsonl(tmp_path / "train.jsonl", rows(80, 0))
    test = write_jsonl(tmp_path / "test.jsonl", rows(40, 5))
    done = run_here("tune", data, "--test", test, *tiny, "--out", tmp_path / "run", "--json")
    assert done.status in (0, 3, 4), done.err
    verdict = json.loads((tmp_path / "run" / "verdict.json").read_text())
    assert verdict["measure"] == measure
    assert verdict["queries"] == 40
    assert {measure, *others} <= set(verdict["measures"]["tuned"]["32"])
    assert verdict["kind"] == json.loads((tmp_path / "run" / "data.json").read_text())["kind"]
    assert verdict["kind"].startswith(kind)
    assert "<svg" in (tmp_path / "run" / "report.html").read_text()


@pytest.mark.parametrize("seed", range(6))
def test_four_labelled_rows_are_warned_about_and_not_refused(seed: int, tiny: tuple[str, ...], tmp_path: Path) -> None:
    """Four labelled texts run to `undecided`, with warnings, however the hash throws them."""
    rows = [row | {"label": "ab"[place % 2]} for place, row in enumerate(labelled_texts(4, seed))]
    data = write_jsonl(tmp_path / "four.jsonl", rows)
    done = run_here("tune", data, *tiny, "--out", tmp_path / "run")
    assert done.status == 4, done.err
    assert "under 200" in done.err
    assert "too few" in done.out


def test_three_pairs_are_undecided(tiny: tuple[str, ...], tmp_path: Path) -> None:
    """Three pairs go through without a dev split, and the verdict claims nothing."""
    data = write_jsonl(tmp_path / "three.jsonl", overlapping_pairs(3))
    done = run_here("tune", data, *tiny, "--out", tmp_path / "run")
    assert done.status == 4, done.err
    assert "too few rows for a dev split" in done.err
    assert json.loads((tmp_path / "run" / "split.json").read_text())["sizes"] == {"train": 2, "dev": 0, "test": 1}


def test_two_pairs_are_too_few(tiny: tuple[str, ...], tmp_path: Path) -> None:
    """Two pairs, one of them for the test, leave nothing to learn from: said in a sentence, and no folder is left."""
    data = write_jsonl(tmp_path / "two.jsonl", overlapping_pairs(2))
    done = run_here("tune", data, *tiny, "--out", tmp_path / "run")
    assert done.status == 1
    assert done.error == "Only 1 row is left to train on."
    assert done.hint
    assert [path.name for path in tmp_path.iterdir()] == ["two.jsonl"]


def test_two_pairs_with_a_test_file_are_enough(tiny: tuple[str, ...], tmp_path: Path) -> None:
    """With test data of its own, two pairs are both trained on."""
    data = write_jsonl(tmp_path / "two.jsonl", overlapping_pairs(2))
    test = write_jsonl(tmp_path / "test.jsonl", overlapping_pairs(20, seed=4))
    done = run_here("tune", data, "--test", test, *tiny, "--out", tmp_path / "run", "--json")
    assert done.status in (0, 3, 4), done.err
    assert done.json["rows"] == {"train": 2, "dev": 0, "test": 20}


def test_splits_of_different_kinds_are_refused(pairs: Path, tiny: tuple[str, ...], tmp_path: Path) -> None:
    """Pairs to train on and labelled texts to test on do not go together."""
    test = write_jsonl(tmp_path / "test.jsonl", labelled_texts(20))
    done = run_here("tune", pairs, "--test", test, *tiny, "--out", tmp_path / "run")
    assert done.status == 1
    assert "different kinds" in done.error
