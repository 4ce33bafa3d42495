"""onnxruntime on the CPU: one thread a batch, as many batches at once as there are cores."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from vectune.encode.backends.cores import usable_cores
from vectune.encode.backends.graph_encoder import Batch
from vectune.encode.encoder import Vectors
from vectune.encode.export.manifest import Manifest
from vectune.encode.tokenised import Idle
from vectune.encode.tokens import Indices
from vectune.errors import ModelError


class OnnxSession:
    """Owns an inference session; its arithmetic is that of the graph."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise ModelError("onnxruntime is not installed.", "pip install 'vectune[cpu]', or use torch.") from error
        self.workers = usable_cores()
        self.precision = "fp32"
        self.stride = 1
        self._inputs = manifest.inputs
        self._output = manifest.output
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                str(folder / manifest.file), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its errors share no class of their own
            what = f"onnxruntime can't load {folder / manifest.file}"
            raise ModelError.because(what, error, "Export the model again.") from error

    def run(self, batches: Iterable[Batch], keep: Callable[[Indices, Vectors], None], idle: Idle | None = None) -> None:
        """Run all batches; see Session. onnxruntime takes calls of any number of threads."""
        waiting: deque[Future[None]] = deque()
        with ThreadPoolExecutor(self.workers, thread_name_prefix="vectune-onnx") as pool:
            for batch in batches:
                if len(waiting) > 2 * self.workers:
                    waiting.popleft().result()
                waiting.append(pool.submit(self._infer, batch, keep))
            while waiting:
                if idle is not None and len(waiting) < self.workers:
                    idle()
                    idle = None
                waiting.popleft().result()

    def _infer(self, batch: Batch, keep: Callable[[Indices, Vectors], None]) -> None:
        given = dict(zip(self._inputs, (batch.ids, batch.mask), strict=True))
        keep(batch.rows, self._session.run([self._output], given)[0])
