"""Bodies of requests: read within a limit, parsed by orjson, checked against a shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.types import Message

from vectune.http.errors import BodyTooLarge, RequestRefused, place_of, sentences

S = TypeVar("S", bound=BaseModel)


async def read_json(request: Request, shape: type[S], most_bytes: int) -> S:
    """The body as `shape`. BodyTooLarge over the limit, RequestRefused for what is no JSON or does not fit."""
    raw = bytearray()
    _refuse_announced(request, most_bytes)
    async for block in request.stream():
        raw += block
        if len(raw) > most_bytes:
            raise BodyTooLarge(most_bytes)
    try:
        content = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise RequestRefused(f"The body is not JSON: {error}.", "Send a JSON object.") from error
    return fit(shape, content)


def fit(shape: type[S], content: Any) -> S:
    """`content` as `shape`; RequestRefused names every field that does not fit."""
    try:
        return shape.model_validate(content)
    except ValidationError as error:
        problems = error.errors()
        raise RequestRefused(sentences(problems), param=place_of(problems[0])) from error


async def read_form(request: Request, most_bytes: int) -> tuple[UploadFile, Mapping[str, str]]:
    """The uploaded file, on disk where it is large, and the other fields. Close the file when done.

    Stops reading, with BodyTooLarge, as soon as the body is over the limit.
    """
    _refuse_announced(request, most_bytes)
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise RequestRefused("The upload is no form.", "Send multipart/form-data with the fields file and purpose.")
    form = await _limited(request, most_bytes).form(max_files=1, max_fields=8)
    file = form.get("file")
    if not isinstance(file, UploadFile):
        await form.close()
        raise RequestRefused("Missing required parameter: 'file'.", "Send the file in the field `file`.", param="file")
    return file, _texts(form)


def _texts(form: FormData) -> dict[str, str]:
    return {key: value for key, value in form.items() if isinstance(value, str)}


def _limited(request: Request, most_bytes: int) -> Request:
    """The same request, whose body ends in BodyTooLarge over the limit."""
    received = 0

    async def receive() -> Message:
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > most_bytes:
            raise BodyTooLarge(most_bytes, "file")
        return message

    return Request(request.scope, receive)


def _refuse_announced(request: Request, most_bytes: int) -> None:
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > most_bytes:
        raise BodyTooLarge(most_bytes)
