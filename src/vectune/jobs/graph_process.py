"""Graphs made by a process of their own (`python -m vectune.jobs.graph_process`): an export in the server would hold up
those who wait for vectors."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import orjson

from vectune.config.load import parse_config
from vectune.config.log import LogConfig
from vectune.encode.backends.graph_aside import clear_unfinished
from vectune.encode.backends.graph_cache import CachedRuntime
from vectune.errors import Interrupted, ModelError, VectuneError
from vectune.jobs.held_process import asked
from vectune.jobs.priority import give_way, go_first, thread_variables
from vectune.monitor.json_log import writing_log

_STDOUT, _STDERR = 1, 2
_END_SECONDS = 5.0
_LAST_BYTES = 1 << 13
"""Of what the process says so many are logged: the last."""
_LOG = logging.getLogger("vectune.jobs")


class GraphProcess:
    """A MakeGraph that starts a process for each model, with so many `threads` and a priority lower by `nice`. It ends
    with this process, and writes its log where `log` says; what libraries say in it is logged here once it has ended.
    """

    def __init__(self, nice: int, threads: int, log: LogConfig | None = None) -> None:
        self._nice = nice
        self._log = log or LogConfig()
        self._environment = thread_variables(threads)
        self._lock = threading.Lock()
        self._closed = False
        self._process: subprocess.Popen[bytes] | None = None

    def __call__(self, name: str, runtime: CachedRuntime) -> None:
        """Leave the graph of the model called `name` in vectune's cache folder; see MakeGraph."""
        request = {
            "name": name, "runtime": runtime, "nice": self._nice, "log": self._log.model_dump(mode="json"),
        }  # fmt: skip
        with self._started() as process, _hearing(process, name):
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                process.stdin.write(orjson.dumps(request) + b"\n")
                said = process.stdout.read()
            except BrokenPipeError:
                said = b""
        if process.returncode:
            clear_unfinished()  # it had no time to do so itself
        if self._closed:
            raise Interrupted("The server ends.")
        _refuse(process.returncode, said)

    def close(self) -> None:
        """End the process, if one runs, and clear away what it had begun; none is started any more."""
        with self._lock:
            self._closed = True
        if self._process is not None:
            self._process.kill()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_SECONDS)  # until then it holds what it writes
            clear_unfinished()

    def _started(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "vectune.jobs.graph_process"]
        with self._lock:
            if self._closed:
                raise Interrupted("The server ends.")
            self._process = subprocess.Popen(
                command, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=None if self._log.file is None else subprocess.PIPE, env=os.environ | self._environment,
            )  # fmt: skip
            return self._process


@contextmanager
def _hearing(process: subprocess.Popen[bytes], name: str) -> Iterator[None]:
    """Log what `process` said on its stderr, the last of it, once the block has ended and the process too; nothing if
    that is this process's own stderr, where it stands anyway."""
    stream = process.stderr
    if stream is None:
        yield
        return
    last = bytearray()

    def hear() -> None:
        while block := stream.read(_LAST_BYTES):
            last.extend(block)
            del last[:-_LAST_BYTES]

    hearing = threading.Thread(target=hear, name="vectune-graph-stderr", daemon=True)
    hearing.start()
    try:
        yield
    finally:
        hearing.join(_END_SECONDS)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_END_SECONDS)
        said = last.decode("utf-8", "replace").strip()
        if said:
            level = logging.WARNING if process.returncode else logging.INFO
            _LOG.log(level, "the process that made the graph of %s said last: %s", name, said)


def _refuse(status: int, said: bytes) -> None:
    """Raise ModelError unless the process that ended with `status` made the graph."""
    if status:
        how = f"by signal {-status}, most likely for want of memory" if status < 0 else f"with status {status}"
        raise ModelError(f"The process that made the graph ended {how}.", "The server's log has what it said last.")
    answer = orjson.loads(said)
    if answer is not None:
        raise ModelError(answer["message"], answer["hint"])


def main() -> None:
    """Make the graph of `name` for `runtime` as `asked` gives them, and write to stdout, as JSON, why it can't be."""
    answers = os.dup(_STDOUT)
    os.dup2(_STDERR, _STDOUT)  # whatever libraries print is no answer
    request = asked()
    with writing_log(parse_config(LogConfig, request["log"], "the request")):
        give_way(request["nice"])
        go_first()
        try:
            fault = _fault(request)
        except Exception:
            _LOG.critical("the process ends", exc_info=True)
            sys.exit(1)
    os.write(answers, orjson.dumps(fault))


def _fault(request: Mapping[str, Any]) -> dict[str, str] | None:
    """Why the graph that `request` wants can't be made, or None: it is there."""
    from vectune.encode.open_encoder import Opening, open_encoder

    try:
        open_encoder(request["name"], Opening(backend=request["runtime"]))
    except VectuneError as error:
        return {"message": error.message, "hint": error.hint}
    return None


if __name__ == "__main__":
    main()
