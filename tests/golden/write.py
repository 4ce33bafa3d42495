"""Writes the golden vectors anew: `python -m tests.golden.write`, after a change that is meant to move them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from tests.golden.texts import TEXTS
from vectune.config.workflow import PACKAGED_MODEL
from vectune.encode.loading import load_encoder

FILE = Path(__file__).with_name("vectors.safetensors")


def encode_golden() -> np.ndarray:
    """The vectors of the texts, float32 [50, 384], in torch and fp32."""
    return np.asarray(load_encoder(PACKAGED_MODEL, precision="fp32", device="cpu").encode(TEXTS), dtype=np.float32)


if __name__ == "__main__":
    save_file({"vectors": encode_golden()}, FILE)
