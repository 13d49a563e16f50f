"""What is done another way for many rows gives the same result as for few."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from rmcheck.stats import at_once, columns, logistic, precision, remembered, signflip
from rmcheck.stats import groups as grouping
from rmcheck.stats.calibration import calibrate
from rmcheck.stats.columns import distinct_rows
from rmcheck.stats.correlation import correlation
from rmcheck.stats.groups import Groups
from rmcheck.stats.length import Sides, length_bias
from rmcheck.stats.precision import PRECISIONS, lost_at_most, lost_orderings


def test_distinct_rows_as_numpy_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    table = rng.integers(-3, 4, (5_000, 4)) / 2.0
    rows, counts = np.unique(table, axis=0, return_counts=True)
    monkeypatch.setattr(columns, "_MANY_ROWS", 100)
    found, times = distinct_rows(table)
    assert np.array_equal(found, rows)
    assert np.array_equal(times, counts)


@pytest.mark.parametrize("count", [1, 40, 5_000])
@pytest.mark.parametrize("step", [0.5, 1.0, 0.25, 1 / 3, 1e5, -0.5])
def test_distinct_rows_of_wins_and_sizes_as_numpy_has_them(count: int, step: float) -> None:
    """Halves are counted; quarters, thirds, large and negative numbers are sorted."""
    rng = np.random.default_rng(3)
    table = np.asarray(rng.integers(0, [3, 7, 4], (count, 3)) * step, dtype=np.float64)
    rows, counts = np.unique(table, axis=0, return_counts=True)
    found, times = distinct_rows(table)
    assert np.array_equal(found, rows)
    assert np.array_equal(times, counts)
    assert (found.dtype, times.dtype.kind) == (rows.dtype, "i")


def test_what_two_threads_compute_is_what_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the last bit: temperatures, coefficients of length, orderings lost."""
    rng = np.random.default_rng(4)
    groups = [f"g{row // 3}" for row in range(600)]
    chosen, rejected = rng.normal(0.3, 1, 600), rng.normal(0, 1, 600)
    lengths = rng.integers(1, 90, (2, 600))
    factors, shifts = 2.0 ** rng.uniform(-6, 6, 40), rng.uniform(-3, 3, 40)
    monkeypatch.setattr(precision, "_CELLS", 100)

    def everything() -> list[object]:
        sides = Sides(
            chosen=chosen, rejected=rejected, chosen_length=lengths[0], rejected_length=lengths[1]
        )
        remembered._kept.clear()
        return [
            calibrate(chosen - rejected, groups, rng=np.random.default_rng(5), draws=200),
            length_bias(sides, groups, rng=np.random.default_rng(5), draws=50),
            lost_at_most(chosen, rejected, factors, shifts, "bfloat16"),
        ]

    one = everything()
    started: list[int] = []

    class Counted(ThreadPoolExecutor):
        def __init__(self, workers: int) -> None:
            started.append(workers)
            super().__init__(workers)

    monkeypatch.setattr(at_once, "ThreadPoolExecutor", Counted)
    monkeypatch.setattr(at_once, "MANY", 0)
    assert everything() == one
    assert started == [2] * len(started)
    assert len(started) >= 5


def test_threads_give_results_in_order_and_what_was_raised() -> None:
    def tenth(value: float, wait: float) -> float:
        time.sleep(wait)
        return value / 10

    found = at_once.at_once(tenth, [1.0, 2.0, 3.0], [0.02, 0.0, 0.0], n=10**6)
    assert found == [0.1, 0.2, 0.3]
    with pytest.raises(ZeroDivisionError):
        at_once.at_once(lambda value: 1 / value, [1, 0], n=10**6)


@pytest.mark.parametrize("width", [1, 2, 3])
def test_a_quadratic_form_of_each_row_as_numpy_has_it(width: int) -> None:
    rng = np.random.default_rng(6)
    for count in (1, 7, 20_001, 70_000):
        design, matrix = rng.normal(size=(count, width)), rng.normal(size=(width, width))
        wanted = np.einsum("ij,jk,ik->i", design, matrix, design)
        assert np.array_equal(logistic._quadratic(design, matrix), wanted)


