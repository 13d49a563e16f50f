"""The search itself: a sweep over single transformations, chains in batches, then aimed chains."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from rmcheck.checks.adversarial.chain import Chain, Move
from rmcheck.checks.adversarial.claim import Breach, Claim
from rmcheck.checks.adversarial.ledger import Ledger
from rmcheck.checks.adversarial.novelty import features
from rmcheck.checks.adversarial.parts import UNITS
from rmcheck.data import Dialogue
from rmcheck.perturb import Promise, Transformation

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

LONGEST = 4
"""The most transformations of a chain."""
STRENGTHS = (1.0, 0.5, 0.2)
_ATTEMPTS = 8
"""So many changes are made of which the sweep scores the one with most that is new."""


@dataclass(frozen=True)
class Subject:
    """A response that is attacked.

    `above` is the response that it beats, `below` the one that beats it, in a pair that the model
    has right; `best` is the best honest response to its prompt, and None where no temptation is
    tried.
    """

    dialogue: Dialogue
    best: str | None = None
    above: str | None = None
    below: str | None = None

    def claim(self, after: Dialogue, promise: Promise) -> Claim:
        """What is claimed of a changed text."""
        if promise == "tempts":
            return Claim(promise, self.dialogue, after, below=self.best)
        if promise == "degrades":
            return Claim(promise, self.dialogue, after)
        return Claim(promise, self.dialogue, after, self.above, self.below)


@dataclass(frozen=True)
class Find:
    """A changed text that breaks its promise."""

    chain: Chain
    claim: Claim
    breach: Breach


@dataclass(frozen=True)
class _Tried:
    chain: Chain
    claim: Claim


class Hunt:
    """Looks for texts that break a promise.

    Parameters
    ----------
    subjects
        The responses to change.
    transformations
        What may be done to them.
    ledger
        Scores, and how many texts may be scored.
    seed
        The same seed, texts and scores give the same search.
    """

    def __init__(
        self,
        subjects: Sequence[Subject],
        transformations: Sequence[Transformation],
        ledger: Ledger,
        seed: int,
    ) -> None:
        self._rng = random.Random(seed)
        self._seed = seed
        self.subjects = self._rng.sample(list(subjects), len(subjects))
        self.transformations = tuple(transformations)
        self.ledger = ledger
        self._seen: set[Hashable] = set()
        self._prompts: set[Hashable] = set()
        self._sizes: dict[str, float] = {}
        self.applied: set[str] = set()
        """Names of the transformations that changed a text."""
        self.tried: set[str] = set()
        """Names of those of which a text was scored."""
        self.texts: set[Dialogue] = set()
        """The responses of which a changed text was scored."""

    def run(self) -> list[Find]:
        """The finds of the first stage that has any, the largest breach of each chain's names.

        Each stage may use the budget up to a share of it: what is found early leaves more texts
        for making it smaller.
        """
        if not self.subjects or not self.transformations:
            return []
        budget = self.ledger.budget
        return _one_each(
            self._sweep(budget * 3 // 8, budget * 3 // 4)
            or self._drawn(budget * 5 // 8)
            or self._aimed(budget * 7 // 8)
        )

    def others(self, dialogue: Dialogue) -> list[Dialogue]:
        """A few dialogues of other prompts, for a transformation that borrows."""
        dialogues = (each.dialogue for each in self.subjects)
        return [*islice((each for each in dialogues if each.prompt != dialogue.prompt), 20)]

    def made(self, subject: Subject, chain: Chain) -> _Tried | None:
        """A chain applied to a text; None where it changes nothing."""
        after = chain.applied(subject.dialogue, self.others(subject.dialogue))
        if after is None:
            return None
        dialogue, used = after
        if used.promise == "tempts" and subject.best is None:
            return None
        self.applied.update(used.names)
        # The key of a new text: sources with scores of known texts only say so then.
        dialogue = replace(dialogue, key=f"{subject.dialogue.key}~changed")
        return _Tried(used, subject.claim(dialogue, used.promise))

    def _judged(self, tried: Sequence[_Tried], until: int) -> list[Find]:
        """Each with its breach, broken or not; one batch, up to so many texts of the ledger."""
        room = max(0, until - self.ledger.used)
        breaches = self.ledger.judge([each.claim for each in tried], room)
        found = []
        for each, breach in zip(tried, breaches, strict=True):
            if breach is None:
                continue
            self.tried.update(each.chain.names)
            self.texts.add(each.claim.before)
            for name in each.chain.names:
                self._sizes[name] = max(self._sizes.get(name, breach.size), breach.size)
            found.append(Find(each.chain, each.claim, breach))
        return found

    def _news(self, tried: _Tried) -> set[Hashable]:
        return features(tried.claim.before, tried.claim.after) - self._seen

    def _sweep(self, until: int, most: int) -> list[Find]:
        """Single transformations in turn, each time the change with most that is new.

        The first turn takes every transformation, if `most` texts allow it, and is one batch; all
        other turns are another one, since what is new does not depend on scores.
        """
        found = _broken(self._judged(self._turn(thorough=True), most))
        if found:
            return found
        batch: dict[Claim, _Tried] = {}
        while len(batch) < until - self.ledger.used:
            turn = {each.claim: each for each in self._turn(thorough=False)}
            if turn.keys() <= batch.keys():
                break
            batch |= turn
        return _broken(self._judged([*batch.values()], until))

    def _turn(self, *, thorough: bool) -> list[_Tried]:
        """One change by each transformation that has something new, or changes a new prompt."""
        turn = []
        for each in self.transformations:
            tried = self._newest(each, thorough=thorough)
            if tried is not None:
                self._seen |= self._news(tried)
                self._prompts.add(tried.claim.before.prompt)
                turn.append(tried)
        return turn

    def _newest(self, transformation: Transformation, *, thorough: bool) -> _Tried | None:
        """The change with most that is new; the first one if `thorough`, which tries all texts.

        A change of a prompt of which no text was changed comes before all others.
        """
        best, most = None, (False, 0)
        numbers = range(len(self.subjects))
        others = [n for n in numbers if self.subjects[n].dialogue.prompt not in self._prompts]
        for attempt in range(len(self.subjects) if thorough else _ATTEMPTS):
            if attempt >= _ATTEMPTS and best is not None:
                break
            drawn = self._rng.choice(others if others and attempt % 2 else numbers)
            number = drawn if attempt < _ATTEMPTS else attempt
            strength = 1.0 if thorough else self._rng.choice(STRENGTHS)
            move = Move(transformation, self._rng.randrange(2**16), strength)
            tried = self.made(self.subjects[number], Chain((move,)))
            if tried is None:
                continue
            news = len(self._news(tried))
            rank = (tried.claim.before.prompt not in self._prompts, news)
            if rank > most or (thorough and best is None):
                best, most = tried, rank
        return best

    def _drawn(self, until: int) -> list[Find]:
        """Chains that Hypothesis draws, those with something new first, in one batch."""
        wanted = until - self.ledger.used
        if wanted <= 0:
            return []
        pool: dict[Claim, _Tried] = {}

        def note(number: int, chain: Chain) -> None:
            tried = self.made(self.subjects[number], chain)
            if tried is not None:
                pool.setdefault(tried.claim, tried)

        self._search(note, 2 * wanted)
        return _broken(self._judged(self._new_first(pool.values()), until))

    def _new_first(self, pool: Iterable[_Tried]) -> list[_Tried]:
        fresh: list[_Tried] = []
        rest: list[_Tried] = []
        for tried in pool:
            news = self._news(tried)
            (fresh if news else rest).append(tried)
            self._seen |= news
        return [*fresh, *rest]

    def _aimed(self, until: int) -> list[Find]:
        """Chains one by one; Hypothesis goes where the breach grows."""
        from hypothesis import target

        found: list[Find] = []

        def look(number: int, chain: Chain) -> None:
            tried = self.made(self.subjects[number], chain)
            if tried is None:
                return
            for find in self._judged([tried], until):
                target(find.breach.size)
                if find.breach.size > 0:
                    found.append(find)
            if found or self.ledger.used >= until:
                raise _Ended

        with contextlib.suppress(_Ended):
            # Some chains change nothing, and some give a text that was scored before.
            self._search(look, max(1, 3 * (until - self.ledger.used)), aimed=True)
        return found[:1]

    def _search(
        self, body: Callable[[int, Chain], None], examples: int, *, aimed: bool = False
    ) -> None:
        from hypothesis import Phase
        from hypothesis import strategies as st

        from rmcheck.checks.quiet_search import search

        numbers = st.integers(0, len(self.subjects) - 1)
        phases = (Phase.generate, Phase.target) if aimed else (Phase.generate,)
        search(body, numbers, self._chains(), seed=self._seed, examples=examples, phases=phases)

    def _chains(self) -> SearchStrategy[Chain]:
        """Chains of one to four moves; what came nearest to a breach so far is drawn more often."""
        from hypothesis import strategies as st

        ranked = sorted(self.transformations, key=lambda each: -self._sizes.get(each.name, -9e9))
        near = ranked[: max(1, len(ranked) // 4)]
        moves = st.builds(
            Move,
            transformation=st.sampled_from(ranked) | st.sampled_from(near),
            seed=st.integers(0, 2**16),
            strength=st.sampled_from(STRENGTHS),
            unit=st.sampled_from(UNITS),
            first=st.integers(0, 11),
            count=st.integers(1, 3),
        )
        chains = st.lists(moves, min_size=1, max_size=LONGEST)
        return chains.map(lambda drawn: Chain(tuple(drawn)))


class _Ended(BaseException):
    """Ends the aimed search at once: Hypothesis would take an Exception for a failing example."""


def _broken(judged: Sequence[Find]) -> list[Find]:
    return [find for find in judged if find.breach.size > 0]


def _one_each(found: Sequence[Find]) -> list[Find]:
    """The largest breach of each set of transformations, largest first."""
    best: dict[tuple[str, ...], Find] = {}
    for find in sorted(found, key=lambda each: -each.breach.size):
        best.setdefault(find.chain.names, find)
    return list(best.values())
