"""A tuned model is opened once by the worker, so that the server finds what is made at a model's first opening."""

from __future__ import annotations

import logging
from pathlib import Path

from vectune.config.vectors import BackendName

_log = logging.getLogger(__name__)


def is_exported(backend: BackendName | None) -> bool:
    """Whether models with weights are exported for that backend."""
    return backend not in (None, "torch", "static")


def load_once(model: Path, mark: Path, backend: BackendName | None) -> None:
    """Open `model` for `backend`, which leaves its export in vectune's cache folder, and leave the file `mark`.

    With None for `backend`, one that needs no export, a remote base, or a mark that is there, nothing happens. What
    goes wrong is logged: a server opens a model without its export too. A second try is not made, since the first may
    have cost a worker its life.
    """
    if backend is None or not is_exported(backend) or mark.exists():
        return
    from vectune.encode.adapted import has_adapter, read_adapter
    from vectune.encode.open_encoder import Opening, open_encoder

    if has_adapter(model) and read_adapter(model)[1] is not None:
        return  # its base is behind an endpoint: there is nothing to export

    mark.touch()
    try:
        open_encoder(str(model), Opening(backend=backend))
    except Exception:
        _log.exception("the model in %s could not be opened for %s", model, backend)
