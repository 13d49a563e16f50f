"""The check `calibration`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from rmcheck.checks import threshold
from rmcheck.checks.check import Context, Share
from rmcheck.verdict import Curve, Evidence, Point, Series, Table, Verdict

if TYPE_CHECKING:
    from rmcheck.stats.calibration import Calibration as Found
    from rmcheck.stats.calibration import Scoring


@dataclass(frozen=True, kw_only=True)
class Calibration(threshold.ThresholdCheck):
    """σ(margin / T) is a calibrated probability: about 80 % of the pairs given 80 % are right.

    The expected calibration error (ECE) is at most `max_ece`. Before binning, sides are swapped at
    random, so that both outcomes occur.

    Parameters
    ----------
    max_ece
        The largest acceptable ECE, in [0, 1].
    temperature
        `fitted` (default): T is fitted by cross-validation over prompts, so the scale of the
        rewards does not matter; `one`: T = 1, so the verdict changes when rewards are rescaled.
    on_inconclusive
    """

    kind: ClassVar[str] = "calibration"
    sentence: ClassVar[str] = "Whether the margin predicts how often the model is right."

    max_ece: Share = 0.10
    temperature: Literal["fitted", "one"] = "fitted"

    @property
    def scale_free(self) -> bool:
        """False at T = 1, where the verdict depends on the scale of the rewards."""
        return self.temperature == "fitted"

    def judge(self, ctx: Context) -> Verdict:
        """Compare the interval of the calibration error with `max_ece`."""
        from rmcheck.stats import bundles
        from rmcheck.stats import groups as grouping
        from rmcheck.stats.calibration import calibrate

        scored = ctx.scored(self.select(ctx.data))
        criterion = {"max_ece": self.max_ece, "temperature": self.temperature}
        n, groups = len(scored.pairs), grouping.count(scored.groups)
        reason = threshold.too_few(n, groups)
        if reason:
            return threshold.undecidable(self.label, reason, criterion)
        found = calibrate(scored.margins, scored.groups, rng=np.random.default_rng(ctx.seed))
        chosen = found.raw if self.temperature == "one" else found.fitted
        if chosen is None or found.degenerate:
            reason = found.degenerate or "no temperature fits"
            return threshold.undecidable(self.label, reason, criterion)
        if chosen.ece.method == "none":
            alike = np.ptp(scored.margins) == 0
            what = f"the margins of all {n} pairs" if alike else "all resamples of the prompts"
            reason = f"{what} are the same"
            return threshold.undecidable(self.label, reason, criterion)
        fitted = "" if found.temperature is None else f", fitted T {found.temperature:.3g}"
        at = "T=1" if self.temperature == "one" else "cross-validated T"
        return threshold.hold(
            f"{self.label} ECE at {at}{fitted}:",
            chosen.ece,
            threshold.Bound(name="max_ece", high=self.max_ece),
            self.on_inconclusive,
            criterion=criterion,
            signature=ctx.signature(
                self.kind,
                {
                    "at": self.temperature,
                    **threshold.interval_facts(chosen.ece),
                    **bundles.facts(scored.groups),
                },
            ),
            evidence=Evidence(
                pictures=(_diagram(chosen),),
                tables=(_table(found),),
                notes=bundles.notes(scored.groups),
            ),
        )


def _diagram(scoring: Scoring) -> Curve:
    points = tuple(
        Point(bin_.confidence, bin_.frequency)
        for bin_ in scoring.bins
        if bin_.confidence is not None and bin_.frequency is not None
    )
    return Curve(
        title="Reliability: observed win rate by predicted probability",
        series=(Series("observed", points),),
        x_label="σ(margin / T)",
        y_label="observed share",
        diagonal=True,
    )


def _table(found: Found) -> Table:
    rows = []
    for name, scoring in (("T = 1", found.raw), ("cross-validated T", found.fitted)):
        if scoring is not None:
            rows.append((name, scoring.ece.value, scoring.brier.value, scoring.nll))
    return Table(
        title="Calibration (lower is better)",
        columns=("temperature", "ECE", "Brier", "NLL"),
        rows=tuple(rows),
    )
