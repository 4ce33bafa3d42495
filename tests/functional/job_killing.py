"""A live service whose worker, server or both are killed with `kill -9` while jobs run, and what must hold after it."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import openai

from tests.fakes.word_rows import code_pairs, write_jsonl
from tests.functional.job_stages import STAGES, Stages
from tests.functional.service_process import Service, runs, start_service
from vectune.jobs.job import Event

VICTIMS = ("worker", "server", "both")
MODEL = "text-embedding-3-small"
ROWS = 120
TEXTS = ["red1 cat2", "red3"]
METHODS: Mapping[str, Mapping[str, object]] = {
    "full": {"n_epochs": 20, "patience": 1000},
    "adapter": {"method": "adapter", "n_epochs": 1000, "patience": 100_000},
    "lora": {"method": "lora", "n_epochs": 20, "patience": 1000},
    "static": {"method": "static", "n_epochs": 40, "patience": 1000},
}
"""What a job of each method is given so that it trains for seconds, and an adapter, too, writes checkpoints."""
_SETTINGS = {"lease_seconds": "2", "checkpoint_steps": "5"}
_OVER = ("succeeded", "failed", "cancelled")
_ONCE = ("Files validated", "Fine-tuning job started", f"Read {ROWS} rows", "Split: ", "Verdict: ", "The job has succ")
_PATIENCE = 240.0
_LOOK_SECONDS = 0.25
_LONGEST_WAIT = 120.0


@dataclass(frozen=True)
class Kill:
    """Who was killed, and where the job at work stood."""

    victim: str
    stage: str


@dataclass
class Survival:
    """What came of it. `faults` are sentences, none when all went as it must."""

    kills: list[Kill] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)
    num_events: int = 0
    faults: list[str] = field(default_factory=list)


class Ordeal:
    """A home folder, a server on it, and jobs one after another, each with the next of `hyperparameters`, which go
    round; knows what every file and model must still be."""

    def __init__(self, folder: Path, model: Path, hyperparameters: Sequence[Mapping[str, object]]) -> None:
        self._folder = folder
        self._model = model
        self._hyperparameters = hyperparameters
        self._sha256: dict[str, str] = {}
        self._vectors: dict[str, np.ndarray] = {}
        self._pids: set[int] = set()
        self.found = Survival()
        self._start()
        self._stages = Stages(folder / "home")

    def kill(self, victim: str) -> None:
        """Kill the worker, the server or both, and start a server where there is none left; where no worker is to be
        killed, the server is."""
        name = self.found.jobs[-1]
        workers = self._service.workers()
        if victim == "worker" and not workers:
            victim = "server"
        self._pids.update(workers)
        if victim in ("worker", "both"):
            for pid in workers:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        if victim in ("server", "both"):
            self._service.process.kill()
        self.found.kills.append(Kill(victim, self._stages.of(name)))
        self._stages.mark(name)
        if victim in ("server", "both"):
            self._service.end()
            self._start()

    def wait_at(self, stage: str, until: float) -> None:
        """Come back as soon as the job at work stands at `stage`, or at the time `until`; one job follows another."""
        while time.monotonic() < until:
            self.keep_busy()
            look = time.monotonic() + _LOOK_SECONDS
            while time.monotonic() < look:
                if self._stages.is_at(self.found.jobs[-1], stage):
                    return

    def keep_busy(self) -> None:
        """Make another job unless one waits or runs; remember the vectors and files of those that are over."""
        for name in self.found.jobs:
            if self._status(name) == "succeeded" and name not in self._vectors:
                self._remember(name)
        if not self.found.jobs or self._status(self.found.jobs[-1]) in _OVER:
            self._submit()

    def wait_for(self, done: Callable[[], bool]) -> None:
        """Wait until `done`, at most a few minutes."""
        until = time.monotonic() + _PATIENCE
        while not done():
            assert time.monotonic() < until, self._service.log.read_text(encoding="utf-8")[-4000:]
            time.sleep(0.1)

    def step(self) -> int:
        """The newest step of training that the newest job told of; -1 before the first."""
        return max((step_of(event) for event in self._stages.events(self.found.jobs[-1])), default=-1)

    def finish(self) -> Survival:
        """Let every job come to its end, end the server, and say all that is not as it must be.

        Another server is started before that: it reads the models that the one before may have held in memory.
        """
        self.wait_for(lambda: all(self._status(name) in _OVER for name in self.found.jobs))
        for name in self.found.jobs:
            if self._status(name) == "succeeded" and name not in self._vectors:
                self._remember(name)
        self._pids.update(self._service.workers())
        self._service.end()
        self._start()
        for name in self.found.jobs:
            self._look_at(name)
        self._look_at_files()
        self._pids.update(self._service.workers())
        self.end()
        self._look_at_processes()
        return self.found

    def end(self) -> None:
        """End the server."""
        self._service.end()
        self._stages.close()

    def _start(self) -> None:
        settings = [part for name, value in _SETTINGS.items() for part in ("--set", f"jobs.{name}={value}")]
        self._service: Service = start_service(self._folder, self._model, *settings)
        self._client = openai.OpenAI(base_url=self._service.url, api_key="none", max_retries=5)

    def _submit(self) -> None:
        number = len(self.found.jobs)
        rows = write_jsonl(self._folder / f"rows-{number}.jsonl", code_pairs(ROWS, seed=number))
        file = self._client.files.create(file=rows, purpose="fine-tune")
        self._sha256[file.id] = hashlib.sha256(rows.read_bytes()).hexdigest()
        given = self._hyperparameters[number % len(self._hyperparameters)]
        method = {"type": "supervised", "supervised": {"hyperparameters": dict(given)}}
        job = self._client.fine_tuning.jobs.create(model=MODEL, training_file=file.id, seed=number, method=method)  # type: ignore[arg-type]
        self.found.jobs.append(job.id)
        self._stages.forget()

    def _status(self, name: str) -> str:
        return self._client.fine_tuning.jobs.retrieve(name).status

    def _remember(self, name: str) -> None:
        job = self._client.fine_tuning.jobs.retrieve(name)
        for file in job.result_files:
            self._sha256[file] = self._content(file)
        self._vectors[name] = self._embed(name)

    def _content(self, file: str) -> str:
        return hashlib.sha256(self._client.files.content(file).read()).hexdigest()

    def _embed(self, name: str) -> np.ndarray:
        answer = self._client.embeddings.create(model=name, input=TEXTS)
        return np.array([entry.embedding for entry in answer.data])

    def _look_at(self, name: str) -> None:
        job = self._client.fine_tuning.jobs.retrieve(name)
        if job.status != "succeeded":
            self._blame(f"{name} {job.status}: {job.error and job.error.message}")
            return
        if not np.array_equal(self._embed(name), self._vectors[name]):
            self._blame(f"{name} embeds otherwise than when it had succeeded")
        for checkpoint in self._client.fine_tuning.jobs.checkpoints.list(name):
            if not np.isfinite(self._embed(checkpoint.fine_tuned_model_checkpoint)).all():
                self._blame(f"{checkpoint.fine_tuned_model_checkpoint} gives no vectors")
        events = self._stages.events(name)
        self.found.num_events += len(events)
        self.found.faults += [f"{name}: {fault}" for fault in event_faults(events)]

    def _look_at_files(self) -> None:
        listed = {file.id for file in self._client.files.list()}
        for name, sha256 in self._sha256.items():
            if name not in listed:
                self._blame(f"the file {name} is lost")
            elif self._content(name) != sha256:
                self._blame(f"the file {name} has changed")
        kept = {path.stem for path in (self._folder / "home" / "files").rglob("*") if path.is_file()}
        if kept != listed:
            self._blame(f"on disk, but not listed or the other way round: {sorted(kept ^ listed)}")

    def _look_at_processes(self) -> None:
        until = time.monotonic() + 20
        while (left := [pid for pid in self._pids if runs(pid)]) and time.monotonic() < until:
            time.sleep(0.1)
        if left:
            self._blame(f"workers outlived their servers: {left}")

    def _blame(self, fault: str) -> None:
        self.found.faults.append(fault)


def survive(kills: int, draw: random.Random, ordeal: Ordeal, longest: float = 30.0) -> Survival:
    """Kill `kills` times, the victims in turn, while one job follows another.

    Every other moment is drawn, up to `longest` seconds after the kill before, mostly short, so that all of a worker's
    life is hit, its beginning too. The others are aimed at each of `STAGES` in turn: drawn moments nearly all fall into
    training, which takes longest.
    """
    try:
        for number in range(kills):
            ordeal.keep_busy()
            if number % 2:
                ordeal.wait_at(STAGES[number // 2 % len(STAGES)], time.monotonic() + _LONGEST_WAIT)
            else:
                until = time.monotonic() + longest * draw.random() ** 2
                while time.monotonic() < until:
                    time.sleep(0.05)
                    ordeal.keep_busy()
            ordeal.kill(VICTIMS[(number // 2 + number // (2 * len(STAGES))) % len(VICTIMS)])  # each time another
        return ordeal.finish()
    finally:
        ordeal.end()


def event_faults(events: Sequence[Event]) -> list[str]:
    """What is wrong with the events of a job that succeeded: gaps, doubles, steps or evaluations that are missing."""
    faults = []
    if [event.seq for event in events] != list(range(1, len(events) + 1)):
        faults.append("the numbers of its events have gaps")
    said = [event.message for event in events]
    faults += [f"`{once}` is said {n} times" for once in _ONCE if (n := sum(m.startswith(once) for m in said)) != 1]
    if len({event.id for event in events}) != len(events):
        faults.append("two events have one id")
    training = [event for event in events if "training loss" in event.message]
    evaluations = [event for event in events if "rows to select by" in event.message]
    if not training or not evaluations:
        return [*faults, "no step or no evaluation is told"]
    total = int((training[-1].data or {})["total_steps"])
    for what, told in (("step", training), ("evaluation", evaluations)):
        steps = [step_of(event) for event in told]
        faults += [f"{what} {step} is told {n} times" for step, n in Counter(steps).items() if n > 1]
        if steps != sorted(steps) or steps[-1] != total:
            faults.append(f"{what}s do not rise to the last: {steps}")
    missing = set(range(max(total // 20, 1), total + 1, max(total // 20, 1))) - {step_of(event) for event in training}
    if missing:
        faults.append(f"steps are missing: {sorted(missing)}")
    evaluated = [step_of(event) for event in evaluations]
    distances = {after - before for before, after in pairwise(evaluated)}
    if evaluated[0] != 0 or len(distances) > 2:  # the last evaluation may come early
        faults.append(f"evaluations are missing: {evaluated}")
    return faults


def step_of(event: Event) -> int:
    """The step that the event is about; -1 where it is about none."""
    found = (event.data or {}).get("step") if event.type == "metrics" else None
    return -1 if found is None else int(found)
