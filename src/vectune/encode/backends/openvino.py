"""OpenVINO on the CPU: one stream of one thread a core, each with a batch of its own, so that no thread waits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Lock
from typing import Any

from vectune.config.vectors import EncodePrecision
from vectune.encode.backends.cores import usable_cores
from vectune.encode.backends.graph_encoder import Batch
from vectune.encode.encoder import Vectors
from vectune.encode.export.manifest import Manifest
from vectune.encode.export.openvino_library import load_openvino
from vectune.encode.tokens import Indices
from vectune.errors import ModelError

_HINTS = {"fp32": "f32", "bf16": "bf16"}


class OpenvinoSession:
    """Owns a compiled graph. The precision hint is always set: left alone it depends on the machine."""

    def __init__(self, folder: Path, manifest: Manifest, precision: EncodePrecision = "auto") -> None:
        openvino = load_openvino()
        self.workers = usable_cores()
        try:
            core = openvino.Core()
            self.precision = _resolved(precision, core)
            settings = {
                "INFERENCE_PRECISION_HINT": _HINTS[self.precision],
                "NUM_STREAMS": self.workers,
                "INFERENCE_NUM_THREADS": self.workers,
            }
            self._compiled = core.compile_model(folder / manifest.file, "CPU", settings)
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:300]
            raise ModelError(
                f"OpenVINO can't load {folder / manifest.file}: {reason}", "Export the model again."
            ) from error
        # Twice as many requests as streams: a stream that is done finds its next batch waiting.
        self._queue: Any = openvino.AsyncInferQueue(self._compiled, 2 * self.workers)
        self._one_caller = Lock()  # the queue has one callback: a second thread's would take the first one's rows

    def run(self, batches: Iterable[Batch], keep: Callable[[Indices, Vectors], None]) -> None:
        """Run all batches; see Session."""
        with self._one_caller:
            self._queue.set_callback(lambda request, rows: keep(rows, request.get_output_tensor(0).data))
            try:
                for batch in batches:
                    self._queue.start_async([batch.ids, batch.mask], batch.rows)
            finally:
                self._queue.wait_all()


def _resolved(precision: EncodePrecision, core: Any) -> EncodePrecision:
    if precision != "auto":
        return precision
    return "bf16" if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "fp32"
