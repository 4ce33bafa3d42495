"""`/healthz` and `/readyz`, for whoever watches over the server."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from vectune.http.answer import answer
from vectune.http.services import Work

router = APIRouter()


@router.get("/healthz")
async def alive() -> Response:
    """The server runs."""
    return answer({"status": "ok"})


@router.get("/readyz")
async def ready(work: Work) -> Response:
    """Whether the default model answers; 503 until it does, with the reason when it can't."""
    state = work.readiness.state
    content = {"status": state, "model": work.config.default_model, "reason": work.readiness.reason}
    return answer(content, status=200 if state == "ready" else 503)
