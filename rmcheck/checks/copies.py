"""Changed copies of the texts of pairs: by transformations, and those that the data bring."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import overload

from rmcheck.checks.check import Context
from rmcheck.data import Dialogue, PreferencePair
from rmcheck.data.dialogue import Promise, content_hash
from rmcheck.errors import Unscorable, UsageError
from rmcheck.perturb import OUR_NAMES, Transformation
from rmcheck.reward_source import Partial

VARIANTS = "variants"
"""In a list of transformations: the changed texts that the pairs bring with them."""

_OTHERS = 8
"""So many dialogues of other prompts a transformation that borrows can choose from."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Copies:
    """The texts of n pairs after one change.

    Parameters
    ----------
    name
        What is reported: the name of the transformation, or of the variants.
    families
        The groups that it belongs to.
    changes_prompt
        Whether both sides of a pair have another prompt, so that only copies can be compared.
    chosen, rejected
        (n,) copies of the two sides; None where the change does not apply.
    transformation
        What made the copies; None for variants.
    """

    name: str
    families: tuple[str, ...]
    changes_prompt: tuple[bool, ...]
    chosen: tuple[Dialogue | None, ...]
    rejected: tuple[Dialogue | None, ...]
    transformation: Transformation | None = None

    @property
    def dialogues(self) -> Iterator[Dialogue]:
        """All copies, those of the chosen response first in each pair."""
        for both in zip(self.chosen, self.rejected, strict=True):
            yield from (copy for copy in both if copy is not None)

    @property
    def applies(self) -> bool:
        """Whether there is any copy."""
        return any(True for _ in self.dialogues)


class WithCopies(Sequence[Dialogue]):
    """Texts, and copies of them that are made when they are asked for.

    A score file, which cannot score copies, is asked for the first text only: of a million pairs,
    no copy is made in vain.
    """

    def __init__(self, own: Sequence[Dialogue], copies: Callable[[], Iterable[Dialogue]]) -> None:
        self._own = own
        self._copies = copies

    @cached_property
    def _all(self) -> list[Dialogue]:
        return [*self._own, *self._copies()]

    def __len__(self) -> int:
        return len(self._all)

    @overload
    def __getitem__(self, index: int) -> Dialogue: ...

    @overload
    def __getitem__(self, index: slice) -> list[Dialogue]: ...

    def __getitem__(self, index: int | slice) -> Dialogue | list[Dialogue]:
        return self._all[index]

    def __iter__(self) -> Iterator[Dialogue]:
        yield from self._own
        yield from self._all[len(self._own) :]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WithCopies) and self._all == other._all

    __hash__ = None  # type: ignore[assignment]


def scores_copies(ctx: Context) -> None:
    """Raise, before any copy is made, where the source has scores of its own texts only.

    Raises
    ------
    Unscorable
        For a score file.
    """
    if ctx.offers(Partial):
        raise Unscorable(f"{ctx.name()} has scores of its own texts only; it cannot score new text")


def copies_of(
    pairs: Sequence[PreferencePair],
    transformations: Sequence[Transformation],
    *,
    seed: int,
    strength: float,
) -> list[Copies]:
    """The copies of both sides of each pair, a `Copies` for each transformation.

    Raises
    ------
    TransformationError
        For a transformation of another package that cannot be used.
    """
    texts = tuple(side for pair in pairs for side in pair.dialogues())
    groups = tuple(pair.group for pair in pairs for _ in range(2))
    found = []
    for each in transformations:
        copies = changed(texts, groups, each, seed=seed, strength=strength)
        found.append(
            Copies(
                name=each.name,
                families=each.groups,
                changes_prompt=(each.touches != "response",) * len(pairs),
                chosen=copies[0::2],
                rejected=copies[1::2],
                transformation=each,
            )
        )
    return found


