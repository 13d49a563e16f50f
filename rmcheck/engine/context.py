"""The part of a run that a check sees: its suite's data, scores, and names for messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from rmcheck.checks import BASELINE, CANDIDATE, Changes, Check, ScoredPairs, SourceRef, Trainings
from rmcheck.checks.signature import signature
from rmcheck.data import Dialogue, Pairs, PreferencePair, sides_of
from rmcheck.data.preferences import PreferenceData
from rmcheck.engine.binding import Binding
from rmcheck.engine.book import ScoreBook
from rmcheck.engine.labels import beside_labels
from rmcheck.engine.reads import Reads
from rmcheck.engine.seeds import trainings_of
from rmcheck.errors import BaselineMissing, RmcheckError
from rmcheck.reward_source import KeptPair, Partial, Remembering, Seeded, Settled, Source
from rmcheck.spec import redacted
from rmcheck.suite import Suite
from rmcheck.verdict import Verdict
from rmcheck.wording import counted


@dataclass(frozen=True, eq=False)
class SuiteContext:
    """The engine's `Context` for the checks of one suite."""

    bound: Suite
    binding: Binding
    book: ScoreBook
    seed: int
    examples: int | None
    comparisons: int
    objective: str = ""
    seeds: int = 1
    early_stop: bool | None = None
    decided: dict[int, tuple[Verdict, Reads]] = field(default_factory=dict)
    """Verdicts by the id of their check, with what they rest on; shared by the contexts of a suite
    and its sources."""
    reads: Reads = field(default_factory=Reads)
    """What was read through this context."""

    @property
    def suite(self) -> str:
        """The suite's name."""
        return self.bound.name

    @property
    def data(self) -> PreferenceData:
        """The suite's data, as the objective labels them."""
        return self.bound.data.by_objective(self.objective)

    @property
    def siblings(self) -> Sequence[Check]:
        """All checks of the suite."""
        return self.bound.checks

    def scored(self, pairs: Sequence[PreferencePair], source: SourceRef = CANDIDATE) -> ScoredPairs:
        """Scores of both sides of `pairs`."""
        both = self.score(sides_of(pairs), source)
        return ScoredPairs(pairs, both[0::2], both[1::2])

    def score(
        self, dialogues: Sequence[Dialogue], source: SourceRef = CANDIDATE
    ) -> NDArray[np.float64]:
        """Scores of any dialogues, shape (n,)."""
        asked = self._source(source)
        self.reads.got(of_objective(source, self.objective), asked, dialogues)
        return self.book.scores(asked, dialogues)

    @property
    def candidate(self) -> Source:
        """The source under test; a score file as this suite sees it."""
        return self._source(CANDIDATE)

    def _source(self, ref: SourceRef) -> Source:
        """The source that `ref` means; a score file as this suite sees it."""
        return self.book.view(self._bound_to(ref), self.suite)

    def _bound_to(self, ref: SourceRef) -> Source:
        full = of_objective(ref, self.objective)
        try:
            found = self.binding.source(full)
        except RmcheckError:
            self.reads.complete = False
            raise
        self.reads.met(full)
        return found

    def comparable(
        self, pairs: Sequence[PreferencePair]
    ) -> tuple[Sequence[PreferencePair], list[str]]:
        """The pairs that the baseline knows as they are now, and the ids of the others."""
        source = self._source(BASELINE)
        if not isinstance(source, Partial):
            return pairs, []
        there = self.book.known_pairs(source, pairs)
        if all(there):
            return pairs, []
        known = list(compress(pairs, there))
        others = [pair.id for pair, found in zip(pairs, there, strict=True) if not found]
        if pairs and not known and not self.changes(pairs).dropped:
            raise BaselineMissing(
                f"{self.binding.baseline_name} has none of the {counted(len(pairs), 'pair')} of "
                f"{self.suite}; bless a run that includes this suite: rmcheck bless"
            )
        return known, others

    def changes(self, pairs: Sequence[PreferencePair]) -> Changes:
        """How `pairs` differ from the baseline's: added, edited, removed and retagged ones."""
        source = self._source(BASELINE)
        if not isinstance(source, Partial):
            return Changes()
        if isinstance(source, Settled):
            tags = source.unchanged(self.data.pairs)
            if tags is not None:
                return Changes(tags=tags)
        kept = source.kept() if isinstance(source, Remembering) else {}
        now = _current_ids(kept, self.data.pairs)
        seen = source.ids() - {name for name, current in now.items() if current not in ("", name)}
        there = self.book.known_pairs(source, pairs)
        unlike = [pair.id for pair, found in zip(pairs, there, strict=True) if not found]
        return Changes(
            added=tuple(each for each in unlike if each not in seen),
            edited=tuple(each for each in unlike if each in seen),
            removed=tuple(sorted(name for name, current in now.items() if not current)),
            tags={now[name] or name: row.tags for name, row in kept.items()},
        )

    def known(self, pairs: Pairs) -> Sequence[PreferencePair]:
        """Those of the pairs whose scores by the candidate are there, without scoring any."""
        if self.has_scored(pairs):
            return pairs
        source = self._source(CANDIDATE)
        if isinstance(source, Partial):
            return list(compress(pairs, self.book.known_pairs(source, pairs)))
        return [pair for pair in pairs if self.has_scored([pair])]

    def has_scored(self, pairs: Sequence[PreferencePair], source: SourceRef = CANDIDATE) -> bool:
        """Whether a source's scores of all these pairs are there, without scoring any."""
        return self.book.knows(self._source(source), sides_of(pairs))

    def trainings(self, source: SourceRef = CANDIDATE, count: int | None = None) -> Trainings:
        """The trainings of a recipe, or the source alone."""
        return trainings_of(self._source(source), source, self.seeds if count is None else count)

    def side(self, objective: str) -> SuiteContext:
        """The same for another objective of the model."""
        return replace(self, objective=objective)

    def verdict(self, check: Check) -> Verdict:
        """The verdict of a check of this suite, decided once; it sees its own objective."""
        if id(check) not in self.decided:
            side = replace(self, objective=check.objective or "", reads=Reads())
            verdict = self.asked(check).judge(side)
            self.decided[id(check)] = (
                beside_labels(verdict, self.bound, side.objective),
                side.reads,
            )
        verdict, reads = self.decided[id(check)]
        self.reads.add(reads)
        return verdict

    def asked(self, check: Check) -> Check:
        """The check with or without early stopping, where the settings say which.

        A comparison of several trainings looks at all pairs.
        """
        if check.trainings_asked(self.seeds) > 1 and isinstance(self.binding.candidate, Seeded):
            return check.stopping(False)
        return check if self.early_stop is None else check.stopping(self.early_stop)

    def offers(self, capability: type, source: SourceRef = CANDIDATE) -> bool:
        """Whether the source has a capability."""
        return isinstance(self._bound_to(source), capability)

    def name(self, source: SourceRef = CANDIDATE) -> str:
        """The baseline's name, or the source's spec."""
        if source.role == "baseline":
            return self.binding.baseline_name
        return redacted(self._bound_to(source).spec)

    def signature(self, kind: str, facts: Mapping[str, object]) -> str:
        """All that could change the number, on one line."""
        candidate = self._bound_to(CANDIDATE)
        source = f"{redacted(candidate.spec)}@{(candidate.fingerprint or 'session')[:8]}"
        data = f"{self.suite}@{self.data.hash[:8]}"
        return signature(kind, source, data, facts, seed=self.seed)


def _current_ids(
    kept: Mapping[str, KeptPair], pairs: Sequence[PreferencePair]
) -> Mapping[str, str]:
    """The id that each kept pair has in the data now: by its texts, else its own; "" if removed."""
    hashes = {pair.id: pair.hash for pair in pairs}
    by_text = {pair.hash: pair.id for pair in pairs}
    current = {}
    for name, row in kept.items():
        same = name if hashes.get(name) in row.hashes else ""
        moved = (by_text[stamp] for stamp in row.hashes if stamp in by_text)
        current[name] = same or next(moved, name if name in hashes else "")
    return current


def of_objective(ref: SourceRef, objective: str) -> SourceRef:
    """The reference for a check that names an objective; one that names its own keeps it."""
    return replace(ref, objective=objective) if objective and not ref.objective else ref
