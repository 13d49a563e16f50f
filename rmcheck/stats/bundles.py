"""Very many groups, merged at random into bundles, so that resampling them stays affordable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rmcheck.stats import groups as grouping

MOST_GROUPS: Final = 100_000
"""Up to so many groups each is resampled by itself."""
BUNDLES: Final = 20_000


def is_large(groups: Sequence[str]) -> bool:
    """Whether there are more groups than are resampled one by one."""
    return len(groups) > MOST_GROUPS and grouping.count(groups) > MOST_GROUPS


def bundled(codes: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
    """Codes of the units that are resampled: groups, or bundles of them where there are very many.

    Parameters
    ----------
    codes : (n,) group codes 0 … G-1; groups are independent of each other.
    rng : deals the groups; left alone for up to `MOST_GROUPS` groups.

    Returns
    -------
    (n,) codes: the same for up to `MOST_GROUPS` groups, else 0 … `BUNDLES`-1, each bundle with as
    many groups as any other, or one more.

    Notes
    -----
    Bundles of independent groups are independent, so that a cluster bootstrap or a sign-flip test
    over them is as valid as one over groups. What is lost is precision of the error itself: with B
    bundles its relative standard deviation is about 1/√(2B), half a percent here, which is less
    than that of 2,000 draws (1.6 %).
    """
    n_groups = int(codes.max()) + 1 if len(codes) else 0
    if n_groups <= MOST_GROUPS:
        return codes
    return np.asarray((rng.permutation(n_groups) % BUNDLES)[codes], dtype=np.intp)


def facts(groups: Sequence[str]) -> dict[str, object]:
    """What a signature says of it."""
    return {"bundles": BUNDLES} if is_large(groups) else {}


_RESAMPLED: Final = (
    f"bootstrap and sign-flip test resample {BUNDLES:,} random bundles of prompts, not prompts"
)


def notes(groups: Sequence[str], what: str = _RESAMPLED) -> tuple[str, ...]:
    """The remark of a check whose numbers rest on bundles; none for up to `MOST_GROUPS` groups."""
    if not is_large(groups):
        return ()
    return (f"{grouping.count(groups):,} prompts, more than {MOST_GROUPS:,}: {what}",)
