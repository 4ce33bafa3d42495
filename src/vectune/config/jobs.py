"""Settings of the workers that run fine-tuning jobs."""

from __future__ import annotations

from pydantic import Field

from vectune.config.model import Config


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
    stop_seconds: float = Field(4.0, gt=0)
    """Seconds that a worker has to stop by itself when its job is paused or cancelled; after that it is ended, and the
    job keeps its last checkpoint."""
    checkpoint_steps: int = Field(25, ge=1)
    """Steps between two checkpoints: what is lost at most when a worker dies."""
    most_crashes: int = Field(5, ge=1)
    """Workers that may die over a job, one after another and without getting any further, until the job has failed."""
    checkpoint_models: int = Field(3, ge=0)
    """Newest models from the middle of a job that answer to a name of their own."""
    general: bool = True
    """Measure general ability on the packaged everyday set in each job."""
