"""A model that treats queries and documents by different modules is refused before any vector is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Normalize, Router
from torch import nn

from tests.fakes.tiny_model import save_tiny_model
from tests.unit.encode.test_adapted import random_adapter
from vectune.encode.adapted import MANIFEST_FILE
from vectune.encode.export.graph import refuse_unfit
from vectune.encode.loading import load_encoder
from vectune.encode.open_encoder import open_encoder
from vectune.encode.query_route import save_adapted_model
from vectune.encode.routes import refuse_role_routes
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.errors import ModelError


def _dense() -> Dense:
    return Dense(32, 32, bias=False, activation_function=nn.Identity())


def _asymmetric(folder: Path) -> Path:
    """The tiny model with a layer of its own for either role, saved by sentence-transformers."""
    model = SentenceTransformer(str(save_tiny_model(folder.with_name("tiny"))), device="cpu")
    model.append(Router.for_query_document([_dense()], [_dense()]))
    model.save_pretrained(str(folder), create_model_card=False)
    return folder


@pytest.mark.parametrize("open_one", [load_encoder, open_encoder])
def test_asymmetric_base_is_refused(tmp_path: Path, open_one: type) -> None:
    """Its queries would silently be encoded as documents, in every runtime."""
    with pytest.raises(ModelError, match="different modules"):
        open_one(str(_asymmetric(tmp_path / "model")))


def test_asymmetric_model_is_not_exported(tmp_path: Path) -> None:
    """A graph has one way from tokens to vector, also of a model that was put together in memory."""
    model = SentenceTransformer(str(_asymmetric(tmp_path / "model")), device="cpu")
    with pytest.raises(ModelError, match="different modules"):
        refuse_unfit(SentenceEncoder(model, "asymmetric", precision="fp32"))


def test_adapter_is_let_pass_where_it_is_applied(tiny_model_folder: Path, tmp_path: Path) -> None:
    """A saved adapter's folder loads and exports as its base; without its manifest nobody would apply the map."""
    folder = tmp_path / "adapted"
    save_adapted_model(load_encoder(str(tiny_model_folder), precision="fp32"), random_adapter(), folder)
    refuse_unfit(load_encoder(str(folder), precision="fp32"))
    (folder / MANIFEST_FILE).unlink()
    with pytest.raises(ModelError, match="different modules"):
        load_encoder(str(folder))


@pytest.mark.parametrize(
    ("names", "mappings", "refused"),
    [
        (("text", "image"), None, False),
        (("words",), {(None, "text"): "words"}, False),
        (("words", "text"), {("query", "text"): "words"}, True),
        (("QRY", "DOC"), None, True),
    ],
)
def test_only_routes_by_role_are_refused(
    tiny_model_folder: Path, names: tuple[str, ...], mappings: dict[tuple[str | None, str], str] | None, refused: bool
) -> None:
    """Routes by the kind of input are the same for both roles; others may not be."""
    model = SentenceTransformer(str(tiny_model_folder), device="cpu")
    model.append(Router({name: [Normalize()] for name in names}, route_mappings=mappings))  # type: ignore[arg-type]
    if not refused:
        refuse_role_routes(model, "model", adapted=False)
        return
    with pytest.raises(ModelError, match="different modules"):
        refuse_role_routes(model, "model", adapted=False)