def variants_of(pairs: Sequence[PreferencePair], promise: Promise) -> list[Copies]:
    """The variants of a promise that the pairs bring, a `Copies` for each name, in its order.

    Raises
    ------
    UsageError
        For a variant with the name of one of our transformations, or with a name that reports make.
    """
    names: dict[str, None] = {}
    for pair in pairs:
        for each in pair.variants:
            if each.promise == promise and each.name not in names:
                _refuse_taken(each.name, pair)
                names[each.name] = None
    found = []
    for name in names:
        chosen: list[Dialogue | None] = []
        rejected: list[Dialogue | None] = []
        prompts: list[bool] = []
        for pair in pairs:
            own = (each for each in pair.variants if (each.name, each.promise) == (name, promise))
            variant = next(own, None)
            copies = (None, None) if variant is None else pair.varied(variant)
            chosen.append(copies[0])
            rejected.append(copies[1])
            prompts.append(variant is not None and variant.prompt is not None)
        found.append(
            Copies(
                name=name,
                families=(VARIANTS,),
                changes_prompt=tuple(prompts),
                chosen=tuple(chosen),
                rejected=tuple(rejected),
            )
        )
    return found


def _refuse_taken(name: str, pair: PreferencePair) -> None:
    reason = ""
    if name in OUR_NAMES:
        reason = "this is the name of a transformation"
    elif name.endswith(f" ({VARIANTS})"):
        reason = f"names that end in '({VARIANTS})' are kept for reports"
    if reason:
        raise UsageError(f"pair '{pair.id}': variant '{name}': {reason}; choose another name")


def changed(
    texts: Sequence[Dialogue],
    groups: Sequence[str],
    transformation: Transformation,
    *,
    seed: int,
    strength: float,
) -> tuple[Dialogue | None, ...]:
    """A copy of each text, (n,); None where the transformation does not apply.

    Copies that were made before are found again: a check is asked for what it needs several times.

    Parameters
    ----------
    texts : (n,) dialogues.
    groups : (n,) their groups; a text that borrows does so from another group.

    Raises
    ------
    TransformationError
        For a transformation of another package that cannot be used.
    """
    keys = tuple(text.key for text in texts)
    return _changed(tuple(texts), keys, tuple(groups), transformation, seed, strength)


@lru_cache(maxsize=256)
def _changed(
    texts: tuple[Dialogue, ...],
    keys: tuple[str, ...],  # noqa: ARG001  # equal texts may have other keys, as do their copies
    groups: tuple[str, ...],
    transformation: Transformation,
    seed: int,
    strength: float,
) -> tuple[Dialogue | None, ...]:
    others = neighbours(texts, groups) if transformation.borrows else {}
    found = []
    for text, group in zip(texts, groups, strict=True):
        found.append(
            transformation.copy(text, seed=seed, strength=strength, others=others.get(group, ()))
        )
    return tuple(found)


@lru_cache(maxsize=4)
def neighbours(
    texts: tuple[Dialogue, ...], groups: tuple[str, ...]
) -> Mapping[str, tuple[Dialogue, ...]]:
    """What a transformation can borrow from: for each group, dialogues of some other groups.

    They are one of each of the next groups in the order of their hashes, so that the order of the
    texts makes no difference.
    """
    first: dict[str, Dialogue] = {}
    for text, group in zip(texts, groups, strict=True):
        kept = first.get(group)
        if kept is None or text.hash < kept.hash:
            first[group] = text
    order = sorted(
        first, key=lambda group: hashlib.sha256(group.encode("utf-8", "surrogatepass")).digest()
    )
    most = min(_OTHERS, len(order) - 1)
    return {
        group: tuple(first[order[(place + step) % len(order)]] for step in range(1, most + 1))
        for place, group in enumerate(order)
    }


def stamp(copies: Sequence[Dialogue]) -> str:
    """8 hex digits over the texts of copies in any order, for signatures."""
    return content_hash(*sorted({copy.hash for copy in copies}))[:8]
