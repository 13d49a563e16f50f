"""A root and a minimum of a function of one number.

They take the same steps as `scipy.optimize.brentq` and `minimize_scalar(method="bounded")`, whose
import takes longer than all comparisons of a gate; tests hold them to scipy's results, digit by
digit.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Final

Function = Callable[[float], float]

_STEPS: Final = 500
_RELATIVE: Final = 4 * sys.float_info.epsilon
_GOLDEN: Final = 0.5 * (3.0 - math.sqrt(5.0))
_SQRT_EPSILON: Final = math.sqrt(2.2e-16)


def root(function: Function, low: float, high: float, *, tolerance: float) -> float:
    """Find where a continuous function is zero between two numbers at which its signs differ.

    Parameters
    ----------
    tolerance : how far the result may be from the root, > 0.

    Notes
    -----
    Brent 1973, chapter 4: secant or inverse quadratic steps where they shrink the bracket fast
    enough, and bisection elsewhere.
    """
    last, now = low, high
    at_last, at_now = function(last), function(now)
    if at_last == 0.0:
        return last
    if at_now == 0.0:
        return now
    if (at_last < 0.0) == (at_now < 0.0):
        raise ValueError(f"the function has one sign at {low} and at {high}")
    other, at_other = 0.0, 0.0
    step = step_before = 0.0
    for _ in range(_STEPS):
        if at_last != 0.0 and (at_last < 0.0) != (at_now < 0.0):
            other, at_other = last, at_last
            step = step_before = now - last
        if abs(at_other) < abs(at_now):
            last, now, other = now, other, now
            at_last, at_now, at_other = at_now, at_other, at_now
        least = (tolerance + _RELATIVE * abs(now)) / 2
        half = (other - now) / 2
        if at_now == 0.0 or abs(half) < least:
            return now
        tried = math.inf
        if abs(step_before) > least and abs(at_now) < abs(at_last):
            if last == other:
                tried = -at_now * (now - last) / (at_now - at_last)
            else:
                slope = (at_last - at_now) / (last - now)
                slope_other = (at_other - at_now) / (other - now)
                tried = (
                    -at_now
                    * (at_other * slope_other - at_last * slope)
                    / (slope_other * slope * (at_other - at_last))
                )
        if 2 * abs(tried) < min(abs(step_before), 3 * abs(half) - least):
            step_before, step = step, tried
        else:
            step_before = step = half
        last, at_last = now, at_now
        now += step if abs(step) > least else math.copysign(least, half)
        at_now = function(now)
    raise ArithmeticError(f"no root found in {_STEPS} steps")


def minimum(function: Function, low: float, high: float, *, tolerance: float = 1e-5) -> float:
    """Find where a function with one minimum between two numbers is least.

    Parameters
    ----------
    tolerance : how far the result may be from the minimum, > 0.

    Notes
    -----
    Brent 1973, chapter 5: steps to the vertex of a parabola through the three best points, and
    golden sections where such a step would leave the bracket or shrinks too slowly.
    """
    best = second = third = low + _GOLDEN * (high - low)
    at_best = at_second = at_third = function(best)
    step = step_before = 0.0
    for _ in range(_STEPS - 1):
        middle = 0.5 * (low + high)
        least = _SQRT_EPSILON * abs(best) + tolerance / 3.0
        if abs(best - middle) <= 2.0 * least - 0.5 * (high - low):
            break
        vertex = None
        if abs(step_before) > least:
            r = (best - second) * (at_best - at_third)
            q = (best - third) * (at_best - at_second)
            p = (best - third) * q - (best - second) * r
            q = 2.0 * (q - r)
            p, q = (-p if q > 0.0 else p), abs(q)
            before, step_before = step_before, step
            inside = q * (low - best) < p < q * (high - best)
            if inside and abs(p) < abs(0.5 * q * before):
                vertex = (p + 0.0) / q
                there = best + vertex
                if there - low < 2.0 * least or high - there < 2.0 * least:
                    vertex = least * _sign(middle - best)
        if vertex is None:
            step_before = (low if best >= middle else high) - best
            step = _GOLDEN * step_before
        else:
            step = vertex
        there = best + _sign(step) * max(abs(step), least)
        at_there = function(there)
        if at_there <= at_best:
            low, high = (best, high) if there >= best else (low, best)
            third, at_third = second, at_second
            second, at_second = best, at_best
            best, at_best = there, at_there
        else:
            low, high = (there, high) if there < best else (low, there)
            if at_there <= at_second or second == best:
                third, at_third = second, at_second
                second, at_second = there, at_there
            elif at_there <= at_third or third in (best, second):
                third, at_third = there, at_there
    return best


def _sign(value: float) -> float:
    return -1.0 if value < 0.0 else 1.0
