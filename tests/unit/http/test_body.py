"""Bodies against shapes."""

from __future__ import annotations

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
