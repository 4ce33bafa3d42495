"""What every test runs under: no network, no colours, a small random model where a transformer is needed."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["NO_COLOR"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"  # small models gain nothing from threads, and a busy machine makes them spin

_CACHE = tempfile.TemporaryDirectory(prefix="vectune-tests-")  # removed when the tests end
os.environ.setdefault("VECTUNE_CACHE", _CACHE.name)

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def tiny_model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a randomly initialised two-layer BERT, saved as sentence-transformers does."""
    from tests.fakes.tiny_model import save_tiny_model

    return save_tiny_model(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets beside the project; tests that need it skip where it is absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real data sets are not beside the project")
    return folder
