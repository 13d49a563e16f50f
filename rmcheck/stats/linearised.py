"""Standard errors of correlations over groups without resampling, for very many rows."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.float64]


def pearson_error(x: Column, y: Column, codes: NDArray[np.intp]) -> float:
    """The standard error of Pearson's r of two (n,) columns, neither constant, over groups.

    Notes
    -----
    The infinitesimal jackknife (Jaeckel 1972; Efron 1982, chapter 6): the influence of a row, that
    is the derivative of r by the row's weight, is zx·zy - r/2 · (zx² + zy²) for standardised
    columns; summed within groups, its squares add up to the variance.
    """
    u, v = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    r = float(np.mean(u * v))
    return _error(u * v - r / 2 * (u * u + v * v), codes)


def spearman_error(x: NDArray[np.intp], y: NDArray[np.intp], codes: NDArray[np.intp]) -> float:
    """The standard error of Spearman's ρ over groups.

    Parameters
    ----------
    x, y : (n,) order of each value among the distinct ones, from 0; neither column constant.
    codes : (n,) group codes.

    Notes
    -----
    As `pearson_error`, for mid-ranks, which move with the weights of the rows below them. With
    A, B the mid-ranks and c(a, b) = 1, ½, 0 for a < b, a = b, a > b, the sum Σ A·B changes with the
    weight of row k by A_k·B_k + Σ_i c(x_k, x_i)·B_i + Σ_i c(y_k, y_i)·A_i.
    """
    n = float(len(x))
    a, b = _midranks(x), _midranks(y)
    cross = _moment(a, b, _above(x, b) + _above(y, a), n)
    own_x = _moment(a, a, 2.0 * _above(x, a), n)
    own_y = _moment(b, b, 2.0 * _above(y, b), n)
    product, square_x, square_y = cross[0], own_x[0], own_y[0]
    rho = product / math.sqrt(square_x * square_y)
    influence = cross[1] / math.sqrt(square_x * square_y)
    influence -= rho / 2 * (own_x[1] / square_x + own_y[1] / square_y)
    return _error(influence, codes)


def _moment(a: Column, b: Column, moved: Column, n: float) -> tuple[float, Column]:
    """Covariance of two columns of mid-ranks over n², and n times its derivative by each weight."""
    mean = float(np.mean(a * b)) / n**2
    return mean - 0.25, (a * b + moved) / n**2 - 3.0 * mean


def _midranks(place: NDArray[np.intp]) -> Column:
    mass = np.bincount(place).astype(np.float64)
    return np.asarray((np.cumsum(mass) - mass / 2)[place], dtype=np.float64)


def _above(place: NDArray[np.intp], values: Column) -> Column:
    """The sum of `values` over the rows that are above each row, those beside it half."""
    sums = np.bincount(place, weights=values)
    return np.asarray((sums.sum() - np.cumsum(sums) + sums / 2)[place], dtype=np.float64)


def _error(influence: Column, codes: NDArray[np.intp]) -> float:
    sums = np.bincount(codes, weights=influence)
    return math.sqrt(float(np.square(sums).sum())) / len(influence)
