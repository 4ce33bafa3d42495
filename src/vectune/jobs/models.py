"""The models that answer to a name: bases, tuned models, and checkpoints of them."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, or_, select

from vectune.config.serve import shown_name
from vectune.config.workflow import PACKAGED_MODEL
from vectune.errors import NotFound
from vectune.jobs.database import Database
from vectune.jobs.job import OVER
from vectune.jobs.refusals import InUse, Refused
from vectune.jobs.schema import checkpoints, jobs, models

OWNER = "vectune"
MODELS = "models"
"""The folder under the home folder that tuned models lie in."""
IN_HOME = "home:"
"""How a job names a base that lies in the home folder, which may be moved, or restored elsewhere."""
_UNSAFE = re.compile(r"[^\w.-]+")
_KNOWN_SECONDS = 1.0
_MOST_PLACES = 1000


@dataclass(frozen=True)
class ServedModel:
    """A model that embeds under the name `id`. `base` is what it was tuned from; empty for a base itself.

    `dims` are the Matryoshka dimensions it was trained for; `created_at` is in seconds since 1970.
    """

    id: str
    owned_by: str
    created_at: int
    base: str = ""
    job: str | None = None
    dims: tuple[int, ...] = ()


def model_name(model: str, project: str, suffix: str | None, job: str) -> str:
    """`ft:BASE:PROJECT:SUFFIX:ID` as clients know it; ID is the end of the job's id, SUFFIX may be empty."""
    base = model.split(":")[1] if model.startswith("ft:") else model
    return f"ft:{base}:{project}:{_UNSAFE.sub('-', suffix or '')}:{job[-8:]}"


def base_place(base: str, home: Path) -> str:
    """What loads the base that a job names so, as `ModelRegistry.base_of` gives it.

    Jobs of older versions have the whole path: where nothing lies there any more, the home folder has moved.
    """
    if base.startswith(IN_HOME):
        return str(home / base.removeprefix(IN_HOME))
    old = Path(base)
    moved = home / MODELS / old.name
    left = old.is_absolute() and old.parent.name == MODELS and not old.is_dir()
    return str(moved) if left and moved.is_dir() else base


