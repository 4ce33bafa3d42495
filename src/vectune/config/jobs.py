"""Settings of the workers that run fine-tuning jobs."""

from __future__ import annotations

from pydantic import Field

from vectune.config.model import Config
from vectune.config.remote import RemoteConfig
from vectune.config.vectors import BackendName

DATABASE_VARIABLE, FILES_VARIABLE = "VECTUNE_DATABASE", "VECTUNE_FILES"
"""Environment variables for the URLs of the database and the file store. Such a URL may hold a password, and every
account of a machine can read the arguments of every command; the environment only its owner can."""


class JobsConfig(Config):
    """How workers of the service run fine-tuning jobs."""

    threads: int | None = Field(None, ge=1)
    """CPU threads of torch in each worker; by default half of the cores, so that embeddings stay fast meanwhile."""
    nice: int = Field(10, ge=0, le=19)
    """How much a worker gives way to other processes: 0 not at all, 19 the most."""
    lease_seconds: float = Field(20.0, gt=0)
    """Seconds after a worker's last sign of life until another worker takes over its job."""
    poll_seconds: float = Field(1.0, gt=0)
    """Seconds between two looks for a job, and between two signs of life of a job."""
    stop_seconds: float = Field(3.0, gt=0)
    """Seconds that a worker has to stop by itself when its job is cancelled; after that it is ended."""
    pause_seconds: float = Field(60.0, gt=0)
    """Seconds that a worker has to come to the end of a step when its job is paused; after that it is ended, and the
    job keeps its last checkpoint."""
    checkpoint_steps: int = Field(25, ge=1)
    """Steps between two checkpoints: what is lost at most when a worker dies. Those of a job with `method = "adapter"`
    are at least two seconds apart, whatever this says."""
    most_crashes: int = Field(5, ge=1)
    """Workers that may die over a job, one after another and without getting any further, until the job fails. It
    does not before two minutes without anything new, however fast they die: then something else may be ending them."""
    checkpoint_models: int = Field(3, ge=0)
    """Newest models from the middle of a job that answer to a name of their own."""
    backend: BackendName | None = None
    """What runs tuned models: the export that it needs is made at the end of a job, so that the first embedding need
    not wait for it. `vectune serve` takes its own `backend`."""
    general: bool = True
    """Measure general ability on the packaged everyday set in each job."""
    most_rows: int | None = Field(None, ge=2)
    """Rows that a file of a job may have; one with more is refused when it is read through after its upload. A job over
    one of these limits fails and says which; by default there are none."""
    most_minutes: float | None = Field(None, gt=0)
    """Minutes that a job may be at work, waiting and pauses not counted, and that reading a large upload may take."""
    most_memory_gib: float | None = Field(None, gt=0)
    """GiB of memory that the process of a job may hold, looked at every `poll_seconds`, and one that reads a large
    upload through."""
    most_disk_gib: float | None = Field(None, gt=0)
    """GiB that the folder of a job may take while it is at work."""
    remote: RemoteConfig = RemoteConfig()
    """How jobs ask models behind an endpoint; `upstream` says where that is."""
