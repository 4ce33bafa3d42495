"""What Prometheus reads at /metrics: counted as requests go by, and looked up when it asks.

Labels are few and known beforehand: paths as the routes write them, models by the names that the settings give them,
tuned models under one name. Nothing that a caller sent becomes a label.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder

TUNED, OTHER = "tuned", "other"
UNMATCHED = "unmatched"
"""The route of a request whose path is none."""
METHODS = frozenset({"GET", "POST", "DELETE", "HEAD", "OPTIONS", "PUT", "PATCH"})
_REFUSALS = frozenset({"server_is_overloaded", "rate_limit_exceeded", "insufficient_quota"})
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_SHARES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)


@dataclass(frozen=True)
class Levels:
    """What is looked up when Prometheus asks. `jobs` is status to count, None when the database does not answer."""

    waiting_tokens: int
    waiting_texts: int
    model_bytes: int
    num_models: int
    ready: bool
    jobs: Mapping[str, int] | None


class ServerMetrics:
    """The metrics of one app, in a registry of its own.

    `places` are the models that the settings name, by path or name; `batch_tokens` is what a full batch has.
    """

    def __init__(self, places: Mapping[str, str], batch_tokens: int) -> None:
        self._labels = {place: Path(place).name if Path(place).is_absolute() else place for place in places.values()}
        self._batch_tokens = batch_tokens
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._make_counters()
        self._make_gauges()
        self._children: dict[tuple[str, str, int], Counter] = {}
        self._timings: dict[tuple[str, str], Histogram] = {}

    def begin(self) -> None:
        """A request came in."""
        self._in_flight.inc()

    def end(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request is done; `seconds` is the time until its answer began, `route` the path as the routes write
        it, `method` one of METHODS or OTHER."""
        self._in_flight.dec()
        count = self._children.get((method, route, status))
        if count is None:
            count = self._children[method, route, status] = self._requests.labels(method, route, status)
        timing = self._timings.get((method, route))
        if timing is None:
            timing = self._timings[method, route] = self._seconds.labels(method, route)
        count.inc()
        timing.observe(seconds)

    def refused(self, code: str | None) -> None:
        """A request was told to come back later."""
        self._refusals.labels(code if code in _REFUSALS else OTHER).inc()

    def embedded(self, place: str, tokens: int) -> None:
        """`tokens` went through the model at `place`, which is what a name was resolved to."""
        self._tokens.labels(self.model_label(place)).inc(tokens)

    def model_label(self, place: str) -> str:
        """A model of the settings by its name; tuned ones and all others under one name each."""
        known = self._labels.get(place)
        if known is not None:
            return known
        return TUNED if Path(place).parent.name == "models" else OTHER

    def batch(self, tokens: int, texts: int, seconds: float) -> None:
        """A batch of `texts` went through a model."""
        self._fill.observe(tokens / self._batch_tokens)
        self._batch_seconds.observe(seconds)
        self._texts.inc(texts)

    def page(self, levels: Levels, accept: str = "") -> tuple[bytes, str]:
        """Everything in the form that `accept` prefers, and the name of that form."""
        self._waiting_tokens.set(levels.waiting_tokens)
        self._waiting_texts.set(levels.waiting_texts)
        self._model_bytes.set(levels.model_bytes)
        self._models.set(levels.num_models)
        self._ready.set(levels.ready)
        self._database.set(levels.jobs is not None)
        self._jobs.clear()
        for status, count in (levels.jobs or {}).items():
            self._jobs.labels(status).set(count)
        encode, kind = choose_encoder(accept)
        return encode(self.registry), kind

    def _make_counters(self) -> None:
        into: dict[str, Any] = {"namespace": "vectune", "registry": self.registry}
        self._requests = Counter("http_requests", "Requests answered.", ["method", "route", "status"], **into)
        self._seconds = Histogram(
            "http_request_seconds", "Seconds until the answer began.", ["method", "route"], buckets=_SECONDS, **into
        )
        self._refusals = Counter("refusals", "Requests that were told to come back later.", ["code"], **into)
        self._tokens = Counter("embedded_tokens", "Tokens of the texts that were embedded.", ["model"], **into)
        self._fill = Histogram(
            "batch_fill", "Tokens of a batch over batch_tokens, by the queue's guess.", buckets=_SHARES, **into
        )
        self._batch_seconds = Histogram("batch_seconds", "Seconds of a batch in a model.", buckets=_SECONDS, **into)
        self._texts = Counter("batch_texts", "Texts that went through a model in batches.", **into)

    def _make_gauges(self) -> None:
        into: dict[str, Any] = {"namespace": "vectune", "registry": self.registry}
        self._in_flight = Gauge("http_requests_in_flight", "Requests being answered.", **into)
        self._waiting_tokens = Gauge("queue_waiting_tokens", "Tokens that wait for a model, about.", **into)
        self._waiting_texts = Gauge("queue_waiting_texts", "Texts that wait for a model.", **into)
        self._model_bytes = Gauge("model_bytes", "Bytes of weights in memory.", **into)
        self._models = Gauge("models_loaded", "Models in memory or on their way.", **into)
        self._ready = Gauge("ready", "1 when the default model answers.", **into)
        self._database = Gauge("database_up", "1 when the database answers.", **into)
        self._jobs = Gauge("jobs", "Fine-tuning jobs by status.", ["status"], **into)
        build = Gauge("build_info", "The version that runs.", ["version", "python"], **into)
        build.labels(version("vectune"), platform.python_version()).set(1)
