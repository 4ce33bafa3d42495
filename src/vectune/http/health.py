"""`/healthz`, `/readyz` and `/metrics`, for whoever watches over the server."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter, Request
from starlette.responses import Response

from vectune.errors import StorageError
from vectune.http.answer import answer
from vectune.http.metrics import Levels
from vectune.http.services import Services, Work
from vectune.jobs.places import without_paths

router = APIRouter()


@router.get("/healthz")
async def alive() -> Response:
    """The server runs."""
    return answer({"status": "ok"})


@router.get("/readyz")
async def ready(work: Work) -> Response:
    """Whether the default model answers; 503 until it does, with the reason when it can't."""
    state = work.readiness.state
    content = {
        "status": state,
        "model": work.config.default_name,
        "reason": without_paths(work.readiness.reason or "") or None,
    }
    return answer(content, status=200 if state == "ready" else 503)


@router.get("/metrics", include_in_schema=False)
def metrics(request: Request, work: Work) -> Response:
    """Numbers for Prometheus; those of a database that does not answer are left out."""
    page, kind = work.metrics.page(_levels(work), request.headers.get("accept", ""))
    return Response(page, headers={"content-type": kind})


def _levels(work: Services) -> Levels:
    return Levels(
        waiting_tokens=work.queue.waiting_tokens,
        waiting_texts=work.queue.waiting_texts,
        model_bytes=work.cache.bytes,
        num_models=len(work.cache.names),
        ready=work.readiness.state == "ready",
        jobs=_jobs(work),
    )


def _jobs(work: Services) -> Mapping[str, int] | None:
    try:
        return work.jobs.counts()
    except StorageError:
        return None
