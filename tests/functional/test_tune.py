"""`vectune tune` from a file of pairs to the folder it leaves, by the real command."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from tests.fakes.word_rows import overlapping_pairs, scored_pairs, write_jsonl
from tests.functional.command_line import run_here
from tests.functional.conftest import FinishedRun
from vectune.config import TuneConfig
from vectune.encode.space import read_space
from vectune.monitor.metric_log import read_metrics
from vectune.store.per_query import read_per_query

_FILES = {
    "config.toml", "data.json", "dropped.jsonl", "examples.json", "metrics.jsonl", "model", "per_query.parquet",
    "report.html", "split.json", "verdict.json",
}  # fmt: skip


def test_tune_ships_what_it_taught(finished: FinishedRun) -> None:
    """A model that learns what its base can't know ends with status 0, and the screen says where everything lies."""
    assert finished.outcome.status == 0, finished.outcome.err
    assert "Ship" in finished.outcome.out
    assert str(finished.folder / "model") in finished.outcome.out
    assert str(finished.folder / "report.html") in finished.outcome.out


def test_run_folder_is_whole(finished: FinishedRun) -> None:
    """Every file of the run is there, no work folder is left, and nothing else lies beside the run."""
    assert {path.name for path in finished.folder.iterdir()} == _FILES
    assert [path.name for path in finished.folder.parent.iterdir()] == ["first"]


def test_verdict_has_its_keys(finished: FinishedRun) -> None:
    """verdict.json has each promised key, and every measure for each model at each dimension."""
    verdict = json.loads((finished.folder / "verdict.json").read_text())
    assert verdict["verdict"] == "ship"
    assert verdict["measure"] == "ndcg@10"
    assert verdict["base"] < verdict["tuned"]
    assert verdict["difference"] == pytest.approx(verdict["tuned"] - verdict["base"])
    low, high = verdict["interval"]
    assert 0 < low <= verdict["difference"] <= high
    assert verdict["smallest_detectable"] > 0
    assert verdict["queries"] == len(json.loads((finished.folder / "split.json").read_text())["assignment"]["test"])
    assert verdict["bm25"] == verdict["measures"]["bm25"]["all"]["ndcg@10"]
    for model in ("base", "tuned"):
        assert list(verdict["measures"][model]) == ["32", "16"]
        assert verdict["measures"][model]["32"]["ndcg@10"] == verdict[model]
        assert {"recall@1", "hit@5", "mrr@10", "map@100"} <= set(verdict["measures"][model]["16"])


def test_metrics_tell_the_training(finished: FinishedRun) -> None:
    """metrics.jsonl has each step once, dev scores that name their measure, mixes and the seconds of the stages."""
    events = read_metrics(finished.folder / "metrics.jsonl")
    steps = [event["step"] for event in events if event["event"] == "train"]
    assert steps == list(range(1, len(steps) + 1))
    dev = [event for event in events if event["event"] == "dev"]
    assert dev[0]["step"] == 0
    assert {event["measure"] for event in dev} == {"ndcg@10"}
    assert [event["share"] for event in events if event["event"] == "interpolation"] == [0.25, 0.5, 0.75, 1.0]
    assert {"train", "judge"} <= {event["name"] for event in events if event["event"] == "stage"}


def test_split_is_certified(finished: FinishedRun) -> None:
    """The certificate counts nothing shared between any two splits, and each query is in one split."""
    split = json.loads((finished.folder / "split.json").read_text())
    assert split["clean"] is True
    assert all(count == 0 for counts in split["overlaps"].values() for count in counts.values())
    ids = [unit for part in split["assignment"].values() for unit in part]
    assert len(ids) == len(set(ids)) == 200


def test_every_query_is_kept_for_both_models(finished: FinishedRun) -> None:
    """per_query.parquet holds base, tuned and BM25 over the same test queries."""
    parts = read_per_query(finished.folder / "per_query.parquet")
    assert {(part.model, part.dim) for part in parts} >= {("base", 32), ("tuned", 32), ("tuned", 16)}
    assert len({part.units for part in parts}) == 1


def test_config_starts_the_same_run(finished: FinishedRun, tmp_path: Path) -> None:
    """config.toml is the resolved config: given back with --config it leaves the same numbers."""
    file = finished.folder / "config.toml"
    config = TuneConfig.model_validate(tomllib.loads(file.read_text()))
    assert config.train.dims == (32, 16)
    assert config.path == str(finished.data)
    again = run_here("tune", "--config", file, "--out", tmp_path / "again", "--json")
    verdict = json.loads((finished.folder / "verdict.json").read_text())
    assert again.status == 0
    assert {key: again.json[key] for key in ("base", "tuned", "interval", "p", "fingerprint")} == {
        key: verdict[key] for key in ("base", "tuned", "interval", "p", "fingerprint")
    }


