"""From a find to the smallest: the shortest chain, then the fewest words, then characters."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rmcheck.checks.adversarial.chain import Chain
from rmcheck.checks.adversarial.claim import Breach, Claim
from rmcheck.checks.adversarial.edit import Atom, alike, atoms, edited, insertion
from rmcheck.checks.adversarial.hunt import Find, Hunt, Subject
from rmcheck.data import Dialogue
from rmcheck.data.dialogue import prompt_text
from rmcheck.verdict import Step

_WORD = re.compile(r"\w")
SPARE = 0.25
"""A smaller text must break the limit by this share of it, or by as much as the first find: one
on the limit itself would hold as soon as the standard deviation of the scores moves a little."""
MOST_REMOVALS = 40
"""So many texts at most are scored to leave out parts that the bisection has kept."""


@dataclass(frozen=True)
class Smallest:
    """A find after shrinking, and the way there; `complete` unless the budget ended it."""

    find: Find
    steps: tuple[Step, ...]
    complete: bool


class Shrinker:
    """Makes a find smaller while its promise stays clearly broken.

    Every text that it tries has a part of the changes that the first find had, and its score moves
    in the same direction.
    """

    def __init__(self, hunt: Hunt) -> None:
        self._hunt = hunt
        self._ledger = hunt.ledger
        self._short = False
        self._rises = True
        self._first = 0.0

    def smallest(self, find: Find) -> Smallest:
        """The smallest text on the way down, and each text on that way."""
        self._short = False
        self._rises = find.breach.after > find.breach.before
        self._first = find.breach.size
        way = [(f"first found: {find.chain}", find)]
        shorter = self._shorter(find)
        way.append((f"shortest chain: {shorter.chain}", shorter))
        if alike(find.claim.before, shorter.claim.after):
            way.append(("fewest words", self._fewer(shorter)))
            way.append(("fewest characters", self._characters(way[-1][1])))
        texts = [each.claim.after for _, each in way]
        steps = [
            _step(label, each)
            for place, (label, each) in enumerate(way)
            if place == 0 or texts[place] != texts[place - 1]
        ]
        return Smallest(way[-1][1], tuple(steps), complete=not self._short)

    def _breaks(self, claim: Claim, after: Dialogue) -> Find | None:
        """The find of a smaller text, if that still breaks the promise."""
        if after == claim.before:
            return None
        smaller = claim.changed(after)
        breach = self._ledger.judge([smaller])[0]
        if breach is None:
            self._short = True
            return None
        if not self._clear(breach) or (breach.after > breach.before) != self._rises:
            return None
        return Find(Chain(()), smaller, breach)

    def _clear(self, breach: Breach) -> bool:
        return breach.size > 0 and breach.size >= min(SPARE * breach.limit, self._first)

    def _shorter(self, find: Find) -> Find:
        """The shortest part of the chain that breaks the promise; one length at a time."""
        origin = next(each for each in self._hunt.subjects if each.dialogue == find.claim.before)
        for chains in find.chain.shorter():
            found = self._all_of(origin, find.claim, chains)
            if found:
                return max(found, key=lambda each: each.breach.size)
        return find

    def _all_of(self, origin: Subject, claim: Claim, chains: Sequence[Chain]) -> list[Find]:
        made = [tried for chain in chains if (tried := self._hunt.made(origin, chain))]
        # A part of a tempting chain may only preserve; then it is claimed of that.
        breaches = self._ledger.judge([each.claim for each in made])
        self._short |= None in breaches
        return [
            Find(each.chain, each.claim, breach)
            for each, breach in zip(made, breaches, strict=True)
            if breach is not None and self._clear(breach)
        ]

    def _fewer(self, find: Find) -> Find:
        """The fewest words: the shortest start of the changes, its shortest end, then gaps."""
        claim, best = find.claim, find
        kept = atoms(claim.before, claim.after)

        def breaks(changes: Sequence[Atom]) -> bool:
            nonlocal best
            smaller = self._breaks(claim, edited(claim.before, changes))
            if smaller is not None:
                best = replace(smaller, chain=find.chain)
            return smaller is not None

        kept = kept[: _least(len(kept), lambda count: breaks(kept[:count]))]
        count = _least(len(kept), lambda count: breaks(kept[len(kept) - count :]))
        kept = kept[len(kept) - count :]
        if len(kept) > 1 and not self._short:
            self._without(kept, breaks)
        return best

    def _without(self, kept: list[Atom], breaks: Callable[[Sequence[Atom]], bool]) -> None:
        """Delta debugging: leave out halves, quarters, … while the promise stays broken."""
        tried, size = 0, len(kept) // 2
        while size and tried < MOST_REMOVALS and not self._short:
            start = 0
            while start < len(kept) and tried < MOST_REMOVALS and len(kept) > 1:
                rest = [*kept[:start], *kept[start + size :]]
                tried += 1
                if rest and breaks(rest):
                    kept = rest
                else:
                    start += size
            size //= 2

    def _characters(self, find: Find) -> Find:
        """The fewest characters of what was put in, where that is one text."""
        claim, best = find.claim, find
        found = insertion(claim.before, claim.after)
        if found is None or (claim.promise == "preserves" and _WORD.search(found.new)):
            return find  # half a word does not preserve a text

        def breaks(begin: int, end: int) -> bool:
            nonlocal best
            smaller = self._breaks(claim, found.only(claim.before, begin, end))
            if smaller is not None:
                best = replace(smaller, chain=find.chain)
            return smaller is not None

        end = _least(len(found.new), lambda count: breaks(0, count))
        _least(end, lambda count: breaks(end - count, end))
        return best


def _least(most: int, holds: Callable[[int], bool]) -> int:
    """A count for which `holds`, and not for the one below, by bisection; it holds for `most`."""
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle
    return high


def _step(label: str, find: Find) -> Step:
    before, after = find.claim.before, find.claim.after
    only_prompt = after.response == before.response
    text = after.response
    if only_prompt:
        text = prompt_text(after.prompt)
    return Step(label=label, text=text, score=find.breach.after)
