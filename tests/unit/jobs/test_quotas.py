"""What is spent with a key."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.jobs.conftest import ALIAS, PROJECT, Stores
from vectune.jobs.job import NewJob
from vectune.jobs.keys import Caller, Key, KeyLimits, KeyStore
from vectune.jobs.quotas import LimitReached, QuotaSpent, Usage
from vectune.jobs.schema import usage


def caller(stores: Stores, **limits: int) -> Caller:
    """Who sends a new key with these limits."""
    store = KeyStore(stores.database)
    found = store.find(store.create(PROJECT, "laptop", KeyLimits(**limits))[0])
    assert found is not None
    return found


def known(stores: Stores) -> Key:
    """What the database knows of the only key."""
    (key,) = KeyStore(stores.database).list()
    return key


def test_tokens_outlive_the_server(stores: Stores) -> None:
    """What was spent is written down, added up over servers, and found again by the next one."""
    who = caller(stores, tokens_in_all=100)
    first, second = Usage(stores.database, 60), Usage(stores.database, 60)
    first.spend(who, 40)
    second.spend(who, 30)
    for one in (first, second):
        one.close()
    assert known(stores).tokens_used == 70
    assert known(stores).last_used_at is not None
    later = Usage(stores.database, 60)
    with pytest.raises(QuotaSpent, match="30 of its 100 tokens left"):
        later.spend(replace(who, tokens_used=70), 31)
    later.spend(replace(who, tokens_used=70), 30)
    with pytest.raises(QuotaSpent):
        later.spend(replace(who, tokens_used=70), 1)
    later.close()
    assert known(stores).tokens_used == 100


def test_what_is_refused_is_not_counted(stores: Stores) -> None:
    """A request that is too large leaves what is left to smaller ones."""
    who = caller(stores, tokens_in_all=10)
    counted = Usage(stores.database, 60)
    with pytest.raises(QuotaSpent):
        counted.spend(who, 11)
    counted.spend(who, 10)
    counted.close()
    assert known(stores).tokens_used == 10


def test_callers_without_a_key_are_not_counted(stores: Stores) -> None:
    """Nothing is written of those who need no key."""
    counted = Usage(stores.database, 60)
    counted.spend(Caller(None, PROJECT), 10)
    counted.close()
    with stores.database.session(write=False) as connection:
        assert connection.execute(usage.select()).all() == []


def test_tokens_are_written_now_and_then(stores: Stores) -> None:
    """Without waiting for the end, and again when the database did not take them."""
    who = caller(stores)
    counted = Usage(stores.database, 60)
    counted.spend(who, 5)
    counted.write()
    assert known(stores).tokens_used == 5
    counted.write()
    with stores.database.session() as connection:
        connection.exec_driver_sql("ALTER TABLE usage RENAME TO away")
    counted.spend(who, 7)
    counted.write()
    with stores.database.session() as connection:
        connection.exec_driver_sql("ALTER TABLE away RENAME TO usage")
    counted.close()
    assert known(stores).tokens_used == 12


def new_job(stores: Stores, who: Caller) -> NewJob:
    """What a caller with the key asks for."""
    return NewJob(ALIAS, stores.upload().id, key=who.key)


def test_jobs_at_once(stores: Stores) -> None:
    """Jobs that are not over count; one that was cancelled makes room. Keys of one project count apart."""
    who, other = caller(stores, jobs_at_once=2), caller(stores)
    first = stores.jobs.create(PROJECT, new_job(stores, who))
    stores.jobs.pause(PROJECT, stores.jobs.create(PROJECT, new_job(stores, who)).id)
    stores.jobs.create(PROJECT, new_job(stores, other))
    with pytest.raises(LimitReached, match="2 jobs at once") as refused:
        stores.jobs.create(PROJECT, new_job(stores, who))
    assert (refused.value.retry_after or 0) > 0
    assert len(stores.jobs.list(PROJECT).data) == 3
    stores.jobs.cancel(PROJECT, first.id)
    stores.jobs.create(PROJECT, new_job(stores, who))


def test_jobs_a_day(stores: Stores) -> None:
    """Jobs of a day count, also those that are over; those of another day do not."""
    who = caller(stores, jobs_a_day=1)
    stores.jobs.cancel(PROJECT, stores.jobs.create(PROJECT, new_job(stores, who)).id)
    with pytest.raises(LimitReached, match="1 jobs a day") as refused:
        stores.jobs.create(PROJECT, new_job(stores, who))
    assert 0 < (refused.value.retry_after or 0) <= 86_400
    with stores.database.session() as connection:
        connection.execute(usage.update().values(day=usage.c.day - 1))
    stores.jobs.create(PROJECT, new_job(stores, who))


def test_job_that_is_refused_counts_for_nothing(stores: Stores) -> None:
    """The count is kept with the job or not at all."""
    who = caller(stores, jobs_a_day=1)
    with pytest.raises(Exception, match="file-none"):
        stores.jobs.create(PROJECT, NewJob(ALIAS, "file-none", key=who.key))
    stores.jobs.create(PROJECT, new_job(stores, who))
