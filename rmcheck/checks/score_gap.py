"""The check `score_gap`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Lt

from rmcheck.checks import evidence, threshold
from rmcheck.checks.check import Check, Context
from rmcheck.verdict import Estimate, Evidence, Outcome, Table, Verdict
from rmcheck.wording import minus

if TYPE_CHECKING:
    from rmcheck.stats.gap import ScoreGap as Gap


@dataclass(frozen=True, kw_only=True)
class ScoreGap(Check):
    """Chosen responses score higher than rejected ones: significantly, and by a relevant amount.

    Two conditions: the one-sided p of the test is at most `alpha`, and the standardised gap d_z
    (mean margin over its standard deviation, so the model's scale cancels) is at least
    `min_effect`.

    Parameters
    ----------
    alpha
        The level of the test, in (0, 1).
    min_effect
        The smallest d_z that matters; 0.2 is small, 0.5 medium, 0.8 large.
    test
        `sign_flip` (default: margins of whole groups change sign at random), `wilcoxon`
        (signed ranks) or `mann_whitney` (treats the two sides as unrelated samples). The report
        shows all three.
    """

    kind: ClassVar[str] = "score_gap"
    sentence: ClassVar[str] = (
        "Whether better answers score clearly higher, by more than chance explains."
    )

    alpha: Annotated[float, Gt(0), Lt(1)] = 0.01
    min_effect: Annotated[float, Ge(0)] = 0.2
    test: Literal["sign_flip", "wilcoxon", "mann_whitney"] = "sign_flip"

    def judge(self, ctx: Context) -> Verdict:
        """Test the margins, and compare their effect size with `min_effect`."""
        from rmcheck.stats import bundles
        from rmcheck.stats import gap as gaps
        from rmcheck.stats import groups as grouping

        scored = ctx.scored(self.select(ctx.data))
        criterion = {"alpha": self.alpha, "min_effect": self.min_effect}
        reason = threshold.too_few(len(scored.pairs), grouping.count(scored.groups))
        if reason:
            return threshold.undecidable(self.label, reason, criterion)
        found = gaps.score_gap(
            scored.chosen, scored.rejected, scored.groups, rng=np.random.default_rng(ctx.seed)
        )
        if found.d_z is None:
            return threshold.undecidable(self.label, str(found.degenerate), criterion)
        p_value = {
            "sign_flip": found.p_sign_flip,
            "wilcoxon": found.p_wilcoxon,
            "mann_whitney": found.p_mann_whitney,
        }[self.test]
        holds = p_value <= self.alpha and found.d_z.value >= self.min_effect
        held: Outcome = "pass" if holds else "fail"
        facts = {
            "n": found.n,
            "groups": found.n_groups,
            "test": self.test,
            "ci": f"{found.d_z.method}@{found.d_z.level:g}",
            **bundles.facts(scored.groups),
        }
        return Verdict(
            decision=held,
            outcome=held,
            estimate=found.d_z,
            criterion=criterion,
            p_value=p_value,
            message=self._message(found, found.d_z, p_value),
            signature=ctx.signature(self.kind, facts),
            evidence=Evidence(
                pictures=(evidence.side_curves(scored),),
                tables=(_tests(found),),
                pairs=evidence.worst(scored),
                notes=bundles.notes(scored.groups),
            ),
        )

    def _message(self, found: Gap, d_z: Estimate, p_value: float) -> str:
        value = minus(f"{d_z.value:.2f} [{d_z.low:.2f}, {d_z.high:.2f}]")
        effect = (
            f"{self.label} d_z {value} "
            f"{'≥' if d_z.value >= self.min_effect else '<'} min_effect {self.min_effect:.2f}"
        )
        return (
            f"{effect}, p={p_value:.2g} {'≤' if p_value <= self.alpha else '>'} "
            f"alpha {self.alpha:g} ({self.test}, n={d_z.n}); AUC {found.auc:.3f}"
        )


def _tests(found: Gap) -> Table:
    return Table(
        title="The same gap by three tests (one-sided p)",
        columns=("test", "p"),
        rows=(
            ("sign flip over groups", found.p_sign_flip),
            ("Wilcoxon signed rank", found.p_wilcoxon),
            ("Mann–Whitney", found.p_mann_whitney),
        ),
    )
