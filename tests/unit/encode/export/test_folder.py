"""An exported folder stands on its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from tests.fakes.tiny_model import PROMPTS, WORDS
from vectune.encode.adapted import QueryAdapter, save_adapter
from vectune.encode.export.folder import library_versions, needs_calibration, write_export
from vectune.encode.export.manifest import read_manifest
from vectune.encode.loading import load_encoder
from vectune.encode.open_encoder import open_encoder
from vectune.encode.resolve import weights_sha256
from vectune.encode.space import read_space
from vectune.errors import ModelError
from vectune.records import Role

TEXTS = [" ".join(WORDS[i : i + 1 + i % 60]) for i in (*range(11), 59)]
_PLAIN = """
import json, sys
import numpy as np
from tokenizers import Tokenizer
folder, texts = sys.argv[1], json.loads(sys.argv[2])
told = json.load(open(folder + "/vectune_export.json"))
tokenizer = Tokenizer.from_file(folder + "/tokenizer.json")
tokenizer.enable_truncation(told["max_tokens"], direction=told["truncation_side"])
tokenizer.enable_padding(pad_id=told["pad_id"])
read = tokenizer.encode_batch([told["query_prompt"] + text for text in texts])
given = [np.array([one.ids for one in read]), np.array([one.attention_mask for one in read])]
given = dict(zip(told["inputs"], given))
if told["runtime"] == "onnx":
    import onnxruntime
    session = onnxruntime.InferenceSession(folder + "/" + told["file"], providers=["CPUExecutionProvider"])
    vectors = session.run([told["output"]], given)[0]
else:
    sys.modules["openvino_telemetry"] = None
    import openvino
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    vectors = openvino.Core().compile_model(folder + "/" + told["file"], "CPU", settings)(given)[told["output"]]
if told["query_adapter"]:
    from safetensors.numpy import load_file
    maps = load_file(folder + "/" + told["query_adapter"])
    vectors = vectors + vectors @ maps["down"].T @ maps["up"].T
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
assert not any(name.split(".")[0] in ("vectune", "torch", "transformers") for name in sys.modules)
print(json.dumps(vectors.tolist()))
"""


def without_vectune(folder: Path) -> NDArray[np.float64]:
    """Query vectors of TEXTS, from a process that knows nothing but the folder."""
    done = subprocess.run(
        [sys.executable, "-c", _PLAIN, str(folder), json.dumps(TEXTS)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return np.array(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    ("form", "least"), [("openvino", 0.99999), ("onnx", 0.99999), ("onnx-int8", 0.98), ("openvino-int8", 0.98)]
)
def test_export_runs_without_vectune(exported: dict[str, Path], prompted_model: Path, form: str, least: float) -> None:
    """Plain onnxruntime or OpenVINO and the tokenizers library give the model's vectors from what the folder says."""
    found = without_vectune(exported[form])
    model = SentenceTransformer(str(prompted_model), device="cpu")
    expected = model.encode_query(TEXTS, normalize_embeddings=True)
    assert (found * expected).sum(axis=1).min() > least
    assert np.linalg.norm(found, axis=1) == pytest.approx(1.0, abs=1e-3)


def test_texts_are_cut_on_the_side_that_the_folder_names(prompted_model: Path, tmp_path: Path) -> None:
    """A model that keeps the end of a long text keeps it without vectune too."""
    encoder = load_encoder(str(prompted_model), precision="fp32")
    right = encoder.encode(TEXTS, Role.QUERY)
    encoder.model.tokenizer.truncation_side = "left"
    expected = encoder.encode(TEXTS, Role.QUERY)
    assert (right[-1] * expected[-1]).sum() < 0.9999
    write_export(encoder, prompted_model, tmp_path, "onnx")
    np.testing.assert_allclose(without_vectune(tmp_path), expected, atol=1e-4)


def test_queries_go_through_the_adapter_that_the_folder_names(prompted_model: Path, tmp_path: Path) -> None:
    """Of a model with a query adapter too the folder says all that is needed to have its query vectors."""
    source, folder = tmp_path / "model", tmp_path / "export"
    shutil.copytree(prompted_model, source)
    folder.mkdir()
    random = np.random.default_rng(0)
    up, down = random.normal(size=(2, 32, 4)).astype(np.float32) / 4
    adapter = QueryAdapter(up, down.T)
    save_adapter(adapter, source, base="model")
    manifest = write_export(load_encoder(str(prompted_model), precision="fp32"), source, folder, "onnx")
    assert manifest.query_adapter == "adapter.safetensors"
    model = SentenceTransformer(str(prompted_model), device="cpu")
    plain = model.encode_query(TEXTS, normalize_embeddings=True)
    assert (plain * adapter.apply(plain)).sum(axis=1).min() < 0.95
    np.testing.assert_allclose(without_vectune(folder), adapter.apply(plain), atol=1e-4)


def test_manifest_tells_what_the_model_does(exported: dict[str, Path], prompted_model: Path) -> None:
    """Prompts, limit, pooling, size, weights and calibration are those of the model."""
    manifest = read_manifest(exported["openvino-int8"])
    assert (manifest.query_prompt, manifest.document_prompt) == (PROMPTS["query"], PROMPTS["document"])
    assert (manifest.dim, manifest.max_tokens, manifest.pooling) == (32, 48, "mean")
    assert manifest.revision == f"sha256:{weights_sha256(prompted_model)}"
    told = dict(manifest.calibration or {})
    assert 0 < told.pop("predicted_loss") < 1
    assert told == {"texts": 20, "smoothing": 0.7, "most_loss": 1.0, "kept": [], "split": {}}
    assert not manifest.certified
    assert {"vectune", "openvino", "torch"} <= set(library_versions())


def test_safetensors_export_is_a_sentence_transformers_folder(prompted_model: Path, tmp_path: Path) -> None:
    """Its vectors in plain sentence-transformers are those of the model, scaled to norm 1, and its space is written."""
    encoder = load_encoder(str(prompted_model), precision="fp32")
    write_export(encoder, prompted_model, tmp_path, "safetensors")
    model = SentenceTransformer(str(tmp_path), device="cpu")
    expected = encoder.encode(TEXTS, Role.QUERY)
    np.testing.assert_allclose(model.encode_query(TEXTS), expected, atol=1e-5)
    ours = open_encoder(str(tmp_path)).encode(TEXTS, Role.QUERY)
    assert (ours * expected).sum(axis=1).min() > 0.999
    np.testing.assert_allclose(np.linalg.norm(model.encode(TEXTS), axis=1), 1.0, atol=1e-5)
    assert read_space(tmp_path).dims == (32,)


def test_formats_refuse_what_they_cannot_hold(prompted_model: Path, tmp_path: Path) -> None:
    """A transformer is no token table, and int8 takes its ranges from texts or not at all."""
    encoder = load_encoder(str(prompted_model), precision="fp32")
    with pytest.raises(ModelError, match="no token table"):
        write_export(encoder, prompted_model, tmp_path, "static")
    with pytest.raises(ModelError, match="calibrated"):
        write_export(encoder, prompted_model, tmp_path, "openvino-int8")
    assert needs_calibration("onnx-int8")
    assert not needs_calibration("onnx")
