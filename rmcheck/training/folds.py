"""Folds: the prompts of a data set in parts of one size, some of which a training leaves out."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Protocol, TypeVar

import numpy as np
from annotated_types import Ge, Le, MinLen
from numpy.typing import NDArray
from pydantic import BeforeValidator, ConfigDict

from rmcheck.data import prompt_text
from rmcheck.data.dialogue import Prompt
from rmcheck.data.preferences import PreferenceData
from rmcheck.wording import counted

_Number = Annotated[int, Ge(1)]


class Foldable(Protocol):
    """An example of a training: a pair, or a response set."""

    @property
    def prompt(self) -> Prompt: ...
    @property
    def group(self) -> str: ...
    @property
    def tags(self) -> tuple[str, ...]: ...


Example = TypeVar("Example", bound=Foldable)


def _listed(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


_Numbers = Annotated[
    tuple[_Number, ...],
    MinLen(1),
    BeforeValidator(_listed, json_schema_input_type=_Number | Annotated[list[_Number], MinLen(1)]),
]


@dataclass(frozen=True, kw_only=True)
class Folds:
    """The prompts in parts of about one size, of which some are left out.

    All pairs of a prompt, and of a `group`, are in one fold. Tags are spread evenly.

    Parameters
    ----------
    of
        Number of folds.
    without
        The fold that is not trained on, or a list of them; the first is 1.
    seed
        Seed of the division.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", allow_inf_nan=False)

    of: Annotated[int, Ge(2), Le(1000)]
    without: _Numbers
    seed: Annotated[int, Ge(0)] = 0


def known_folds(folds: Folds | None) -> Folds | None:
    """The same in the form that is hashed; raises ValueError if nothing would be left to train on.

    Folds in any order are the same training.
    """
    if folds is None:
        return None
    out = tuple(sorted(set(folds.without)))
    if out[-1] > folds.of:
        raise ValueError(f"without: got fold {out[-1]}, expected folds from 1 to {folds.of}")
    if len(out) == folds.of:
        raise ValueError(f"without: all {folds.of} folds are left out; leave one to train on")
    return dataclasses.replace(folds, without=out)


def fold_numbers(pairs: Sequence[Foldable], of: int, seed: int) -> NDArray[np.int64]:
    """The fold of each pair.

    Prompts are dealt in random order, those of one tag after those of another, each to the fold
    that has the fewest pairs of its tag, and among these to the smallest.

    Parameters
    ----------
    pairs
        The whole data set, shape (n,).
    of
        Number of folds, at least 2.
    seed
        Seed of the order.

    Returns
    -------
    Numbers 1 to `of`, shape (n,).

    Raises
    ------
    ValueError
        If there are fewer prompts than folds.
    """
    blocks = _blocks(pairs)
    if len(blocks) < of:
        raise ValueError(
            f"expected at least {of} prompts for {of} folds, got {counted(len(blocks), 'prompt')}"
        )
    order = np.random.default_rng([seed, 3]).permutation(len(blocks))
    strata: dict[tuple[str, ...], list[list[int]]] = {}
    for place in order:
        strata.setdefault(stratum(pairs[blocks[place][0]]), []).append(blocks[place])
    numbers = np.zeros(len(pairs), dtype=np.int64)
    total = np.zeros(of, dtype=np.int64)
    for name in sorted(strata):
        here = np.zeros(of, dtype=np.int64)
        # The largest first: what is dealt last evens out the sizes.
        for block in sorted(strata[name], key=len, reverse=True):
            fold = int(np.lexsort((total, here))[0])
            numbers[block] = fold + 1
            here[fold] += len(block)
            total[fold] += len(block)
    return numbers


def stratum(pair: Foldable) -> tuple[str, ...]:
    """What is spread evenly over the folds: the tags of a pair."""
    return tuple(sorted(pair.tags))


def _blocks(pairs: Sequence[Foldable]) -> list[list[int]]:
    """Rows that must not be divided: they share a group, or a prompt but for case and spaces."""
    parent = list(range(len(pairs)))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    first: dict[tuple[str, str], int] = {}
    for row, pair in enumerate(pairs):
        for key in _keys(pair):
            low, high = sorted((root(row), root(first.setdefault(key, row))))
            parent[high] = low
    members: dict[int, list[int]] = {}
    for row in range(len(pairs)):
        members.setdefault(root(row), []).append(row)
    return list(members.values())


def _keys(pair: Foldable) -> tuple[tuple[str, str], tuple[str, str]]:
    """What a pair shares with others that must be in its fold."""
    prompt = " ".join(prompt_text(pair.prompt).split()).casefold()
    return ("group", pair.group), ("prompt", prompt)


def folds_of_data(data: PreferenceData, of: int, seed: int) -> NDArray[np.int64]:
    """The fold of each pair of the data, shape (n,); their response sets are divided with them.

    Raises
    ------
    ValueError
        If there are no pairs, fewer prompts than folds, or a fold has no pairs.
    """
    if not data.pairs and data.sets:
        raise ValueError(
            f"expected pairs, by whose win rate models are judged, got "
            f"{counted(len(data.sets), 'response set')} and no pair; add some to data"
        )
    numbers = fold_numbers([*data.pairs, *data.sets], of, seed)[: len(data.pairs)]
    empty = sorted(set(range(1, of + 1)) - set(numbers.tolist()))
    if empty:
        raise ValueError(f"expected pairs in each of {of} folds, got none in fold {empty[0]}")
    return numbers


def remaining(pairs: Sequence[Example], folds: Folds | None) -> Sequence[Example]:
    """The pairs that are trained on: all of them without `folds`.

    Raises
    ------
    ValueError
        If there are fewer prompts than folds.
    """
    if folds is None:
        return pairs
    numbers = fold_numbers(pairs, folds.of, folds.seed)
    return [
        pair
        for pair, number in zip(pairs, numbers.tolist(), strict=True)
        if number not in folds.without
    ]


def beside(
    others: Sequence[Example], pairs: Sequence[Foldable], folds: Folds | None
) -> Sequence[Example]:
    """Those of `others` that share no prompt and no group with a pair that `folds` leave out.

    Parameters
    ----------
    others
        Further examples, which are in no fold.
    pairs
        The whole data that are divided into folds.
    """
    if folds is None:
        return others
    kept = set(map(id, remaining(pairs, folds)))
    out = {key for pair in pairs if id(pair) not in kept for key in _keys(pair)}
    return [other for other in others if not out.intersection(_keys(other))]