def test_model_loads_with_the_same_vectors(finished: FinishedRun, tmp_path: Path) -> None:
    """sentence-transformers loads the model by its path and gives the vectors that `vectune encode` writes."""
    texts = ["red1 red2 red3", "cat4 cat5 cat6 cat7", "dog1"]
    (tmp_path / "texts.txt").write_text("\n".join(texts) + "\n")
    done = run_here("encode", finished.folder, tmp_path / "texts.txt", "--out", tmp_path / "vectors.npy")
    assert done.status == 0, done.err
    theirs = SentenceTransformer(str(finished.folder / "model"), device="cpu").encode(texts, normalize_embeddings=True)
    ours = np.load(tmp_path / "vectors.npy")
    assert ours.dtype == np.float32
    assert (ours * theirs).sum(axis=1) == pytest.approx(1.0, abs=2e-3)


def test_space_names_the_dimensions(finished: FinishedRun) -> None:
    """The space fingerprint lies beside the weights, is whole, and names pooling and dimensions."""
    space = read_space(finished.folder / "model")
    assert space.dims == (32, 16)
    assert space.pooling == "mean"
    assert space.revision.startswith("sha256:")


def test_report_is_one_file(finished: FinishedRun) -> None:
    """report.html asks for nothing outside itself and says the verdict."""
    page = (finished.folder / "report.html").read_text()
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!#|data:)[^"']*["']""", page)
    assert not re.findall(r"url\((?!['\"]?(?:#|data:))|@import|<script[^>]+src", page)
    assert "Ship" in page


def test_card_names_what_must_be_known(finished: FinishedRun) -> None:
    """The model card names the data's fingerprint, the leak certificate, the verdict and the base's licence."""
    card = (finished.folder / "model" / "README.md").read_text()
    verdict = json.loads((finished.folder / "verdict.json").read_text())
    assert card.startswith("---\n")
    assert verdict["fingerprint"].removeprefix("sha256:")[:12] in card
    assert verdict["sentence"] in card
    assert "licen" in card.lower()
    assert "| train and test | 0 | 0 | 0 |" in card


def test_worse_model_does_not_ship(tiny: tuple[str, ...], tmp_path: Path) -> None:
    """A model that was taught the opposite of the test ends with status 3."""
    wrong = [row | {"score": 1 - row["score"]} for row in scored_pairs(120)]
    data = write_jsonl(tmp_path / "wrong.jsonl", wrong)
    test = write_jsonl(tmp_path / "test.jsonl", scored_pairs(60, seed=1))
    flags = ("--test", test, "--learning-rate", 0.01, "--epochs", 10, "--set", "train.interpolation=[1.0]")
    done = run_here("tune", data, *tiny, *flags, "--out", tmp_path / "run", "--json")
    assert done.status == 3, done.err
    assert done.json["verdict"] == "do not ship"


def test_few_queries_are_undecided(pairs: Path, tiny: tuple[str, ...], tmp_path: Path) -> None:
    """With few test queries and no difference the status is 4, and the sentence says so."""
    done = run_here("tune", pairs, *tiny, "--out", tmp_path / "run", "--json")
    assert done.status == 4, done.err
    assert done.json["verdict"] == "undecided"
    assert "under 200" in (tmp_path / "run" / "split.json").read_text()


def test_distractors_join_the_corpus(pairs: Path, tiny: tuple[str, ...], tmp_path: Path) -> None:
    """--corpus makes the search harder: more documents, so no higher score of the same base model."""
    texts = "".join(row["positive"] + "\n" for row in overlapping_pairs(300, seed=9))
    (tmp_path / "more.txt").write_text(texts)
    alone = run_here("tune", pairs, *tiny, "--out", tmp_path / "alone", "--json").json
    among = run_here(
        "tune", pairs, *tiny, "--corpus", tmp_path / "more.txt", "--out", tmp_path / "among", "--json"
    ).json
    assert among["queries"] == alone["queries"]
    assert among["base"] < alone["base"]


def test_default_folder_bears_name_and_time(
    pairs: Path, tiny: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without --out the run lies under runs/, named after the data and the time."""
    monkeypatch.chdir(tmp_path)
    done = run_here("tune", pairs, *tiny, "--json")
    assert re.fullmatch(r"runs/pairs-\d{8}-\d{6}", done.json["run"])
    assert run_here("runs", "--json").json["runs"][0]["name"] == Path(done.json["run"]).name
