"""Callers with keys."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.testclient import TestClient

from vectune.http.services import Services
from vectune.jobs.keys import KeyLimits


def new_key(services: Services, project: str = "default", **limits: int) -> str:
    """The secret of a new key, which the app knows of at once."""
    secret, _ = services.keys.create(project, "laptop", KeyLimits(**limits))
    services.keys.find(secret)
    services.keys._looked = None
    return secret


def caller(app: FastAPI, secret: str) -> TestClient:
    """Raw requests with a key."""
    headers = {"authorization": f"Bearer {secret}"}
    return TestClient(app, base_url="http://127.0.0.1/v1/", raise_server_exceptions=False, headers=headers)
