"""Logistic regression that stays finite when wins and losses separate perfectly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

_STEPS = 100
_TOLERANCE = 1e-10
_FEW = 20_000


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Coefficients (k,) on the logit scale and their (k, k) covariance."""

    coefficients: NDArray[np.float64]
    covariance: NDArray[np.float64]


def fit_logistic(
    design: NDArray[np.float64], outcome: NDArray[np.float64], codes: NDArray[np.intp]
) -> Fit | None:
    """Fit P(outcome) = σ(design @ coefficients) by Firth's penalised likelihood.

    Parameters
    ----------
    design : (n, k), finite; pass a column of ones for an intercept.
    outcome : (n,) in [0, 1]; a tie may count 0.5.
    codes : (n,) group codes; groups are independent of each other.

    Returns
    -------
    Fit, or None when the columns of the design are linearly dependent.

    Notes
    -----
    Firth 1993, Heinze and Schemper 2002: the score gains h_i (1/2 - p_i) with h the leverages, that
    is, log-likelihood + log|X'WX| / 2 is maximised. Coefficients are finite for separated data and
    less biased for small n. The covariance is the clustered sandwich with the factor G/(G-1);
    where the inverse information X'WX is larger in a diagonal entry, that row and column are scaled
    up to it, since a sandwich shrinks to nothing when every pair is fitted perfectly.
    """
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return None
    beta = np.zeros(design.shape[1])
    value, step, information = _penalised(design, outcome, beta)
    # A sum of n terms is known to so much: without that, the last step would never climb.
    slack = 1e-12 if len(outcome) <= _FEW else 1e-12 * len(outcome)
    for _ in range(_STEPS):
        if float(np.abs(step).max()) < _TOLERANCE:
            break
        # The step knows no curvature of the penalty and may leap over the top, to and fro for ever:
        # halve one that does not climb by a quarter of what its slope promises (Armijo 1966).
        slope = float(step @ information @ step)
        for halving in range(30):
            size = 0.5**halving
            trial = beta + size * step
            found = _penalised(design, outcome, trial)
            if found[0] >= value + size * slope / 4 - slack:
                break
        beta = trial
        value, step, information = found
    bread = np.linalg.inv(information)
    score = design * (outcome - expit(design @ beta))[:, None]
    sums = np.stack([np.bincount(codes, weights=column) for column in score.T], axis=1)
    n_groups = len(sums)
    correction = n_groups / (n_groups - 1) if n_groups > 1 else 1.0
    sandwich = correction * bread @ (sums.T @ sums) @ bread
    diagonal = np.diag(sandwich)
    # A variance of exactly zero cannot be scaled up; use the inverse information.
    if np.any(diagonal <= 0.0):
        return Fit(coefficients=beta, covariance=np.asarray(bread, dtype=np.float64))
    lift = np.sqrt(np.maximum(1.0, np.diag(bread) / diagonal))
    return Fit(coefficients=beta, covariance=sandwich * np.outer(lift, lift))


def _penalised(
    design: NDArray[np.float64], outcome: NDArray[np.float64], beta: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Penalised log-likelihood, Newton step and information at `beta`."""
    linear = design @ beta
    p = expit(linear)
    # Far out the weight underflows and the information with it; the bound keeps it invertible.
    weight = np.maximum(p * (1 - p), 1e-300)
    # einsum, not @: BLAS threads that wait for each other make a busy machine crawl.
    information = np.einsum("ij,i,ik->jk", design, weight, design)
    sign, log_determinant = np.linalg.slogdet(information)
    if sign <= 0:
        return -np.inf, np.zeros_like(beta), information
    lost = 1 - outcome
    of_lost = lost @ np.logaddexp(0.0, linear) if lost.any() else 0.0
    likelihood = float(-(outcome @ np.logaddexp(0.0, -linear)) - of_lost)
    inverse = np.linalg.inv(information)
    leverage = _quadratic(design, inverse) * weight
    step = inverse @ (design.T @ (outcome - p + leverage * (0.5 - p)))
    return likelihood + float(log_determinant) / 2, step, information


def _quadratic(design: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """x_iᵀ M x_i of each row: (n, k) and (k, k) to (n,)."""
    if len(design) <= _FEW:
        return np.asarray(np.einsum("ij,jk,ik->i", design, matrix, design))
    # The same sums in the same order, so to the same bit, in less than half the time.
    total = np.zeros(len(design))
    for row, a in zip(matrix, design.T, strict=True):
        for entry, b in zip(row, design.T, strict=True):
            total += a * entry * b
    return total
