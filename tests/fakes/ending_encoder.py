"""TokenEncoder whose batches say that a core is idle, and end when they may."""

from __future__ import annotations

import threading

from tests.fakes.token_encoder import TokenEncoder
from vectune.encode.encoder import Vectors
from vectune.encode.tokenised import Idle
from vectune.encode.tokens import Tokens
from vectune.records import Role


class EndingEncoder(TokenEncoder):
    """Each call says so at once, unless `says_so` is off, and waits for `gate`; `most` is how many ran together."""

    def __init__(self, says_so: bool = True) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.one, self.two = threading.Event(), threading.Event()
        self.most = 0
        self._says_so = says_so
        self._running = 0
        self._changing = threading.Lock()

    def encode_tokens(self, tokens: Tokens, role: Role, idle: Idle | None = None) -> Vectors:
        with self._changing:
            self._running += 1
            self.most = max(self.most, self._running)
            (self.one if self._running == 1 else self.two).set()
        if self._says_so and idle is not None:
            idle()
        assert self.gate.wait(20)
        with self._changing:
            self._running -= 1
            return super().encode_tokens(tokens, role)
