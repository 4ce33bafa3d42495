"""A map of query vectors, in memory and on disk."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.hash_encoder import HashEncoder
from vectune.encode.adapted import (
    ADAPTER_FILE,
    MANIFEST_FILE,
    AdaptedEncoder,
    QueryAdapter,
    RemoteBase,
    has_adapter,
    read_adapter,
    save_adapter,
)
from vectune.encode.open_encoder import open_encoder
from vectune.encode.tokenised import token_encoder
from vectune.errors import ModelError
from vectune.records import Role

TEXTS = ["red cat", "blue dog rain", "sun"]


def random_adapter(dim: int = 32, rank: int = 4, seed: int = 0) -> QueryAdapter:
    draw = np.random.default_rng(seed)
    up, down = draw.standard_normal((dim, rank)), draw.standard_normal((rank, dim))
    return QueryAdapter(up.astype(np.float32), down.astype(np.float32))


def test_queries_are_mapped_and_documents_are_not() -> None:
    """Queries are q + U V q, scaled to length one, as the whole matrix would give it; documents are the base's."""
    base, adapter = HashEncoder(), random_adapter()
    encoder = AdaptedEncoder(base, adapter, "tuned")
    expected = base.encode(TEXTS) @ (np.eye(32) + adapter.up @ adapter.down).T
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(encoder.encode(TEXTS, Role.QUERY), expected, atol=1e-6)
    np.testing.assert_array_equal(encoder.encode(TEXTS), base.encode(TEXTS))
    assert (encoder.name, encoder.dim, encoder.count_tokens(["a b"]).tolist()) == ("tuned", 32, [4])
    assert encoder.encode([], Role.QUERY).shape == (0, 32)


def test_share_goes_from_the_base_to_the_whole_map() -> None:
    """Share 0 is the identity, share 1 the map, and half a share adds half of U V q."""
    adapter, vectors = random_adapter(), HashEncoder().encode(TEXTS)
    np.testing.assert_allclose(adapter.scaled(0.0).apply(vectors), vectors, atol=1e-6)
    np.testing.assert_array_equal(adapter.scaled(1.0).apply(vectors), adapter.apply(vectors))
    np.testing.assert_allclose(adapter.scaled(0.5).matrix - np.eye(32), (adapter.matrix - np.eye(32)) / 2, atol=1e-5)


def test_adapter_of_another_length_is_refused() -> None:
    """A map of 16 values does not go on vectors of 32."""
    with pytest.raises(ModelError, match="maps vectors of 16 values"):
        AdaptedEncoder(HashEncoder(), random_adapter(dim=16), "tuned")


@pytest.mark.parametrize("remote", [None, RemoteBase("m", "http://host/v1", 32, "q: ", "")])
def test_saved_adapter_is_read_back(tmp_path: Path, remote: RemoteBase | None) -> None:
    """Map and base come back as they were; a folder without it is told from one with it."""
    adapter = random_adapter()
    assert not has_adapter(tmp_path)
    save_adapter(adapter, tmp_path / "model", base="b", remote=remote)
    assert has_adapter(tmp_path / "model")
    again, base = read_adapter(tmp_path / "model")
    np.testing.assert_array_equal(again.up, adapter.up)
    np.testing.assert_array_equal(again.down, adapter.down)
    assert base == remote
    assert (again.dim, again.rank) == (32, 4)


def test_damaged_adapters_are_refused(tmp_path: Path) -> None:
    """A manifest that does not fit the tensors, one that is no JSON, and tensors that are none."""
    save_adapter(random_adapter(), tmp_path, base="b")
    manifest = tmp_path / MANIFEST_FILE
    content = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(content | {"dim": 16}))
    with pytest.raises(ModelError, match="do not fit"):
        read_adapter(tmp_path)
    manifest.write_text(json.dumps(content | {"format": 2}))
    with pytest.raises(ModelError, match="do not fit"):
        read_adapter(tmp_path)
    manifest.write_text("{")
    with pytest.raises(ModelError, match="can't be read"):
        read_adapter(tmp_path)
    manifest.write_text(json.dumps(content))
    (tmp_path / ADAPTER_FILE).write_bytes(b"short")
    with pytest.raises(ModelError, match="can't be read"):
        read_adapter(tmp_path)


def test_base_that_takes_tokens(exported: dict[str, Path]) -> None:
    """Over such a base the adapter takes them too, and gives what it gives for texts; over another it does not."""
    assert token_encoder(AdaptedEncoder(HashEncoder(), random_adapter(), "tuned")) is None
    base = open_encoder(str(exported["onnx"]))
    encoder = token_encoder(AdaptedEncoder(base, random_adapter(dim=base.dim), "tuned"))
    assert encoder is not None
    for role in Role:
        read = encoder.tokenise(TEXTS, role)
        assert read.tokens is not None
        np.testing.assert_allclose(encoder.encode_tokens(read.tokens, role), encoder.encode(TEXTS, role), atol=1e-6)
        assert read.counts.tolist() == encoder.count_tokens(TEXTS).tolist()
