"""JSON answers, written by orjson."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY


def answer(content: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`content` as JSON; float32 arrays are written as they are, without becoming Python lists."""
    body = orjson.dumps(content, option=_OPTIONS)
    return Response(body, status_code=status, media_type="application/json", headers=dict(headers or {}))
