from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from tests.fakes.run_folder import HOSTILE, write_run_folder
from vectune.report.card import render_card, spoken


def front(card: str) -> dict[str, Any]:
    """The front matter, read by a YAML parser."""
    _, matter, _ = card.split("---\n", 2)
    content = yaml.safe_load(matter)
    assert isinstance(content, dict)
    return content


def test_front_matter_is_what_the_hub_reads(tmp_path: Path) -> None:
    """Library, pipeline, base, licence, language and tags stand under the keys that the hub knows."""
    content = front(render_card(write_run_folder(tmp_path / "run"), "apache-2.0"))
    assert content["library_name"] == "sentence-transformers"
    assert content["pipeline_tag"] == "sentence-similarity"
    assert content["base_model"] == "sentence-transformers/all-MiniLM-L6-v2"
    assert content["license"] == "apache-2.0"
    assert content["language"] == ["en"]
    assert {"sentence-transformers", "vectune"} <= set(content["tags"])


def test_results_are_what_the_hub_reads(tmp_path: Path) -> None:
    """huggingface_hub, as second witness, finds each measure of the tuned model at full size."""
    from huggingface_hub import ModelCard

    card = ModelCard(render_card(write_run_folder(tmp_path / "run"), "apache-2.0"))
    found = {result.metric_type: result.metric_value for result in card.data.eval_results}
    assert found["ndcg@10"] == 0.512
    assert len(found) == 7


def test_card_proves_what_it_says(tmp_path: Path) -> None:
    """Verdict, fingerprint, certificate, space, prompts and dimensions are in the text."""
    card = render_card(write_run_folder(tmp_path / "helpdesk-20261121-101500"), "apache-2.0")
    for part in (
        "# helpdesk-20261121-101500",
        "## Verdict: ship",
        "| Tuned minus base | +0.168 | +0.139 to +0.197 |",
        'SentenceTransformer("helpdesk-20261121-101500/model")',
        "encode_query",
        "sha256:5f1c0a9be2d34477",
        "| train and test | 0 | 0 | 0 |",
        "sha256:0d9c3b1f7788a1e2",
        "Query prompt: `query:`",
        "| 64 | 0.279 | 0.482 |",
        "is under apache-2.0",
    ):
        assert part in card


def test_unknown_licence_is_said_and_not_invented(tmp_path: Path) -> None:
    """Without a known licence the front matter names none, and the text tells to look it up."""
    card = render_card(write_run_folder(tmp_path / "run"), None)
    assert "license" not in front(card)
    assert "look it up" in card


def test_local_base_names_no_hub_model_and_no_folder(tmp_path: Path) -> None:
    """A base model from a path of this machine is no hub name, and the path does not travel with the model."""
    base = tmp_path / "secret" / "my-base"
    card = render_card(write_run_folder(tmp_path / "run", changes={"base_model": str(base)}), None)
    assert "base_model" not in front(card)
    assert "secret" not in card
    assert "`my-base`" in card


@pytest.mark.parametrize("kind", ["scored", "labelled"])
def test_other_kinds_have_their_usage(tmp_path: Path, kind: str) -> None:
    """A model for similarity or classes is shown with plain encode, and without BM25."""
    card = render_card(write_run_folder(tmp_path / "run", kind=kind), None)
    assert "encode_query" not in card
    assert "BM25" not in card


def test_verdict_alone_makes_a_card(tmp_path: Path) -> None:
    """Sections whose files are missing are left out; the warning stays when the verdict is not ship."""
    parts = ("config.toml", "split.json", "metrics.jsonl", "data.json", "examples.json", "model/vectune_space.json")
    card = render_card(write_run_folder(tmp_path / "run", without=parts, changes={"verdict": "undecided"}), None)
    assert "## Leak certificate" not in card
    assert "## Data" not in card
    assert "the base model may serve better" in card
    assert "language" not in front(card)


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    """Markup, table bars and YAML in names break neither the front matter nor the tables."""
    hostile = HOSTILE.replace("\ud800", "") + "\n---\nlicense: stolen | x"
    folder = write_run_folder(
        tmp_path / "run", changes={"base_model": hostile, "sentence": hostile, "verdict": hostile}
    )
    data = orjson.loads((folder / "data.json").read_bytes()) | {"source": hostile, "shape": hostile}
    (folder / "data.json").write_bytes(orjson.dumps(data))
    card = render_card(folder, None)
    assert "license" not in front(card)
    assert card.count("\n---\n") == 1
    outside_code = "".join(card.split("`")[::2])
    assert "<script>" not in outside_code


@pytest.mark.parametrize(
    ("shares", "named"),
    [
        ({"en": 0.96, "de": 0.02}, ["en"]),
        ({"de": 0.55, "en": 0.45}, ["de", "en"]),
        ({"en": 0.5, "de": 0.03}, []),
        ({"??": 1.0}, []),
        ({}, []),
    ],
)
def test_languages_are_named_when_clear(shares: dict[str, float], named: list[str]) -> None:
    """Languages count from a share of 5 %, if together they make nine tenths."""
    assert spoken(shares) == named
