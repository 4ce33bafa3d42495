"""An encoder that waits to be let on, and remembers what it was given."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from tests.fakes.hash_encoder import HashEncoder
from vectune.encode.encoder import Vectors
from vectune.monitor.progress import Progress
from vectune.records import Role


class SlowEncoder(HashEncoder):
    """HashEncoder behind a gate: `gate.set()` lets it work; `started` tells that it stands there. `fault` is raised."""

    def __init__(self, dim: int = 32, name: str = "slow-encoder") -> None:
        super().__init__(dim, name=name)
        self.gate = threading.Event()
        self.started = threading.Event()
        self.batches: list[tuple[tuple[str, ...], Role]] = []
        self.fault: Exception | None = None

    def encode(self, texts: Sequence[str], role: Role = Role.DOCUMENT, progress: Progress | None = None) -> Vectors:
        self.batches.append((tuple(texts), role))
        self.started.set()
        assert self.gate.wait(20)
        if self.fault is not None:
            raise self.fault
        return super().encode(texts, role, progress)
