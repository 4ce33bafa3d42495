"""API keys: made, found, revoked, and never kept."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import inspect, select

from vectune.errors import ConfigError, NotFound, StorageError, UsageError
from vectune.jobs import keys as module
from vectune.jobs import migrations
from vectune.jobs.database import Database
from vectune.jobs.home import claim_home
from vectune.jobs.keys import KEY_SECONDS, NEED_SECONDS, KeyLimits, KeyStore, open_keys
from vectune.jobs.migrations.versions import v0002_keys
from vectune.jobs.schema import jobs, keys, metadata


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = Database(f"sqlite:///{tmp_path / 'v.db'}")
    found.migrate()
    yield found
    found.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(database: Database, clock: Clock) -> KeyStore:
    return KeyStore(database, clock)


def test_secret_is_shown_once_and_kept_nowhere(store: KeyStore, database: Database, tmp_path: Path) -> None:
    """The secret has the key's id and 256 random bits; neither the table nor the file of the database has those."""
    secret, key = store.create("search", "laptop")
    random = secret.removeprefix(f"vt-{key.id}-")
    assert len(random) == 43
    with database.session(write=False) as connection:
        row = connection.execute(select(keys)).one()
    assert random not in str(row)
    assert len(row.salt) == 32
    assert len(row.hash) == 64
    assert not any(random.encode() in file.read_bytes() for file in tmp_path.iterdir())
    other, _ = store.create("search", "laptop")
    assert other != secret


def test_caller_of_a_key(store: KeyStore) -> None:
    """Whoever sends a secret is of its project, with its limits."""
    limits = KeyLimits(requests_a_minute=5, tokens_in_all=1000)
    secret, key = store.create("search", "laptop", limits)
    found = store.find(secret)
    assert found is not None
    assert (found.key, found.project, found.limits, found.tokens_used) == (key.id, "search", limits, 0)


def test_other_secrets_are_nobodys(store: KeyStore) -> None:
    """A secret with another end, another id, or that is none at all, belongs to nobody."""
    secret, key = store.create("search", "laptop")
    other, _ = store.create("search", "laptop")
    wrong = [secret[:-1] + ("A" if secret[-1] != "A" else "B"), secret.replace(key.id, "0" * 16)]
    wrong += [f"vt-{key.id}-{other[-43:]}", "", "vt-", key.id, secret + "x", f" {secret}", secret.upper(), "é" * 50]
    wrong += ["vt-" + "\0" * 16 + "-" + "a" * 43, "x" * 100_000, f"{secret}\n"]
    assert [store.find(each) for each in wrong] == [None] * len(wrong)


