"""Run many checks: collect what they need, have it scored once, judge each."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from rmcheck.checks import CannotDecide, Check, Need
from rmcheck.data import Dialogue, PreferencePair
from rmcheck.documents import located
from rmcheck.engine import same_ids
from rmcheck.engine.bar import SessionBar
from rmcheck.engine.binding import Binding, baseline_source
from rmcheck.engine.book import ScoreBook
from rmcheck.engine.context import SuiteContext
from rmcheck.engine.judged import check_record
from rmcheck.engine.kept import Conclusion, KeptConclusions
from rmcheck.engine.kept_slices import KeptSlices
from rmcheck.engine.pins import beside_comparison, with_baseline
from rmcheck.engine.reading_watch import ReadingWatch
from rmcheck.engine.reads import Reads
from rmcheck.engine.rounds import Rounds, Staged
from rmcheck.engine.seeds import beside_recipes, no_effect
from rmcheck.engine.settings import DEFAULT_BASELINE, NO_BASELINE, Settings
from rmcheck.errors import (
    BaselineMissing,
    BaselineRefused,
    ExtraMissing,
    Problem,
    ProblemsFound,
    RmcheckError,
    UsageError,
)
from rmcheck.record import baseline as baselines
from rmcheck.record import folder as folders
from rmcheck.record import history
from rmcheck.record.refusal import refuse_unlike
from rmcheck.record.run import BaselineRecord, CheckRecord, ScoringRecord, TrainingRecord
from rmcheck.reward_source import Source
from rmcheck.sources import create
from rmcheck.sources.function import as_source
from rmcheck.spec import Spec
from rmcheck.suite import BoundCheck, Suite
from rmcheck.verdict import Verdict

if TYPE_CHECKING:
    from rmcheck.shards.spread import Spread


class Engine:
    """Scores and judges for one session.

    Parameters
    ----------
    settings
        Sources, folders, seed.
    comparisons
        m: how many required comparisons were collected, before anything was deselected.
    keeps
        Whether `conclude` may use what earlier runs concluded, unless the settings forbid it.
    """

    def __init__(self, settings: Settings, comparisons: int = 1, *, keeps: bool = False) -> None:
        self.settings = settings
        self.comparisons = max(1, comparisons)
        bar = SessionBar(settings.progress)
        self._options = replace(settings.options, progress=bar)
        self.book = ScoreBook(settings.cache, bar, self._spread())
        self._rounds = Rounds(self.book)
        self._watch = ReadingWatch(self.book, settings.cache, bar)
        self._bindings: dict[tuple[int, int], Binding] = {}
        self._created: dict[str, Source] = {}
        self._decided: dict[tuple[Suite, Binding], dict[int, tuple[Verdict, Reads]]] = {}
        self._staged: dict[tuple[int, Binding], Staged] = {}
        self._concluded: dict[tuple[int, Binding], Conclusion] = {}
        self._failed: dict[int, Exception] = {}
        self._extras_told: set[str] = set()
        self._seed_remarks: list[str] = []
        self._prepared = 0
        self._baseline: baselines.Baseline | None = None
        self._baseline_source: Source | None = None
        self._find_baseline()
        told = replace(settings, kept=keeps and settings.kept)
        self._kept = KeptConclusions(told, self.book, self.comparisons, self._baseline)
        self.kept_slices = KeptSlices(self._kept)

    def _spread(self) -> Spread | None:
        if not self.settings.engine:
            return None
        from rmcheck.shards.spread import Spread

        return Spread(self.settings.engine, self._options, self.settings.cache / "shards")

    def _find_baseline(self) -> None:
        spec = self.settings.baseline
        if spec and Spec.parse(spec).kind:
            self._baseline_source = self.create(spec)
            return
        name = spec or DEFAULT_BASELINE
        if name == NO_BASELINE:
            return
        if name not in baselines.names(self.settings.baselines):
            baselines.refuse_lost(name, self.settings.baselines, self._earlier())
            if spec is None:
                return  # a new project; checks that compare say how to bless
        self._baseline = baselines.find(name, self.settings.baselines)
        folders.verify_scores(self._baseline.folder, self._baseline.record)
        self._baseline_source = baseline_source(self._baseline, self._options)

    def _earlier(self) -> list[str]:
        """The baselines that runs of the history were compared with."""
        path = history.beside(self.settings.report, self.settings.root)
        try:
            runs = history.read(path).runs
        except OSError:
            return []
        return [run.baseline.name for run in runs if run.baseline]

    @property
    def baseline(self) -> Source | None:
        """The baseline's source, or None without a baseline."""
        return self._baseline_source

    @property
    def baseline_record(self) -> BaselineRecord | None:
        """The baseline's part of the record."""
        if self._baseline is not None:
            kept = self._baseline
            return BaselineRecord(
                name=kept.name,
                fingerprint=kept.record.source.fingerprint,
                kept=kept.record.blessed or kept.record.run_id,
            )
        if self._baseline_source is not None:
            source = self._baseline_source
            return BaselineRecord(name=source.spec, fingerprint=source.fingerprint)
        return None

    def create(self, spec: str) -> Source:
        """The source of a spec; one object a spec, so that nothing is loaded twice."""
        if spec not in self._created:
            self._created[spec] = create(spec, self._options)
        return self._created[spec]

    def candidate(self) -> Source:
        """The source that `--rm` names."""
        return self.create(self.settings.source)

    def _own(self, suite: Suite, spec: str) -> Source:
        """The source that a suite names; an error has the place of its key `source`."""
        try:
            return self.create(spec)
        except UsageError as error:
            place = Problem(suite.shown, 0, 0, str(error))
            if suite.path.is_file():
                place = located.read(suite.path, suite.shown).problem(("source",), str(error))
            raise ProblemsFound([place]) from None

    def bind(self, suite: Suite, candidate: object, baseline: object) -> Binding:
        """The sources for a suite: its own `source:`, or what the fixtures gave.

        Raises
        ------
        BaselineRefused
            When no source is named, and the baseline is not the default source's.
        """
        chosen = self._own(suite, suite.source) if suite.source else self._completed(candidate)
        self._refuse_default(suite, chosen)
        other = None if baseline is None else self._completed(baseline)
        key = (id(chosen), id(other))
        if key not in self._bindings:
            record = self.baseline_record
            name = record.name if record and other is self.baseline else ""
            self._bindings[key] = Binding(
                chosen,
                other,
                name or (other.spec if other else self.settings.baseline or DEFAULT_BASELINE),
                self._options,
            )
        return self._bindings[key]

    def _refuse_default(self, suite: Suite, chosen: Source) -> None:
        """Refuse the default model if the baseline was made by another one.

        A lost configuration file or key must not change which model is tested.
        """
        default = self.settings.source
        if self.settings.source_named or self._baseline is None or chosen.spec != default:
            return
        kept = self._baseline.source_of(suite.name).spec
        if kept != default and not suite.source:
            raise BaselineRefused(
                f"no source is given, and the default {default} is not the source of baseline "
                f"'{self._baseline.name}' ({kept}); set the source to test with --rm or rm_source"
            )

    def _completed(self, given: object) -> Source:
        """What a fixture gave, completed once, so that its scores are found again."""
        if isinstance(given, Source):
            return given
        key = f"fixture:{id(given)}"
        if key not in self._created:
            self._created[key] = as_source(given)
        return self._created[key]

    def context(self, suite: Suite, binding: Binding) -> SuiteContext:
        """What the checks of `suite` see."""
        return SuiteContext(
            bound=suite,
            binding=binding,
            book=self.book,
            seed=self.settings.seed,
            examples=self.settings.examples,
            comparisons=self.comparisons,
            objective=suite.objective,
            seeds=self.settings.seeds,
            early_stop=self.settings.early_stop,
            decided=self._decided.setdefault((suite, binding), {}),
        )

    def prepare(self, binding: Binding, checks: Iterable[BoundCheck]) -> None:
        """`prepare_all` for checks that share their sources."""
        self.prepare_all([(binding, checks)])

    def prepare_all(self, groups: Iterable[tuple[Binding, Iterable[BoundCheck]]]) -> None:
        """Have all that these checks need scored: one pass a model, one bar over all of it.

        A source that fails is remembered; `require` raises for the checks that need it.
        """
        self._prepared += 1
        wanted: dict[int, tuple[Source, list[Sequence[Dialogue]]]] = {}
        suites: dict[int, tuple[Source, dict[int, Sequence[PreferencePair]]]] = {}
        asking: dict[int, dict[int, Suite]] = {}
        staged: list[Staged] = []
        for binding, checks in groups:
            for bound in checks:
                _, pairs = suites.setdefault(id(binding), (binding.candidate, {}))
                pairs[id(bound.suite)] = bound.suite.data.pairs
                context = self.context(bound.suite, binding)
                self._note_seeds(context, bound.check)
                kept = self._kept.find(bound, self._kept.key(bound, context), context)
                if kept is not None:
                    self._concluded[id(bound.check), binding] = kept
                    kept.adopt()
                    for source in kept.sources:
                        wanted.setdefault(id(source), (source, []))
                        asking.setdefault(id(source), {})[id(bound.suite)] = bound.suite
                    continue
                staged.append(Staged.of(bound, context))
                self._staged[id(bound.check), binding] = staged[-1]
                for source, need in staged[-1].sources(0):
                    self.book.meet(source)
                    wanted.setdefault(id(source), (source, []))[1].append(need.dialogues)
                    asking.setdefault(id(source), {})[id(bound.suite)] = bound.suite
        for key, (source, _) in wanted.items():
            unclear = same_ids.refused(source, list(asking[key].values()), self.book.view)
            if unclear is not None:
                self._failed[key] = unclear
        self._fetch(wanted)
        self._rounds.score(staged, self._fetch_needs, self._failed)
        for candidate, pairs in suites.values():
            if id(candidate) not in self._failed:
                self._watch.look(candidate, chain.from_iterable(pairs.values()))

    def _fetch(self, wanted: Mapping[int, tuple[Source, list[Sequence[Dialogue]]]]) -> None:
        self._failed |= self.book.fetch_all(
            (source, _sound(asked))
            for key, (source, asked) in wanted.items()
            if key not in self._failed
        )

    def _fetch_needs(self, needs: Sequence[tuple[Source, Need]]) -> None:
        wanted: dict[int, tuple[Source, list[Sequence[Dialogue]]]] = {}
        for source, need in needs:
            wanted.setdefault(id(source), (source, []))[1].append(need.dialogues)
        self._fetch(wanted)

    def require(self, binding: Binding, bound: BoundCheck) -> None:
        """Raise the error of a source that this check needs and that could not be loaded.

        Raises
        ------
        BaselineRefused
            For a comparison with a baseline that was given its texts in another way.
        """
        suite, check = bound.suite, bound.check
        if check.compares and binding.baseline is not None:
            kept = self._baseline if binding.baseline is self._baseline_source else None
            other = kept.source_of(suite.name) if kept else binding.baseline.describe()
            refuse_unlike(binding.candidate.describe(), other, binding.baseline_name)
        for source in self._asked_by(bound, binding):
            if id(source) in self._failed:
                raise self._told(self._failed[id(source)])

    def _asked_by(self, bound: BoundCheck, binding: Binding) -> Iterator[Source]:
        """The sources of which a check needs scores."""
        kept = self._concluded.get((id(bound.check), binding))
        if kept is not None:
            yield from kept.sources
            return
        for need in chain.from_iterable(self._stage(bound, binding).rounds):
            with suppress(CannotDecide, BaselineMissing):
                yield binding.source(need.source)

    def _stage(self, bound: BoundCheck, binding: Binding) -> Staged:
        key = (id(bound.check), binding)
        if key not in self._staged:
            self._staged[key] = Staged.of(bound, self.context(bound.suite, binding))
        return self._staged[key]

    def _note_seeds(self, context: SuiteContext, check: Check) -> None:
        """Say where a comparison asks for several trainings of what is not a recipe."""
        asked = context.asked(check).trainings_asked(self.settings.seeds)
        said = no_effect(context.binding.candidate, asked) if asked > 1 else ""
        self._seed_remarks += [said] if said else []

    def _told(self, error: Exception) -> Exception:
        """The full error of a missing extra for the first check, a short one for the others."""
        if not isinstance(error, ExtraMissing):
            return error
        known = error.extra in self._extras_told
        self._extras_told.add(error.extra)
        return error.again() if known else error

    def judge(self, bound: BoundCheck, binding: Binding) -> tuple[Verdict, float]:
        """The verdict, and the seconds that it took."""
        started = time.perf_counter()
        verdict = self._verdict(bound, self.context(bound.suite, binding))
        return verdict, time.perf_counter() - started

    def kept(self, bound: BoundCheck, binding: Binding) -> bool:
        """Whether an earlier run has concluded a check, and nothing that it depends on changed."""
        return (id(bound.check), binding) in self._concluded

    def conclude(self, bound: BoundCheck, binding: Binding) -> CheckRecord:
        """The record of a check: that of an earlier run if nothing changed, else of a verdict."""
        kept = self._concluded.get((id(bound.check), binding))
        if kept is not None:
            return CheckRecord.model_validate(
                {**kept.record, "line": bound.line, "duration_s": 0.0}
            )
        started = time.perf_counter()
        context = self.context(bound.suite, binding)
        verdict = self._verdict(bound, context)
        record = check_record(bound, verdict, time.perf_counter() - started)
        key = self._kept.key(bound, context)
        if key:
            reads = self._stage(bound, binding).reads
            reads.add(context.reads)
            self._kept.keep(bound, key, context, reads, record.model_dump(mode="json"))
        return record

    def _verdict(self, bound: BoundCheck, context: SuiteContext) -> Verdict:
        binding = context.binding
        verdict = context.verdict(bound.check)
        kept = self._baseline if binding.baseline is self._baseline_source else None
        verdict = with_baseline(verdict, bound.id, kept)
        if bound.check.compares:
            verdict = beside_comparison(verdict, context, kept)
            theirs = kept.source_of(bound.suite.name) if kept else None
            verdict = beside_recipes(verdict, binding.candidate.describe(), theirs)
        return verdict

    @property
    def state(self) -> tuple[int, ...]:
        """Numbers that change before `scoring` or `trainings` says anything else."""
        return (self._prepared, *self.book.state)

    def scoring(self) -> ScoringRecord:
        """How many scores were needed, cached and computed, and what the user should know."""
        counts = self.book.counts()
        said = (
            *counts.remarks,
            *self._watch.remarks,
            *self._rounds.remarks,
            *dict.fromkeys(self._seed_remarks),
        )
        return counts.model_copy(update={"remarks": list(said)})

    def trainings(self) -> list[TrainingRecord]:
        """The training curves of the recipes that gave scores, in the order of their first use."""
        found: dict[str, TrainingRecord] = {}
        for source in self.book.sources():
            training = None
            with suppress(RmcheckError):  # a damaged adapter is reported where it is needed
                training = source.training
            if training is not None:
                found.setdefault(training.fingerprint, training)
        return list(found.values())


def _sound(asked: Iterable[Sequence[Dialogue]]) -> Iterator[Dialogue]:
    """All texts; copies that cannot be made are left to the check, which says why."""
    for dialogues in asked:
        with suppress(RmcheckError):
            yield from dialogues
