"""A process that ends with the one that asked it for something."""

from __future__ import annotations

import signal
import subprocess
import sys

PROGRAM = """
import time
from vectune.jobs.held_process import asked
print(asked()["what"], flush=True)
time.sleep(60)
"""


def test_it_hears_what_is_asked_and_ends_with_stdin() -> None:
    """Signals to its whole group are not for it."""
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b'{"what": "this"}\n')
        assert process.stdout.readline() == b"this\n"
        for number in (signal.SIGTERM, signal.SIGINT):
            process.send_signal(number)
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(30) == 1