def test_unknown_id_is_compared_too(store: KeyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """An id that there is and one that there is not cost the same: a hash and a comparison in constant time."""
    compared = []
    original = hmac.compare_digest

    def compare(found: bytes, known: bytes) -> bool:
        compared.append((len(found), len(known)))
        return original(found, known)

    monkeypatch.setattr(module.hmac, "compare_digest", compare)
    secret, key = store.create("search", "laptop")
    assert store.find(secret.replace(key.id, "0" * 16)) is None
    assert store.find(secret) is not None
    assert compared == [(32, 32), (32, 32)]


def test_revoked_key_lives_for_seconds(store: KeyStore, database: Database, clock: Clock) -> None:
    """Where it was revoked it is gone at once; another server notices within KEY_SECONDS."""
    elsewhere = KeyStore(database, clock)
    secret, key = store.create("search", "laptop")
    assert store.find(secret)
    assert elsewhere.find(secret)
    assert store.revoke(key.id).revoked_at is not None
    assert store.find(secret) is None
    assert elsewhere.find(secret) is not None
    clock.now += KEY_SECONDS
    assert elsewhere.find(secret) is None


def test_revoke_by_name(store: KeyStore) -> None:
    """A name is enough where one key has it; a key is revoked once."""
    store.create("search", "laptop")
    _, second = store.create("search", "server")
    assert store.revoke("server").id == second.id
    with pytest.raises(NotFound):
        store.revoke("server")
    store.create("search", "laptop")
    with pytest.raises(ConfigError, match="2 keys"):
        store.revoke("laptop")


def test_list_is_in_the_order_of_making(store: KeyStore) -> None:
    """All keys are listed, revoked ones too, and none with its hash."""
    names = ["c", "a", "b"]
    for name in names:
        store.create("search", name)
    store.revoke("a")
    found = store.list()
    assert [key.name for key in found] == names
    assert [key.revoked_at is None for key in found] == [True, False, True]
    assert "hash" not in str(found[0])


def test_known_key_asks_no_database(store: KeyStore, database: Database, clock: Clock) -> None:
    """Within KEY_SECONDS a key is known without the database, which may even be away."""
    secret, _ = store.create("search", "laptop")
    assert store.remembered(secret) is None
    store.find(secret)
    with database.session() as connection:
        connection.execute(keys.delete())
    assert store.remembered(secret) is not None
    assert store.find(secret) is not None
    clock.now += KEY_SECONDS
    assert store.remembered(secret) is None


def test_key_is_needed_from_the_first_on(store: KeyStore, database: Database, clock: Clock) -> None:
    """Nobody needs a key before there is one; afterwards everybody does, also when the last one is revoked."""
    elsewhere = KeyStore(database, clock)
    assert not elsewhere.needed()
    assert not elsewhere.any_valid()
    store.create("search", "laptop")
    assert elsewhere.known_need() is False
    clock.now += NEED_SECONDS
    assert elsewhere.known_need() is None
    assert elsewhere.needed()
    store.revoke("laptop")
    clock.now += NEED_SECONDS
    assert elsewhere.needed()
    assert elsewhere.known_need()
    assert KeyStore(database, clock).needed()
    assert not elsewhere.any_valid()


@pytest.mark.parametrize("project", ["", "a/b", "..", ".", "-a", "a:b", "a\0", "a" * 65, "é", "a\n"])
def test_names_that_no_project_has(store: KeyStore, project: str) -> None:
    """A project's name is a folder and a part of names of models: nothing that would leave either is taken."""
    with pytest.raises(ConfigError, match="project"):
        store.create(project, "laptop")


def test_open_keys_makes_what_is_missing(tmp_path: Path) -> None:
    """The first key may be made before the first start; a home that can't be is told."""
    store = open_keys(tmp_path / "a" / "home", f"sqlite:///{tmp_path}/a/home/vectune.db")
    assert store.list() == ()
    store.close()
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(StorageError, match=r"--home|can.t be used"):
        open_keys(tmp_path / "file" / "home", "sqlite:///x.db")


def test_database_of_before_gets_the_tables(tmp_path: Path) -> None:
    """A database without keys is brought up to date with its rows, and has the columns that the tables here have."""
    database = Database(f"sqlite:///{tmp_path / 'old.db'}")
    settings = Config()
    settings.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with database._alone() as connection:
        settings.attributes["connection"] = connection
        command.upgrade(settings, v0002_keys.down_revision)
        connection.exec_driver_sql(
            "INSERT INTO jobs (id, project, kind, status, created_at, updated_at, model, base, training_file, "
            "hyperparameters, result_files, num_events, lease_until, crashes) "
            "VALUES ('ftjob-1', 'p', 'fine_tuning.job', 'queued', 1, 1, 'm', 'm', 'f', '{}', '[]', 0, 0.0, 0)"
        )
    database.migrate()
    with database.session(write=False) as connection:
        assert connection.execute(select(jobs.c.key)).all() == [(None,)]
        found = inspect(connection)
        for table in metadata.tables.values():
            assert {column["name"] for column in found.get_columns(table.name)} == set(table.columns.keys())
    KeyStore(database).create("search", "laptop")
    database.close()


def test_home_of_another_database(tmp_path: Path) -> None:
    """Keys that the server would never look at are not made."""
    database = Database(f"sqlite:///{tmp_path / 'other.db'}")
    claim_home(tmp_path, database)
    with pytest.raises(UsageError, match="belongs to"):
        open_keys(tmp_path, f"sqlite:///{tmp_path / 'vectune.db'}")
    open_keys(tmp_path, f"sqlite:///{tmp_path / 'other.db'}").close()
