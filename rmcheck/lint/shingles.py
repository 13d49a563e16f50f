"""Texts as sets of overlapping word triples, and the search for texts that share most of them."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

WIDTH = 3
"""Words in a shingle."""

MAX_CANDIDATES = 2_000_000
"""Candidate pairs that are compared at most."""

_CHUNK = 100_000
_ROUNDING = 1e-9
# Chinese and Japanese put no space between words: there, every character is one.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+")


def words(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation.

    >>> words("Don't — it's 3 o'clock!")
    ['don', 't', 'it', 's', '3', 'o', 'clock']
    """
    return _WORD.findall(text.lower())


@dataclass(frozen=True)
class NearPairs:
    """Pairs of texts, by index (first < second), and the Jaccard similarity of their shingles.

    All three columns have shape (m,).
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    jaccard: NDArray[np.float64]


def shingle_matrix(texts: Iterable[str]) -> sparse.csr_array:
    """Which text contains which shingle: (n, number of shingles), entries 0 and 1.

    A text of one or two words is one shingle; one without a word has no shingle.
    """
    ids, counts = _numbered(texts)
    codes, n_shingles = _shingles(ids, counts)
    del ids
    # Sorted by row, then shingle; numbers of both fit into 63 bits together.
    keys = np.repeat(np.arange(len(counts)) * n_shingles, counts)
    keys += codes
    del codes
    keys.sort()
    keys = keys[np.concatenate([[True], keys[1:] != keys[:-1]])] if len(keys) else keys
    indices = (keys % n_shingles).astype(np.int32)
    keys //= n_shingles
    sizes = np.bincount(keys, minlength=len(counts))
    del keys
    starts = np.concatenate([[0], np.cumsum(sizes)])
    shape = (len(counts), n_shingles)
    return sparse.csr_array((np.ones(len(indices), dtype=np.int32), indices, starts), shape=shape)


def _numbered(texts: Iterable[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The words of all texts as numbers from 1 (0 pads short texts), and the shingles of each."""
    numbers: dict[str, int] = {}
    flat = array("i")
    counts = array("q")
    for text in texts:
        found = words(text)
        for word in found:
            if word not in numbers:
                numbers[word] = len(numbers) + 1
        flat.extend(map(numbers.__getitem__, found))
        if found:
            flat.extend((0,) * max(0, WIDTH - len(found)))
        counts.append(max(1, len(found) - WIDTH + 1) if found else 0)
    numbered = np.frombuffer(flat, dtype=np.int32) if flat else np.empty(0, dtype=np.int32)
    return numbered, np.array(counts, dtype=np.int64)


def _shingles(ids: NDArray[np.int32], counts: NDArray[np.int64]) -> tuple[NDArray[np.int32], int]:
    """The number of each text's shingles, text by text, and how many different ones there are."""
    spans = np.where(counts > 0, counts + WIDTH - 1, 0)
    first = _runs(np.cumsum(spans) - spans, counts)
    codes = ids[first].astype(np.int64)
    base = int(ids.max()) + 1 if len(ids) else 1
    for step in range(1, WIDTH):
        first += 1
        codes *= base
        codes += ids[first]
        if step < WIDTH - 1 and int(codes.max(initial=0)) >= 2**62 // base:
            codes = _ranked(codes).astype(np.int64)  # a code never outgrows 64 bits
    del first
    ranked = _ranked(codes)
    return ranked, int(ranked.max(initial=0)) + 1


