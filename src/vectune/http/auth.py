"""Who asks: each request is known by its API key before anything else is looked at."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vectune.config.serve import is_loopback
from vectune.errors import VectuneError
from vectune.http.errors import HeadTooLarge, NotAuthenticated, StrangerRefused, response_to
from vectune.http.limits import CallerLimits
from vectune.jobs.keys import Caller, KeyStore

DEFAULT_PROJECT = "default"
OPEN_PATHS = frozenset({"/healthz", "/readyz", "/metrics", "/openapi.json"})
"""What is answered without a key: nothing there belongs to a project."""
_HEAD_BYTES = 1 << 16
_LINE_BYTES = 4
"""What a header has on its line beside name and value."""
_NOBODY = Caller(None, DEFAULT_PROJECT)
_HOW = "Send it as `Authorization: Bearer KEY`; whoever runs this service makes one by `vectune keys create`."


class Authentication:
    """Finds out who asks, counts the request, and keeps the caller in the request's state as `caller`.

    All paths are closed but for OPEN_PATHS, so that a route that is added later is closed by itself. Without any key
    in the store everybody on this machine is the project `default`: whoever calls the service by a loopback address, by
    `localhost` or by `host`, its own name, from no page but one of such an address.
    """

    def __init__(self, app: ASGIApp, keys: KeyStore, limits: CallerLimits, host: str = "localhost") -> None:
        self._app = app
        self._keys = keys
        self._limits = limits
        self._host = host.lower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        told, state = send, scope.setdefault("state", {})
        try:
            _refuse_giant(scope)
            if scope["path"] in OPEN_PATHS:
                await self._app(scope, receive, send)
                return
            caller = await self._caller(Headers(scope=scope))
            state["caller"] = caller
            told = self._telling(caller, send)
            self._limits.admit(caller)
        except VectuneError as error:
            state["error_code"] = error.code
            await response_to(error, state.get("request_id", ""))(scope, receive, told)
            return
        await self._app(scope, receive, told)

    async def _caller(self, headers: Headers) -> Caller:
        needed = self._keys.known_need()
        if needed is None:
            needed = await asyncio.to_thread(self._keys.needed)
        if not needed:
            _refuse_strangers(headers, self._host)
            return _NOBODY
        secret = _secret(headers)
        found = self._keys.remembered(secret) or await asyncio.to_thread(self._keys.find, secret)
        if found is None:
            raise NotAuthenticated("The API key is not one of this service.", _HOW)
        return found

    def _telling(self, caller: Caller, send: Send) -> Send:
        """`send` with the limits of a limited key in the head of the answer; what is there already stays."""
        if caller.limits.requests_a_minute is None and caller.limits.tokens_a_minute is None:
            return send

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._limits.headers(caller).items():
                    headers.setdefault(name, value)
            await send(message)

        return told


def _secret(headers: Headers) -> str:
    """What follows `Bearer`; NotAuthenticated where nothing does."""
    given = headers.getlist("authorization")
    if not given:
        raise NotAuthenticated("The request has no API key.", _HOW)
    scheme, _, secret = given[0].strip().partition(" ")
    if len(given) > 1 or scheme.lower() != "bearer" or not secret.strip():
        raise NotAuthenticated("The Authorization header can't be read.", _HOW)
    return secret.strip()


def _refuse_giant(scope: Scope) -> None:
    """The connection limits a head that comes in pieces; one that comes at once may be several times as large."""
    size = len(scope["path"]) + len(scope["query_string"])
    size += sum(len(name) + len(value) + _LINE_BYTES for name, value in scope["headers"])
    if size > _HEAD_BYTES:
        raise HeadTooLarge(f"The address and the headers have {size:,} bytes.", f"Send {_HEAD_BYTES:,} at most.")


def _refuse_strangers(headers: Headers, own: str) -> None:
    """Without keys whatever a browser on this machine is led to do would be taken: pages of other sites, and names
    that lead here from elsewhere (a proxy, a rebound name, one of the local network), are refused."""
    origin = headers.get("origin")
    host = headers.get("host")
    named = [url for url in (origin, None if host is None else f"//{host}") if url is not None]
    if not all(_is_here(_host_of(url), own) for url in named):
        raise StrangerRefused(
            "Without API keys this service answers programs on its own machine alone.",
            "Call it by 127.0.0.1, or make a key: `vectune keys create`.",
        )


def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _is_here(host: str | None, own: str) -> bool:
    """Whether `host` is this machine for certain: a loopback address, `localhost`, or the service's `own` name. Any
    other name without a domain may be a machine of the local network."""
    return host is not None and (host == own or is_loopback(host))
