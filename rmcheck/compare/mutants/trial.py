"""Judge planted reward models by the user's own suites: which of them would be merged?"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from rmcheck.checks import CannotDecide, SourceRef
from rmcheck.compare.mutants.mutant import Dose, Mutant, mutant
from rmcheck.compare.mutants.vices import VICES, Facts, Vice, without_prompt
from rmcheck.data import Dialogue, pair_dialogues
from rmcheck.data.dialogue import prompt_text
from rmcheck.engine import Engine, Settings
from rmcheck.engine.binding import Binding
from rmcheck.engine.book import ScoreBook
from rmcheck.engine.settings import NO_BASELINE
from rmcheck.errors import BaselineMissing, RmcheckError, Unscorable, UsageError
from rmcheck.progress import NoProgress, Progress
from rmcheck.reward_source import BothOrders, Source
from rmcheck.sources import create
from rmcheck.spec import redacted
from rmcheck.suite import BoundCheck, Suite

DOSES = (0.25, 0.5, 1.0, 2.0)
ITSELF = "the model itself"
_SKIPS = (CannotDecide, BaselineMissing, Unscorable)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What became of a mutant: the required and the advisory checks that it failed.

    `alike`: no text of the suites shows the vice, so the mutant has the scores of the model.
    """

    vice: str
    dose: float
    stopped_by: tuple[str, ...]
    advisory: tuple[str, ...]
    alike: bool = False

    @property
    def merged(self) -> bool:
        """Whether the gate would let it through."""
        return not self.stopped_by


@dataclass(frozen=True, kw_only=True)
class MutantTest:
    """All mutants, and what could not be asked.

    `own` are the required checks that the model itself fails; they stop no mutant. `undecided` has
    the reason of each check that was skipped or ended in an error, `untried` that of each vice.
    """

    doses: tuple[float, ...]
    judged: Sequence[Judged]
    own: Sequence[str] = ()
    undecided: Mapping[str, str] = field(default_factory=dict)
    untried: Mapping[str, str] = field(default_factory=dict)

    @property
    def stopped(self) -> int:
        """How many mutants the gate stops."""
        return sum(not each.merged for each in self.judged)

    def of(self, vice: str) -> list[Judged]:
        """The mutants of a vice by dose."""
        return [each for each in self.judged if each.vice == vice]


def mutant_test(
    suites: Sequence[Suite],
    settings: Settings,
    *,
    doses: Sequence[float] = DOSES,
    vices: Mapping[str, Vice] = VICES,
) -> MutantTest:
    """Judge each vice at each dose with the model itself as the baseline.

    Parameters
    ----------
    suites
        All suites of the project.
    settings
        The source to test, and where scores are cached. The scores of mutants are not kept.
    doses
        In standard deviations of the model's scores, above 0.

    Raises
    ------
    UsageError
        For suites without a required check.
    SourceError
        If the model's own scores cannot be computed.
    """
    if not any(bound.required for suite in suites for bound in suite.bound):
        raise UsageError("no required check in these suites: nothing could stop a model")
    with tempfile.TemporaryDirectory(prefix="rmcheck-mutants-") as folder:
        return _Trial(suites, settings, Path(folder)).run(tuple(doses), vices)