def _runs(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """`start`, `start` + 1, … for each of (n,) runs, one run after the other."""
    found = np.repeat(starts - (np.cumsum(lengths) - lengths), lengths)
    found += np.arange(len(found))
    return found


def _ranked(codes: NDArray[np.int64]) -> NDArray[np.int32]:
    """The rank of each of (n,) numbers among the different ones; the numbers are then sorted.

    As the inverse of `numpy.unique`, in half the memory.
    """
    order = codes.argsort()
    codes.sort()
    ranks = np.zeros(len(codes), dtype=np.int32)
    np.cumsum(codes[1:] != codes[:-1], dtype=np.int32, out=ranks[1:])
    found = np.empty(len(codes), dtype=np.int32)
    found[order] = ranks
    return found


def near_duplicates(
    texts: Sequence[str],
    *,
    threshold: float,
    sides: NDArray[np.bool_] | None = None,
    budget: int = MAX_CANDIDATES,
) -> NearPairs:
    """All pairs of texts whose shingles have a Jaccard similarity of at least `threshold`.

    Parameters
    ----------
    texts
        (n,) texts; pairs among them are named by index.
    threshold
        In (0, 1].
    sides
        (n,) Only pairs of which one text is True and one False, such as two files'.
    budget
        Candidate pairs to compare at most. Beyond it, of the texts that share a shingle only those
        nearest in length are compared: a large cluster is still found, not each pair within it.

    Notes
    -----
    Exact within the budget, by prefix filtering (Bayardo, Ma and Srikant 2007, *Scaling Up All
    Pairs Similarity Search*): with shingles sorted from rare to frequent, two sets x, y with
    J ≥ t share one of the first |x| - ⌈t·|x|⌉ + 1 of x and of the first |y| - ⌈t·|y|⌉ + 1 of y.
    """
    if not 0.0 < threshold <= 1.0:
        raise ValueError(f"threshold={threshold} is outside (0, 1]")
    matrix = shingle_matrix(texts)
    sizes = np.diff(matrix.indptr).astype(np.int64)
    candidates = _candidates(matrix, sizes, threshold, sides, budget)
    jaccard = np.empty(len(candidates))
    for start in range(0, len(candidates), _CHUNK):
        part = candidates[start : start + _CHUNK]
        a, b = part[:, 0], part[:, 1]
        common = np.asarray(matrix[a].multiply(matrix[b]).sum(axis=1), dtype=np.float64).ravel()
        jaccard[start : start + _CHUNK] = common / (sizes[a] + sizes[b] - common)
    near = jaccard >= threshold - _ROUNDING
    return NearPairs(candidates[near, 0], candidates[near, 1], jaccard[near])


def _candidates(
    matrix: sparse.csr_array,
    sizes: NDArray[np.int64],
    threshold: float,
    sides: NDArray[np.bool_] | None,
    budget: int,
) -> NDArray[np.int64]:
    """(m, 2) index pairs that share a prefix shingle and are of comparable size; sorted."""
    n = len(sizes)
    rows, shingles = _prefixes(matrix, sizes, threshold)
    # Within a shingle's list by size, so that texts of comparable size are near each other.
    order = np.lexsort((rows, sizes[rows], shingles))
    rows, shingles = rows[order], shingles[order]
    codes: list[NDArray[np.int64]] = []
    total, step = 0, 1
    places = np.arange(len(rows))
    while total < budget:
        places = places[places + step < len(rows)]
        near = places + step
        close = (shingles[places] == shingles[near]) & (
            sizes[rows[places]] >= threshold * sizes[rows[near]] - _ROUNDING
        )
        # Lists are sorted, so a place that has no partner at this step has no later one.
        places, near = places[close], near[close]
        if not len(places):
            break
        a, b = np.minimum(rows[places], rows[near]), np.maximum(rows[places], rows[near])
        if sides is not None:
            crossing = sides[a] != sides[b]
            a, b = a[crossing], b[crossing]
        codes.append(a * n + b)
        total += len(a)
        step += 1
    if not codes:
        return np.empty((0, 2), dtype=np.int64)
    unique = np.unique(np.concatenate(codes))
    return np.column_stack([unique // n, unique % n])


def _prefixes(
    matrix: sparse.csr_array, sizes: NDArray[np.int64], threshold: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rarest shingles of each text, as many as can matter, without those of a single text."""
    n_shingles = matrix.shape[1]
    frequency = np.bincount(matrix.indices, minlength=n_shingles)
    by_rarity = np.argsort(frequency, kind="stable")
    rarity = np.empty(n_shingles, dtype=np.int32)
    rarity[by_rarity] = np.arange(n_shingles, dtype=np.int32)
    keys = np.repeat(np.arange(len(sizes)) * n_shingles, sizes)
    keys += rarity[matrix.indices]
    keys.sort()
    prefix = sizes - np.ceil(threshold * sizes - _ROUNDING).astype(np.int64) + 1
    keys = keys[_runs(np.cumsum(sizes) - sizes, np.minimum(prefix, sizes))]
    rows, shingles = keys // n_shingles, by_rarity[keys % n_shingles]
    kept = frequency[shingles] > 1
    return rows[kept], shingles[kept]


def clusters(n: int, near: NearPairs) -> list[list[int]]:
    """The connected components of near-duplicates among n texts, with two or more texts each."""
    graph = sparse.coo_array((np.ones(len(near.first)), (near.first, near.second)), shape=(n, n))
    labels = csgraph.connected_components(graph, directed=False)[1]
    members: dict[int, list[int]] = {}
    for index in np.unique(np.concatenate([near.first, near.second])).tolist():
        members.setdefault(int(labels[index]), []).append(index)
    return list(members.values())
