"""Any reward source as a `Source`, with defaults for the members that it lacks."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import Dialogue
from rmcheck.errors import SourceError
from rmcheck.record.run import SourceRecord, TrainingRecord
from rmcheck.reward_source.capabilities import (
    Bounded,
    Described,
    Named,
    Remarking,
    RewardSource,
    Trained,
    Truncating,
)
from rmcheck.reward_source.source import Source

OPTIONAL = (
    "stream",
    "recheck",
    "with_label_noise",
    "seeds",
    "with_seed",
    "with_head_scaled",
    "with_objective",
    "margins",
    "knows",
    "within",
    "ids",
)
"""Methods that only some sources have. The engine asks for them with `isinstance`."""


class Completed(Source):
    """A source written elsewhere, with defaults for the members that it lacks."""

    def __init__(self, inner: RewardSource, spec: str) -> None:
        self.inner = inner
        self._spec = spec
        for name in OPTIONAL:
            method = getattr(inner, name, None)
            if callable(method):
                setattr(self, name, method)

    @property
    def spec(self) -> str:
        """Its own name, or the spec that created it."""
        return self.inner.spec if isinstance(self.inner, Named) else self._spec

    @property
    def fingerprint(self) -> str | None:
        """Its own.

        Raises
        ------
        SourceError
            If it is neither text nor None.
        """
        found: object = self.inner.fingerprint
        if found is None or (isinstance(found, str) and found):
            return found
        got = "a method (make it a property)" if callable(found) else f"{found!r:.80}"
        raise SourceError(f"{self.spec}: fingerprint must be text or None, got {got}")

    @property
    def scores_new_text(self) -> bool:
        """Its own value, or False if it is `Partial`."""
        if isinstance(self.inner, Bounded):
            return self.inner.scores_new_text
        return super().scores_new_text

    @property
    def truncated(self) -> int:
        """Its own count."""
        return self.inner.truncated if isinstance(self.inner, Truncating) else 0

    @property
    def remarks(self) -> Sequence[str]:
        """Its own."""
        return self.inner.remarks if isinstance(self.inner, Remarking) else ()

    @property
    def training(self) -> TrainingRecord | None:
        """Its own."""
        return self.inner.training if isinstance(self.inner, Trained) else None

    def describe(self) -> SourceRecord:
        """Its own description, or its name and fingerprint."""
        return self.inner.describe() if isinstance(self.inner, Described) else super().describe()

    def score(self, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
        """Its own scores."""
        return self.inner.score(dialogues)


def completed(given: object, spec: str | None = None) -> Source:
    """Any reward source as a `Source`, with defaults for the members that it lacks.

    Parameters
    ----------
    given
        An object with `score` and `fingerprint`.
    spec
        Its name in messages if it has none of its own; default: the name of its class.

    Raises
    ------
    SourceError
        If a required member is missing; names it.
    """
    if isinstance(given, Source) and type(given).score is not Source.score:
        return given
    kind = given.__name__ if isinstance(given, type) else type(given).__name__
    name = spec or kind
    missing = [member for member in ("score", "fingerprint") if not _has(given, member)]
    if isinstance(given, Source):
        missing = ["score"]
    head = f"{spec}: " if spec else ""
    if isinstance(given, type):
        raise SourceError(f"{head}expected a reward source, got the class; return {kind}(...)")
    if missing:
        raise SourceError(
            f"{head}{kind} is not a reward source, {' and '.join(missing)} missing; a source "
            "has score(dialogues), which returns one finite number for each, and fingerprint, "
            "a text that changes whenever the scores change (or None)"
        )
    return Completed(cast(RewardSource, given), name)


def _has(given: object, member: str) -> bool:
    """Whether it has the member, without computing a property that may be costly."""
    try:
        inspect.getattr_static(given, member)
    except AttributeError:
        return hasattr(given, member)  # a proxy with dynamic members
    return True
