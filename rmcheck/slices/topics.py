"""Columns of topics: clusters of tf-idf vectors, told by the words that are typical of each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rmcheck.extras import SLICES, missing
from rmcheck.slices.condition import Condition
from rmcheck.slices.conditions import ABOUT
from rmcheck.slices.words import words

CLUSTERS = 24
WORDS = 8
"""A topic is told by so many words; a text is about it if it contains two or more of them."""

_LEAST_TEXTS = 60
_DIMENSIONS = 50

Made = list[tuple[Condition, NDArray[np.bool_]]]


def topics(prompts: Sequence[str]) -> tuple[Made, str]:
    """Topics of the prompts, and why there are none.

    A topic is not the cluster itself but the rule "two or more of its words", so that a suite can
    say it. The clusters are made from the texts alone, without scores.
    """
    if missing(SLICES):
        return [], "topics need scikit-learn: pip install 'rmcheck[slices]'"
    if len(prompts) < _LEAST_TEXTS:
        return [], ""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, TfidfVectorizer
    from sklearn.preprocessing import normalize

    vectors = TfidfVectorizer(
        analyzer=lambda text: [word for word in words(text) if word not in ENGLISH_STOP_WORDS],
        min_df=3,
        max_df=0.3,
        sublinear_tf=True,
    )
    try:
        weights = vectors.fit_transform(prompts)
    except ValueError:  # no word is in enough of the texts
        return [], ""
    names = vectors.get_feature_names_out()
    dimensions = min(_DIMENSIONS, len(names) - 1)
    if dimensions < ABOUT:
        return [], ""
    reduced = normalize(TruncatedSVD(dimensions, random_state=0).fit_transform(weights))
    clusters = min(CLUSTERS, len(prompts) // 20)
    codes = KMeans(clusters, n_init=1, random_state=0).fit_predict(reduced)
    seen = [frozenset(words(text)) for text in prompts]
    found: Made = []
    for code in range(clusters):
        typical = np.asarray(weights[codes == code].mean(axis=0)).ravel()
        topic = tuple(
            str(names[place])
            for place in np.argsort(-typical, kind="stable")[:WORDS]
            if typical[place] > 0
        )
        if len(topic) < ABOUT:
            continue
        column = np.array([len(some.intersection(topic)) >= ABOUT for some in seen], dtype=bool)
        found.append((Condition(("prompt", "about"), topic), column))
    return found, ""
