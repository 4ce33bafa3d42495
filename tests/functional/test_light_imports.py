"""What must start at once: `import vectune`, help, configs and `check` load no torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"torch", "transformers", "sentence_transformers", "sklearn", "scipy"}
_PROGRAMS = {
    "import": "import vectune; assert vectune.__version__",
    "command line": "import vectune.cli.main",
    "help": "from vectune.cli.main import main; assert main(['--help']) == 0; assert main(['tune', '--help']) == 0",
    "configs": "from vectune.config import *; TuneConfig(path='a'); JudgeConfig(model='a', path='b')",
    "dry run": "from vectune.cli.main import main; assert main(['tune', 'a.jsonl', '--dry-run']) == 0",
    "reference": "from vectune.cli.reference import reference; assert reference()",
    "light layers": "import vectune.errors, vectune.records, vectune.store.run_folder, vectune.monitor.metric_log",
}


def _loaded_by(program: str) -> set[str]:
    ending = "\nimport sys, json; print('\\n' + json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", program + ending], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("name", _PROGRAMS)
def test_stays_light(name: str) -> None:
    """A fresh process that does this has loaded none of the heavy libraries."""
    assert not HEAVY & _loaded_by(_PROGRAMS[name])


_ELSEWHERE = """
import os, pkgutil, platform, importlib
for name in ("sched_getaffinity", "sched_setaffinity", "pidfd_open", "posix_fadvise", "memfd_create"):
    if hasattr(os, name):
        delattr(os, name)
platform.libc_ver = lambda *given, **more: ("", "")
import vectune
for module in pkgutil.walk_packages(vectune.__path__, "vectune."):
    if "migrations" not in module.name and not module.name.endswith("__main__"):
        importlib.import_module(module.name)
from vectune.encode.allocator import keep_large_blocks
from vectune.jobs.worker import default_threads
assert keep_large_blocks() is False
assert default_threads() >= 1
"""


def test_all_is_imported_where_linux_is_not() -> None:
    """Without what Linux alone has in `os`, and without glibc, as on macOS, every module is imported all the same."""
    assert "torch" in _loaded_by(_ELSEWHERE)


def test_check_loads_no_torch(tiny_model_folder: Path, pairs: Path) -> None:
    """`check` counts a model's tokens without loading the model."""
    arguments = ["check", str(pairs), "--base", str(tiny_model_folder)]
    program = f"from vectune.cli.main import main; assert main({arguments!r}) == 0"
    assert not {"torch", "transformers", "sentence_transformers"} & _loaded_by(program)
