"""Bodies of requests: read within a limit, parsed by orjson, checked against a shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.types import Message

from vectune.errors import StorageError
from vectune.http.errors import BodyTooLarge, EncodingRefused, RequestRefused, place_of, sentences

S = TypeVar("S", bound=BaseModel)
Room = AbstractContextManager[Callable[[int], None]]
_MOST_NAMES = 100
"""Fields that a body may have; no shape has nearly as many, and each that does not fit is told of."""
_MOST_FIELDS, _FIELD_BYTES = 8, 4096
"""What a form may hold beside the file."""
_DIGITS = 18
_ALPHABETS = ("", "utf-8", "utf8", "us-ascii")


async def read_json(request: Request, shape: type[S], most_bytes: int, room: Room) -> S:
    """The body as `shape`. BodyTooLarge over the limit, RequestRefused for what is no JSON or does not fit.

    While it arrives it takes of `room`, as BodyRoom gives it: LimitReached where there is too little.
    """
    raw = bytearray()
    _refuse_packed(request)
    _refuse_announced(request, most_bytes)
    with room as hold:
        async for block in request.stream():
            raw += block
            if len(raw) > most_bytes:
                raise BodyTooLarge(most_bytes)
            hold(len(raw))
        return fit(shape, _parsed(raw))


def _parsed(raw: bytearray) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise RequestRefused(f"The body is not JSON: {error}.", "Send a JSON object.") from error


def fit(shape: type[S], content: Any) -> S:
    """`content` as `shape`; RequestRefused names every field that does not fit."""
    if isinstance(content, dict) and len(content) > _MOST_NAMES:
        raise RequestRefused(f"The body has {len(content):,} fields.", f"Send {_MOST_NAMES} at most.")
    try:
        return shape.model_validate(content)
    except ValidationError as error:
        problems = error.errors()
        raise RequestRefused(sentences(problems), param=place_of(problems[0])) from error


async def read_form(request: Request, most_bytes: int) -> tuple[UploadFile, Mapping[str, str]]:
    """The uploaded file, on disk where it is large, and the other fields. Close the file when done.

    Stops reading, with BodyTooLarge, as soon as the body is over the limit; StorageError where the disk takes no more.
    """
    _refuse_packed(request)
    _refuse_announced(request, most_bytes)
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data":
        raise RequestRefused("The upload is no form.", "Send multipart/form-data with the fields file and purpose.")
    if options.get(b"charset", b"").decode("latin-1").lower() not in _ALPHABETS:
        raise EncodingRefused("The form is not in UTF-8.", "Send it without a charset, or with charset=utf-8.")
    limited = _limited(request, most_bytes)
    try:
        form = await limited.form(max_files=1, max_fields=_MOST_FIELDS, max_part_size=_FIELD_BYTES)
    except OSError as error:
        told = f"The upload could not be kept on its way: {error.strerror or error}."
        raise StorageError(told, "Make room in the server's temporary folder.") from error
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
    if announced.isascii() and announced.isdigit() and (len(announced) > _DIGITS or int(announced) > most_bytes):
        raise BodyTooLarge(most_bytes)


def _refuse_packed(request: Request) -> None:
    """A packed body is not unpacked: it can be a thousand times as large as what was sent."""
    packed = request.headers.get("content-encoding", "identity").strip().lower()
    if packed not in ("", "identity"):
        raise EncodingRefused(f"The body is packed ({packed[:40]}).", "Send it as it is.")
