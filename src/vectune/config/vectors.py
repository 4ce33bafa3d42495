"""The choices there are for making and storing vectors: which runtime, which arithmetic, which type of number."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

BackendName = Literal["auto", "torch", "openvino", "onnx", "static"]
"""What runs a model: `auto` takes the fastest that is installed and fits."""
EncodePrecision = Literal["auto", "fp32", "bf16"]
"""Arithmetic of the forward pass: `auto` takes bf16 where the machine has instructions for it."""
VectorType = Literal["float32", "float16", "int8", "binary"]
"""How the values of a stored vector are written."""
Dim = Annotated[int, Field(ge=1)]
"""One of several lengths that a vector is cut to."""
