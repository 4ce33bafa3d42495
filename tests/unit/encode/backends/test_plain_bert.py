"""BERT by torch alone is the same model, and anything else is left to others."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.fakes.tiny_model import WORDS
from vectune.encode.backends.plain_bert import open_plain
from vectune.encode.loading import load_encoder
from vectune.encode.resolve import packaged_folder
from vectune.records import Role

TEXTS = [" ".join(WORDS[start : start + 1 + 7 * start % 60]) for start in range(25)]
ENGLISH = ["a", "The cat sat on the mat, then left.", "word " * 300, "Über 3 × 4 = 12 → ok? " * 8]


@pytest.fixture
def copy(prompted_model: Path, tmp_path: Path) -> Path:
    return shutil.copytree(prompted_model, tmp_path / "model")


def _change(file: Path, change: Callable[[Any], None]) -> None:
    content = json.loads(file.read_text(encoding="utf-8"))
    change(content)
    file.write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_vectors_are_those_of_sentence_transformers(copy: Path, pooling: str) -> None:
    """Both roles with their prompts, short texts and cut ones, by either pooling; so are the counts of tokens."""
    _change(copy / "1_Pooling" / "config.json", lambda content: content.update(pooling_mode=pooling))
    found, expected = open_plain(copy, "tiny"), load_encoder(str(copy))
    assert found is not None
    for role in Role:
        assert (found.encode(TEXTS, role) * expected.encode(TEXTS, role)).sum(axis=1).min() > 0.9999
    assert (found.dim, found.max_tokens, found.precision) == (32, 48, expected.precision)
    assert list(found.count_tokens(TEXTS)) == list(expected.count_tokens(TEXTS))


@pytest.mark.model
def test_the_packaged_model_is_plain() -> None:
    """What a first start waits for: the same vectors as sentence-transformers gives."""
    folder = packaged_folder()
    assert folder is not None
    found, expected = open_plain(folder, "packaged"), load_encoder(str(folder))
    assert found is not None
    assert (found.encode(ENGLISH) * expected.encode(ENGLISH)).sum(axis=1).min() > 0.9995
    assert list(found.count_tokens(ENGLISH)) == list(expected.count_tokens(ENGLISH))


def test_neither_transformers_nor_sentence_transformers_is_imported(prompted_model: Path) -> None:
    """They are what takes time."""
    program = (
        "import sys\nfrom pathlib import Path\nfrom vectune.encode.backends.plain_bert import open_plain\n"
        f"open_plain(Path({str(prompted_model)!r}), 'tiny').encode(['red1'])\n"
        "assert not {'transformers', 'sentence_transformers'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("config.json", {"model_type": "xlm-roberta"}),
        ("config.json", {"hidden_act": "relu"}),
        ("config.json", {"position_embedding_type": "relative_key"}),
        ("config.json", {"is_decoder": True}),
        ("config.json", {"quantization_config": {}}),
        ("config.json", {"auto_map": {"AutoModel": "modeling.Other"}}),
        ("sentence_bert_config.json", {"modality_config": {"message": {}}}),
        ("tokenizer_config.json", {"truncation_side": "left"}),
        ("1_Pooling/config.json", {"pooling_mode": "max"}),
        ("1_Pooling/config.json", {"include_prompt": False}),
    ],
)
def test_anything_else_is_left_to_others(copy: Path, file: str, changed: dict[str, Any]) -> None:
    """Each thing that these few lines do not do."""
    _change(copy / file, lambda content: content.update(changed))
    assert open_plain(copy, "tiny") is None


def test_other_modules_and_files_are_left_to_others(copy: Path) -> None:
    """A dense layer, weights in parts, a folder that holds something else."""
    (copy / "model.safetensors").rename(copy / "model-1.safetensors")
    assert open_plain(copy, "tiny") is None
    (copy / "model-1.safetensors").rename(copy / "model.safetensors")
    assert open_plain(copy, "tiny") is not None
    _change(copy / "modules.json", lambda content: content.append({"type": "x.Dense", "path": "2_Dense"}))
    assert open_plain(copy, "tiny") is None
    assert open_plain(copy / "1_Pooling", "none") is None


@pytest.mark.parametrize(
    "key", ["layer_norm_eps", "num_attention_heads", "num_hidden_layers", "hidden_size", "max_position_embeddings"]
)
def test_a_config_that_leaves_something_out_is_left_to_others(copy: Path, key: str) -> None:
    """transformers has a value of its own for it, which is not known here."""
    _change(copy / "config.json", lambda content: content.pop(key))
    assert open_plain(copy, "tiny") is None


@pytest.mark.parametrize(
    "missing", ["embeddings.token_type_embeddings.weight", "encoder.layer.1.output.LayerNorm.bias"]
)
def test_weights_of_other_names_are_left_to_others(copy: Path, missing: str) -> None:
    """As older ones have, which transformers renames."""
    from safetensors.torch import load_file, save_file

    file = copy / "model.safetensors"
    save_file({name: tensor for name, tensor in load_file(file).items() if name != missing}, file)
    assert open_plain(copy, "tiny") is None


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "tokenizer.json"])
def test_damaged_files_are_left_to_others(copy: Path, file: str) -> None:
    """Who opens the model says what is wrong with it."""
    content = (copy / file).read_bytes()
    (copy / file).write_bytes(content[: len(content) // 2])
    assert open_plain(copy, "tiny") is None


@pytest.mark.parametrize(
    "settings",
    [
        {}, {"do_lower_case": False}, {"strip_accents": False}, {"tokenize_chinese_chars": False}, {"cls_token": "[X]"},
        {"tokenizer_class": "RobertaTokenizer"}, {"do_lower_case": True}, {"tokenizer_class": None},
    ],
)  # fmt: skip
@pytest.mark.model
def test_settings_of_the_tokenizer_and_its_file_must_agree(settings: dict[str, Any], tmp_path: Path) -> None:
    """transformers makes BERT's tokenizer from the settings: where those say otherwise than the file, which is read
    here, the model is left to others."""
    folder = packaged_folder()
    assert folder is not None
    copy = shutil.copytree(folder, tmp_path / "model")
    _change(copy / "tokenizer_config.json", lambda content: content.update(settings))
    agrees = settings in ({}, {"do_lower_case": True}, {"tokenizer_class": None})
    assert (open_plain(copy, "packaged") is not None) == agrees


@pytest.mark.model
@pytest.mark.parametrize("part", ["post_processor", "normalizer", "pre_tokenizer"])
def test_a_tokenizers_file_without_a_part_is_left_to_others(part: str, tmp_path: Path) -> None:
    """transformers puts BERT's own there."""
    folder = packaged_folder()
    assert folder is not None
    copy = shutil.copytree(folder, tmp_path / "model")
    _change(copy / "tokenizer.json", lambda content: content.update({part: None}))
    assert open_plain(copy, "packaged") is None


def test_a_text_without_tokens_has_zeros(tiny_model_folder: Path, tmp_path: Path) -> None:
    """Where a tokenizer adds no special ones; sentence-transformers gives the same."""
    copy = shutil.copytree(tiny_model_folder, tmp_path / "model")
    _change(copy / "tokenizer.json", lambda content: content.update(post_processor=None))
    found = open_plain(copy, "tiny")
    assert found is not None
    vectors = found.encode([" ", WORDS[0]])
    assert (vectors[0] == 0).all()
    assert (vectors[1] @ load_encoder(str(copy)).encode([WORDS[0]])[0]) > 0.9999


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_weights_saved_in_two_bytes(copy: Path, dtype: torch.dtype) -> None:
    """They are held in four."""
    from safetensors.torch import load_file, save_file

    file = copy / "model.safetensors"
    save_file({name: tensor.to(dtype) for name, tensor in load_file(file).items()}, file)
    found, expected = open_plain(copy, "tiny"), load_encoder(str(copy))
    assert found is not None
    assert (found.encode(TEXTS) * expected.encode(TEXTS)).sum(axis=1).min() > 0.9999
