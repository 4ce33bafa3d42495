"""Settings of the service's log."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from vectune.config.model import Config


class LogConfig(Config):
    """What the server and its workers write of their work: a line a request, a line a fault, a line a job."""

    file: Path | None = None
    """File that the log is appended to, opened anew when it was moved away; by default stderr."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least that is written. `debug` has the calls of /healthz, /readyz and /metrics too."""
    style: Literal["auto", "json", "plain"] = "auto"
    """`json` is one JSON object a line, `plain` is for reading; `auto` is plain on a terminal and JSON elsewhere."""
    details: bool = False
    """Write the messages of unforeseen errors too, which may hold what callers sent; otherwise their kind and place."""
