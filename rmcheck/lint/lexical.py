"""A bag of words as a reward model: how often counting words wins."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, sparse
from scipy.special import expit

from rmcheck.data import PreferencePair

MIN_PAIRS = 2
"""A word counts from this many training pairs on."""

STRENGTH = 0.1
"""C, the weight of the likelihood against the penalty, as in scikit-learn."""

_TOKEN = re.compile(r"\w+|[^\w\s]")


def tokens(text: str) -> list[str]:
    """Words in lower case, and every punctuation mark.

    >>> tokens("No. Don't!")
    ['no', '.', 'don', "'", 't', '!']
    """
    return _TOKEN.findall(text.lower())


@dataclass(frozen=True, eq=False)
class WordModel:
    """The reward of a text is the sum of its words' weights; the prompt is not read.

    `weights` has shape (words,), in the order of `vocabulary`.
    """

    vocabulary: Mapping[str, int]
    weights: NDArray[np.float64]

    def margins(self, pairs: Sequence[PreferencePair]) -> NDArray[np.float64]:
        """Reward of the chosen less that of the rejected response, shape (n,)."""
        return np.asarray(differences(pairs, self.vocabulary) @ self.weights, dtype=np.float64)

    def strongest(self, count: int = 8) -> tuple[list[str], list[str]]:
        """The words that speak most for a response, and those that speak most against it."""
        names = list(self.vocabulary)
        order = np.argsort(self.weights, kind="stable")
        best = [names[index] for index in order[::-1][:count] if self.weights[index] > 0]
        worst = [names[index] for index in order[:count] if self.weights[index] < 0]
        return best, worst


def fit_words(pairs: Sequence[PreferencePair], *, strength: float = STRENGTH) -> WordModel:
    """Train on pairs: logistic regression on differences of word counts, with an L2 penalty."""
    seen: Counter[str] = Counter()
    for pair in pairs:
        seen.update({*tokens(pair.chosen), *tokens(pair.rejected)})
    kept = sorted(word for word, count in seen.items() if count >= MIN_PAIRS)
    vocabulary = {word: index for index, word in enumerate(kept)}
    return WordModel(vocabulary, fit_differences(differences(pairs, vocabulary), strength))


def differences(pairs: Sequence[PreferencePair], vocabulary: Mapping[str, int]) -> sparse.csr_array:
    """Word counts of the chosen less those of the rejected response: (n, words)."""
    rows: list[int] = []
    columns: list[int] = []
    values: list[float] = []
    for row, pair in enumerate(pairs):
        count = Counter(tokens(pair.chosen))
        count.subtract(tokens(pair.rejected))
        for word, difference in count.items():
            column = vocabulary.get(word)
            if difference and column is not None:
                rows.append(row)
                columns.append(column)
                values.append(difference)
    return sparse.csr_array(
        (np.array(values, dtype=np.float64), (rows, columns)), shape=(len(pairs), len(vocabulary))
    )


def fit_differences(design: sparse.csr_array, strength: float) -> NDArray[np.float64]:
    """Minimise |w|²/2 + strength · Σ log(1 + exp(-x·w)) over the weights w.

    Parameters
    ----------
    design : (n, k), a row x a pair: features of the chosen less those of the rejected response.
    strength : > 0, C of scikit-learn's LogisticRegression without intercept on the rows x labelled
        1 and -x labelled 0, with half of it each.

    Returns
    -------
    (k,) weights. The objective is strictly convex, so that they are unique.

    Notes
    -----
    A trust-region Newton method, as in LIBLINEAR (Lin, Weng and Keerthi 2008): some twenty steps,
    where L-BFGS takes hundreds. The Hessian is only ever multiplied with a vector.
    """
    if not design.shape[0] or not design.shape[1]:
        return np.zeros(design.shape[1])
    transposed = design.T.tocsr()

    def objective(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margins = design @ weights
        value = 0.5 * float(weights @ weights) + strength * float(np.logaddexp(0, -margins).sum())
        return value, weights - strength * (transposed @ expit(-margins))

    def curvature(
        weights: NDArray[np.float64], direction: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        p = expit(design @ weights)
        found = direction + strength * (transposed @ (p * (1 - p) * (design @ direction)))
        return np.asarray(found, dtype=np.float64)

    found = optimize.minimize(
        objective,
        np.zeros(design.shape[1]),
        jac=True,
        hessp=curvature,
        method="trust-ncg",
        options={"gtol": 1e-4, "maxiter": 200},
    )
    return np.asarray(found.x, dtype=np.float64)
