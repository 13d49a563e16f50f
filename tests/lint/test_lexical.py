"""The bag of words against scikit-learn, and on words that decide by design."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from rmcheck.data import PreferencePair
from rmcheck.lint.lexical import differences, fit_differences, fit_words


def pairs_of(rows: list[tuple[str, str]]) -> list[PreferencePair]:
    return [
        PreferencePair(id=str(i), prompt="?", chosen=good, rejected=bad, group=str(i))
        for i, (good, bad) in enumerate(rows)
    ]


def scikit_weights(design: np.ndarray, strength: float) -> np.ndarray:
    """scikit-learn wants two classes: every difference once as it is and once turned round.

    Both have the same loss under a model without intercept, so each counts half.
    """
    both = np.vstack([design, -design])
    labels = np.repeat([1, 0], len(design))
    model = LogisticRegression(C=strength / 2, fit_intercept=False, tol=1e-8, max_iter=10_000)
    return model.fit(both, labels).coef_[0]


@pytest.mark.parametrize("strength", [0.01, 0.1, 1.0, 10.0])
def test_weights_are_those_of_scikit_learn(strength: float) -> None:
    rng = np.random.default_rng(0)
    design = rng.poisson(0.7, (120, 30)) - rng.poisson(0.5, (120, 30)) + 0.0
    ours = fit_differences(sparse.csr_array(design), strength)
    assert ours == pytest.approx(scikit_weights(design, strength), abs=2e-4)


def test_separable_and_empty_designs() -> None:
    separable = np.array([[1.0, 0.0], [2.0, 1.0], [1.0, -1.0]])
    ours = fit_differences(sparse.csr_array(separable), 1.0)
    assert ours == pytest.approx(scikit_weights(separable, 1.0), abs=2e-4)
    assert fit_differences(sparse.csr_array((0, 3)), 1.0).tolist() == [0, 0, 0]
    assert fit_differences(sparse.csr_array((3, 0)), 1.0).tolist() == []


texts = st.lists(st.sampled_from(["a", "b,", "c!", "Ab", "7"]), max_size=6).map(" ".join)


@settings(max_examples=50)
@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=8))
def test_differences_are_those_of_two_count_tables(rows: list[tuple[str, str]]) -> None:
    vocabulary = {word: i for i, word in enumerate(["!", ",", "7", "a", "ab", "b", "c"])}
    counts = CountVectorizer(vocabulary=vocabulary, token_pattern=r"\w+|[^\w\s]")
    good, bad = (counts.transform(side).toarray() for side in zip(*rows, strict=True))
    assert differences(pairs_of(rows), vocabulary).toarray().tolist() == (good - bad).tolist()


def test_a_telling_word_is_found_and_rare_words_are_left_out() -> None:
    rows = [(f"fine w{i % 5}", f"awful w{i % 5}") for i in range(10)] + [("once once", "once")]
    model = fit_words(pairs_of(rows))
    assert model.strongest(1) == (["fine"], ["awful"])
    assert "once" not in model.vocabulary
    assert "w3" in model.vocabulary
    margins = model.margins(pairs_of([("a fine day", "a day"), ("b", "b"), ("", "fine")]))
    assert margins[0] > 0
    assert margins[1] == 0
    assert margins[2] < 0


def test_training_twice_gives_the_same_weights() -> None:
    rows = [(f"good w{i % 7} v{i % 5}", f"bad w{i % 3} v{i % 4}") for i in range(60)]
    first, second = fit_words(pairs_of(rows)), fit_words(pairs_of(rows))
    assert first.weights.tobytes() == second.weights.tobytes()
