"""Bodies against shapes."""

from __future__ import annotations

from typing import Any

import pytest

from vectune.http.body import fit
from vectune.http.errors import RequestRefused
from vectune.http.shapes import EmbeddingRequest, JobRequest


def test_every_fault_is_named_at_once() -> None:
    """The sentence has all fields at fault, `param` the first of them."""
    with pytest.raises(RequestRefused) as refused:
        fit(JobRequest, {"model": "", "seed": "many", "zap": 1})
    for field in ("model", "training_file", "seed", "zap"):
        assert field in refused.value.message
    assert refused.value.param == "model"


@pytest.mark.parametrize("content", [None, [], "a", 5])
def test_body_that_is_no_object(content: object) -> None:
    """A body of another kind is refused as a whole, without a field."""
    with pytest.raises(RequestRefused) as refused:
        fit(EmbeddingRequest, content)
    assert refused.value.param is None


@pytest.mark.parametrize("given", ["a", ["a", "b"], [1, 2], [[1], [2, 3]], ["a"] * 2048, [1] * 5000])
def test_inputs_of_every_form(given: object) -> None:
    """All four forms of an input are taken as they are; the 2,048 are inputs, not the tokens of one."""
    assert fit(EmbeddingRequest, {"model": "m", "input": given}).input == given


@pytest.mark.parametrize(
    ("given", "limit"),
    [([1] * 8193, "8192"), ([1] * 8192 + ["a"], "8192"), ([[1], [1] * 8193], "8192"), ([[1] * 8000] * 38, "300000"),
     ([[1]] * 2049, "2048"), (["a"] * 2049, "2048")],
    ids=["flat", "mixed", "one of two", "together", "lists", "texts"],
)  # fmt: skip
def test_inputs_over_a_limit(given: list[Any], limit: str) -> None:
    """Tokens have the limits of texts, as one list and as lists of lists; the sentence names the limit."""
    with pytest.raises(RequestRefused, match=limit) as refused:
        fit(EmbeddingRequest, {"model": "m", "input": given})
    assert refused.value.param == "input"


def test_no_number_is_looked_at_twice() -> None:
    """What the input was found to be is not tried against its other forms, which copies it and notes each misfit."""
    given = [1] * 8192
    assert fit(EmbeddingRequest, {"model": "m", "input": given}).input is given
