from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.run_folder import write_run_folder
from vectune.report.contents import RunContents, read_contents

MakeRun = Callable[..., RunContents]


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Makes a run folder with the given changes and reads it."""

    numbers = count()

    def make(**changes: Any) -> RunContents:
        return read_contents(write_run_folder(tmp_path / str(next(numbers)) / "run-20261121-101500", **changes))

    return make
