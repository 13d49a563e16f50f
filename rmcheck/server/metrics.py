"""The numbers of a server for `/metrics`, in the text format of Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from rmcheck.server.drift import Drift

SCORES = (-20, -10, -5, -3, -2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 3, 5, 10, 20)
"""Upper ends of the buckets of rewards: the same for every model, so that two can be compared."""
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
FORMAT = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The counts of one server.

    Parameters
    ----------
    drifts
        What is compared with the gate's run, by the name of the model.
    """

    def __init__(self, drifts: Mapping[str, Drift]) -> None:
        self.registry = CollectorRegistry()
        self._drifts = drifts
        self._requests = Counter(
            "rmcheck_requests", "Requests by endpoint and HTTP status.",
            ["endpoint", "status"], registry=self.registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "rmcheck_request_seconds", "Seconds from a request to its answer.",
            ["endpoint"], buckets=SECONDS, registry=self.registry,
        )  # fmt: skip
        self._texts = Counter(
            "rmcheck_texts", "Texts that were scored.", ["model"], registry=self.registry
        )
        self._tokens = Counter(
            "rmcheck_tokens", "Tokens of these texts.", ["model"], registry=self.registry
        )
        self._ties = Counter(
            "rmcheck_ties",
            "Texts with the same reward as a different text of their request.",
            ["model"], registry=self.registry,
        )  # fmt: skip
        self._scores = Histogram(
            "rmcheck_score", "Rewards, before any activation.",
            ["model"], buckets=SCORES, registry=self.registry,
        )  # fmt: skip
        self._batches = Histogram(
            "rmcheck_batch_texts", "Texts that were scored in one call of a model.",
            buckets=BATCHES, registry=self.registry,
        )  # fmt: skip
        self.waiting = Gauge(
            "rmcheck_queue_texts", "Texts that wait or are being scored.", registry=self.registry
        )
        self.registry.register(_Distances(drifts))

    def answered(self, endpoint: str, status: int, seconds: float) -> None:
        """A request has its answer."""
        self._requests.labels(endpoint, str(status)).inc()
        self._seconds.labels(endpoint).observe(seconds)

    def batch(self, texts: int) -> None:
        """So many texts were scored together."""
        self._batches.observe(texts)

    def scored(
        self, model: str, keys: Sequence[str], rewards: NDArray[np.float64], tokens: Sequence[int]
    ) -> None:
        """The rewards of a request; `keys` tell equal texts from different ones."""
        self._texts.labels(model).inc(len(rewards))
        self._tokens.labels(model).inc(sum(tokens))
        self._ties.labels(model).inc(ties(keys, rewards))
        histogram = self._scores.labels(model)
        for reward in rewards.tolist():
            histogram.observe(reward)
        self._drifts[model].add(rewards)

    def text(self) -> bytes:
        """All of it, as `FORMAT` says."""
        return generate_latest(self.registry)


def ties(keys: Sequence[str], rewards: NDArray[np.float64]) -> int:
    """How many different texts have exactly the reward of another one.

    >>> ties(["a", "b", "c", "a"], np.array([1.0, 1.0, 2.0, 1.0]))
    2
    """
    different = dict(zip(keys, rewards.tolist(), strict=True))
    _, counts = np.unique(list(different.values()), return_counts=True)
    return int(counts[counts > 1].sum())


class _Distances(Collector):
    """The drift of each model, computed when it is asked for."""

    def __init__(self, drifts: Mapping[str, Drift]) -> None:
        self._drifts = drifts

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One number for each model that has a run and enough served texts."""
        family = GaugeMetricFamily(
            "rmcheck_score_drift",
            "Kolmogorov-Smirnov distance of the newest served rewards to those of the gate's run "
            "with this model; 0: the same distribution; 1: no overlap.",
            labels=["model"],
        )
        for model, drift in self._drifts.items():
            distance = drift.distance()
            if distance is not None:
                family.add_metric([model], distance)
        yield family
