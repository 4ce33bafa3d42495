"""`POST /v1/embeddings`."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from numpy.typing import NDArray
from starlette.responses import Response

from vectune.encode.dims import truncate
from vectune.encode.encoder import Vectors
from vectune.errors import ModelError
from vectune.http.answer import answer
from vectune.http.body import read_json
from vectune.http.documents import documented
from vectune.http.errors import RequestRefused, TextTooLong
from vectune.http.leaving import unless_left
from vectune.http.models import find_known, find_model
from vectune.http.plain_route import PlainRoute
from vectune.http.services import Services, caller_of, services_of
from vectune.http.shapes import MOST_TOKENS, MOST_TOKENS_TOGETHER, EmbeddingRequest
from vectune.jobs.keys import Caller
from vectune.records import Role
from vectune.serve.matryoshka import trained_dims
from vectune.serve.queue import guessed_tokens
from vectune.serve.reading import Embedded, Reading, ServedModel, embed, read
from vectune.serve.remote_model import RemoteModel

WARNING_HEADER = "x-vectune-warning"

router = APIRouter(route_class=PlainRoute)


@dataclass(frozen=True)
class _Found:
    """The model that answers: its name or folder, what it is opened as, and the side that the texts stand on."""

    place: str
    model: ServedModel
    role: Role


@router.post("/v1/embeddings", openapi_extra=documented(EmbeddingRequest))
async def create(request: Request) -> Response:
    """Vectors of one text or many."""
    work, caller = services_of(request), caller_of(request)
    asked = await read_json(request, EmbeddingRequest, work.config.body_bytes, work.bodies.one_of(caller.project))
    texts = _texts(asked.input, work)
    return await unless_left(request, _answered(request, work, caller, asked, texts))


async def _answered(
    request: Request, work: Services, caller: Caller, asked: EmbeddingRequest, texts: list[str]
) -> Response:
    found = await _open(work, caller.project, asked, texts)
    _refuse_more(asked.dimensions, found.model.dim)
    reading = await read(found.model, texts, found.role, work.queue, work.texts, exact=caller.limits.of_tokens)
    _refuse_long(reading)
    with work.limits.charging(caller, int(reading.counts.sum())) as charge:
        embedded = await embed(reading, work.queue, work.texts, charge.spend)
        charge.tokens = total = int(embedded.counts.sum())
    work.metrics.embedded(found.place, total)
    state = request.state
    state.model, state.tokens = _shown(found.place), total  # for the log
    vectors, warnings = _sized(embedded.vectors, asked.dimensions, found)
    warnings += _cut(embedded, found.model)
    content = {
        "object": "list",
        "data": _data(vectors, asked.encoding_format),
        "model": asked.model,
        "usage": {"prompt_tokens": total, "total_tokens": total},
    }
    return answer(content, headers={WARNING_HEADER: " ".join(warnings)} if warnings else None)


@lru_cache(maxsize=256)
def _shown(place: str) -> str:
    """A model as the log names it. Remembered, since taking a path apart is a good part of what the log costs."""
    return Path(place).name


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


async def _open(work: Services, project: str, asked: EmbeddingRequest, texts: list[str]) -> _Found:
    found = find_known(work.models, project, asked.model)
    if found is None:
        found = await asyncio.to_thread(find_model, work.models, project, asked.model)
    model = work.cache.held(found.place)
    try:
        model = model or await work.cache.wait_for(found.place, sum(map(guessed_tokens, texts)))
    except (ModelError, OSError):
        # Another server may have deleted the model since it was found: then there is none, which is no fault of ours.
        await asyncio.to_thread(find_model, work.models, project, asked.model)
        raise
    role = Role(asked.input_type) if asked.input_type else found.role
    return _Found(found.place, model, role or Role.DOCUMENT)


def _refuse_more(dim: int | None, full: int | None) -> None:
    """RequestRefused for more values than a vector of the model has, if it is known how many these are."""
    if dim is not None and full is not None and dim > full:
        raise RequestRefused(f"The vectors of this model have {full} values, not {dim}.", param="dimensions")


def _refuse_long(reading: Reading) -> None:
    """TextTooLong beyond the limits. An endpoint counts and refuses for itself; what else is only guessed is short."""
    if reading.guessed:
        return
    counts = reading.counts
    longest = int(counts.argmax())
    if counts[longest] > MOST_TOKENS:
        raise TextTooLong(
            f"Input {longest} has {counts[longest]} tokens; a text may have {MOST_TOKENS}.", "Cut it.", param="input"
        )
    if counts.sum() > MOST_TOKENS_TOGETHER:
        raise TextTooLong(
            f"The inputs have {counts.sum()} tokens together; a request may have {MOST_TOKENS_TOGETHER}.",
            "Send them in several requests.",
            param="input",
        )


def _sized(vectors: Vectors, dim: int | None, found: _Found) -> tuple[Vectors, list[str]]:
    """The vectors at the length that was asked for, and what is to be known about it."""
    full = vectors.shape[1]
    if dim is None or dim == full:
        return vectors, []
    _refuse_more(dim, full)
    if isinstance(found.model, RemoteModel):
        told = f"Whether the remote model was trained for {dim} dimensions is not known here; its vectors were cut."
        return truncate(vectors, dim), [told]
    if dim in trained_dims(Path(found.place)):
        return truncate(vectors, dim), []
    told = f"The model was not trained for {dim} dimensions; its vectors were cut to them and scaled to length 1."
    return truncate(vectors, dim), [told]


def _cut(embedded: Embedded, model: ServedModel) -> list[str]:
    limit, counts = model.max_tokens, embedded.counts
    cut = int((counts > limit).sum()) if limit else 0
    return [f"{cut} of {len(counts)} inputs were read up to the model's limit of {limit} tokens only."] if cut else []


def _data(vectors: Vectors, encoding: str) -> list[dict[str, Any]]:
    rows: NDArray[np.float32] = np.ascontiguousarray(vectors, dtype="<f4")
    shown = [base64.b64encode(row).decode("ascii") for row in rows] if encoding == "base64" else list(rows)
    return [{"object": "embedding", "index": place, "embedding": vector} for place, vector in enumerate(shown)]
