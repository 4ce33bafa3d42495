"""Every error as OpenAI's clients expect it: one table from our classes to a status, a type and a code."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from vectune.errors import (
    CapacityError,
    ConfigError,
    DataError,
    ModelError,
    NotFound,
    UsageError,
    VectuneError,
)
from vectune.http.answer import answer
from vectune.http.leaving import CallerLeft
from vectune.jobs.refusals import TooLarge
from vectune.serve.queue import Overloaded

INVALID = "invalid_request_error"
SERVER = "server_error"
_LOG = logging.getLogger("vectune.http")


class RequestRefused(UsageError):  # noqa: N818 - what happens to it
    """A request that can't be answered as it is: `param` is the field at fault."""

    code = "invalid_value"

    def __init__(self, message: str, hint: str = "", *, param: str | None = None) -> None:
        super().__init__(message, hint)
        self.param = param


class BodyTooLarge(RequestRefused):
    """A body over the limit."""

    code = "request_too_large"

    def __init__(self, most_bytes: int, param: str | None = None) -> None:
        super().__init__(f"The request is larger than {most_bytes:,} bytes.", "Send less at once.", param=param)


class TextTooLong(RequestRefused):
    """A text, or all of them together, has more tokens than a request may."""

    code = "context_length_exceeded"


class ModelUnknown(NotFound):
    """No model has the name that was asked for."""

    code = "model_not_found"


@dataclass(frozen=True)
class _Kind:
    """What a class of errors becomes. Without `told` the sentence stays on the server."""

    status: int
    type: str
    told: bool = True


_KINDS: tuple[tuple[type[VectuneError], _Kind], ...] = (
    (Overloaded, _Kind(429, "rate_limit_error")),
    (CallerLeft, _Kind(499, INVALID)),
    (NotFound, _Kind(404, INVALID)),
    (BodyTooLarge, _Kind(413, INVALID)),
    (TooLarge, _Kind(413, INVALID)),
    (UsageError, _Kind(400, INVALID)),  # also what a 409 would fit: clients repeat those, and nothing would change
    (ConfigError, _Kind(400, INVALID)),
    (DataError, _Kind(400, INVALID)),
    (CapacityError, _Kind(503, "service_unavailable_error")),
    (ModelError, _Kind(500, SERVER)),
    (VectuneError, _Kind(500, SERVER, told=False)),
)
_UNFORESEEN = "The server could not answer; its log says why under this request's x-request-id."
_HTTP_SENTENCES = {404: "There is nothing at this path.", 405: "This path does not know that method."}


def error_response(
    status: int,
    message: str,
    kind: str = INVALID,
    *,
    param: str | None = None,
    code: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An error in OpenAI's shape."""
    content = {"error": {"message": message, "type": kind, "param": param, "code": code}}
    return answer(content, status=status, headers=headers)


def install(app: FastAPI) -> None:
    """Give `app` the handlers of all errors."""
    app.add_exception_handler(VectuneError, _ours)
    app.add_exception_handler(RequestValidationError, _misfit)
    app.add_exception_handler(HTTPException, _plain)


def unforeseen(error: Exception, request_id: str) -> Response:
    """The answer to an error that nobody raised on purpose: the log has the traceback, the caller has the id."""
    _LOG.error("request %s failed", request_id, exc_info=error)
    return error_response(500, _UNFORESEEN, SERVER, code="internal_error")


def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, VectuneError)
    kind = next(kind for known, kind in _KINDS if isinstance(error, known))
    if kind.status >= 500:
        _LOG.error("request %s failed", request.state.request_id, exc_info=error)
    message = " ".join(part for part in (error.message, error.hint) if part) if kind.told else _UNFORESEEN
    headers = {}
    if isinstance(error, Overloaded):
        headers = _come_back(error)
    param = getattr(error, "param", None)
    return error_response(kind.status, message, kind.type, param=param, code=error.code, headers=headers)


def _come_back(error: Overloaded) -> dict[str, str]:
    """When to try again, in the headers that clients look at."""
    return {
        "retry-after": f"{max(1, round(error.retry_after))}",
        "retry-after-ms": f"{error.retry_after * 1000:.0f}",
        "x-ratelimit-limit-tokens": str(error.limit),
        "x-ratelimit-remaining-tokens": str(error.remaining),
        "x-ratelimit-reset-tokens": f"{error.retry_after * 1000:.0f}ms",
    }


def _misfit(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = error.errors()
    return error_response(400, sentences(problems), param=place_of(problems[0]), code="invalid_value")


def _plain(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = _HTTP_SENTENCES.get(error.status_code, str(error.detail))
    if error.status_code in _HTTP_SENTENCES:
        message = f"{message} ({request.method} {request.url.path[:200]})"
    code = {404: "unknown_url", 405: "method_not_allowed"}.get(error.status_code)
    return error_response(error.status_code, message, code=code, headers=error.headers)


def sentences(problems: Any) -> str:
    """What pydantic found wrong, a sentence with the path of each field."""
    return " ".join(_sentence(problem) for problem in problems[:10])


def place_of(problem: Any) -> str | None:
    """`method.supervised.hyperparameters.n_epochs`: where a problem is; None for the body as a whole."""
    parts = [str(part) for part in problem["loc"] if part not in ("body", "query", "path")]
    return ".".join(parts) or None


def _sentence(problem: Any) -> str:
    place = place_of(problem)
    if place is None:
        return f"The body can't be used: {problem['msg']}."
    if problem["type"] == "extra_forbidden":
        return f"Unrecognized request argument supplied: {place}."
    if problem["type"] == "missing":
        return f"Missing required parameter: '{place}'."
    return f"Invalid value for '{place}': {problem['msg'].removeprefix('Value error, ')}."
