"""What one job may take."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.fakes.word_rows import overlapping_pairs
from tests.unit.jobs.conftest import PROJECT, Stores
from vectune.config.jobs import JobsConfig
from vectune.jobs.failures import failure
from vectune.jobs.job import Job
from vectune.jobs.limits import JobLimits, LimitExceeded, folder_bytes, refuse_long, resident_bytes
from vectune.jobs.refusals import UnfitFile
from vectune.jobs.run_events import RunEvents
from vectune.jobs.running import Workshop, run_job
from vectune.jobs.watch import LOST, Deadline, Watch

GIB = 1 << 30


def test_without_limits_nothing_is_too_much(tmp_path: Path) -> None:
    """By default a job may take what it wants, and nothing is written about it."""
    assert JobLimits(JobsConfig(), tmp_path, lambda: 1 << 50).look() is None
    assert list(tmp_path.iterdir()) == []


def test_time_goes_on_after_a_pause(tmp_path: Path) -> None:
    """Minutes at work add up over workers; what lies between them is not counted."""
    now = [1000.0]
    config = JobsConfig(most_minutes=1)
    first = JobLimits(config, tmp_path / "job", clock=lambda: now[0])
    now[0] += 40
    assert first.look() is None
    now[0] += 3600
    second = JobLimits(config, tmp_path / "job", clock=lambda: now[0])
    now[0] += 19
    assert second.look() is None
    now[0] += 2
    exceeded = second.look()
    assert exceeded is not None
    assert failure(exceeded, {}) == {
        "code": "limit_exceeded",
        "message": "The job was at work for more than 1 minutes, which is all that one may take here. "
        "Use fewer rows or epochs, or a smaller model.",
        "param": None,
    }


def test_damaged_time_begins_anew(tmp_path: Path) -> None:
    """A worker that died while it wrote the time down leaves no job that can't be gone on with."""
    (tmp_path / "seconds").write_text("12.", encoding="ascii")
    (tmp_path / "seconds").write_bytes(b"")
    assert JobLimits(JobsConfig(most_minutes=1), tmp_path).look() is None


def test_memory(tmp_path: Path) -> None:
    """More memory than a job may hold is told in its owner's words."""
    config = JobsConfig(most_memory_gib=2)
    assert JobLimits(config, tmp_path, lambda: 2 * GIB).look() is None
    exceeded = JobLimits(config, tmp_path, lambda: 2 * GIB + 1).look()
    assert exceeded is not None
    assert "2 GiB of memory" in exceeded.message
    assert resident_bytes() > 1 << 20


def test_disk(tmp_path: Path) -> None:
    """The folder of the job is weighed with all that is below it, now and then."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"x" * 5000)
    limits = JobLimits(JobsConfig(most_disk_gib=4000 / GIB), tmp_path)
    assert folder_bytes(tmp_path) >= 5000
    exceeded = limits.look()
    assert exceeded is not None
    assert "of disk" in exceeded.message
    assert limits.look() is None


@pytest.mark.parametrize(("content", "fits"), [(b"a\nb\n", True), (b"a\nb", True), (b"a\nb\nc", False), (b"", True)])
def test_rows(tmp_path: Path, content: bytes, fits: bool) -> None:
    """A file with more lines than a job may have is refused by the field that names it."""
    (tmp_path / "rows.jsonl").write_bytes(content)
    config = JobsConfig(most_rows=2)
    if fits:
        refuse_long(tmp_path / "rows.jsonl", "training_file", config)
    else:
        with pytest.raises(UnfitFile, match="more than 2 rows") as refused:
            refuse_long(tmp_path / "rows.jsonl", "validation_file", config)
        assert refused.value.param == "validation_file"
    refuse_long(tmp_path / "rows.jsonl", "training_file", JobsConfig())


def shop_of(stores: Stores, **limits: float) -> Workshop:
    """A worker whose jobs may take so much; it looks often and has almost no patience."""
    config = JobsConfig(threads=1, poll_seconds=0.05, stop_seconds=30, general=False, **limits)  # type: ignore[arg-type]
    return Workshop(stores.home, stores.files, stores.leases(), config, lambda: False, never)


def never(job: Job) -> Deadline:
    def deadline(wanted: str) -> None:
        raise AssertionError(wanted)

    return deadline


@pytest.mark.parametrize(
    ("limits", "code", "says"),
    [
        ({"most_minutes": 1e-6}, "limit_exceeded", "at work for more than"),
        ({"most_memory_gib": 1e-6}, "limit_exceeded", "of memory"),
        ({"most_rows": 50}, "invalid_training_file", "more than 50 rows"),
    ],
)
def test_job_over_a_limit_has_failed(stores: Stores, limits: dict[str, float], code: str, says: str) -> None:
    """The job is stopped where it is and says in a sentence what it took; it is not taken up again."""
    made = stores.job(overlapping_pairs(60), n_epochs=200)
    shop = shop_of(stores, **limits)
    job = shop.leases.take()
    assert job is not None
    run_job(job, shop)
    failed = stores.jobs.get(PROJECT, made.id)
    assert failed.status == "failed"
    assert failed.error is not None
    assert failed.error["code"] == code
    assert says in failed.error["message"]
    assert shop.leases.take() is None
    assert stores.jobs.events(PROJECT, made.id).data[0].level == "error"


def test_job_that_does_not_stop_has_failed_before_its_process_ends(stores: Stores) -> None:
    """Where the work does not hear that it must stop, the job is ended in the database first and then its process."""
    made, leases = stores.job().id, stores.leases()
    leases.take()
    leases.begin(made)
    ended: list[str] = []
    late = threading.Event()

    def deadline(wanted: str) -> None:
        ended.append(f"{wanted} {stores.jobs.get(PROJECT, made).status}")
        late.set()

    config = JobsConfig(poll_seconds=0.02, stop_seconds=0.05)
    watch = Watch(made, leases, RunEvents((stores.home / "none",), "x", {}), {}, config, deadline)
    watch.limits = lambda: LimitExceeded("It took too much.", "Take less.")
    watch.start()
    assert late.wait(20)
    watch.close()
    assert ended == [f"{LOST} failed"]
    assert dict(stores.jobs.get(PROJECT, made).error or {})["message"] == "It took too much. Take less."
