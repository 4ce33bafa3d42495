"""Bodies drawn at random around those that are right: none of them is a fault of the server."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tests.unit.http.conftest import MODEL
from vectune.http.shapes import EmbeddingRequest, JobRequest, LegacyRequest

_SHAPES = {"embeddings": EmbeddingRequest, "fine_tuning/jobs": JobRequest, "fine-tunes": LegacyRequest}
_HYPERPARAMETERS = (
    "n_epochs",
    "batch_size",
    "learning_rate_multiplier",
    "method",
    "dimensions",
    "loss",
    "warmup",
    "zap",
)
_plain = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    | st.sampled_from(["auto", MODEL, "plain-model", "file-1", "base64", "query", "lora", ""])
)
_values = st.recursive(
    _plain, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
_hyperparameters = st.dictionaries(st.sampled_from(_HYPERPARAMETERS), _values, max_size=4)


def _body(path: str) -> st.SearchStrategy[dict[str, Any]]:
    """Fields of the shape, some left out, with values that are mostly wrong; the names of models mostly right."""
    fields = dict.fromkeys(_SHAPES[path].model_fields, _values)
    fields["model"] = st.just(MODEL) | _values
    if "hyperparameters" in fields:
        fields["hyperparameters"] = _hyperparameters | _values
        fields["method"] = st.fixed_dictionaries(
            {"type": st.just("supervised"), "supervised": st.fixed_dictionaries({"hyperparameters": _hyperparameters})}
        )
    return st.fixed_dictionaries({}, optional=fields)


_requests = st.sampled_from(sorted(_SHAPES)).flatmap(lambda path: st.tuples(st.just(path), _body(path) | _values))


@given(asked=_requests)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_bodies(http: TestClient, asked: tuple[str, Any]) -> None:
    """Each is answered, or refused in a sentence."""
    path, body = asked
    answer = http.post(path, json=body)
    assert answer.status_code in (200, 400, 404), (path, body, answer.text)
    if answer.status_code != 200:
        assert answer.json()["error"]["message"]