class ModelRegistry:
    """Names to models: those of `bases` and `aliases` (name to what it stands for) for everyone, tuned ones by project.

    Tuned models lie below `home`. Only named bases are ever loaded: a client can't point at a path of its own.
    """

    def __init__(
        self,
        database: Database,
        home: Path,
        *,
        aliases: Mapping[str, str] | None = None,
        bases: tuple[str, ...] = (PACKAGED_MODEL,),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._home = Path(home)
        self._aliases = dict(aliases or {})
        self._bases = bases
        self._clock = clock
        self._places: dict[tuple[str, str], tuple[float, Path]] = {}

    def list(self, project: str) -> tuple[ServedModel, ...]:
        """Bases and aliases, then the project's tuned models, newest first.

        Checkpoints are not listed, nor is a base by its path: whoever knows one may name it all the same.
        """
        wanted = select(models).where(models.c.project == project, models.c.step.is_(None))
        with self._database.session(write=False) as connection:
            rows = connection.execute(wanted.order_by(models.c.number.desc())).all()
        shown = (name for name in self._base_names() if shown_name(name) == name)
        return (*(self._base(name) for name in shown), *(_served(row) for row in rows))

    def get(self, project: str, name: str) -> ServedModel:
        """What is known of the model called `name`; NotFound when the project has none."""
        if name in self._base_names():
            return self._base(name)
        with self._database.session(write=False) as connection:
            return _served(_row(connection, project, name))

    def resolve(self, project: str, name: str) -> Path | str:
        """What loads the model called `name`: a folder, or the name of a base that `resolve_model` knows.

        `name` is a base, an alias, a tuned model's `ft:...`, the id of its job, or either with `:ckpt-step-N`.
        Raises NotFound when the project has no such model.
        """
        if name in self._base_names():
            return self._aliases.get(name, name)
        with self._database.session(write=False) as connection:
            place = self._home / str(_row(connection, project, name).location)
        if len(self._places) >= _MOST_PLACES:
            self._places.clear()
        self._places[project, name] = (self._clock() + _KNOWN_SECONDS, place)
        return place

    def base_of(self, connection: Connection, project: str, name: str) -> str:
        """What a job that starts from the model called `name` keeps of it; `base_place` finds it again. Nobody can
        delete the model before the transaction is over that makes the job.

        Raises NotFound when the project has no such model.
        """
        if name in self._base_names():
            return self._aliases.get(name, name)
        return f"{IN_HOME}{_row(connection, project, name, hold=True).location}"

    def known_place(self, project: str, name: str) -> Path | str | None:
        """What `resolve` gives, if that is known without asking the database: of bases, and of models that were asked
        for within the last second (one that another server deletes is known so much longer)."""
        if name in self._base_names():
            return self._aliases.get(name, name)
        until, place = self._places.get((project, name), (0.0, None))
        return place if self._clock() < until else None

    def is_alias(self, name: str) -> bool:
        """Whether another model answers to `name` here."""
        target = self._aliases.get(name, name)
        return name not in (target, shown_name(target))

    def delete(self, project: str, name: str) -> None:
        """Remove a tuned model and its checkpoints.

        Raises Refused for a base, InUse while a job that is not over starts from it, NotFound without such a model.
        """
        if name in self._base_names():
            raise Refused(f"{name} is a base model.", "Only tuned models can be deleted.")
        with self._database.session() as connection:
            row = _row(connection, project, name)
            of_job = select(models).where(models.c.job == row.job).order_by(models.c.step.desc())
            related = connection.execute(of_job.with_for_update()).all()
            gone = [each for each in related if row.step is None or each.id == row.id]
            folders = [self._home / each.location for each in gone]
            holder = started_from(connection, [each.location for each in gone])
            if holder is not None:
                raise InUse(f"The job {holder} starts from {name}.", "Wait until it is over, or cancel it.")
            connection.execute(delete(models).where(models.c.id.in_([each.id for each in gone])))
            steps = [each.step for each in gone if each.step is not None]
            of_steps = and_(checkpoints.c.job == row.job, checkpoints.c.step_number.in_(steps))
            connection.execute(delete(checkpoints).where(of_steps))
        self._places.clear()
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)

    def _base_names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self._bases, *self._aliases)))

    def _base(self, name: str) -> ServedModel:
        return ServedModel(name, OWNER, 0)


_MOST_DIGITS = 9
"""Digits of a step; more do not fit the column, and no training is that long."""


def _row(connection: Connection, project: str, name: str, *, hold: bool = False) -> Row[Any]:
    job, of_step, step = name.partition(":ckpt-step-")
    number = int(step) if step.isdecimal() and len(step) <= _MOST_DIGITS else -1  # -1: no model has it
    of_job = (models.c.job == job) & (models.c.step == number if of_step else models.c.step.is_(None))
    wanted = select(models).where(models.c.project == project, or_(models.c.id == name, of_job))
    row = connection.execute(wanted.with_for_update(read=True) if hold else wanted).first()
    if row is None:
        raise NotFound(f"There is no model {name}.", "GET /v1/models lists those there are.")
    return row


def started_from(connection: Connection, locations: list[str]) -> str | None:
    """A job that is not over and starts from a model that lies at one of `locations`, under the home folder; None when
    there is none. Older versions kept whole paths."""
    named = jobs.c.base.in_([f"{IN_HOME}{location}" for location in locations])
    older = (jobs.c.base.endswith(f"/{location}", autoescape=True) for location in locations)
    wanted = select(jobs.c.id).where(or_(named, *older), jobs.c.status.not_in(OVER))
    found = connection.execute(wanted).scalars().first()
    return None if found is None else str(found)


def _served(row: Row[Any]) -> ServedModel:
    return ServedModel(row.id, row.project, row.created_at, row.base, row.job, tuple(row.dims))
