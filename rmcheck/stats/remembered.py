"""Resampled results that are kept, because a run asks for the same ones again.

`scale_invariance` judges the other checks of its suite once more as they were, and twice on mapped
scores, of which many a statistic sees the ranks only. The draws depend on the state of the
generator, so that equal columns and an equal state give an equal result.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from rmcheck.stats import groups as grouping

_MOST: Final = 64
_kept: OrderedDict[Hashable, tuple[Any, Any, int]] = OrderedDict()

Result = TypeVar("Result")


def remembered(
    work: Callable[[], Result],
    name: str,
    columns: Sequence[NDArray[Any]],
    groups: Sequence[str],
    rng: np.random.Generator,
    *settings: Hashable,
) -> Result:
    """What `work` returns, or returned for the same columns, groups, settings and generator.

    Parameters
    ----------
    work : draws from `rng` alone and changes nothing else; its result is not changed either.
    name : of the statistic.
    columns : arrays on which the result depends.
    rng : left in the state in which `work` left it.
    settings : further values on which the result depends.
    """
    digest = hashlib.blake2b(digest_size=32)
    for column in (*columns, grouping.codes(groups)):
        digest.update(np.ascontiguousarray(column).data)
    seeds = rng.bit_generator.seed_seq
    if not isinstance(seeds, np.random.SeedSequence):
        return work()
    state = json.dumps([rng.bit_generator.state, seeds.state], default=str)
    lengths = tuple(len(column) for column in columns)
    key = (name, digest.digest(), state, lengths, settings)
    if key in _kept:
        _kept.move_to_end(key)
        result, after, spawned = _kept[key]
        rng.bit_generator.state = after
        seeds.spawn(spawned - seeds.n_children_spawned)
        return result  # type: ignore[no-any-return]
    result = work()
    _kept[key] = (result, rng.bit_generator.state, seeds.n_children_spawned)
    while len(_kept) > _MOST:
        _kept.popitem(last=False)
    return result
