"""A model behind an endpoint, against a real one on loopback."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.embeddings_endpoint import KEY, EmbeddingsEndpoint, Fault, serving
from tests.fakes.hash_encoder import HashEncoder
from vectune.config.remote import Endpoint, RemoteConfig
from vectune.encode.remote import RemoteEncoder, cut_batches, open_remote
from vectune.encode.vector_cache import VectorCache
from vectune.errors import ConfigError, Interrupted, ModelError, VectuneError
from vectune.monitor.progress import Silent
from vectune.records import Role

TEXTS = [f"text number {number}" for number in range(50)]
_SOON = {"retry-after-ms": "5"}


@pytest.fixture
def place() -> Iterator[EmbeddingsEndpoint]:
    """A healthy endpoint."""
    with serving(EmbeddingsEndpoint()) as endpoint:
        yield endpoint


def _encoder(place: EmbeddingsEndpoint, tmp_path: Path, **settings: object) -> RemoteEncoder:
    config = RemoteConfig.model_validate({"batch_texts": 8, "retries": 3, **settings})
    return RemoteEncoder("small", Endpoint(place.url, KEY), config, VectorCache(tmp_path / "v.sqlite"))


def test_vectors_are_the_endpoints_in_order_and_of_length_one(place: EmbeddingsEndpoint, tmp_path: Path) -> None:
    """Answers come out of order, unnormalised and from several requests at once; the vectors fit the texts."""
    encoder = _encoder(place, tmp_path)
    np.testing.assert_allclose(encoder.encode(TEXTS), HashEncoder().encode(TEXTS), atol=1e-6)
    assert (encoder.name, encoder.dim) == ("openai:small", 32)
    assert {len(request["input"]) for request in place.requests} <= set(range(1, 9))
    assert place.keys == {KEY}
    assert encoder.encode([]).shape == (0, 32)
    assert encoder.count_tokens(["one two", ""]).tolist() == [2, 0]


def test_a_wait_of_more_than_two_minutes_is_not_waited(place: EmbeddingsEndpoint, tmp_path: Path) -> None:
    """Asked to come back much later, the work ends at once with what came, as docs/remote.md says."""
    place.faults = [Fault(429, {"retry-after": "121"}, "later")]
    with pytest.raises(ModelError, match="too many requests"):
        _encoder(place, tmp_path).encode(TEXTS[:8])
    assert len(place.requests) == 1


def test_nothing_is_fetched_twice(place: EmbeddingsEndpoint, tmp_path: Path) -> None:
    """Neither within a call, nor in another, nor by another object with the same cache, not even the length."""
    _encoder(place, tmp_path).encode(TEXTS + TEXTS)
    assert _encoder(place, tmp_path).dim == 32
    before = len(place.requests)
    again = _encoder(place, tmp_path)
    np.testing.assert_allclose(again.encode(TEXTS[::-1]), HashEncoder().encode(TEXTS[::-1]), atol=1e-6)
    assert again.dim == 32
    assert len(place.requests) == before
    assert set(place.texts.values()) == {1}


def test_other_models_dims_and_prompts_are_other_vectors(place: EmbeddingsEndpoint, tmp_path: Path) -> None:
    """The cache tells models, lengths and prompts apart; the role decides the prompt, which is sent with the text."""
    _encoder(place, tmp_path).encode(["red"])
    short = _encoder(place, tmp_path, dims=16, query_prompt="ask: ", document_prompt="read: ")
    assert short.dim == 16
    assert short.encode(["red"], Role.QUERY).shape == (1, 16)
    short.encode(["red"])
    assert [place.texts[text] for text in ("red", "ask: red", "read: red")] == [1, 1, 1]
    assert place.requests[0].keys() & {"dimensions"} == set()
    assert place.requests[-1]["dimensions"] == 16


def test_refusals_are_retried(place: EmbeddingsEndpoint, tmp_path: Path) -> None:
    """429 with a time to wait and 500 are tried again, and no text is counted twice."""
    place.faults = [Fault(429, _SOON), Fault(500, _SOON), Fault(429, _SOON)]
    encoder = _encoder(place, tmp_path)
    np.testing.assert_allclose(encoder.encode(TEXTS), HashEncoder().encode(TEXTS), atol=1e-6)
    assert place.faults == []
    assert set(place.texts.values()) == {1}


def test_what_came_before_a_failure_is_not_fetched_again(place: EmbeddingsEndpoint, tmp_path: Path) -> None:
    """An endpoint that dies in the middle costs nothing that it had answered."""
    place.fail_after = 3
    with pytest.raises(ModelError, match="refused a request"):
        _encoder(place, tmp_path).encode(TEXTS)
    answered = dict(place.texts)
    assert len(answered) == 24
    place.fail_after = None
    _encoder(place, tmp_path).encode(TEXTS)
    assert set(place.texts.values()) == {1}


def test_a_stop_keeps_what_came(place: EmbeddingsEndpoint, tmp_path: Path) -> None:
    """Stopped after the first answer, the encoder leaves that answer on disk."""

    class Stop(Silent):
        def advance(self, amount: int = 1, **values: float) -> None:
            if amount:
                raise Interrupted("Stopped.")

    with pytest.raises(Interrupted):
        _encoder(place, tmp_path, parallel=1).encode(TEXTS, progress=Stop())
    asked = len(place.requests)
    _encoder(place, tmp_path, parallel=1).encode(TEXTS[:8])
    assert len(place.requests) == asked


@pytest.mark.parametrize(
    ("fault", "kind", "said", "hint"),
    [
        (
            Fault(401, message=f"Incorrect API key provided: {KEY}"),
            ConfigError,
            "refused the key",
            "VECTUNE_REMOTE_KEY",
        ),
        (Fault(404), ModelError, "has no embeddings of small", "model's name"),
        (Fault(400, message=f"too long, says {KEY}"), ModelError, "too long", "max_chars"),
        (Fault(429, {"x-should-retry": "false"}), ModelError, "too many requests", "later"),
    ],
)
def test_refusals_are_sentences_without_the_key(
    place: EmbeddingsEndpoint,
    tmp_path: Path,
    fault: Fault,
    kind: type[VectuneError],
    said: str,
    hint: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each refusal says what was found and what to do; the key is in no sentence, chained error or log."""
    caplog.set_level(logging.DEBUG)
    place.faults = [fault]
    with pytest.raises(kind, match=said) as raised:
        _encoder(place, tmp_path).encode(["red"])
    assert hint in raised.value.hint
    assert raised.value.__cause__ is None
    assert KEY not in str(raised.value) + raised.value.hint + caplog.text


