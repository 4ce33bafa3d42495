"""A small endpoint in the shape of OpenAI's embeddings, on loopback: vectors by hash of the words, faults on demand."""

from __future__ import annotations

import base64
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from tests.fakes.hash_encoder import HashEncoder

KEY = "sk-a-key-that-must-not-leak"


@dataclass
class Fault:
    """One answer that is not the vectors: a status, headers and what stands in the error."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    message: str = "out of order"


class EmbeddingsEndpoint:
    """Counts what it is asked. `faults` are given out first, one a request; `synonyms` maps words before hashing."""

    def __init__(self, dim: int = 32, synonyms: dict[str, str] | None = None) -> None:
        self.dim = dim
        self.faults: list[Fault] = []
        self.fail_after: int | None = None
        self.texts: Counter[str] = Counter()
        self.requests: list[dict[str, Any]] = []
        self.keys: set[str] = set()
        self.url = ""
        self.short_by = 0
        self.scale = 3.0
        self._synonyms = synonyms or {}
        self.lock = threading.Lock()
        self.ignores_dims = False
        self.tokens_a_word: int | None = None
        """With a number, answers tell how many tokens the texts have: that many a word."""

    def answer(self, body: dict[str, Any], key: str) -> tuple[int, dict[str, str], dict[str, Any]]:
        """Status, headers and JSON for one request."""
        with self.lock:
            self.keys.add(key)
            self.requests.append(body)
            fault = self.faults.pop(0) if self.faults else None
            if fault is None and self.fail_after is not None and len(self.requests) > self.fail_after:
                fault = Fault(500, {"x-should-retry": "false"})
            if fault is not None:
                return fault.status, fault.headers, {"error": {"message": fault.message, "type": "x", "code": None}}
            self.texts.update(body["input"])
        return 200, {}, {"object": "list", "model": body["model"], "data": self._data(body), "usage": self._usage(body)}

    def _usage(self, body: dict[str, Any]) -> dict[str, int]:
        if self.tokens_a_word is None:
            return {}
        tokens = sum(len(text.split()) for text in body["input"]) * self.tokens_a_word
        return {"prompt_tokens": tokens, "total_tokens": tokens}

    def _data(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        words = [" ".join(self._synonyms.get(word, word) for word in text.split()) for text in body["input"]]
        wanted = None if self.ignores_dims else body.get("dimensions")
        vectors = HashEncoder(wanted or self.dim).encode(words) * np.float32(self.scale)
        plain = body.get("encoding_format") != "base64"
        shown = [v.tolist() if plain else base64.b64encode(v.astype("<f4").tobytes()).decode() for v in vectors]
        rows = [{"object": "embedding", "index": place, "embedding": vector} for place, vector in enumerate(shown)]
        return rows[: len(rows) - self.short_by][::-1]


@contextmanager
def serving(endpoint: EmbeddingsEndpoint) -> Iterator[EmbeddingsEndpoint]:
    """The endpoint at `endpoint.url` until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["content-length"]))
            key = self.headers.get("authorization", "").removeprefix("Bearer ")
            if self.path != "/v1/embeddings":
                status, headers, content = 404, {}, {"error": {"message": "no such path"}}
            else:
                status, headers, content = endpoint.answer(json.loads(raw), key)
            payload = json.dumps(content).encode()
            self.send_response(status)
            for name, value in {**headers, "content-type": "application/json"}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that the library gives it
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    endpoint.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
