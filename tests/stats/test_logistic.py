import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit

from rmcheck.stats.logistic import fit_logistic


def penalised(beta: np.ndarray, design: np.ndarray, outcome: np.ndarray) -> float:
    """Firth's objective, written out anew: log-likelihood + log|X'WX| / 2."""
    p = expit(design @ beta)
    likelihood = np.sum(outcome * np.log(p) + (1 - outcome) * np.log1p(-p))
    information = design.T @ np.diag(p * (1 - p)) @ design
    return float(likelihood + np.linalg.slogdet(information)[1] / 2)


@settings(max_examples=25, deadline=None)
@given(st.integers(6, 60), st.integers(0, 2**32))
@example(6, 714701)  # whole steps leap from one side of the top to the other, and hardly climb
def test_the_fit_maximises_firths_objective(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    design = np.column_stack([np.ones(n), np.tanh(rng.normal(size=n))])
    outcome = rng.choice([0.0, 0.5, 1.0], n)
    found = fit_logistic(design, outcome, np.arange(n))
    assert found is not None
    oracle = minimize(lambda b: -penalised(b, design, outcome), np.zeros(2), method="BFGS")
    assert found.coefficients == pytest.approx(oracle.x, abs=1e-3)
    assert penalised(found.coefficients, design, outcome) >= -oracle.fun - 1e-9


@pytest.mark.parametrize(("right", "n"), [(0, 10), (3, 10), (10, 10), (150, 150)])
def test_an_intercept_alone_is_the_jeffreys_rate(right: int, n: int) -> None:
    # One parameter: score + h(1/2 - p) = 0 with Σh = 1 gives p = (right + 1/2) / (n + 1).
    outcome = np.r_[np.ones(right), np.zeros(n - right)]
    found = fit_logistic(np.ones((n, 1)), outcome, np.arange(n))
    assert found is not None
    assert expit(found.coefficients[0]) == pytest.approx((right + 0.5) / (n + 1))


def test_large_samples_agree_with_statsmodels() -> None:
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(1000), 4)
    shared = np.repeat(rng.normal(size=1000), 4)
    design = np.column_stack([np.ones(4000), shared + rng.normal(size=4000)])
    outcome = (rng.random(4000) < expit(design @ [0.5, 0.8] + shared)).astype(float)
    found = fit_logistic(design, outcome, codes)
    assert found is not None
    oracle = sm.Logit(outcome, design).fit(
        disp=0, cov_type="cluster", cov_kwds={"groups": codes, "use_correction": False}
    )
    assert found.coefficients == pytest.approx(oracle.params, rel=0.01)
    assert found.covariance == pytest.approx(oracle.cov_params() * 1000 / 999, rel=0.02)


def test_perfect_separation_stays_finite_and_uncertain() -> None:
    x = np.linspace(-1, 1, 20)
    design = np.column_stack([np.ones(20), x])
    found = fit_logistic(design, (x > 0).astype(float), np.arange(20))
    assert found is not None
    assert np.all(np.isfinite(found.coefficients))
    assert 2 < found.coefficients[1] < 30
    assert np.sqrt(found.covariance[1, 1]) > 1


def test_columns_that_say_the_same_have_no_fit() -> None:
    design = np.column_stack([np.ones(5), np.full(5, 0.3)])
    assert fit_logistic(design, np.array([1.0, 0, 1, 0, 1]), np.arange(5)) is None
