"""API keys: who may use the service, as which project, and how much."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select, update

from vectune.errors import ConfigError, NotFound
from vectune.jobs.database import Database
from vectune.jobs.home import make_home, refuse_foreign
from vectune.jobs.schema import keys, usage

KEY_SECONDS = 5.0
"""How long a key that was found right is not looked up again: what a revoked key may live on."""
NEED_SECONDS = 2.0
"""How long a service that has no key yet may take to notice the first one."""
PROJECT_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
"""What a project may be called: its name is a folder of the file store, and stands in names of tuned models."""
_SECRET = re.compile(r"vt-([A-Za-z0-9]{16})-([A-Za-z0-9_-]{43})")
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_RANDOM_BYTES = 32
_NO_SALT, _NO_HASH = "00" * 16, "00" * 32


@dataclass(frozen=True)
class KeyLimits:
    """How much may be done with a key; None is without limit. Tokens are those of embeddings."""

    requests_a_minute: int | None = None
    tokens_a_minute: int | None = None
    jobs_at_once: int | None = None
    jobs_a_day: int | None = None
    tokens_in_all: int | None = None

    @property
    def of_tokens(self) -> bool:
        """Whether the tokens of a request must be known before it is answered."""
        return self.tokens_a_minute is not None or self.tokens_in_all is not None


@dataclass(frozen=True)
class Caller:
    """Who asks: `key` is the id of the key that came with the request, None where nobody needs one.

    `tokens_used` were spent with the key when it was looked up.
    """

    key: str | None
    project: str
    limits: KeyLimits = KeyLimits()
    tokens_used: int = 0


@dataclass(frozen=True)
class Key:
    """What is known of a key, which is not the key itself; times are whole seconds since 1970."""

    id: str
    project: str
    name: str
    created_at: int
    revoked_at: int | None
    last_used_at: int | None
    tokens_used: int
    limits: KeyLimits


class KeyStore:
    """The keys of all projects. The secret that `create` gives is kept nowhere: only a salted hash of it is.

    Looking up one more time within KEY_SECONDS asks no database; `clock` counts them.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._verified: dict[bytes, tuple[float, Caller]] = {}
        self._needed = False
        self._looked: float | None = None

    def create(self, project: str, name: str, limits: KeyLimits | None = None) -> tuple[str, Key]:
        """A new key of `project`: the secret that its callers send, and what is known of it.

        Raises ConfigError for a project that can't be called so.
        """
        if re.fullmatch(PROJECT_NAME, project) is None:
            raise ConfigError(
                f"{project!r} can't be the name of a project.",
                "Give up to 64 letters, digits, dots, dashes and underscores, a letter or digit first.",
            )
        key = "".join(secrets.choice(_ALPHABET) for _ in range(16))
        random = secrets.token_urlsafe(_RANDOM_BYTES)
        salt = secrets.token_hex(16)
        with self._database.session() as connection:
            row = {
                "id": key,
                "project": project,
                "name": name,
                "salt": salt,
                "hash": _hash(random, salt).hex(),
                "created_at": int(self._database.now(connection)),
                **asdict(limits or KeyLimits()),
            }
            connection.execute(keys.insert().values(row))
            found = _key(_row(connection, key), 0)
        return f"vt-{key}-{random}", found

    def list(self) -> tuple[Key, ...]:
        """Every key that was ever made, oldest first."""
        with self._database.session(write=False) as connection:
            sums = select(usage.c.key, func.sum(usage.c.tokens)).group_by(usage.c.key)
            spent = {key: int(tokens) for key, tokens in connection.execute(sums)}
            rows = connection.execute(select(keys).order_by(keys.c.number)).all()
        return tuple(_key(row, spent.get(row.id, 0)) for row in rows)

    def revoke(self, name: str) -> Key:
        """End the key of id or name `name`; whoever sends it is refused after KEY_SECONDS at most.

        Raises NotFound when there is none that is not revoked, ConfigError when several have the name.
        """
        with self._database.session() as connection:
            wanted = select(keys).where(or_(keys.c.id == name, keys.c.name == name), keys.c.revoked_at.is_(None))
            rows = connection.execute(wanted.with_for_update()).all()
            if not rows:
                raise NotFound(f"There is no key {name} that could be revoked.", "`vectune keys list` shows them.")
            if len(rows) > 1:
                raise ConfigError(f"{len(rows)} keys are called {name}.", "Name one by its id: `vectune keys list`.")
            now = int(self._database.now(connection))
            connection.execute(update(keys).where(keys.c.id == rows[0].id).values(revoked_at=now))
            found = _key(_row(connection, rows[0].id), _spent(connection, rows[0].id))
        with self._lock:
            self._verified.clear()
        return found

    def find(self, secret: str) -> Caller | None:
        """Who sends `secret`; None for one that is unknown, wrong or revoked."""
        parts = _SECRET.fullmatch(secret)
        if parts is None:
            return None
        found = self.remembered(secret)
        if found is not None:
            return found
        key, random = parts.groups()
        with self._database.session(write=False) as connection:
            row = connection.execute(select(keys).where(keys.c.id == key)).first()
            spent = 0 if row is None else _spent(connection, key)
        # An id that is not there costs a comparison too, so that the time taken does not tell which ids there are.
        salt, known = (_NO_SALT, _NO_HASH) if row is None else (row.salt, row.hash)
        right = hmac.compare_digest(_hash(random, salt), bytes.fromhex(known))
        if row is None or row.revoked_at is not None or not right:
            return None
        caller = Caller(row.id, row.project, _limits(row), spent)
        with self._lock:
            now = self._clock()
            self._verified = {name: entry for name, entry in self._verified.items() if entry[0] > now}
            self._verified[_name(secret)] = (now + KEY_SECONDS, caller)
        return caller

    def remembered(self, secret: str) -> Caller | None:
        """The same without asking the database: None also when it has to be asked."""
        with self._lock:
            until, caller = self._verified.get(_name(secret), (0.0, None))
        return caller if caller is not None and until > self._clock() else None

    def needed(self) -> bool:
        """Whether callers need a key: once one was made they do for ever, also when all are revoked.

        Otherwise revoking the last key, as one does when it got lost, would let everybody in.
        """
        known = self.known_need()
        if known is None:
            with self._database.session(write=False) as connection:
                self._needed = connection.execute(select(keys.c.id).limit(1)).first() is not None
            self._looked = self._clock()
            return self._needed
        return known

    def known_need(self) -> bool | None:
        """The same without asking the database; None when it has to be asked."""
        fresh = self._looked is not None and self._clock() - self._looked < NEED_SECONDS
        return self._needed if fresh or self._needed else None

    def any_valid(self) -> bool:
        """Whether there is a key that is not revoked."""
        with self._database.session(write=False) as connection:
            return connection.execute(select(keys.c.id).where(keys.c.revoked_at.is_(None)).limit(1)).first() is not None

    def close(self) -> None:
        """Give the database back."""
        self._database.close()


