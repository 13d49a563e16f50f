"""Tests that are looked at again and again: one error rate over all looks."""

from __future__ import annotations


def anytime_p(p: float, look: int, comparisons: int = 1) -> float:
    """The p-value of a look, adjusted for every look before it and all that may follow.

    Parameters
    ----------
    p : a valid p-value in (0, 1]: at most u with probability at most u, if its null holds.
    look : which look it is, from 1. Looks that were settled beforehand (the same model on the same
        pairs again) count once.
    comparisons : how many comparisons are made at each look, at least 1.

    Returns
    -------
    min(1, p · m · k(k + 1)) for look k and m comparisons.

    Notes
    -----
    The shares 1/(k(k + 1)) of all looks add up to 1. So the probability that any comparison of any
    look, however many there will be, gets an adjusted p of at most alpha is at most alpha: the sum
    of alpha/(m·k(k + 1)) over all of them (Bonferroni). Nothing is assumed about how the looks
    depend on each other. In the terms of betting, 1/(alpha·w) on p ≤ alpha·w is an e-value, and
    the sum of such e-values, each times its share w, reaches 1/alpha with probability at most
    alpha (Markov's inequality, as in Ville's).

    Nightly e-values must not be multiplied instead. The runs share their pairs and their baseline;
    a baseline that was lucky on these pairs makes every candidate look worse by the same amount,
    and the product gets larger every night although nothing got worse.

    Examples
    --------
    >>> anytime_p(0.001, look=1), round(anytime_p(0.001, look=9), 6), anytime_p(0.5, look=4)
    (0.002, 0.09, 1.0)
    """
    if not 0.0 < p <= 1.0:
        raise ValueError(f"p={p} is outside (0, 1]")
    if look < 1 or comparisons < 1:
        raise ValueError(f"look={look} and comparisons={comparisons} must be at least 1")
    return min(1.0, p * comparisons * look * (look + 1))