def test_no_answer_and_nobody_there_are_told_apart(tmp_path: Path) -> None:
    """A port that nobody listens on is said to be out of reach."""
    with serving(EmbeddingsEndpoint()) as place:
        pass
    with pytest.raises(ModelError, match="can't be reached"):
        _encoder(place, tmp_path, retries=0).encode(["red"])


def test_silence_is_a_timeout(place: EmbeddingsEndpoint, tmp_path: Path) -> None:
    """An endpoint that takes longer than the timeout is given up."""
    with place.lock, pytest.raises(ModelError, match=r"no answer within 0\.2 s"):
        _encoder(place, tmp_path, retries=0, timeout=0.2).encode(["red"])


def test_answers_that_do_not_fit_are_refused(place: EmbeddingsEndpoint, tmp_path: Path) -> None:
    """Too few vectors, zero vectors, and vectors of another length than was asked for or given before."""
    encoder = _encoder(place, tmp_path)
    assert encoder.dim == 32
    place.dim = 16
    with pytest.raises(ModelError, match=r"came with 16 values where those kept in .* have 32") as changed:
        encoder.encode(["a"])
    assert "Delete" in changed.value.hint
    place.ignores_dims = True
    with pytest.raises(ModelError, match="16 values where 8 were asked for"):
        _encoder(place, tmp_path, dims=8).encode(["b"])
    place.short_by = 1
    with pytest.raises(ModelError, match="1 vectors for 2 texts"):
        _encoder(place, tmp_path).encode(["c", "d"])
    place.short_by, place.scale = 0, 0.0
    with pytest.raises(ModelError, match="zero or not finite"):
        _encoder(place, tmp_path).encode(["e"])


def test_batches_are_cut_by_count_and_characters() -> None:
    """No batch is over either limit, a text over it goes alone, and every text is in one batch."""
    texts = ["x" * size for size in (3, 3, 3, 20, 1, 1, 1, 1)]
    assert list(cut_batches(texts, 3, 7)) == [range(2), range(2, 3), range(3, 4), range(4, 7), range(7, 8)]
    assert list(cut_batches([], 3, 7)) == []


def test_long_texts_are_cut_where_it_is_asked_for(place: EmbeddingsEndpoint, tmp_path: Path) -> None:
    """With max_chars the prompt and the text together are sent up to that length."""
    _encoder(place, tmp_path, max_chars=5, document_prompt="d: ").encode(["abcdefgh"])
    assert list(place.texts) == ["d: ab"]


def test_open_remote_reads_the_environment(
    place: EmbeddingsEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Address, key and cache folder come from the variables; a name that is not remote is refused."""
    monkeypatch.setenv("VECTUNE_REMOTE_URL", place.url)
    monkeypatch.setenv("VECTUNE_REMOTE_KEY", KEY)
    monkeypatch.setenv("VECTUNE_CACHE", str(tmp_path / "cache"))
    assert open_remote("openai:org/model").encode(["red"]).shape == (1, 32)
    assert place.requests[0]["model"] == "org/model"
    assert (tmp_path / "cache" / "vectors.sqlite").is_file()
    assert KEY.encode() not in (tmp_path / "cache" / "vectors.sqlite").read_bytes()
    for name in ("openai:", "model"):
        with pytest.raises(ConfigError, match="no model behind an endpoint"):
            open_remote(name)


def test_missing_client_names_the_extra(
    place: EmbeddingsEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the client library the error says what to install."""
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(ModelError, match="not installed") as raised:
        _encoder(place, tmp_path)
    assert "vectune[remote]" in raised.value.hint
