"""How many pairs a tag or a slice has, and how many it would need to decide something."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rmcheck.lint import finding as kinds
from rmcheck.lint.finding import Finding, Place
from rmcheck.lint.pool import Pool
from rmcheck.stats.decision import MIN_GROUPS
from rmcheck.stats.power import detectable_shortfall

SMALLEST_TAG = 8
"""Tags with fewer pairs have no row in a table."""

LEVEL = 0.95
EFFECT = 0.2
"""A tag should distinguish a win rate of 0.7 from guessing (0.5)."""


def pairs_needed(effect: float = EFFECT, *, most: int = 1_000_000) -> int:
    """The fewest independent pairs that distinguish 0.5 + effect from 0.5 with 80% power.

    By `stats.power.detectable_shortfall`, at level 0.95; its rule is mirrored, since below one half
    is as far as above it. Found by bisection: the shortfall falls with n but for small steps.

    >>> 40 < pairs_needed(0.2) < 60
    True
    """
    low, high = 0, 1
    while not _tells(high, effect):
        low, high = high, 2 * high
        if high > most:
            raise ValueError(f"effect={effect} would need more than {most:,} pairs")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _tells(middle, effect) else (middle, high)
    return high


def _tells(n: int, effect: float) -> bool:
    shortfall = detectable_shortfall(n, 0.5, LEVEL)
    return shortfall is not None and shortfall <= effect


def tag_findings(pool: Pool, tags: Mapping[str, Sequence[int]]) -> Iterator[Finding]:
    """A note that names the tags with too few pairs, all tags of the pool being counted together.

    Parameters
    ----------
    tags
        The indices of each tag's pairs.
    """
    needed = pairs_needed()
    groups = pool.groups
    sizes = {tag: (len(kept), len({groups[index] for index in kept})) for tag, kept in tags.items()}
    undecided = [tag for tag, (_, n_groups) in sizes.items() if n_groups < MIN_GROUPS]
    blunt = [tag for tag, (n, _) in sizes.items() if tag not in undecided and n < needed]
    place = Place(pool.paths[0] if len(pool.paths) == 1 else "")
    if undecided:
        yield Finding(
            kind=kinds.SMALL_TAG,
            place=place,
            message=f"fewer groups (prompts) than the {MIN_GROUPS} that a verdict needs; groups of "
            "each: " + ", ".join(f"{tag} ({sizes[tag][1]})" for tag in undecided),
        )
    if blunt:
        yield Finding(
            kind=kinds.SMALL_TAG,
            place=place,
            message=f"fewer than the {needed} pairs that distinguish a rate of {0.5 + EFFECT:.2f} "
            "from guessing with 80% power; pairs of each: "
            + ", ".join(f"{tag} ({sizes[tag][0]})" for tag in blunt),
        )
