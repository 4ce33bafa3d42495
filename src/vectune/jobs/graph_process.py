"""Graphs made by a process of their own (`python -m vectune.jobs.graph_process`): an export in the server would hold up
those who wait for vectors."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import suppress

import orjson

from vectune.encode.backends.graph_aside import clear_unfinished
from vectune.encode.backends.graph_cache import CachedRuntime
from vectune.errors import Interrupted, ModelError, VectuneError
from vectune.jobs.held_process import asked
from vectune.jobs.priority import give_way, go_first, thread_variables

_STDOUT, _STDERR = 1, 2
_END_SECONDS = 5.0


class GraphProcess:
    """A MakeGraph that starts a process for each model, with so many `threads` and a priority lower by `nice`. It ends
    with this process."""

    def __init__(self, nice: int, threads: int) -> None:
        self._nice = nice
        self._environment = thread_variables(threads)
        self._lock = threading.Lock()
        self._closed = False
        self._process: subprocess.Popen[bytes] | None = None

    def __call__(self, name: str, runtime: CachedRuntime) -> None:
        """Leave the graph of the model called `name` in vectune's cache folder; see MakeGraph."""
        with self._started() as process:
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                process.stdin.write(orjson.dumps({"name": name, "runtime": runtime, "nice": self._nice}) + b"\n")
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
                command, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | self._environment
            )
            return self._process


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
    from vectune.encode.open_encoder import Opening, open_encoder

    answers = os.dup(_STDOUT)
    os.dup2(_STDERR, _STDOUT)  # whatever libraries print is no answer
    request = asked()
    give_way(request["nice"])
    go_first()
    fault = None
    try:
        open_encoder(request["name"], Opening(backend=request["runtime"]))
    except VectuneError as error:
        fault = {"message": error.message, "hint": error.hint}
    os.write(answers, orjson.dumps(fault))


if __name__ == "__main__":
    main()
