"""Which sources a suite uses: the candidate, the baseline, and variants of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from numpy.typing import NDArray

from rmcheck.checks import CannotDecide, SourceRef
from rmcheck.data import Dialogue
from rmcheck.engine.settings import NO_BASELINE
from rmcheck.errors import BaselineMissing, SourceError, Unscorable
from rmcheck.record.baseline import Baseline
from rmcheck.reward_source import (
    BothOrders,
    ManySided,
    Partial,
    Rescalable,
    Retrainable,
    Seeded,
    Source,
    SourceOptions,
    Streaming,
    completed,
)
from rmcheck.sources import create


def baseline_source(kept: Baseline, options: SourceOptions) -> Source:
    """A baseline's scores as a source; it has scores for the pairs of that run only."""
    return create(f"scores:{kept.scores}", options)


class Probed(Source):
    """The same source under another cache key, so that a text is scored once more."""

    margins: Callable[..., NDArray[np.float64]]
    """Only where the inner source compares responses."""

    def __init__(self, inner: Source, name: str) -> None:
        self._inner = inner
        self._name = name
        if isinstance(inner, BothOrders):
            self.margins = inner.margins

    @property
    def spec(self) -> str:
        """The inner source's."""
        return self._inner.spec

    @property
    def fingerprint(self) -> str | None:
        """The inner source's, marked with the probe's name."""
        inner = self._inner.fingerprint
        return None if inner is None else f"{inner}~{self._name}"

    @property
    def scores_new_text(self) -> bool:
        """The inner source's."""
        return self._inner.scores_new_text

    def score(self, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
        """The inner source's scores."""
        return self._inner.score(dialogues)


class ProbedStream(Probed):
    """A probed source that gives its scores piece by piece."""

    def stream(
        self, dialogues: Sequence[Dialogue]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """The inner source's pieces."""
        yield from cast(Streaming, self._inner).stream(dialogues)


@dataclass(eq=False)
class Binding:
    """The sources of a group of suites; variants are made once and kept."""

    candidate: Source
    baseline: Source | None
    baseline_name: str
    options: SourceOptions
    _made: dict[SourceRef, Source] = field(default_factory=dict)

    def source(self, ref: SourceRef) -> Source:
        """The source that `ref` means.

        Raises
        ------
        BaselineMissing
            When it is the baseline, which does not exist.
        CannotDecide
            When the source cannot be varied in the way asked for.
        """
        if ref not in self._made:
            self._made[ref] = self._make(ref)
        return self._made[ref]

    def _make(self, ref: SourceRef) -> Source:
        source = self._base(ref)
        if ref.objective:
            source = self._side(source, ref)
        if ref.seed is not None:
            if not isinstance(source, Seeded):
                raise CannotDecide(f"{source.spec} is not a recipe, so it has no other seeds")
            source = completed(source.with_seed(ref.seed), source.spec)
        if ref.flip_rate:
            if not isinstance(source, Retrainable):
                raise CannotDecide(f"{source.spec} is not a recipe, so it cannot be retrained")
            try:
                noisy = source.with_label_noise(ref.flip_rate, ref.flip_seed)
            except Unscorable as error:  # a recipe that uses no labels
                raise CannotDecide(str(error)) from None
            source = completed(noisy, source.spec)
        if ref.head_scale != 1.0:
            if not isinstance(source, Rescalable):
                raise CannotDecide(f"{source.spec} has no head to rescale")
            source = completed(source.with_head_scaled(ref.head_scale), source.spec)
        # A score file has one score a text: there is nothing to ask it a second time.
        again = ref.probe and not isinstance(source, Partial)
        if not again:
            return source
        kind = ProbedStream if isinstance(source, Streaming) else Probed
        return kind(source, ref.probe)

    def _side(self, source: Source, ref: SourceRef) -> Source:
        """One of the rewards of a source with several."""
        if not isinstance(source, ManySided):
            raise SourceError(
                f"{source.spec} has one reward for a text, so objective {ref.objective!r} cannot "
                "be judged; remove the key, or use a model or score file with several"
            )
        try:
            return completed(source.with_objective(ref.objective), source.spec)
        except SourceError as error:
            if ref.role != "baseline":
                raise
            raise BaselineMissing(
                f"{self.baseline_name} has no scores of objective {ref.objective!r}; bless a run "
                "that has them: rmcheck bless"
            ) from error

    def _base(self, ref: SourceRef) -> Source:
        if ref.role == "candidate":
            return self.candidate
        if ref.role == "other":
            return create(ref.spec, self.options)
        if self.baseline is None and self.baseline_name == NO_BASELINE:
            raise BaselineMissing(
                "compared with no baseline, as --rm-baseline or rm_baseline asks ('none'); "
                "remove it, or name one"
            )
        if self.baseline is None:
            raise BaselineMissing(
                "no baseline to compare with yet; bless a run that passes: rmcheck bless"
            )
        return self.baseline
