"""The real command on the packaged all-MiniLM-L6-v2 and real sentences."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from tests.conftest import ROOT
from tests.functional.command_line import Outcome, finish, run_here, start

pytestmark = pytest.mark.model
_HELPDESK = ROOT / "examples" / "helpdesk"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    """Two epochs over ninety helpdesk questions, no distractors."""
    root = tmp_path_factory.mktemp("helpdesk")
    with (_HELPDESK / "pairs.jsonl").open(encoding="utf-8") as lines:
        (root / "pairs.jsonl").write_text("".join(islice(lines, 90)), encoding="utf-8")
    flags = ("--epochs", 2, "--max-tokens", 64, "--dims", "384,128", "--set", "train.interpolation=[1.0]")
    return root / "run", finish(start("tune", root / "pairs.jsonl", *flags, "--out", root / "run", "--json"))


def test_tuning_the_packaged_model_ends_with_a_verdict(run: tuple[Path, Outcome]) -> None:
    """The default base is the packaged model; the run ends with a verdict, its general ability measured."""
    folder, done = run
    assert done.status in (0, 3, 4), done.err
    assert done.json["base_model"] == "sentence-transformers/all-MiniLM-L6-v2"
    assert done.json["base"] > 0.3
    assert done.json["general"]["base"] > 0.5
    assert list(done.json["measures"]["tuned"]) == ["384", "128"]
    assert "apache-2.0" in (folder / "model" / "README.md").read_text()


def test_vectors_of_the_tuned_model_are_the_same_everywhere(run: tuple[Path, Outcome], tmp_path: Path) -> None:
    """SentenceTransformer(path) and `vectune encode` agree on the tuned model, which is not the base any more."""
    folder, _ = run
    lines = (_HELPDESK / "distractors.jsonl").read_text(encoding="utf-8").splitlines()[:8]
    texts = [json.loads(line)["text"] for line in lines]
    (tmp_path / "texts.txt").write_text("\n".join(texts), encoding="utf-8")
    done = run_here("encode", folder, tmp_path / "texts.txt", "--out", tmp_path / "v.npy")
    assert done.status == 0, done.err
    ours = np.load(tmp_path / "v.npy")
    tuned = SentenceTransformer(str(folder / "model"), device="cpu").encode(texts)
    assert (ours * tuned).sum(axis=1) == pytest.approx(1.0, abs=2e-3)
    run_here("encode", "all-MiniLM-L6-v2", tmp_path / "texts.txt", "--out", tmp_path / "base.npy")
    assert (ours * np.load(tmp_path / "base.npy")).sum(axis=1).max() < 0.9999
