"""OpenVINO on the CPU: one stream of one thread a core, each with a batch of its own, so that no thread waits. A lone
text has all cores."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, Self

from vectune.config.vectors import EncodePrecision
from vectune.encode.backends.cores import usable_cores
from vectune.encode.backends.few_outputs import make_few_outputs_apart
from vectune.encode.backends.graph_encoder import Batch
from vectune.encode.backends.key_masks import put_masks_on_keys
from vectune.encode.backends.lone_text import LoneText, lone_batch
from vectune.encode.backends.openvino_rewrites import rewrite
from vectune.encode.encoder import Vectors
from vectune.encode.export.manifest import Manifest
from vectune.encode.export.openvino_library import openvino_core
from vectune.encode.tokenised import Idle
from vectune.encode.tokens import Indices
from vectune.errors import ModelError

_HINTS = {"fp32": "f32", "bf16": "bf16"}
_KEPT_KERNELS = 200
"""Compiled kernels of each kind that each stream keeps, one for each shape of a batch. With 1,000 a server's memory
grew for half an hour, and OpenVINO keeps 5,000 by itself. Their price: "Tried for serving", docs/benchmarks.md."""


class OpenvinoSession:
    """Owns a graph compiled for batches, and for lone texts one more."""

    stride = 16
    """Measured, not derived: batches of a multiple of 16 tokens were the quickest, in bf16 and in int8."""

    def __init__(self, folder: Path, manifest: Manifest, precision: EncodePrecision = "auto") -> None:
        self.workers = usable_cores()
        try:
            core = openvino_core()
            self.precision = _resolved(precision, core)
            model = core.read_model(folder / manifest.file)
            if self.precision == "bf16":
                put_masks_on_keys(model, core, manifest.max_tokens)
            rewrite(model)
            make_few_outputs_apart(model)
            compile_for = partial(_compile, core, model, self.precision)
            self._compiled = compile_for(self.workers, self.workers)
        except RuntimeError as error:
            what = f"OpenVINO can't load {folder / manifest.file}"
            raise ModelError.because(what, error, "Export the model again.") from error
        # Twice as many requests as streams: a stream that is done finds its next batch waiting.
        self._free = [self._compiled.create_infer_request() for _ in range(2 * self.workers)]
        self._lone = LoneText(compile_for, self.workers)
        self._one_caller = Lock()

    def run(self, batches: Iterable[Batch], keep: Callable[[Indices, Vectors], None], idle: Idle | None = None) -> None:
        """Run all batches; see Session.

        Results are taken by the caller's thread, in the order in which batches were started: a callback would make the
        streams wait for Python's lock, which a server's other threads hold.
        """
        with _Turn(self._one_caller, idle) as turn:
            lone, batches = lone_batch(batches)
            request = None if lone is None else self._lone.take(lone)
            if lone is None or request is None:
                self._run_batches(batches, keep, turn)
                return
            request.start_async([lone.ids, lone.mask])
            if self._lone.streams > 1:  # else all cores work on this text
                turn.end()
            request.wait()
            try:
                keep(lone.rows, request.get_output_tensor(0).data)
            finally:
                self._lone.give_back(request)

    def _run_batches(self, batches: Iterable[Batch], keep: Callable[[Indices, Vectors], None], turn: _Turn) -> None:
        running = deque[tuple[Any, Indices]]()
        try:
            for batch in batches:
                if not self._free and running:
                    self._take(running, keep)
                request = self._free.pop() if self._free else self._compiled.create_infer_request()
                running.append((request, batch.rows))
                request.start_async([batch.ids, batch.mask])
            while running:
                if len(running) < self.workers:
                    turn.end()
                self._take(running, keep)
        finally:
            for request, _ in running:
                with suppress(RuntimeError):  # what went wrong first is told
                    request.wait()
                self._free.append(request)

    def _take(self, running: deque[tuple[Any, Indices]], keep: Callable[[Indices, Vectors], None]) -> None:
        """Wait for the oldest request and hand its vectors on; then it is free again."""
        request, rows = running.popleft()
        try:
            request.wait()
            keep(rows, request.get_output_tensor(0).data)
        finally:
            self._free.append(request)


class _Turn:
    """The turn of one caller, entered when the one before has ended."""

    def __init__(self, one_caller: Lock, idle: Idle | None) -> None:
        self._one_caller = one_caller
        self._idle = idle
        self._ended = False

    def __enter__(self) -> Self:
        self._one_caller.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        if not self._ended:
            self._one_caller.release()

    def end(self) -> None:
        """A core is idle: the next caller may begin before the block ends, where the caller wants to be told so."""
        if self._idle is not None and not self._ended:
            self._ended = True
            self._one_caller.release()
            self._idle()


def _compile(core: Any, model: Any, precision: EncodePrecision, threads: int, streams: int) -> Any:
    """The model for so many threads, which work on `streams` batches at once. The precision hint is always set: left
    alone it depends on the machine."""
    settings = {
        "INFERENCE_PRECISION_HINT": _HINTS[precision],
        "NUM_STREAMS": streams,
        "INFERENCE_NUM_THREADS": threads,
        "CPU_RUNTIME_CACHE_CAPACITY": _KEPT_KERNELS,
    }
    return core.compile_model(model, "CPU", settings)


def _resolved(precision: EncodePrecision, core: Any) -> EncodePrecision:
    if precision != "auto":
        return precision
    return "bf16" if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "fp32"
