"""A query adapter saved as a part of a sentence-transformers model, so that it needs no vectune to be used."""

from __future__ import annotations

from pathlib import Path

import torch
from sentence_transformers.base.modules import Dense, Normalize, Router

from vectune.encode.adapted import QueryAdapter, save_adapter
from vectune.encode.loading import save_model
from vectune.encode.resolve import resolve_model
from vectune.encode.routes import refuse_routes
from vectune.encode.sentence_encoder import SentenceEncoder


def save_adapted_model(encoder: SentenceEncoder, adapter: QueryAdapter, folder: Path) -> None:
    """Write base and adapter to `folder`: `encode_query` applies the map, `encode_document` and `encode` do not.

    The base's weights are stored once; the map follows them as a dense layer on the query's route. `encoder` is
    afterwards as it was. Raises ModelError for a base that has routes of its own.
    """
    model = encoder.model
    refuse_routes(model, encoder.name)
    before = len(model)
    model.append(_route(adapter, encoder.device))
    try:
        model.append(Normalize())
        save_model(model, folder, code=Path(resolve_model(encoder.name).location))
    finally:
        while len(model) > before:
            del model[-1]
    save_adapter(adapter, folder, base=encoder.name)


def _route(adapter: QueryAdapter, device: torch.device) -> Router:
    """Queries through I + U V, documents as they are; without a task, as documents."""
    matrix = torch.from_numpy(adapter.matrix)
    mapped = Dense(adapter.dim, adapter.dim, bias=False, activation_function=torch.nn.Identity(), init_weight=matrix)
    return Router({"query": [mapped], "document": [Normalize()]}, default_route="document").to(device)
