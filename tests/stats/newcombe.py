"""Both limits of Newcombe's interval, as the paper gives them."""

from __future__ import annotations

from rmcheck.stats.paired import newcombe_low


def newcombe_limits(
    both: float, candidate_only: float, baseline_only: float, neither: float, critical: float
) -> tuple[float, float]:
    """Limits of candidate - baseline."""
    low = newcombe_low(both, candidate_only, baseline_only, neither, critical)
    # Right and wrong exchanged, the difference changes its sign.
    high = newcombe_low(neither, baseline_only, candidate_only, both, critical)
    return float(low), -float(high)
