from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.fakes.static_model import save_static_model
from vectune.encode.loading import load_encoder
from vectune.encode.resolve import resolve_model
from vectune.encode.token_counter import NO_LIMIT, TokenCounter
from vectune.errors import ModelError

TEXTS = ["red1 dog2 cat3", "unknown words here", "", "sun1 " * 100]


def test_counts_are_the_models(tiny_model_folder: Path) -> None:
    """Counting without the model gives what the loaded model counts, over its limit too, and the same limit."""
    encoder = load_encoder(str(tiny_model_folder))
    counter = TokenCounter(resolve_model(str(tiny_model_folder)))
    assert counter.count(TEXTS).tolist() == encoder.count_tokens(TEXTS).tolist()
    assert counter.count(TEXTS).tolist()[0] == 5
    assert counter.limit == encoder.max_tokens


def test_limit_of_a_plain_transformer(tiny_model_folder: Path, tmp_path: Path) -> None:
    """Without sentence-transformers' own file the transformer's limit counts."""
    model = shutil.copytree(tiny_model_folder, tmp_path / "model")
    (model / "sentence_bert_config.json").unlink()
    assert TokenCounter(resolve_model(str(model))).limit <= 64


def test_a_token_table_sees_whole_texts(tmp_path: Path) -> None:
    """A static model's tokens are counted without special ones, and it has no limit."""
    folder = save_static_model(tmp_path / "static")
    counter = TokenCounter(resolve_model(str(folder)))
    assert counter.count(TEXTS).tolist() == load_encoder(str(folder)).count_tokens(TEXTS).tolist()
    assert counter.count(TEXTS).tolist()[0] == 3
    assert counter.limit == load_encoder(str(folder)).max_tokens == NO_LIMIT


def test_model_without_a_tokenizer(tiny_model_folder: Path, tmp_path: Path) -> None:
    """A model whose tokenizer is not on this machine can't count, and says so."""
    model = shutil.copytree(tiny_model_folder, tmp_path / "model")
    (model / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"tokenizer\.json"):
        TokenCounter(resolve_model(str(model)))
