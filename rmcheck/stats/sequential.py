"""Group sequential tests: critical values for looking at data several times as they come in."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from rmcheck.stats.columns import proportion

LEAST = 1e-12
"""A look spends at least this much. Without it, the first looks could never decide anything."""

EARLY = 0.35
"""The share of alpha that is spent on the data up to `EARLY_UNTIL`."""

EARLY_UNTIL = 0.35

LATE = 5
"""The rest is spent as this power of the share of the data: most of it at the last look."""

# Paths that are further below 0 than this many standard deviations never cross a boundary.
_REACH = 8.0
# Nodes and weights of Gauss and Legendre within a panel, which is a standard deviation wide.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)

Column = NDArray[np.float64]
Spending = Callable[[float, float], float]
"""What may be spent by a fraction of the data, of an alpha."""


def spent(fraction: float, alpha: float, *, early: float = EARLY) -> float:
    """How much of alpha may be spent by the time at which this share of the data was seen.

    Parameters
    ----------
    fraction : information fraction in (0, 1].
    alpha : one-sided level of the whole test, in (0, 1).
    early : the share of alpha in [0, 1) that is spent on the data up to `EARLY_UNTIL`.

    Notes
    -----
    A spending function (Lan and DeMets 1983, *Biometrika* 70:659-663) in two parts: `early` of
    alpha by a smooth step, 3u² - 2u³, over the data up to `EARLY_UNTIL`, the rest in the power
    family (Kim and DeMets 1987, *Biometrika* 74:149-154). See
    `docs/notes/clear-cases-are-decided-early.md` for why.

    >>> f"{spent(0.175, 0.025):.5f}, {spent(0.35, 0.025):.5f}, {spent(1.0, 0.025):.3f}"
    '0.00438, 0.00884, 0.025'
    """
    proportion("alpha", alpha, closed=False)
    _refuse_outside(fraction)
    u = min(1.0, fraction / EARLY_UNTIL)
    step = u * u * (3.0 - 2.0 * u)
    return alpha * (early * step + (1.0 - early) * fraction**LATE)


def obrien_fleming(fraction: float, alpha: float) -> float:
    """The same in O'Brien and Fleming's shape, which spends next to nothing early.

    Parameters
    ----------
    fraction : information fraction in (0, 1].
    alpha : one-sided level of the whole test, in (0, 1).

    Notes
    -----
    Lan and DeMets 1983: 2 - 2Φ(z(α/2) / √t), after O'Brien and Fleming 1979.

    >>> f"{obrien_fleming(0.5, 0.025):.5f}, {obrien_fleming(1.0, 0.025):.3f}"
    '0.00153, 0.025'
    """
    proportion("alpha", alpha, closed=False)
    _refuse_outside(fraction)
    return float(2.0 * ndtr(ndtri(alpha / 2.0) / math.sqrt(fraction)))


def exit_probabilities(
    fractions: Sequence[float], critical: Sequence[float], *, drift: float = 0.0
) -> Column:
    """Probability that a z statistic first exceeds its critical value at each look.

    Parameters
    ----------
    fractions : (K,) information fractions, rising, in (0, 1].
    critical : (K,) critical values of z, one-sided.
    drift : the mean of z when all data were seen; 0 under the null.

    Returns
    -------
    (K,); their sum is the level (with drift 0) or the power.

    Notes
    -----
    Armitage, McPherson and Rowe 1969; Jennison and Turnbull 2000, chapter 19. The statistics have
    the joint distribution of Z(t) = B(t) / √t for a Brownian motion B, whose density below the
    boundary is carried from look to look by numerical integration.
    """
    _refuse_unordered(fractions)
    paths = _Paths.start(drift)
    found = []
    for fraction, bound in zip(fractions, critical, strict=True):
        edge = bound * math.sqrt(fraction)
        found.append(paths.above(edge, fraction))
        paths = paths.below(edge, fraction)
    return np.array(found)


def critical_values(
    fractions: Sequence[float], alpha: float, *, spending: Spending = spent
) -> tuple[float, ...]:
    """Critical values of z for looks at these fractions of the data, one-sided.

    Parameters
    ----------
    fractions : (K,) information fractions, rising, in (0, 1]; the last look spends all that is
        left of `alpha`, wherever it is.
    alpha : one-sided level over all looks, in (0, 0.5).
    spending : how much of alpha may be spent by a fraction of the data.

    Returns
    -------
    (K,) critical values: z above the k-th at look k, and at no look before, has the probability
    that `spending` allows for the step (at least `LEAST`).

    >>> fifths = (0.2, 0.4, 0.6, 0.8, 1.0)
    >>> [f"{each:.2f}" for each in critical_values(fifths, 0.025, spending=obrien_fleming)]
    ['4.88', '3.36', '2.68', '2.29', '2.03']
    """
    _refuse_unordered(fractions)
    if not 0.0 < alpha < 0.5:
        raise ValueError(f"alpha={alpha} is outside (0, 0.5)")
    return _critical_values(tuple(float(each) for each in fractions), float(alpha), spending)


def nominal_levels(fractions: Sequence[float], alpha: float) -> tuple[float, ...]:
    """The one-sided level of each look: (K,) p-values at or below which it decides.

    See `critical_values`. For a single look at everything it is `alpha`.
    """
    return tuple(float(ndtr(-each)) for each in critical_values(fractions, alpha))


def repeated_p(fractions: Sequence[float], p: float) -> float:
    """The p-value of a look that accounts for the looks before it.

    Parameters
    ----------
    fractions : (k,) information fractions up to the present look.
    p : one-sided p of that look, in [0, 1], as if it were the only one.

    Returns
    -------
    The smallest `alpha` at which the look decides, to three digits; 0.5 and more is returned as 1.

    Notes
    -----
    Jennison and Turnbull 2000, section 9.5. It is at most `alpha` exactly when p is at most the
    nominal level of that look.
    """
    proportion("p", p)
    looks = tuple(float(each) for each in fractions)
    if looks == (1.0,):
        return p
    low, high = math.log(LEAST * len(looks) * 2), math.log(0.4999)

    def beyond(log_alpha: float) -> float:
        return _nominal(looks, math.exp(log_alpha)) - p

    if beyond(low) >= 0.0:
        return math.exp(low)
    if beyond(high) < 0.0:
        return 1.0
    return math.exp(float(brentq(beyond, low, high, xtol=1e-3)))


def _nominal(looks: tuple[float, ...], alpha: float) -> float:
    """The nominal level of the last of these looks; another one follows unless it has all data."""
    whole = looks if looks[-1] == 1.0 else (*looks, 1.0)
    return float(ndtr(-_critical_values(whole, alpha, spent)[len(looks) - 1]))


@lru_cache(maxsize=1024)
def _critical_values(
    fractions: tuple[float, ...], alpha: float, spending: Spending
) -> tuple[float, ...]:
    paths = _Paths.start(0.0)
    found: list[float] = []
    total = 0.0
    for number, fraction in enumerate(fractions, start=1):
        last = number == len(fractions)
        step = alpha - total if last else spending(fraction, alpha) - total
        step = max(step, LEAST)
        edge = paths.edge(step, fraction)
        found.append(edge / math.sqrt(fraction))
        total += step
        if not last:
            paths = paths.below(edge, fraction)
    return tuple(found)


class _Paths:
    """The paths of a Brownian motion with drift that stayed below all boundaries so far.

    `nodes` and `masses`, both (m,): where they are, and a quadrature of their density.
    """

    def __init__(self, time: float, nodes: Column, masses: Column, drift: float) -> None:
        self._time = time
        self._nodes = nodes
        self._masses = masses
        self._drift = drift

    @classmethod
    def start(cls, drift: float) -> _Paths:
        return cls(0.0, np.zeros(1), np.ones(1), drift)

    def above(self, edge: float, time: float) -> float:
        """P(the path is above `edge` at `time`)."""
        step = time - self._time
        reach = (self._nodes + self._drift * step - edge) / math.sqrt(step)
        return float(self._masses @ ndtr(reach))

    def edge(self, probability: float, time: float) -> float:
        """The edge that paths are above with that probability."""
        far = (self._drift * time + _REACH * math.sqrt(time)) + 2.0
        return float(
            brentq(
                lambda edge: math.log(max(self.above(edge, time), 1e-300)) - math.log(probability),
                -far,
                far,
                xtol=1e-10,
            )
        )

    def below(self, edge: float, time: float) -> _Paths:
        """The paths that are below `edge` at `time`."""
        step = time - self._time
        low = min(self._drift * time, edge) - _REACH * math.sqrt(time)
        panels = max(8, math.ceil((edge - low) / math.sqrt(step)))
        ends = np.linspace(low, edge, panels + 1)
        half = (ends[1] - ends[0]) / 2
        nodes = (ends[:-1, None] + half * (1 + _NODES)).ravel()
        weights = np.tile(half * _WEIGHTS, panels)
        gap = (nodes[:, None] - self._nodes - self._drift * step) / math.sqrt(step)
        density = np.exp(-0.5 * gap * gap) / math.sqrt(2 * math.pi * step)
        return _Paths(time, nodes, weights * (density @ self._masses), self._drift)


def _refuse_outside(fraction: float) -> None:
    if not 0.0 < fraction <= 1.0:
        raise ValueError(f"fraction={fraction} is outside (0, 1]")


def _refuse_unordered(fractions: Sequence[float]) -> None:
    before = 0.0
    for fraction in fractions:
        if not before < fraction <= 1.0:
            raise ValueError(f"fractions={[*fractions]} must rise within (0, 1]")
        before = fraction
    if not before:
        raise ValueError("a sequential test needs at least one look")
