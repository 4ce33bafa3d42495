"""`vectune tune` with a teacher, with scores in the data and with a guide, by the real command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.fakes.hash_encoder import HashEncoder
from tests.fakes.word_rows import overlapping_pairs, write_jsonl
from tests.functional.command_line import run_here
from vectune.config.workflow import PACKAGED_MODEL
from vectune.monitor.metric_log import read_metrics

FLAGS = ("--epochs", 12, "--learning-rate", 0.003, "--set", "train.interpolation=[1.0]")


@pytest.mark.model
def test_tiny_model_learns_from_the_packaged_one(tiny: tuple[str, ...], tmp_path: Path) -> None:
    """Taught by the teacher's similarities alone, a random model of other dimensions finds more; its run is clean."""
    data = write_jsonl(tmp_path / "pairs.jsonl", overlapping_pairs(200))
    out = ("--out", tmp_path / "run")
    done = run_here("tune", data, *tiny, *FLAGS, "--teacher", PACKAGED_MODEL, "--loss", "listwise_kl", *out, "--json")
    assert done.status == 0, done.err
    assert done.json["tuned"] > done.json["base"] + 0.1
    assert done.json["recipe"]["loss"] == "listwise_kl"
    assert done.json["recipe"]["teacher"] == PACKAGED_MODEL
    assert not [path for path in (tmp_path / "run").rglob("*") if path.suffix == ".npy" or path.name == "references"]
    losses = [event["loss"] for event in read_metrics(tmp_path / "run" / "metrics.jsonl") if event["event"] == "train"]
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])


def test_teacher_and_guide_go_beside_the_datas_own_loss(tiny: tuple[str, ...], tmp_path: Path) -> None:
    """Half data, half teacher, with the base as guide, at several dimensions: trained, judged and saved as ever."""
    data = write_jsonl(tmp_path / "pairs.jsonl", overlapping_pairs(60))
    base = tiny[1]
    names = ("--teacher", base, "--guide", "self", "--dims", "32,16", "--set", "train.distil_loss=margin_mse")
    done = run_here("tune", data, *tiny, *names, "--epochs", 1, "--out", tmp_path / "run", "--json")
    assert done.status in (0, 3, 4), done.err
    assert (done.json["recipe"]["teacher"], done.json["recipe"]["guide"]) == (base, "self")
    assert "Guide" in (tmp_path / "run" / "report.html").read_text()


@pytest.mark.parametrize("loss", ["margin_mse", "listwise_kl"])
def test_scores_in_the_data_are_the_teacher(loss: str, tiny: tuple[str, ...], tmp_path: Path) -> None:
    """Lists with scores teach a random model without any other model; `auto` says that they lie unused."""
    rows = overlapping_pairs(400)
    documents = [row["positive"] for row in rows]
    similar = HashEncoder(dim=256).encode([row["query"] for row in rows]) @ HashEncoder(dim=256).encode(documents).T
    drawn = np.random.default_rng(0)
    for place, row in enumerate(rows):
        others = drawn.choice([i for i in range(len(rows)) if i != place], 4, replace=False)
        row["neg"] = [documents[i] for i in others]
        row |= {"pos_scores": [8 * float(similar[place, place])], "neg_scores": (8 * similar[place, others]).tolist()}
    data = write_jsonl(tmp_path / "scored.jsonl", rows)
    done = run_here("tune", data, *tiny, *FLAGS, "--loss", loss, "--out", tmp_path / "run", "--json")
    assert done.status == 0, done.err
    assert done.json["tuned"] > done.json["base"] + 0.1
    plain = run_here("tune", data, *tiny, "--epochs", 1, "--out", tmp_path / "plain")
    assert "the rows bring scores, which are not used" in plain.err


def test_distillation_without_a_teacher_is_refused(pairs: Path, tiny: tuple[str, ...], tmp_path: Path) -> None:
    """Neither teacher nor scores: status 2, what to do, and no folder left."""
    done = run_here("tune", pairs, *tiny, "--loss", "listwise_kl", "--out", tmp_path / "run")
    assert done.status == 2
    assert "learns from a teacher" in done.error
    assert "--teacher" in done.hint
    wrong = run_here("tune", pairs, *tiny, "--teacher", tmp_path / "nowhere", "--out", tmp_path / "run")
    assert "no model at" in wrong.error
    assert [path.name for path in tmp_path.iterdir()] == ["pairs.jsonl"]
