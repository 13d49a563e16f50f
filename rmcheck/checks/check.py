"""The base class of checks, two pure functions, and the types that they use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Protocol, Self

import numpy as np
from annotated_types import Ge, Le, MinLen
from numpy.typing import NDArray

from rmcheck.checks.docstring import described
from rmcheck.data import Dialogue, Pairs, PreferencePair, sides_of
from rmcheck.data.preferences import PreferenceData
from rmcheck.errors import RmcheckError
from rmcheck.registry import summary
from rmcheck.slices.where import Slice
from rmcheck.verdict import PinResult, Verdict

Share = Annotated[float, Ge(0), Le(1)]
"""A number in [0, 1]."""


class CannotDecide(RmcheckError):
    """A check cannot be decided for this source (it is not a recipe, say); it is skipped."""


@dataclass(frozen=True)
class SourceRef:
    """The source of a need: a variant of the candidate, of the baseline or of a spec.

    `flip_rate` and `flip_seed` select the recipe retrained with noisy labels, `head_scale` the
    model with its scalar head times a constant, `objective` one of a model's several rewards,
    `seed` the recipe trained with another seed (None: the recipe as it is). With `probe` the same
    texts are scored again in a separate pass of that name: do scores depend on their batch?
    """

    role: Literal["candidate", "baseline", "other"] = "candidate"
    spec: str = ""
    flip_rate: float = 0.0
    flip_seed: int = 0
    head_scale: float = 1.0
    probe: str = ""
    objective: str = ""
    seed: int | None = None


CANDIDATE = SourceRef()
BASELINE = SourceRef(role="baseline")


@dataclass(frozen=True)
class Need:
    """Dialogues that must have been scored by a source before a check is judged.

    `only`: a capability without which the source is not asked; the check is then skipped. `seeds`:
    of a recipe, so many trainings with different seeds (None: as many as the run compares).
    `new_text`: the other trainings are needed only if the baseline can score new text too.
    """

    source: SourceRef
    dialogues: Sequence[Dialogue]
    only: type | None = None
    seeds: int | None = 1
    new_text: bool = False


@dataclass(frozen=True)
class Trainings:
    """The trainings of a recipe that a comparison looks at: who scores, and with which seeds.

    `refs` has at least one source, the recipe as it is first; `seeds` has the seed of each, and is
    empty for a source that is not a recipe.
    """

    refs: tuple[SourceRef, ...]
    seeds: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class ScoredPairs:
    """Pairs and their scores: `chosen` and `rejected` are float64 of shape (n,)."""

    pairs: Sequence[PreferencePair]
    chosen: NDArray[np.float64]
    rejected: NDArray[np.float64]

    @cached_property
    def margins(self) -> NDArray[np.float64]:
        """chosen - rejected, shape (n,)."""
        return self.chosen - self.rejected

    @cached_property
    def table(self) -> Pairs:
        """The pairs with their columns."""
        return self.pairs if isinstance(self.pairs, Pairs) else Pairs(self.pairs)

    @property
    def groups(self) -> list[str]:
        """The group of each pair."""
        return self.table.groups

    def take(self, rows: Sequence[int] | NDArray[np.intp]) -> ScoredPairs:
        """Some of the rows, in the order given."""
        index = np.asarray(rows, dtype=np.intp)
        return ScoredPairs(
            [self.pairs[row] for row in index], self.chosen[index], self.rejected[index]
        )


@dataclass(frozen=True)
class Changes:
    """How a suite's data differ from what the baseline scored: ids of pairs.

    `edited` pairs have other texts than in the baseline, `added` pairs are not in the baseline;
    comparisons leave both out. `removed` pairs are in the baseline but no longer in the data.
    `retagged` pairs are still in the data, but a check's `where` no longer selects them. `tags`
    are those in the baseline, by the current id of a pair. A pair with the same texts but another
    id is unchanged. `unsure` are those of `edited` and `removed` of which nobody knows whether a
    check's `where` selected them then: it depends on more than tags, and a baseline keeps no texts.
    """

    added: tuple[str, ...] = ()
    edited: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    retagged: tuple[str, ...] = ()
    tags: Mapping[str, Sequence[str]] = field(default_factory=dict)
    unsure: tuple[str, ...] = ()

    @property
    def dropped(self) -> tuple[str, ...]:
        """Pairs of the baseline that a comparison leaves out."""
        return (*self.edited, *self.removed, *self.retagged)


class Context(Protocol):
    """What `judge` can use. The engine implements it; tests have their own implementation."""

    @property
    def suite(self) -> str:
        """The suite's name."""

    @property
    def data(self) -> PreferenceData:
        """The suite's pairs and response sets."""

    @property
    def siblings(self) -> Sequence[Check]:
        """All checks of the suite, this one included."""

    @property
    def seed(self) -> int:
        """The seed of the run."""

    @property
    def examples(self) -> int | None:
        """How many examples a search draws, when the command line says so."""

    @property
    def comparisons(self) -> int:
        """m: how many required comparisons the run collected, at least 1."""

    def scored(self, pairs: Sequence[PreferencePair], source: SourceRef = CANDIDATE) -> ScoredPairs:
        """Scores of both sides of `pairs`, from the cache where they are there."""

    def score(
        self, dialogues: Sequence[Dialogue], source: SourceRef = CANDIDATE
    ) -> NDArray[np.float64]:
        """Scores of any dialogues, shape (n,)."""

    def comparable(
        self, pairs: Sequence[PreferencePair]
    ) -> tuple[Sequence[PreferencePair], list[str]]:
        """The pairs that the baseline knows just as they are now; the ids that it does not."""

    def changes(self, pairs: Sequence[PreferencePair]) -> Changes:
        """Of `pairs`, those added or edited since the baseline; and what is gone from the suite."""

    def trainings(self, source: SourceRef = CANDIDATE, count: int | None = None) -> Trainings:
        """So many trainings of a recipe (None: as many as the run compares), or the source alone.

        A baseline has as many as were blessed, whatever `count` is.
        """

    def side(self, objective: str) -> Context:
        """The same for another objective of the model."""

    def verdict(self, check: Check) -> Verdict:
        """The verdict of another check of the suite, which a run decides once."""

    def offers(self, capability: type, source: SourceRef = CANDIDATE) -> bool:
        """Whether the source has a capability (`Retrainable`, `Rescalable`)."""

    def name(self, source: SourceRef = CANDIDATE) -> str:
        """How messages call the source (`recipe:tiny`, `main`)."""

    def signature(self, kind: str, facts: Mapping[str, object]) -> str:
        """All that could change the number, on one line."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """A requirement on a reward source. The fields of a subclass are its YAML keys.

    A check never calls a model: `needs` returns what must be scored by which source, `judge` turns
    scores into a verdict. Both are pure.

    Parameters
    ----------
    name
        the check's id within its suite (default: the kind)
    where
        which pairs the check uses: `tags`, `without_tags`, `all_tags`, `min_confidence`,
        `max_confidence`, `shorter`, and what is true of their texts: `prompt`, `chosen`,
        `rejected`, `length_ratio`, `same_start`, `turns` (see
        [slices.md](slices.md#the-conditions-of-where))
    objective
        which output of a model with several it judges, or a weighted sum
        (`0.7*helpful+0.3*harmless`); default: that of the suite
    gate
        `required` or `advisory` (default: that of the suite)
    """

    kind: ClassVar[str]
    sentence: ClassVar[str] = ""
    """What it asks, for readers of a report; `about` falls back to the docstring."""

    rejudged: ClassVar[bool] = True
    """Whether `scale_invariance` may judge it again on mapped scores (it trains nothing)."""
    one_objective: ClassVar[bool] = True  # so a suite's `objective` is meant for it

    name: str | None = None
    where: Slice | None = None
    objective: Annotated[str, MinLen(1)] | None = None
    gate: Literal["required", "advisory"] | None = None

    @property
    def compares(self) -> bool:
        """Whether it compares with the baseline and so takes a share of alpha."""
        return False

    @property
    def scale_free(self) -> bool:
        """Whether its decision stays when all scores are mapped by a·r + b, a > 0."""
        return True

    @property
    def label(self) -> str:
        """The check's name within its suite: the YAML `name`, or the kind."""
        return self.name or self.kind

    def select(self, data: PreferenceData) -> Pairs:
        """The pairs that this check looks at."""
        return data.part(self.where, None if self.where is None else self.where.holds)

    def needs(self, data: PreferenceData) -> list[Need]:
        """What must have been scored: by default, the selected pairs by the candidate."""
        return [Need(CANDIDATE, sides_of(self.select(data)))]

    def rounds(self, data: PreferenceData) -> Sequence[Sequence[Need]]:
        """`needs` in rounds, each without those before; most checks need all at once."""
        return [self.needs(data)]

    def settled(self, ctx: Context, rounds: int) -> bool:
        """Whether it can be judged on the needs of the first `rounds` rounds alone."""
        return True

    def stopping(self, early: bool) -> Self:
        """The check with or without early stopping; most kinds have none."""
        return self

    def trainings_asked(self, count: int) -> int:
        """How many trainings of a recipe it compares, if the run asks for `count`."""
        return 1

    def judge(self, ctx: Context) -> Verdict:
        """Decide."""
        raise NotImplementedError

    def pin_states(self, ctx: Context) -> tuple[PinResult, ...]:
        """Which texts that its suite pins hold now; most kinds have none."""
        return ()

    @classmethod
    def keys(cls) -> tuple[str, ...]:
        """The YAML keys that this kind knows: its fields, in the order of its docstring."""
        listed = list(described(cls))
        return tuple(
            sorted(
                (field.name for field in fields(cls)),
                key=lambda name: listed.index(name) if name in listed else len(listed),
            )
        )

    @classmethod
    def about(cls) -> str:
        """What this kind asks, in one sentence: its `sentence`, or its docstring's first line."""
        return vars(cls).get("sentence") or summary(cls)

    def beside(self, folder: Path, root: Path | None) -> Self:
        """The check of a suite file in `folder`: files that its keys name are read from there.

        Parameters
        ----------
        root
            Messages print paths relative to this folder.

        Raises
        ------
        ValueError
            When such a file cannot be used.
        rmcheck.errors.ProblemsFound
            For mistakes in it.
        """
        return self

    @classmethod
    def build(cls, values: dict[str, Any]) -> Self:
        """The check with validated YAML values.

        Raises
        ------
        ValueError
            When keys contradict each other.
        """
        return cls(**values)
