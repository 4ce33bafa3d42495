"""Settings of how long the service keeps what nobody needs any more."""

from __future__ import annotations

from pydantic import Field

from vectune.config.model import Config


class RetentionConfig(Config):
    """What `vectune gc`, and the server by itself, clear away."""

    hours: float = Field(6.0, ge=0)
    """Hours between two times that the server clears up by itself; with 0 only `vectune gc` does."""
    unknown_hours: float = Field(1.0, ge=0)
    """Age from which bytes, job folders and model folders that the database does not know are removed; younger ones may
    be on their way into it."""
    job_days: float = Field(7.0, ge=0)
    """Days that the folder of a job that succeeded or failed is kept; the model and the result files stay. The folder
    of a cancelled job goes at once."""
    checkpoint_days: float | None = Field(None, ge=0)
    """Days that models from the middle of a job are kept after its end, also of one that failed or was cancelled; none:
    until they are deleted."""
    result_days: float | None = Field(None, ge=0)
    """Days that result files are kept; none: until they are deleted."""
    event_days: float | None = Field(None, ge=0)
    """Days that the events of a job are kept after its end; none: for ever."""
    graph_days: float = Field(30.0, ge=0)
    """Days that a graph in vectune's cache is kept after it was last opened; it is made again when it is needed."""
