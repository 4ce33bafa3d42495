"""A model hub of one model, over HTTP: what huggingface_hub asks of it."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

_COMMIT = "0123456789abcdef0123456789abcdef01234567"


class _Hub(ThreadingHTTPServer):
    """Owns the model's files and remembers which of them were fetched."""

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.name = name
        self.folder = folder
        self.fetched: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    server: _Hub

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def log_message(self, *_: Any) -> None:
        """Nothing is said."""

    def _answer(self, *, body: bool) -> None:
        hub = self.server
        path = unquote(urlsplit(self.path).path)
        prefix, api = f"/{hub.name}/resolve/", f"/api/models/{hub.name}"
        file = hub.folder / path.removeprefix(prefix).partition("/")[2]
        if path.startswith(api):
            self._send(200, json.dumps(_told(hub, path.removeprefix(api))).encode(), body, {})
        elif not path.startswith(prefix) or not file.is_file():
            self._send(404, b"{}", body, {"X-Error-Code": "EntryNotFound"})
        else:
            hub.fetched += [file.relative_to(hub.folder).as_posix()] if body else []
            content = file.read_bytes()
            self._send(200, content, body, {"ETag": f'"{hashlib.sha256(content).hexdigest()}"'})

    def _send(self, status: int, content: bytes, body: bool, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in {"X-Repo-Commit": _COMMIT, "Content-Length": str(len(content)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        if body:
            self.wfile.write(content)


@contextmanager
def model_hub(name: str, folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Its address while the context lasts, and the files of `folder`, the model `name`, that were fetched so far."""
    hub = _Hub(name, folder)
    thread = threading.Thread(target=hub.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{hub.server_port}", hub.fetched
    finally:
        hub.shutdown()
        thread.join()
        hub.server_close()


def _told(hub: _Hub, what: str) -> Any:
    files = [file for file in sorted(hub.folder.rglob("*")) if file.is_file()]
    names = [file.relative_to(hub.folder).as_posix() for file in files]
    if what.startswith("/tree/"):
        return [
            {"type": "file", "path": path, "size": file.stat().st_size, "oid": _COMMIT}
            for path, file in zip(names, files, strict=True)
        ]
    return {"id": hub.name, "sha": _COMMIT, "siblings": [{"rfilename": path} for path in names]}
