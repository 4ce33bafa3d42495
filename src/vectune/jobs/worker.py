"""A process that runs jobs: `VECTUNE_DATABASE=URL VECTUNE_FILES=URL python -m vectune.jobs.worker --home DIR`."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from vectune.config.jobs import DATABASE_VARIABLE, FILES_VARIABLE, JobsConfig
from vectune.config.load import parse_config
from vectune.config.log import LogConfig
from vectune.encode.backends.cores import usable_cores
from vectune.errors import StorageError
from vectune.jobs.database import Database
from vectune.jobs.file_check import fault
from vectune.jobs.files import FileStore
from vectune.jobs.job import CANCELLED, Job
from vectune.jobs.leases import Leases
from vectune.jobs.priority import give_way
from vectune.jobs.running import Workshop, clear_cancelled, run_job
from vectune.jobs.watch import LOST, Deadline
from vectune.monitor.json_log import log_fields, writing_log

_log = logging.getLogger("vectune.jobs.worker")
_LAST_WORDS_SECONDS = 5.0
STOPPED = 75
"""Exit status of a worker that had to end itself because a job did not stop in time (EX_TEMPFAIL)."""


def work(shop: Workshop, ending: threading.Event) -> None:
    """Take jobs and run them until `ending` is set, or the process that started this one is gone."""
    while not shop.ending():
        try:
            job = shop.leases.take()
        except StorageError:
            _log.exception("the database could not be asked for a job; it is asked again")
            job = None
        if job is None:
            ending.wait(shop.config.poll_seconds)
        else:
            with log_fields(job=job.id):
                _log.info("the job %s begins", job.id)
                _run(job, shop, ending)


def _run(job: Job, shop: Workshop, ending: threading.Event) -> None:
    """Run the job; where it stands can't be said while the database is away, and is found out by the next worker."""
    try:
        run_job(job, shop)
    except StorageError:
        _log.exception("the job %s was left, and the database could not be told", job.id)
        ending.wait(shop.config.poll_seconds)


def worker_name() -> str:
    """A name that no other worker has, here or on another machine."""
    return f"{socket.gethostname()}-{os.getpid()}-{time.time_ns():x}"


def default_threads() -> int:
    """Half of the cores: the other half answers embeddings meanwhile. The environment is not asked: the server has set
    OMP_NUM_THREADS to this half already."""
    return max(usable_cores({}) // 2, 1)


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> None:
    """Read the arguments and work until asked to end (SIGTERM, SIGINT) or the parent is gone.

    `environ` says where the database and the files are: every account can read the arguments of a process.
    """
    parser = _parser()
    given = parser.parse_args(arguments)
    if not (environ.get(DATABASE_VARIABLE) and environ.get(FILES_VARIABLE)):
        parser.error(f"{DATABASE_VARIABLE} and {FILES_VARIABLE} are not both set; `vectune serve` sets them")
    name = given.name or worker_name()
    with writing_log(parse_config(LogConfig, _content(given.log), "--log")), log_fields(worker=name):
        _work_as(name, given, environ)


def _work_as(name: str, given: argparse.Namespace, environ: Mapping[str, str]) -> None:
    config = parse_config(JobsConfig, _content(given.config), "--config")
    config = config.model_copy(update={"threads": config.threads or default_threads()})
    give_way(config.nice)
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    database = Database(environ[DATABASE_VARIABLE])
    leases = Leases(database, name, config.lease_seconds, config.most_crashes)
    files = FileStore(database, environ[FILES_VARIABLE], partial(fault, config))
    home = Path(given.home)
    ends = _ends(ending, given.parent)
    shop = Workshop(home, files, leases, config, ends, lambda job: _give_up(job, home, files, leases))
    work(shop, ending)
    database.close()


def _ends(ending: threading.Event, parent: int | None) -> Callable[[], bool]:
    """Whether to end: asked to, or whoever started this process is gone."""
    return lambda: ending.is_set() or (parent is not None and os.getppid() != parent)


def _give_up(job: Job, home: Path, files: FileStore, leases: Leases) -> Deadline:
    """What to do when the work on `job` does not stop: say where it stands and end the process, training and all.

    The process ends too where the database or the disk gives no answer.
    """

    def give_up(wanted: str) -> None:
        _log.warning("the job %s did not stop in time (%s): its worker ends", job.id, wanted)
        last = threading.Timer(_LAST_WORDS_SECONDS, os._exit, (STOPPED,))
        last.daemon = True
        last.start()
        try:
            if wanted == CANCELLED:
                clear_cancelled(job, home, files)
            if wanted != LOST:
                leases.let_go(job.id)
        except Exception:
            _log.exception("the job %s could not be given back; its lease will end", job.id)
        finally:
            os._exit(STOPPED)

    return give_up


def _content(config: str) -> dict[str, object]:
    import orjson

    found = orjson.loads(config)
    return dict(found)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m vectune.jobs.worker", description=__doc__)
    parser.add_argument("--home", required=True, help="folder of jobs and tuned models")
    parser.add_argument("--config", default="{}", help="settings of JobsConfig as a JSON object")
    parser.add_argument("--name", help="name of this worker, unlike that of any other")
    parser.add_argument("--parent", type=int, help="process that this one ends with")
    parser.add_argument("--log", default="{}", help="settings of LogConfig as a JSON object")
    return parser


if __name__ == "__main__":
    main()
