"""The packaged model's vectors stay where they are, whatever is upgraded."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.golden.texts import TEXTS
from tests.golden.write import FILE, encode_golden
from vectune.config.workflow import PACKAGED_MODEL
from vectune.encode.open_encoder import Opening, open_encoder

pytestmark = pytest.mark.model
MOST_MOVED = 1e-4


def test_no_vector_has_moved() -> None:
    """Each of fifty texts has its stored vector within 1e-4 of cosine: an index built before is still right."""
    stored = load_file(FILE)["vectors"]
    assert stored.shape == (50, 384)
    cosines = (stored * encode_golden()).sum(axis=1)
    moved = {TEXTS[row][:40]: float(cosines[row]) for row in np.flatnonzero(~(cosines >= 1 - MOST_MOVED))}
    assert moved == {}


def test_texts_are_told_apart() -> None:
    """The stored vectors are of norm 1 and no two are equal, so that a mix-up would be seen."""
    stored = load_file(FILE)["vectors"]
    assert len(TEXTS) == len(set(TEXTS)) == len(stored)
    np.testing.assert_allclose(np.linalg.norm(stored, axis=1), 1.0, atol=1e-5)
    similar = stored @ stored.T - 2 * np.eye(len(stored))
    assert similar.max() < 0.99


def test_graph_gives_the_golden_vectors() -> None:
    """OpenVINO in fp32 agrees with the stored vectors as torch does."""
    found = open_encoder(PACKAGED_MODEL, Opening(backend="openvino", precision="fp32")).encode(TEXTS)
    assert (load_file(FILE)["vectors"] * found).sum(axis=1).min() >= 1 - MOST_MOVED