class _Trial:
    """The suites, the model's own scores, and an engine that judges one mutant after another."""

    def __init__(self, suites: Sequence[Suite], settings: Settings, folder: Path) -> None:
        self._suites = suites
        self._settings = settings
        self._book = ScoreBook(settings.cache)
        self._bar = _Mutable(settings.progress)
        self._bases: dict[str, Source] = {}
        self._facts: dict[int, Facts] = {}
        self._undecided: dict[str, str] = {}
        # A lock and a cache of its own: while a mutant is scored, the model itself may be, too.
        self._inner = replace(
            settings, cache=folder, baseline=NO_BASELINE, progress=NoProgress(), engine=""
        )
        self._comparisons = sum(suite.comparisons for suite in suites)

    def run(self, doses: tuple[float, ...], vices: Mapping[str, Vice]) -> MutantTest:
        untried = {name: why for name, vice in vices.items() if (why := self._cannot(vice))}
        planted = [
            Dose(vice, amount)
            for name, vice in vices.items()
            if name not in untried
            for amount in doses
        ]
        shown = self._settings.progress
        self._bar.mute()
        shown.start("judging planted models", len(planted) + 1, "models")
        itself = self._failed(Dose())
        own = {bound.id for bound in itself}
        shown.advance()
        judged = []
        for dose in planted:
            failed = self._failed(dose)
            assert dose.vice is not None
            judged.append(
                Judged(
                    vice=dose.vice.name,
                    dose=dose.amount,
                    stopped_by=tuple(
                        bound.id for bound in failed if bound.required and bound.id not in own
                    ),
                    advisory=tuple(
                        bound.id for bound in failed if not bound.required and bound.id not in own
                    ),
                    alike=self._alike(dose),
                )
            )
            shown.advance(note=dose.name)
        shown.finish()
        return MutantTest(
            doses=doses,
            judged=judged,
            own=[bound.id for bound in itself if bound.required],
            undecided=self._undecided,
            untried=untried,
        )

    def _failed(self, dose: Dose) -> list[BoundCheck]:
        """The checks that a mutant fails."""
        engine = Engine(self._inner, self._comparisons)
        bindings: dict[int, Binding] = {}
        groups = []
        for suite in self._suites:
            base = self._base(suite)
            if id(base) not in bindings:
                bindings[id(base)] = Binding(
                    self._mutant(base, dose),
                    self._mutant(base, Dose()),
                    ITSELF,
                    self._inner.options,
                )
            groups.append((bindings[id(base)], suite.bound))
        engine.prepare_all(groups)
        failed = []
        for binding, checks in groups:
            for bound in checks:
                try:
                    engine.require(binding, bound)
                    verdict, _ = engine.judge(bound, binding)
                except RmcheckError as error:
                    kind = "" if isinstance(error, _SKIPS) else "error: "
                    self._undecided.setdefault(bound.id, f"{kind}{error}")
                    continue
                if verdict.outcome == "fail":
                    failed.append(bound)
        return failed

    def _base(self, suite: Suite) -> Source:
        spec = self._spec(suite)
        if spec not in self._bases:
            options = replace(self._settings.options, progress=self._bar)
            base = self._bases[spec] = create(spec, options)
            if isinstance(base, BothOrders):
                raise UsageError(
                    f"{redacted(spec)} compares two responses, so it has no scores to which a vice "
                    "could be added; use a source that scores single responses"
                )
            asked = list(self._plain(spec))
            if base.scores_new_text:
                asked += without_prompt(asked)
            self._book.fetch(base, asked)
        return self._bases[spec]

    def _spec(self, suite: Suite) -> str:
        return suite.source or self._settings.source

    def _plain(self, spec: str) -> Iterator[Dialogue]:
        """What the checks ask of the model itself, unchanged."""
        for suite in self._suites:
            if self._spec(suite) != spec:
                continue
            for bound in suite.bound:
                if bound.check.objective:
                    continue  # scored when it is asked for
                for need in bound.check.needs(suite.data):
                    if need.source in (SourceRef(), SourceRef(role="baseline")):
                        yield from need.dialogues

    def _mutant(self, base: Source, dose: Dose) -> Mutant:
        return mutant(base, self._book, dose, self._known)

    def _texts(self) -> list[Dialogue]:
        """Every response of the suites, once."""
        return list(dict.fromkeys(one for suite in self._suites for one in _responses(suite)))

    def _known(self, base: Source) -> Facts:
        if id(base) not in self._facts:
            texts = self._texts()
            scores = self._book.scores(base, [one for one in texts if self._has(base, one)])
            sizes = np.log1p([len(one.response) for one in texts])
            facts = Facts(
                spread=float(scores.std()),
                lengths=(float(sizes.mean()), float(sizes.std())),
            )
            domain = self._domain()
            if domain is not None:
                known = [one for one in _responses(domain) if self._has(base, one)]
                facts = replace(
                    facts,
                    domain=domain.name,
                    centre=float(self._book.scores(base, known).mean()) if known else 0.0,
                    origins=frozenset(one.origin for one in _responses(domain)),
                    prompts=frozenset(prompt_text(one.prompt) for one in _responses(domain)),
                )
            self._facts[id(base)] = facts
        return self._facts[id(base)]

    def _has(self, base: Source, dialogue: Dialogue) -> bool:
        return base.scores_new_text or self._book.knows(base, [dialogue])

    def _domain(self) -> Suite | None:
        """The suite with the fewest prompts, if others have prompts that it lacks."""
        prompts = {
            suite.name: {prompt_text(pair.prompt) for pair in suite.data.pairs}
            for suite in self._suites
        }
        whole = set[str]().union(*prompts.values())
        parts = [
            suite for suite in self._suites if prompts[suite.name] and prompts[suite.name] < whole
        ]
        return min(parts, key=lambda suite: len(prompts[suite.name]), default=None)

    def _cannot(self, vice: Vice) -> str:
        """Why a vice cannot be planted; empty if it can."""
        if vice.name == "domain_reversed" and self._domain() is None:
            return "the suites have one domain only"
        sources = {self._base(suite).spec: self._base(suite) for suite in self._suites}
        if vice.asks_new_text and not all(one.scores_new_text for one in sources.values()):
            return "the source cannot score new text"
        return ""

    def _alike(self, dose: Dose) -> bool:
        """Whether the mutant gives the model's own scores to every response of the suites."""
        for suite in self._suites:
            base = self._base(suite)
            texts = [one for one in _responses(suite) if self._has(base, one)]
            view = self._book.view(base, suite.name)
            if texts and np.any(
                self._mutant(view, dose).score(texts) != self._mutant(view, Dose()).score(texts)
            ):
                return False
        return True


class _Mutable:
    """Shows how the model itself is scored, until the planted models are counted instead."""

    def __init__(self, shown: Progress) -> None:
        self._shown = shown

    def mute(self) -> None:
        """Show nothing any more."""
        self._shown = NoProgress()

    def start(self, title: str, total: int, unit: str) -> None:
        """Begin a job of `total` units."""
        self._shown.start(title, total, unit)

    def advance(self, amount: int = 1, note: str = "") -> None:
        """`amount` more units are done."""
        self._shown.advance(amount, note)

    def finish(self) -> None:
        """The job is over."""
        self._shown.finish()


def _responses(suite: Suite) -> list[Dialogue]:
    """Every response of a suite's pairs and sets."""
    sets = [side for each in suite.data.sets for side in each.dialogues()]
    return [*pair_dialogues(suite.data.pairs), *sets]
