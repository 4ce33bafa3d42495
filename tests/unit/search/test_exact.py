from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vectune.search.exact import QUERY_BLOCK, top_k


def whole_matrix(queries: np.ndarray, documents: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    scores = queries @ documents.T
    order = np.stack([np.lexsort((np.arange(scores.shape[1]), -row)) for row in scores])[:, :k]
    return np.take_along_axis(scores, order, axis=1), order


@settings(deadline=None, max_examples=80)
@given(
    seed=st.integers(0, 10_000),
    documents=st.integers(1, 60),
    k=st.integers(1, 70),
    block=st.integers(1, 64),
    values=st.integers(0, 3),
)
def test_blocks_find_what_the_whole_matrix_finds(seed: int, documents: int, k: int, block: int, values: int) -> None:
    """Whatever the block size, the result is the whole matrix sorted by score and then by document index."""
    random = np.random.default_rng(seed)
    left = random.integers(-values, values + 1, (4, 3)).astype(np.float32)
    right = random.integers(-values, values + 1, (documents, 3)).astype(np.float32)
    scores, indices = top_k(left, right, k, block=block)
    expected_scores, expected_indices = whole_matrix(left, right, k)
    np.testing.assert_array_equal(scores, expected_scores)
    np.testing.assert_array_equal(indices, expected_indices)


def test_ties_go_to_the_lower_document_index_in_any_block() -> None:
    """Equal documents come back in their own order, also where the k-th place lies among them and across blocks."""
    documents = np.ones((50, 2), dtype=np.float32)
    _, indices = top_k(np.ones((3, 2), dtype=np.float32), documents, 7, block=4)
    np.testing.assert_array_equal(indices, np.tile(np.arange(7), (3, 1)))


def test_a_later_better_document_displaces_an_earlier_one() -> None:
    """The running best is improved by later blocks."""
    documents = np.array([[0.1], [0.9], [0.5], [1.0]], dtype=np.float32)
    scores, indices = top_k(np.ones((1, 1), dtype=np.float32), documents, 2, block=1)
    assert indices.tolist() == [[3, 1]]
    np.testing.assert_allclose(scores, [[1.0, 0.9]])


def test_more_queries_than_a_block_keep_their_order() -> None:
    """Queries beyond the first query block get their own answers."""
    count = QUERY_BLOCK + 3
    eye = np.eye(count, dtype=np.float32)
    scores, indices = top_k(eye, eye, 1)
    np.testing.assert_array_equal(indices[:, 0], np.arange(count))
    np.testing.assert_array_equal(scores, 1.0)


@pytest.mark.parametrize(("queries", "documents", "k"), [(0, 5, 3), (5, 0, 3), (5, 5, 0)])
def test_nothing_in_gives_an_empty_answer_of_the_right_shape(queries: int, documents: int, k: int) -> None:
    """Empty sides and k = 0 are no error."""
    scores, indices = top_k(np.ones((queries, 2), dtype=np.float32), np.ones((documents, 2), dtype=np.float32), k)
    assert scores.shape == indices.shape == (queries, min(k, documents))


def test_k_is_cut_to_the_number_of_documents() -> None:
    """Asking for more documents than there are ranks all of them, and the types are float32 and int64."""
    scores, indices = top_k(np.ones((2, 2), dtype=np.float32), np.ones((3, 2), dtype=np.float32), 10)
    assert scores.shape == (2, 3)
    assert (scores.dtype, indices.dtype) == (np.float32, np.int64)
