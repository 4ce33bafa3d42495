"""Vectors on disk by the hash of what they were made from: what was fetched or computed once is never asked for again.

One SQLite file, so that several processes may read and write it at once. It holds hashes and vectors, no texts.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from vectune.encode.encoder import Vectors
from vectune.errors import ModelError, StorageError
from vectune.store.atomic import storage_error

VECTORS_FILE = "vectors.sqlite"
_WAIT_SECONDS = 60.0
_HELD = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
"""Errors that pass when another process is done; the code's higher bits say more about each."""
_KEYS_A_QUESTION = 500
_TABLE = "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID"

Fetch = Callable[[list[str]], Iterator[tuple[Sequence[int], Vectors]]]
"""Makes vectors of texts part by part: gives positions in the list and the vectors at them, in any order."""


def vector_key(*parts: str) -> bytes:
    """SHA-256 of several texts; each is preceded by its length, so that no two lists run together."""
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(8, "little"))
        digest.update(raw)
    return digest.digest()


class VectorCache:
    """Owns one file of float32 vectors, for any number of threads and processes. A `put` is whole or not there."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Vectors]:
        """The vectors that are there, each float32 [dim]; what is not there is left out."""
        found: dict[bytes, Vectors] = {}
        with self._used("read") as connection:
            for start in range(0, len(keys), _KEYS_A_QUESTION):
                asked = keys[start : start + _KEYS_A_QUESTION]
                marks = ",".join("?" * len(asked))
                rows = connection.execute(f"SELECT key, vector FROM vectors WHERE key IN ({marks})", asked)
                found |= {key: np.frombuffer(vector, dtype="<f4") for key, vector in rows}
        return found

    def put(self, keys: Iterable[bytes], vectors: Vectors) -> None:
        """Keep `vectors` [n, dim] under `keys`; what is there stays as it is."""
        rows = [(key, row.tobytes()) for key, row in zip(keys, vectors.astype("<f4"), strict=True)]
        with self._used("written") as connection, connection:
            connection.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?)", rows)

    def through(
        self, texts: Sequence[str], keys: Sequence[bytes], fetch: Fetch, told: Callable[[int], None]
    ) -> Vectors:
        """Vectors of `texts` [n, dim] in order: those that are kept, and the others by `fetch`, kept as they come.

        Equal keys are fetched once. `told` hears how many more of the texts are done. Without texts: [0, 0]. ModelError
        where vectors that are kept are longer or shorter than one another or than those that come.
        """
        known: dict[bytes, Vectors] = self.get(list(dict.fromkeys(keys)))
        lengths = sorted({len(vector) for vector in known.values()})
        if len(lengths) > 1:
            raise self.other_model(lengths[0], lengths[-1])
        shares = _counts(keys)
        told(sum(shares[key] for key in known))
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        names = list(missing)
        for positions, vectors in fetch(list(missing.values())) if missing else ():
            part = [names[position] for position in positions]
            kept = next((len(vector) for vector in known.values()), vectors.shape[1])
            if kept != vectors.shape[1]:
                raise self.other_model(kept, vectors.shape[1])
            self.put(part, vectors)
            known |= dict(zip(part, vectors, strict=True))
            told(sum(shares[key] for key in part))
        return np.stack([known[key] for key in keys]) if keys else np.zeros((0, 0), dtype=np.float32)

    def other_model(self, kept: int, found: int) -> ModelError:
        """The error for vectors with another number of values than those that are kept: another model's."""
        return ModelError(
            f"Vectors came with {found} values where those kept in {self.file} have {kept}: another model answers to "
            "the name than before.",
            f"Delete {self.file}, so that all are asked for anew, or give the model another name.",
        )

    @contextmanager
    def _used(self, verb: str) -> Iterator[sqlite3.Connection]:
        try:
            with closing(self._opened()) as connection:
                yield connection
        except sqlite3.OperationalError as error:
            raise StorageError(
                f"The vectors at {self.file} could not be {verb}: {error}.",
                "Free some space, end other work that holds the file, or set VECTUNE_CACHE to another folder.",
            ) from error
        except sqlite3.DatabaseError as error:
            raise StorageError(f"{self.file} is damaged: {error}.", "Delete it; what it held is made again.") from error

    def _opened(self) -> sqlite3.Connection:
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(self.file.parent, error, "made") from error
        connection = sqlite3.connect(self.file, timeout=_WAIT_SECONDS)
        try:
            _share(connection)
        except BaseException:
            connection.close()
            raise
        return connection


def _share(connection: sqlite3.Connection) -> None:
    """Readers and a writer side by side; a crash of the machine may cost the last parts, never the file."""
    until = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            break
        except sqlite3.OperationalError as error:
            # Of processes that make the file at the same time one wins; SQLite's own wait does not count for this.
            if error.sqlite_errorcode & 0xFF not in _HELD or time.monotonic() > until:
                raise
            time.sleep(0.01)
    connection.execute("PRAGMA synchronous=NORMAL")
    with connection:
        connection.execute(_TABLE)


def _counts(keys: Sequence[bytes]) -> Mapping[bytes, int]:
    counts: dict[bytes, int] = {}
    for key in keys:
        counts[key] = counts.get(key, 0) + 1
    return counts
