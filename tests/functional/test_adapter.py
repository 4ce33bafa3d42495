"""`--method adapter` by the real command: on a local base, and on one behind an endpoint."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from tests.conftest import ROOT
from tests.fakes.embeddings_endpoint import KEY, EmbeddingsEndpoint, Fault, serving
from tests.fakes.word_rows import code_pairs, write_jsonl
from tests.functional.command_line import finish, run_here, start
from tests.functional.killing import measured
from vectune.api import load
from vectune.records import Role
from vectune.workflows.tune import partial_folder

TEXTS = ["red1 red2 red3", "cat4 cat5 cat6 cat7", "dog1"]
_QUICK = ("--set", "train.threads=1", "--set", "evaluate.general=false", "--json")
_REMOTE = "openai:small"


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """Three texts, one a line."""
    file = tmp_path / "texts.txt"
    file.write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    return file


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """Pairs whose queries name everything otherwise than the documents do."""
    return write_jsonl(tmp_path / "code.jsonl", code_pairs(260))


@pytest.fixture
def endpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddingsEndpoint]:
    """An endpoint that the environment names, with a cache of its own."""
    with serving(EmbeddingsEndpoint(dim=64)) as place:
        monkeypatch.setenv("VECTUNE_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("VECTUNE_REMOTE_URL", place.url)
        monkeypatch.setenv("VECTUNE_REMOTE_KEY", KEY)
        yield place


def test_local_adapter_is_used_by_every_command(
    tiny_model_folder: Path, code: Path, texts: Path, tmp_path: Path
) -> None:
    """From the run folder queries are adapted and documents are the base's, with vectune and without it."""
    run = tmp_path / "run"
    done = run_here(
        "tune", code, "--base", tiny_model_folder, "--method", "adapter", "--dims", "32,16", "--out", run, *_QUICK
    )
    assert done.status in (0, 3, 4), done.err
    assert done.json["base"] < done.json["tuned"]
    assert list(done.json["measures"]["tuned"]) == ["32", "16"]
    loaded = SentenceTransformer(str(run / "model"), device="cpu")
    for role, theirs in (("query", loaded.encode_query(TEXTS)), ("document", loaded.encode_document(TEXTS))):
        assert run_here("encode", run, texts, "--out", tmp_path / f"{role}.npy", "--role", role).status == 0
        assert (np.load(tmp_path / f"{role}.npy") * theirs).sum(axis=1) == pytest.approx(1.0, abs=2e-3)
    run_here("encode", tiny_model_folder, texts, "--out", tmp_path / "base.npy")
    np.testing.assert_allclose(np.load(tmp_path / "document.npy"), np.load(tmp_path / "base.npy"), atol=2e-2)
    assert np.abs(np.load(tmp_path / "query.npy") - np.load(tmp_path / "base.npy")).max() > 0.05
    judged = run_here("evaluate", run, code, "--against", tiny_model_folder, *_QUICK[2:])
    assert judged.status == 0, judged.err
    assert judged.json["tuned"] > judged.json["base"]


def test_run_folder_is_whole_and_says_that_the_index_stays(tiny_model_folder: Path, code: Path, tmp_path: Path) -> None:
    """All files of a run are there, no vectors are left behind, and card and report can be read."""
    run = tmp_path / "runs" / "first"
    run_here("tune", code, "--base", tiny_model_folder, "--method", "adapter", "--epochs", 2, "--out", run, *_QUICK)
    assert {path.name for path in run.iterdir()} == {
        "config.toml", "data.json", "dropped.jsonl", "examples.json", "metrics.jsonl", "model", "per_query.parquet",
        "report.html", "split.json", "verdict.json",
    }  # fmt: skip
    assert [path.name for path in run.parent.iterdir()] == ["first"]
    assert not list(run.rglob("*.sqlite*"))
    card = (run / "model" / "README.md").read_text()
    assert "an index of them stays valid" in card
    assert "encode_query" in card
    assert "<svg" in (run / "report.html").read_text()


