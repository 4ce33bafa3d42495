"""OpenVINO and NNCF, imported in one place: neither may report or write anything about its user.

Both load the package openvino_telemetry when it is installed, which writes ~/intel and sends events unless told
otherwise by a file in the user's home. Where that package is absent they run on a stub of their own; for this process
it is made absent.
"""

from __future__ import annotations

import sys
from typing import Any

from vectune.encode.signal_stack import signal_stack_kept
from vectune.errors import ModelError

_TELEMETRY = "openvino_telemetry"


def load_openvino() -> Any:
    """The module `openvino`; ModelError when it is not installed."""
    sys.modules.setdefault(_TELEMETRY, None)  # type: ignore[arg-type] # None: an import of it fails
    try:
        import openvino
    except ImportError as error:
        raise ModelError(
            "OpenVINO is not installed.", "pip install 'vectune[cpu]', or choose --backend torch."
        ) from error
    return openvino


def load_operations() -> Any:
    """The module of the operations that graphs are made of; ModelError when OpenVINO is not installed."""
    load_openvino()
    from openvino import opset13

    return opset13


def openvino_core() -> Any:
    """A new `openvino.Core` with its CPU plugin open; opening it leaves this thread's signal stack as it was.

    ModelError when OpenVINO is not installed; a RuntimeError of OpenVINO where its plugin does not start.
    """
    with signal_stack_kept():
        core = load_openvino().Core()
        core.get_versions("CPU")  # else the plugin is opened by whatever asks for it first, in some other place
    return core


def load_nncf() -> Any:
    """The module `nncf`, quiet; ModelError when it is not installed."""
    sys.modules.setdefault(_TELEMETRY, None)  # type: ignore[arg-type]
    try:
        import nncf
    except ImportError as error:
        raise ModelError("NNCF, which makes int8 models, is not installed.", "pip install 'vectune[cpu]'.") from error
    import logging

    nncf.set_log_level(logging.ERROR)
    return nncf
