from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.fakes.hash_encoder import HashEncoder
from vectune.encode.encoder import Vectors
from vectune.evaluate.sides import Sides, VectorMatcher, WordMatcher, encode_sides
from vectune.monitor.progress import Progress, Silent
from vectune.records import Role


def test_each_row_is_the_vector_of_its_text_though_texts_repeat() -> None:
    """Repeated texts on either side come back in their places."""
    sides = Sides(left=["a", "b", "a"], right=["c", "a"])
    encoder = HashEncoder(8)
    vectors = encode_sides(encoder, sides, Silent()).vectors
    assert vectors is not None
    np.testing.assert_array_equal(vectors[0], encoder.encode(["a", "b", "a"]))
    np.testing.assert_array_equal(vectors[1], encoder.encode(["c", "a"]))


def test_named_pairs_score_like_the_ranking(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """Cosines of named pairs equal those of the matrix, also in parts (made small, which only a patch can do)."""
    monkeypatch.setattr("vectune.evaluate.sides._ROWS", 3)
    encoder, texts = HashEncoder(8), [f"w{i} w{i + 1}" for i in range(7)]
    vectors = encoder.encode(texts)
    left, right = np.array([0, 1, 2, 3, 4, 5, 6]), np.array([6, 5, 4, 3, 2, 1, 0])
    expected = (vectors @ vectors.T)[left, right]
    np.testing.assert_allclose(VectorMatcher(vectors, vectors).scores_of(left, right), expected, atol=1e-6)


def test_words_have_no_vectors_and_find_above_zero() -> None:
    """BM25 has no vectors to probe, and only a score above 0 is a find."""
    matcher = WordMatcher(Sides(left=["a", "z"], right=["a b", "c"]))
    assert matcher.vectors is None
    scores, _ = matcher.top_k(2)
    assert (scores > matcher.floor).tolist() == [[True, False], [False, False]]


def test_documents_are_encoded_before_queries() -> None:
    """They are the most of the work: how fast they go tells how long all takes."""
    asked: list[Role] = []

    class Asked(HashEncoder):
        def encode(self, texts: Sequence[str], role: Role = Role.DOCUMENT, progress: Progress | None = None) -> Vectors:
            asked.append(role)
            return super().encode(texts, role, progress)

    sides = Sides(["red"], ["cat", "dog"], left_role=Role.QUERY)
    vectors = encode_sides(Asked(), sides, Silent()).vectors
    assert asked == [Role.DOCUMENT, Role.QUERY]
    assert vectors is not None
    np.testing.assert_array_equal(vectors[0], HashEncoder().encode(["red"]))
    np.testing.assert_array_equal(vectors[1], HashEncoder().encode(["cat", "dog"]))
