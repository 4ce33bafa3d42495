"""`POST /v1/embeddings`."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from numpy.typing import NDArray
from starlette.responses import Response

from vectune.encode.dims import truncate
from vectune.encode.encoder import Vectors
from vectune.http.answer import answer
from vectune.http.body import read_json
from vectune.http.documents import documented
from vectune.http.errors import RequestRefused, TextTooLong
from vectune.http.leaving import unless_left
from vectune.http.models import find_model, split_role
from vectune.http.services import Project, Services, Work
from vectune.http.shapes import EmbeddingRequest
from vectune.records import Role
from vectune.serve.matryoshka import trained_dims
from vectune.serve.shared_encoder import SharedEncoder

MOST_TOKENS = 8192
MOST_TOKENS_TOGETHER = 300_000
WARNING_HEADER = "x-vectune-warning"
_SMALL = 4096
"""Characters up to which counting tokens is quicker than handing it to a thread."""

router = APIRouter()


@dataclass(frozen=True)
class _Model:
    """The model that answers: its name or folder, what it is opened as, and the side that the texts stand on."""

    place: str
    encoder: SharedEncoder
    role: Role


@router.post("/v1/embeddings", openapi_extra=documented(EmbeddingRequest))
async def create(request: Request, work: Work, project: Project) -> Response:
    """Vectors of one text or many."""
    asked = await read_json(request, EmbeddingRequest, work.config.body_bytes)
    texts = _texts(asked.input, work)
    model = await _open(work, project, asked)
    tokens = await _count(model.encoder, texts)
    vectors = await unless_left(request, work.queue.embed(model.encoder, texts, model.role))
    vectors, warnings = _sized(vectors, asked.dimensions, model)
    warnings += _cut(tokens, model.encoder)
    total = int(tokens.sum())
    content = {
        "object": "list",
        "data": _data(vectors, asked.encoding_format),
        "model": asked.model,
        "usage": {"prompt_tokens": total, "total_tokens": total},
    }
    return answer(content, headers={WARNING_HEADER: " ".join(warnings)} if warnings else None)


def _texts(given: Any, work: Services) -> list[str]:
    if isinstance(given, str):
        return [given]
    if isinstance(given[0], str):
        return list(given)
    lists: list[list[int]] = [given] if isinstance(given[0], int) else given
    if work.tokens is None:
        raise RequestRefused(
            "The input holds token numbers of another tokenizer, which this server can't read.",
            "Send texts: in LangChain's OpenAIEmbeddings set check_embedding_ctx_length=False. Or start the server "
            "with --set token_table=FILE, a tiktoken file such as cl100k_base.tiktoken.",
            param="input",
        )
    try:
        return [work.tokens.decode(numbers) for numbers in lists]
    except KeyError as error:
        raise RequestRefused(f"{error.args[0]} is no token of the server's token_table.", param="input") from error


async def _open(work: Services, project: str, asked: EmbeddingRequest) -> _Model:
    if split_role(asked.model)[0] in work.config.names:  # no need to ask the database
        found = find_model(work.models, project, asked.model)
    else:
        found = await asyncio.to_thread(find_model, work.models, project, asked.model)
    encoder = work.cache.held(found.place)
    if encoder is None:
        encoder = await asyncio.to_thread(work.cache.get, found.place)
    role = Role(asked.input_type) if asked.input_type else found.role
    return _Model(found.place, encoder, role or Role.DOCUMENT)


async def _count(encoder: SharedEncoder, texts: Sequence[str]) -> NDArray[np.int64]:
    """Tokens of each text, int64 [texts]; TextTooLong beyond the limits."""
    if encoder.counts_beside and sum(map(len, texts)) <= _SMALL:
        tokens = encoder.count_tokens(texts)
    else:
        tokens = await asyncio.to_thread(encoder.count_tokens, texts)
    longest = int(tokens.argmax())
    if tokens[longest] > MOST_TOKENS:
        raise TextTooLong(
            f"Input {longest} has {tokens[longest]} tokens; a text may have {MOST_TOKENS}.", "Cut it.", param="input"
        )
    if tokens.sum() > MOST_TOKENS_TOGETHER:
        raise TextTooLong(
            f"The inputs have {tokens.sum()} tokens together; a request may have {MOST_TOKENS_TOGETHER}.",
            "Send them in several requests.",
            param="input",
        )
    return tokens


def _sized(vectors: Vectors, dim: int | None, model: _Model) -> tuple[Vectors, list[str]]:
    """The vectors at the length that was asked for, and what is to be known about it."""
    full = model.encoder.dim
    if dim is None or dim == full:
        return vectors, []
    if dim > full:
        raise RequestRefused(f"The vectors of this model have {full} values, not {dim}.", param="dimensions")
    trained = trained_dims(Path(model.place))
    if dim in trained:
        return truncate(vectors, dim), []
    told = f"The model was not trained for {dim} dimensions; its vectors were cut to them and scaled to length 1."
    return truncate(vectors, dim), [told]


def _cut(tokens: NDArray[np.int64], encoder: SharedEncoder) -> list[str]:
    limit = encoder.max_tokens
    cut = int((tokens > limit).sum()) if limit else 0
    return [f"{cut} of {len(tokens)} inputs were read up to the model's limit of {limit} tokens only."] if cut else []


def _data(vectors: Vectors, encoding: str) -> list[dict[str, Any]]:
    rows = np.ascontiguousarray(vectors, dtype="<f4")
    shown = [base64.b64encode(row).decode("ascii") for row in rows] if encoding == "base64" else list(rows)
    return [{"object": "embedding", "index": place, "embedding": vector} for place, vector in enumerate(shown)]
