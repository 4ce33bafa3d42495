"""What stays in floating point: attention of every layer, and the layers that are named, in both kinds of graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import modules
from transformers import MPNetConfig, MPNetModel

from tests.fakes.tiny_decoder import save_tiny_decoder
from tests.unit.encode.conftest import token_ids
from vectune.encode.export.float_products import float_products_onnx, float_products_openvino
from vectune.encode.export.int8 import Calibration, quantise_onnx, quantise_openvino
from vectune.encode.export.onnx_graph import ONNX_FILE, write_onnx
from vectune.encode.export.openvino_graph import OPENVINO_FILE, write_openvino
from vectune.encode.export.openvino_library import load_openvino
from vectune.encode.loading import load_encoder
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.errors import ModelError


@pytest.fixture(scope="module", params=["bert", "decoder", "own attention"])
def encoder(request: pytest.FixtureRequest, tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Models of two layers: torch's attention, the same in a list of layers that is cut, and products of its own."""
    folder = tmp_path_factory.mktemp("model")
    if request.param == "bert":
        folder = tiny_model_folder
    elif request.param == "decoder":
        save_tiny_decoder(folder)
    else:
        _save_own_attention(tiny_model_folder, folder)
    return load_encoder(str(folder), precision="fp32")


def _save_own_attention(like: Path, folder: Path) -> None:
    """MPNet writes attention as two products, whatever torch offers."""
    tokenizer = SentenceTransformer(str(like)).tokenizer
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    inner = folder / "inner"
    MPNetModel(MPNetConfig(vocab_size=len(tokenizer), **sizes)).save_pretrained(inner)
    tokenizer.save_pretrained(inner)
    words = modules.Transformer(str(inner))
    SentenceTransformer(modules=[words, modules.Pooling(words.get_embedding_dimension())]).save(str(folder))


def _linear(encoder: SentenceEncoder) -> list[str]:
    return [name for name, module in encoder.model.named_modules() if type(module).__name__ == "Linear"]


def _is_pooler(name: str) -> bool:
    return "pooler" in name


@pytest.mark.parametrize("runtime", ["openvino", "onnx"])
def test_attention_of_every_layer_and_the_named_layers_are_found(
    encoder: SentenceEncoder, runtime: str, tmp_path: Path
) -> None:
    """Two products of attention a layer where the graph spells them out, and one for each layer that is named, also in
    decoders, whose layers an exporter calls otherwise than the model does."""
    named = [name for name in _linear(encoder) if not _is_pooler(name)]
    if runtime == "onnx":
        write_onnx(encoder, tmp_path)
        model, find = onnx.load(tmp_path / ONNX_FILE), float_products_onnx
        spelled_out = 4
    else:
        write_openvino(encoder, tmp_path)
        model, find = load_openvino().Core().read_model(tmp_path / OPENVINO_FILE), float_products_openvino
        fused = sum(node.get_type_name() == "ScaledDotProductAttention" for node in model.get_ordered_ops())
        spelled_out = 4 - 2 * fused
    assert len(find(model, ())) == spelled_out
    for name in named:
        found = find(model, (name,))
        assert len(found) == len(set(found)) == spelled_out + 1


@pytest.mark.parametrize("runtime", ["openvino", "onnx"])
def test_a_layer_that_the_graph_does_not_have_is_refused(tiny_model_folder: Path, runtime: str, tmp_path: Path) -> None:
    """What a plan keeps would be put in int8 without a word otherwise."""
    encoder = load_encoder(str(tiny_model_folder), precision="fp32")
    (write_onnx if runtime == "onnx" else write_openvino)(encoder, tmp_path)
    quantise, file = (quantise_onnx, ONNX_FILE) if runtime == "onnx" else (quantise_openvino, OPENVINO_FILE)
    before = (tmp_path / file).read_bytes()
    with pytest.raises(ModelError, match=r"no product of 0\.nothing"):
        quantise(tmp_path / file, Calibration(token_ids(encoder), None, 1.0), ["0.nothing"])
    assert (tmp_path / file).read_bytes() == before


def test_no_product_of_two_activations_is_in_int8(encoder: SentenceEncoder, tmp_path: Path) -> None:
    """In the ONNX graph none reads what was rounded; the products with weights do."""
    write_onnx(encoder, tmp_path)
    file = tmp_path / ONNX_FILE
    free = set(float_products_onnx(onnx.load(file), ()))
    quantise_onnx(file, Calibration(token_ids(encoder), None, 1.0))
    model = onnx.load(file)
    rounded = {output for node in model.graph.node if node.op_type == "DequantizeLinear" for output in node.output}
    products = [node for node in model.graph.node if node.op_type in ("MatMul", "Gemm")]
    in_int8 = {node.name for node in products if rounded & set(node.input)}
    assert len(free) == 4
    assert free <= {node.name for node in products}
    assert in_int8.isdisjoint(free)
    assert len(in_int8) >= 12