def open_keys(home: Path, database_url: str) -> KeyStore:
    """The keys of the service whose home and database these are, made where there are none yet.

    Raises UsageError when the home belongs to another database, StorageError when it can't be made.
    """
    make_home(home)
    database = Database(database_url)
    refuse_foreign(home, database)
    database.migrate()
    return KeyStore(database)


def _hash(random: str, salt: str) -> bytes:
    """32 bytes that tell nothing of `random`.

    A fast hash is right here: slow ones make guessing dear, and 256 random bits can't be guessed at any price. The
    salt keeps equal hashes from showing, and one table of hashes from serving for all keys.
    """
    return hashlib.blake2b(random.encode(), digest_size=32, salt=bytes.fromhex(salt), person=b"vectune key").digest()


def _name(secret: str) -> bytes:
    """What a secret is remembered by: not itself, so that it is nowhere in memory for longer than its request."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def _row(connection: Connection, key: str) -> Row[Any]:
    return connection.execute(select(keys).where(keys.c.id == key)).one()


def _spent(connection: Connection, key: str) -> int:
    return int(connection.execute(select(func.sum(usage.c.tokens)).where(usage.c.key == key)).scalar() or 0)


def _limits(row: Row[Any]) -> KeyLimits:
    return KeyLimits(**{field.name: row._mapping[field.name] for field in fields(KeyLimits)})


def _key(row: Row[Any], spent: int) -> Key:
    names = ["id", "project", "name", "created_at", "revoked_at", "last_used_at"]
    return Key(**{name: row._mapping[name] for name in names}, tokens_used=spent, limits=_limits(row))
