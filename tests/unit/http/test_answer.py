"""JSON answers."""

from __future__ import annotations

import json

import numpy as np

from vectune.http.answer import answer


def test_float32_keeps_its_value() -> None:
    """A float32 is written with the digits that it has, and read back as the same float32."""
    vector = np.array([0.1, -1e-7, 1 / 3], dtype=np.float32)
    made = answer({"v": vector}, status=201, headers={"x-a": "b"})
    assert b"0.1," in made.body
    np.testing.assert_array_equal(np.array(json.loads(made.body)["v"], dtype=np.float32), vector)
    assert (made.status_code, made.headers["x-a"], made.headers["content-type"]) == (201, "b", "application/json")
