"""A remote file system that remembers what lies in a folder, as s3fs does, and has errors of its own."""

from __future__ import annotations

import io
from typing import Any, ClassVar

import fsspec
from fsspec import AbstractFileSystem
from fsspec.dircache import DirCache


class DriverFault(Exception):  # noqa: N818 - named as drivers name theirs
    """What the driver raises, and nobody else knows."""


class _Upload(io.BytesIO):
    def __init__(self, objects: dict[str, bytes], path: str) -> None:
        super().__init__()
        self._objects = objects
        self._path = path

    def close(self) -> None:
        if not self.closed:
            self._objects[self._path] = self.getvalue()
        super().close()


class Bucket(AbstractFileSystem):  # type: ignore[misc]
    """`bucket://...`: a folder that was listed once is believed to be as it was then. Other processes write straight
    into `objects`. While `fault` is set, everything raises it."""

    protocol = "bucket"
    objects: ClassVar[dict[str, bytes]] = {}
    fault: ClassVar[Exception | None] = None

    def makedirs(self, path: str, exist_ok: bool = False) -> None: ...

    def find(self, path: str, *given: Any, **options: Any) -> dict[str, dict[str, Any]]:
        self._fail()
        found = {name: self._entry(name) for name in self.objects if name.startswith(self._strip_protocol(path))}
        for folder in {self._parent(name) for name in found}:
            self.dircache[folder] = [entry for name, entry in found.items() if self._parent(name) == folder]
        return found

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        self._fail()
        path = self._strip_protocol(path)
        folder = self._parent(path)
        if folder in self.dircache:
            known = {entry["name"]: entry for entry in self.dircache[folder]}
        else:
            known = {name: self._entry(name) for name in self.objects}
        if path not in known:
            raise FileNotFoundError(path)
        return known[path]

    def exists(self, path: str, **options: Any) -> bool:
        try:
            self.info(path)
        except FileNotFoundError:
            return False
        return True

    def rm(self, path: str, *given: Any, **options: Any) -> None:
        del self.objects[self.info(path)["name"]]

    def mv(self, source: str, target: str, **options: Any) -> None:
        self._fail()
        self.objects[self._strip_protocol(target)] = self.objects.pop(self._strip_protocol(source))

    def _open(self, path: str, mode: str = "rb", **options: Any) -> io.BytesIO:
        self._fail()
        return _Upload(self.objects, path) if "w" in mode else io.BytesIO(self.objects[self.info(path)["name"]])

    def _entry(self, name: str) -> dict[str, Any]:
        return {"name": name, "size": len(self.objects[name]), "type": "file"}

    def _fail(self) -> None:
        if type(self).fault is not None:
            raise type(self).fault


class StubbornBucket(Bucket):
    """`stubborn://...`: remembers folders whatever it is told, and refuses to be told anything."""

    protocol = "stubborn"
    objects: ClassVar[dict[str, bytes]] = {}

    def __init__(self) -> None:
        super().__init__()
        self.dircache = DirCache()

    def invalidate_cache(self, path: str | None = None) -> None:
        self.dircache.clear()


class BrokenBucket(Bucket):
    """`broken://...`: has no answer."""

    protocol = "broken"
    fault: ClassVar[Exception | None] = DriverFault("no credentials for AKIA123")


for kind in (Bucket, StubbornBucket, BrokenBucket):
    fsspec.register_implementation(kind.protocol, kind, clobber=True)