def test_remote_base_ships_through_faults(
    endpoint: EmbeddingsEndpoint, code: Path, texts: Path, tmp_path: Path
) -> None:
    """In a process of its own: 429 and 500 on the way, a verdict, each text fetched once, the key nowhere."""
    endpoint.faults = [Fault(429, {"retry-after-ms": "5"}), Fault(500, {"retry-after-ms": "5"})]
    run = tmp_path / "run"
    done = finish(start("tune", code, "--base", _REMOTE, "--method", "adapter", "--out", run, *_QUICK))
    assert done.status == 0, done.err
    assert done.json["verdict"] == "ship"
    assert done.json["tuned"] > done.json["base"] + 0.2
    assert set(endpoint.texts.values()) == {1}
    assert {file.name for file in (run / "model").iterdir()} == {
        "README.md", "adapter.safetensors", "vectune_adapter.json", "vectune_space.json",
    }  # fmt: skip
    card = (run / "model" / "README.md").read_text()
    assert "SentenceTransformer" not in card
    assert "vectune.load" in card
    fetched = len(endpoint.requests)
    judged = run_here("evaluate", run, code, "--against", _REMOTE, *_QUICK[2:])
    assert judged.status == 0, judged.err
    assert judged.json["tuned"] > judged.json["base"]
    assert len(endpoint.requests) == fetched
    assert run_here("encode", run, texts, "--out", tmp_path / "q.npy", "--role", "query").status == 0
    assert run_here("encode", _REMOTE, texts, "--out", tmp_path / "b.npy", "--role", "query").status == 0
    np.testing.assert_array_equal(np.load(tmp_path / "q.npy"), load(run).encode(TEXTS, Role.QUERY))
    assert np.abs(np.load(tmp_path / "q.npy") - np.load(tmp_path / "b.npy")).max() > 0.05
    assert all(KEY.encode() not in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert KEY not in done.out + done.err


def test_crash_in_the_middle_costs_no_text(endpoint: EmbeddingsEndpoint, code: Path, tmp_path: Path) -> None:
    """The endpoint dies half-way; run again, the command asks only for what it does not have."""
    endpoint.fail_after = 2
    flags = ("--base", _REMOTE, "--method", "adapter", "--out", tmp_path / "run", "--set", "remote.batch_texts=16")
    failed = run_here("tune", code, *flags, *_QUICK)
    assert failed.status == 1
    assert "what came is kept" in failed.hint
    assert sum(endpoint.texts.values()) > 0
    endpoint.fail_after = None
    again = run_here("tune", code, *flags, *_QUICK)
    assert again.status == 0, again.err
    assert set(endpoint.texts.values()) == {1}


@pytest.mark.parametrize("remote", [False, True], ids=["local", "remote"])
def test_killed_in_training_it_ends_the_same(
    endpoint: EmbeddingsEndpoint, tiny_model_folder: Path, code: Path, tmp_path: Path, remote: bool
) -> None:
    """`kill -9` after the first checkpoint: resumed, every loss, every dev score and the saved map are those of a run
    that nobody killed, to the last bit, and an endpoint is asked for nothing again."""
    base = _REMOTE if remote else tiny_model_folder
    settings = ("--epochs", 1000, "--set", "train.patience=100000", *_QUICK)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    process = start("tune", code, "--base", base, "--method", "adapter", "--out", killed, *settings)
    checkpoints = partial_folder(killed) / "checkpoints"
    while process.poll() is None and not any(checkpoints.glob("step-*")):
        time.sleep(0.01)
    process.kill()
    finish(process)
    assert any(checkpoints.glob("step-*"))
    resumed = run_here("tune", "--resume", killed)
    assert resumed.status in (0, 3, 4), resumed.err
    undisturbed = run_here("tune", code, "--base", base, "--method", "adapter", "--out", whole, *settings)
    assert undisturbed.status == resumed.status, undisturbed.err
    assert measured(killed) == measured(whole)
    first, second = (run / "model" / "adapter.safetensors" for run in (whole, killed))
    assert first.read_bytes() == second.read_bytes()
    assert set(endpoint.texts.values()) <= {1}


def test_only_an_adapter_goes_on_a_remote_base(endpoint: EmbeddingsEndpoint, code: Path, tmp_path: Path) -> None:
    """Other methods are asked wrongly, and nothing is sent."""
    done = run_here("tune", code, "--base", _REMOTE, "--out", tmp_path / "run")
    assert done.status == 2
    assert "--method adapter" in done.hint
    assert endpoint.requests == []


def test_refused_key_and_unknown_model_are_sentences(endpoint: EmbeddingsEndpoint, code: Path, tmp_path: Path) -> None:
    """401 names the variables, 404 the model; neither is retried and no folder is left."""
    for status, said in ((401, "refused the key"), (404, "has no embeddings of small")):
        endpoint.faults = [Fault(status)]
        done = run_here("tune", code, "--base", _REMOTE, "--method", "adapter", "--out", tmp_path / "runs" / "run")
        assert said in done.error
    assert len(endpoint.requests) == 2
    assert not any((tmp_path / "runs").iterdir())


def test_address_can_be_given_as_a_flag(
    endpoint: EmbeddingsEndpoint, texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--base-url stands in for the variable; without both and without a key nothing is sent anywhere."""
    monkeypatch.delenv("VECTUNE_REMOTE_URL")
    out = ("--out", tmp_path / "v.npy")
    assert run_here("encode", _REMOTE, texts, *out, "--base-url", endpoint.url).status == 0
    for variable in ("VECTUNE_REMOTE_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    refused = run_here("encode", _REMOTE, texts, *out)
    assert (refused.status, "no key" in refused.error) == (2, True)


def test_light_check_says_that_a_remote_model_has_no_files(code: Path) -> None:
    """`check` counts tokens by files, which a remote model has none of."""
    assert "lies behind an endpoint" in run_here("check", code, "--base", "openai:a/b").error


@pytest.mark.model
def test_helpdesk_by_the_packaged_model(tmp_path: Path) -> None:
    """Real questions on all-MiniLM-L6-v2: the adapter learns nicknames, and general ability is measured too."""
    config = ROOT / "examples" / "helpdesk" / "adapter.toml"
    process = start("tune", "--config", config, "--out", tmp_path / "run", "--json", cwd=ROOT)
    done = finish(process)
    assert done.status in (0, 4), done.err
    assert done.json["tuned"] > done.json["base"] + 0.03
    assert done.json["general"]["tuned"] > done.json["general"]["base"] - 0.03
    space = json.loads((tmp_path / "run" / "model" / "vectune_space.json").read_text())
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", space["query_adapter"])
