"""Every error as OpenAI's clients expect it: one table from our classes to a status, a type and a code."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from vectune.errors import (
    CapacityError,
    ConfigError,
    DataError,
    ModelError,
    NotFound,
    StorageError,
    UsageError,
    VectuneError,
)
from vectune.http.answer import answer
from vectune.http.leaving import CallerLeft
from vectune.http.limits import span
from vectune.http.patience import BodyTooSlow
from vectune.jobs.places import without_paths
from vectune.jobs.quotas import LimitReached, QuotaSpent
from vectune.jobs.refusals import TooLarge
from vectune.serve.queue import Overloaded
from vectune.serve.remote_model import UpstreamBusy, UpstreamFailed, UpstreamSilent

INVALID = "invalid_request_error"
SERVER = "server_error"
UNAVAILABLE = "service_unavailable_error"
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


class HeadTooLarge(RequestRefused):
    """A request whose address and headers are over the limit."""

    code = "head_too_large"


class EncodingRefused(RequestRefused):
    """A body that is packed, or in letters of another alphabet than UTF-8."""

    code = "unsupported_encoding"


class NotAuthenticated(UsageError):  # noqa: N818 - what happened
    """A request without a key that is known here."""

    code = "invalid_api_key"


class StrangerRefused(UsageError):  # noqa: N818 - what happened
    """A request that did not begin on this machine, while the service has no keys."""

    code = "api_key_needed"


class TextTooLong(RequestRefused):
    """A text, or all of them together, has more tokens than a request may."""

    code = "context_length_exceeded"


class ModelUnknown(NotFound):
    """No model has the name that was asked for."""

    code = "model_not_found"


@dataclass(frozen=True)
class _Kind:
    """What a class of errors becomes. With `instead` callers are told this, and the sentence stays on the server."""

    status: int
    type: str
    instead: str | None = None


_UNFORESEEN = "The server could not answer; its log says why under this request's x-request-id."
_AWAY = "The server's storage does not answer now; its log says why under this request's x-request-id. Try again later."
_KINDS: tuple[tuple[type[VectuneError], _Kind], ...] = (
    (Overloaded, _Kind(429, "rate_limit_error")),
    (LimitReached, _Kind(429, "rate_limit_error")),
    (QuotaSpent, _Kind(429, "insufficient_quota")),
    (NotAuthenticated, _Kind(401, "authentication_error")),
    (StrangerRefused, _Kind(403, "permission_error")),
    (BodyTooSlow, _Kind(408, INVALID)),
    (EncodingRefused, _Kind(415, INVALID)),
    (HeadTooLarge, _Kind(431, INVALID)),
    (CallerLeft, _Kind(499, INVALID)),
    (NotFound, _Kind(404, INVALID)),
    (BodyTooLarge, _Kind(413, INVALID)),
    (TooLarge, _Kind(413, INVALID)),
    (UsageError, _Kind(400, INVALID)),  # also what a 409 would fit: clients repeat those, and nothing would change
    (ConfigError, _Kind(400, INVALID)),
    (DataError, _Kind(400, INVALID)),
    (CapacityError, _Kind(503, UNAVAILABLE)),
    (UpstreamFailed, _Kind(502, SERVER)),
    (UpstreamSilent, _Kind(503, UNAVAILABLE)),
    (ModelError, _Kind(500, SERVER)),
    (StorageError, _Kind(503, UNAVAILABLE, _AWAY)),
    (VectuneError, _Kind(500, SERVER, _UNFORESEEN)),
)
_LONG = 60.0
"""Seconds that the official client waits at most."""
_NEVER = {"x-should-retry": "false"}
"""The official client asks again by itself unless it is told that this is of no use."""
_NAME_CHARS = 100
"""How much of a name that a caller chose is told back."""
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
    return answer(_content(message, kind, param, code), status=status, headers=headers)


def error_content(message: str, *, code: str | None = None) -> bytes:
    """The body of an error about the request, for who answers without the app."""
    return bytes(answer(_content(message, INVALID, None, code)).body)


def _content(message: str, kind: str, param: str | None, code: str | None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def install(app: FastAPI) -> None:
    """Give `app` the handlers of all errors."""
    app.add_exception_handler(VectuneError, _ours)
    app.add_exception_handler(ClientDisconnect, _left)
    app.add_exception_handler(RequestValidationError, _misfit)
    app.add_exception_handler(HTTPException, _plain)


def unforeseen(error: Exception, request_id: str) -> Response:
    """The answer to an error that nobody raised on purpose: the log has the traceback, the caller has the id."""
    _LOG.error("request %s failed", request_id, exc_info=error)
    return error_response(500, _UNFORESEEN, SERVER, code="internal_error")


def response_to(error: VectuneError, request_id: str) -> Response:
    """The answer to an error that was raised on purpose."""
    kind = next(kind for known, kind in _KINDS if isinstance(error, known))
    if kind.status >= 500:
        _LOG.error("request %s failed", request_id, exc_info=error)
    message = " ".join(part for part in (error.told, error.hint) if part) if kind.instead is None else kind.instead
    if kind.status >= 500:
        message = without_paths(message)
    param = getattr(error, "param", None)
    return error_response(kind.status, message, kind.type, param=param, code=error.code, headers=_headers(error))


def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, VectuneError)
    request.state.error_code = error.code  # for the log and the metrics
    return response_to(error, request.state.request_id)


def _left(request: Request, error: Exception) -> Response:
    """The caller hung up while its body was read: nobody sees this."""
    return _ours(request, CallerLeft("The caller hung up before the request was whole."))


def _headers(error: VectuneError) -> dict[str, str]:
    """What an answer says beside its body."""
    if isinstance(error, Overloaded):
        return _come_back(error.retry_after) | _room(error)
    if isinstance(error, LimitReached) and error.retry_after is not None:
        again = _come_back(error.retry_after)
        return again if error.retry_after <= _LONG else again | _NEVER
    if isinstance(error, LimitReached | QuotaSpent):
        return _NEVER
    if isinstance(error, NotAuthenticated):
        return {"www-authenticate": "Bearer"}
    return {"connection": "close"} if isinstance(error, BodyTooSlow | HeadTooLarge) else {}


def _come_back(seconds: float) -> dict[str, str]:
    """When to try again, in the headers that clients look at."""
    return {"retry-after": f"{max(1, math.ceil(seconds))}", "retry-after-ms": f"{seconds * 1000:.0f}"}


def _room(error: Overloaded) -> dict[str, str]:
    """`x-ratelimit-...`: what may wait, what of it is left and when there will be room, in requests where an endpoint
    is asked, in tokens elsewhere. An endpoint's own limit is not known here."""
    what = "requests" if isinstance(error, UpstreamBusy) else "tokens"
    told = {f"x-ratelimit-remaining-{what}": str(error.remaining), f"x-ratelimit-reset-{what}": span(error.retry_after)}
    return told | ({f"x-ratelimit-limit-{what}": str(error.limit)} if error.limit else {})


def _misfit(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = error.errors()
    return error_response(400, sentences(problems), param=place_of(problems[0]), code="invalid_value")


def _plain(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = _HTTP_SENTENCES.get(error.status_code, str(error.detail))
    if error.status_code in _HTTP_SENTENCES:
        message = f"{message} ({request.method} {request.scope['path'][:200]})"
    code = {404: "unknown_url", 405: "method_not_allowed"}.get(error.status_code)
    return error_response(error.status_code, message, code=code, headers=error.headers)


def sentences(problems: Any) -> str:
    """What pydantic found wrong, a sentence with the path of each field."""
    return " ".join(_sentence(problem) for problem in problems[:10])


def place_of(problem: Any) -> str | None:
    """`method.supervised.hyperparameters.n_epochs`: where a problem is; None for the body as a whole."""
    parts = [str(part)[:_NAME_CHARS] for part in problem["loc"] if part not in ("body", "query", "path")]
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
