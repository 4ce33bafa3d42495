"""Python's search for garbage, kept away from what stays for as long as the server runs."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_from_search() -> Iterator[None]:
    """Until the block ends nothing that is in memory now is searched for garbage.

    Modules and their classes are more than a hundred thousand objects. Under load each full search goes through all of
    them, while no request is served, several times in ten seconds; what requests leave behind is little beside them.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
