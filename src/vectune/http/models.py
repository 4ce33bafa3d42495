"""`/v1/models`, and finding the model that a request names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from fastapi import APIRouter
from starlette.responses import Response

from vectune.errors import NotFound
from vectune.http.answer import answer
from vectune.http.errors import ModelUnknown
from vectune.http.objects import model_object
from vectune.http.services import Project, Work
from vectune.jobs.models import ModelRegistry
from vectune.records import Role

T = TypeVar("T")

router = APIRouter(prefix="/v1/models")


@dataclass(frozen=True)
class Found:
    """Where a model is, and the side of a search that its name asks for (`...:query`, `...:document`)."""

    place: str
    role: Role | None


def split_role(name: str) -> tuple[str, Role | None]:
    """`NAME:query` as NAME and the role; other names as they are."""
    for role in Role:
        if name.endswith(f":{role}"):
            return name.removesuffix(f":{role}"), role
    return name, None


def find_model(models: ModelRegistry, project: str, name: str) -> Found:
    """The model called `name`; ModelUnknown when the project has none."""
    plain, role = split_role(name)
    return Found(str(_asked(models.resolve, project, plain)), role)


def find_known(models: ModelRegistry, project: str, name: str) -> Found | None:
    """The same where it is known at once; None where the database must be asked."""
    plain, role = split_role(name)
    place = models.known_place(project, plain)
    return None if place is None else Found(str(place), role)


@router.get("")
def show_all(work: Work, project: Project) -> Response:
    """Every model that embeds: bases, and the project's tuned ones."""
    found = [model_object(model) for model in work.models.list(project)]
    return answer({"object": "list", "data": found})


@router.get("/{name:path}")
def retrieve(name: str, work: Work, project: Project) -> Response:
    """One model."""
    return answer(model_object(_asked(work.models.get, project, split_role(name)[0])))


@router.delete("/{name:path}")
def delete(name: str, work: Work, project: Project) -> Response:
    """Remove a tuned model."""
    place = find_model(work.models, project, name).place
    work.models.delete(project, name)
    work.cache.forget(place)
    work.cache.forget_gone()  # models from the middle of its job went with it
    return answer({"id": name, "object": "model", "deleted": True})


def _asked(ask: Callable[[str, str], T], project: str, name: str) -> T:
    try:
        return ask(project, name)
    except NotFound as error:
        raise ModelUnknown(f"The model `{name}` does not exist.", "GET /v1/models lists those there are.") from error
