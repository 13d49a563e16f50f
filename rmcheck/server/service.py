"""What every endpoint uses: the models by name, the queue, the counts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rmcheck.data import Dialogue
from rmcheck.errors import did_you_mean
from rmcheck.reward_source import TokenReward
from rmcheck.server.limits import Limits, Unknown
from rmcheck.server.metrics import Metrics
from rmcheck.server.model import ServedModel, Text
from rmcheck.server.queue import Queue, Scored


@dataclass(frozen=True)
class Service:
    """The parts of a running server.

    Attributes
    ----------
    models
        By name; the first one answers requests that name none.
    limits, metrics, queue
        As their classes say.
    token
        What a request must bring as `Authorization: Bearer TOKEN`; empty: nothing.
    """

    models: Mapping[str, ServedModel]
    limits: Limits
    metrics: Metrics
    queue: Queue
    token: str = ""

    @classmethod
    def of(
        cls,
        models: Sequence[ServedModel],
        metrics: Metrics,
        limits: Limits | None = None,
        token: str = "",
    ) -> Service:
        """A service of these models."""
        limits = limits or Limits()
        queue = Queue(limits, metrics.batch)
        metrics.waiting.set_function(lambda: queue.waiting)
        return cls({model.name: model for model in models}, limits, metrics, queue, token)

    @property
    def first(self) -> ServedModel:
        """The model of requests that name none."""
        return next(iter(self.models.values()))

    def model(self, name: str | None) -> ServedModel:
        """The model of that name.

        Raises
        ------
        Unknown
            If it is not served.
        """
        if not name:
            return self.first
        if name not in self.models:
            near = did_you_mean(name, self.models)
            raise Unknown(f"the model {name!r} is not served here; {near}")
        return self.models[name]

    async def score(self, model: ServedModel, texts: Sequence[Text]) -> Scored:
        """The rewards of the texts; counts them.

        Raises
        ------
        Refused
            As `Queue.score`.
        """
        found = await self.queue.score(model, texts)
        keys = [one.hash for one in found.read.dialogues]
        self.metrics.scored(model.name, keys, found.rewards, found.read.tokens)
        return found

    async def running(self, model: ServedModel, dialogue: Dialogue) -> list[TokenReward]:
        """The reward after each token of a dialogue."""
        return await self.queue.call(lambda: model.running(dialogue))


def sigmoid(reward: float) -> float:
    """1 / (1 + e^-r) without overflow.

    >>> sigmoid(0.0), sigmoid(-1000.0), sigmoid(1000.0)
    (0.5, 0.0, 1.0)
    """
    if reward >= 0:
        return 1 / (1 + math.exp(-reward))
    power = math.exp(reward)
    return power / (1 + power)