def test_no_rows_are_distinct_from_none() -> None:
    found, times = distinct_rows(np.empty((0, 3)))
    assert found.shape == (0, 3)
    assert times.shape == (0,)


@pytest.mark.parametrize("precision_", PRECISIONS)
@pytest.mark.parametrize("scale", [1.0, 1e-6, 3e4])
def test_lost_orderings_of_many_pairs(
    precision_: str, scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(1)
    rejected = rng.normal(0, scale, 3_000)
    # Margins of every size down to the last bit, some of them zero.
    margins = scale * 10.0 ** rng.uniform(-17, 0.5, 3_000) * rng.integers(-1, 2, 3_000)
    chosen = rejected + margins
    factors = 2.0 ** rng.uniform(-6, 6, 60)
    shifts = rng.uniform(-3, 3, 60) * scale
    one_by_one = max(
        len(lost_orderings(chosen, rejected, factor=a, shift=b, precision=precision_))  # type: ignore[arg-type]
        for a, b in zip(factors, shifts, strict=True)
    )
    few = lost_at_most(chosen, rejected, factors, shifts, precision_)  # type: ignore[arg-type]
    monkeypatch.setattr(precision, "_CELLS", 100)
    many = lost_at_most(chosen, rejected, factors, shifts, precision_)  # type: ignore[arg-type]
    assert few == many == one_by_one > 0


def test_long_products_leave_out_zeros_only(monkeypatch: pytest.MonkeyPatch) -> None:
    net = np.array([1] * 3_000 + [-1] * 3_500 + [2] * 900 + [-2] * 800)
    whole = signflip.sign_flip_p_integer(net)
    monkeypatch.setattr(signflip, "_LONG_PRODUCT", 1_000)
    assert signflip.sign_flip_p_integer(net) == pytest.approx(whole, rel=1e-12)
    assert 1e-6 < whole < 0.1


def test_groups_number_themselves_as_a_list_is_numbered() -> None:
    rng = np.random.default_rng(2)
    names = [f"g{code}" for code in rng.integers(0, 30, 200)]
    groups = Groups(names)
    assert groups == names
    assert groups.n_groups == len(set(names))
    assert grouping.codes(groups).tolist() == grouping.codes(names).tolist()
    rows = rng.permutation(200)[:80]
    some = [names[row] for row in rows]
    assert groups.take(rows) == some
    assert grouping.codes(groups.take(rows)).tolist() == grouping.codes(some).tolist()
    assert groups.take(np.array([], dtype=np.intp)).n_groups == 0
    twice = groups.twice()
    assert twice == names + names
    assert grouping.codes(twice).tolist() == grouping.codes(names + names).tolist()


def test_a_result_is_kept_for_equal_columns_and_an_equal_generator_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(remembered, "_kept", remembered._kept.__class__())
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=50), rng.normal(size=50)
    groups = Groups(str(row // 2) for row in range(50))
    made = []
    monkeypatch.setattr(
        "rmcheck.stats.correlation.bootstrap_weights",
        lambda *a, real=correlation.__globals__["bootstrap_weights"], **k: (
            made.append(1) or real(*a, **k)
        ),
    )

    def ask(values: np.ndarray, generator: np.random.Generator) -> tuple[object, float]:
        found = correlation(values, y, groups, draws=50, rng=generator)
        return found, float(generator.random())  # what comes after is the same, too

    first = ask(x, np.random.default_rng(4))
    again = ask(x, np.random.default_rng(4))
    ranks = ask(np.exp(x), np.random.default_rng(4))  # the same ranks
    assert first == again == ranks
    assert len(remembered._kept) == 1
    assert ask(x, np.random.default_rng(5)) != first
    assert ask(-x, np.random.default_rng(4)) != first
    assert len(remembered._kept) == 3
