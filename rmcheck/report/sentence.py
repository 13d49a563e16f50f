"""The sentence that every format starts with, and the groups of checks.

Whether it is safe to merge this checkpoint, and why: decided once, here, in words for readers who
know no statistics, so that the page, the summary and the terminal always agree.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from rmcheck.record.refusal import bless_refusal
from rmcheck.record.run import CheckRecord, RunRecord, SuiteRecord
from rmcheck.report import numbers
from rmcheck.report.text import one_line
from rmcheck.wording import be, counted, listed

Group = Literal["regression", "failure", "error", "weak", "advisory", "passed", "skipped"]
Answer = Literal["yes", "weak", "no", "unknown"]

BLESS = "rmcheck bless main"


@dataclass(frozen=True)
class Placed:
    """A check, its suite and its group."""

    suite: SuiteRecord
    check: CheckRecord
    group: Group

    @property
    def name(self) -> str:
        """The check's name within its suite."""
        return check_name(self.suite, self.check)


@dataclass(frozen=True)
class Groups:
    """All checks of a run by group, in the order of the run."""

    regressions: tuple[Placed, ...]
    failures: tuple[Placed, ...]
    errors: tuple[Placed, ...]
    weak: tuple[Placed, ...]
    advisory: tuple[Placed, ...]
    passed: tuple[Placed, ...]
    skipped: tuple[Placed, ...]

    @property
    def all(self) -> tuple[Placed, ...]:
        """Every check, most serious group first."""
        return (
            *self.regressions,
            *self.failures,
            *self.errors,
            *self.weak,
            *self.advisory,
            *self.passed,
            *self.skipped,
        )


@dataclass(frozen=True)
class Sentence:
    """The answer, a headline of a few words, and the reason; `str()` gives the whole sentence."""

    answer: Answer
    headline: str
    reason: str

    def __str__(self) -> str:
        return f"{self.headline}: {self.reason}."


def check_name(suite: SuiteRecord, check: CheckRecord) -> str:
    """The name of a check without its suite: `win_rate` of `conversation::win_rate`."""
    return check.id.removeprefix(f"{suite.name}::")


def group_of(check: CheckRecord) -> Group:
    """The group of one check, the most serious that applies."""
    if check.outcome == "error":
        return "error"
    if check.outcome == "skipped":
        return "skipped"
    if check.outcome == "fail":
        if check.gate == "advisory":
            return "advisory"
        return "regression" if check.state == "regressed" else "failure"
    return "weak" if check.weak else "passed"


def grouped(record: RunRecord) -> Groups:
    """All checks of a run, by group."""
    placed = [
        Placed(suite, check, group_of(check)) for suite in record.suites for check in suite.checks
    ]

    def of(group: Group) -> tuple[Placed, ...]:
        return tuple(each for each in placed if each.group == group)

    return Groups(
        regressions=of("regression"),
        failures=of("failure"),
        errors=of("error"),
        weak=of("weak"),
        advisory=of("advisory"),
        passed=of("passed"),
        skipped=of("skipped"),
    )


def sentence(record: RunRecord, groups: Groups | None = None) -> Sentence:
    """Whether it is safe to merge this checkpoint, and why."""
    groups = grouped(record) if groups is None else groups
    blocking = [
        each for each in groups.errors if each.check.gate == "required" or record.outcome == "error"
    ]
    if groups.regressions or groups.failures:
        return Sentence("no", "Do not merge", _why_not(record, groups, blocking))
    if blocking:
        reason = f"{counted(len(blocking), 'check')} could not be run ({_names(blocking)})"
        if record.gap:
            reason += f", and {record.gap}"
        return Sentence("unknown", "Cannot say", reason)
    if record.gap:
        so_far = [each for each in groups.all if each.group in {"passed", "weak"}]
        reason = record.gap
        if so_far:
            reason += f"; {counted(len(so_far), 'check')} passed"
            reason += "" if record.unread else " until then"
        return Sentence("unknown", "Cannot say", reason)
    if record.missing:
        return Sentence("no", "Do not merge", _missing(record))
    if not groups.all and (record.left_out or record.unasked):
        clauses = ["no check was run", *_unseen(record)]
        return Sentence("unknown", "Cannot say", "; ".join(clauses))
    if not groups.all and record.outcome == "error":
        return Sentence("unknown", "Cannot say", "an error ended the run before any check began")
    required = [each for each in groups.all if each.check.gate == "required"]
    undecided = required and all(each.group == "skipped" for each in required)
    if record.outcome != "pass" and not undecided:
        reason = f"the run is recorded as '{record.outcome}', but no required check failed"
        return Sentence("unknown", "Cannot say", reason)
    return _passed(record, groups)


@dataclass(frozen=True)
class Invitation:
    """The command that makes a run the baseline; `caveat` says what failed in it, or is ""."""

    command: str
    caveat: str


def invitation(record: RunRecord) -> Invitation | None:
    """How this run becomes the first baseline; None if there is one, none was asked for, or
    `bless` would refuse.

    Failed checks do not prevent it: the command then includes `--red`.
    """
    refusal = bless_refusal(record)
    known = record.baseline is not None or record.uncompared
    if known or (refusal and refusal.why != "red"):
        return None
    command = f"{BLESS}{_elsewhere(record)}"
    if refusal is None:
        return Invitation(command, "")
    failed = counted(len(record.red), "required check")
    return Invitation(f"{command} --red", f", although {failed} failed")


def _elsewhere(record: RunRecord) -> str:
    """The option that names the run's folder, if it is not the default one."""
    words = shlex.split(record.command)
    for place, word in enumerate(words):
        option, _, folder = word.partition("=")
        if option == "--rm-report":
            return f" --run {shlex.quote(folder or ''.join(words[place + 1 : place + 2]))}"
    return ""


def _why_not(record: RunRecord, groups: Groups, blocking: Sequence[Placed]) -> str:
    clauses: list[str] = []
    if groups.regressions:
        clauses.append(_worse(record, groups.regressions))
    if groups.failures:
        number = len(groups.failures)
        other = " more" if groups.regressions else ""
        verb = "fails" if number == 1 else "fail"
        clauses.append(
            f"{number}{other} required check{'' if number == 1 else 's'} {verb} "
            f"({_names(groups.failures)})"
        )
    if blocking:
        clauses.append(f"{counted(len(blocking), 'check')} could not be run")
    if record.gap:
        clauses.append(record.gap)
    clauses += _left_out(record)
    return "; ".join([*clauses, _missing(record)] if record.missing else clauses)


def _worse(record: RunRecord, regressions: Sequence[Placed]) -> str:
    than = one_line(record.baseline.name, 60) if record.baseline else "the baseline"
    suites = list(dict.fromkeys(one_line(each.suite.name, 60) for each in regressions))
    if any(each.check.kind != "no_regression" for each in regressions):
        return f"it got worse than {than} ({_names(regressions)})"
    where = f"in {listed(suites)} it picks the better answer less often than {than}"
    estimate = regressions[0].check.estimate
    if len(regressions) > 1 or estimate is None or not -1 <= estimate.value < 0:
        return where
    return f"{where}, about {numbers.points(estimate.value)} fewer in every 100 pairs"


def _passed(record: RunRecord, groups: Groups) -> Sentence:
    required = [each for each in groups.all if each.check.gate == "required"]
    decided = [each for each in required if each.group in {"passed", "weak"}]
    skipped = [each for each in required if each.group == "skipped"]
    if not groups.all:
        return Sentence("unknown", "Cannot say", "the run has no checks")
    if not decided:
        why = f"{counted(len(groups.skipped), 'check')} skipped ({_names(groups.skipped)})"
        none = "no required check was decided" if required else "none of the checks is required"
        return Sentence("unknown", "Cannot say", f"{none}{f', {why}' if groups.skipped else ''}")
    if skipped:
        reason = f"{_all(len(decided))} that could be decided {_pass(len(decided))}"
    else:
        reason = f"{_all(len(decided))} {_pass(len(decided))}"
    clauses = [reason]
    weak = [each for each in groups.weak if each.check.gate == "required"]
    if weak:
        clauses[0] += f", but {len(weak)} {be(len(weak))} inconclusive ({_names(weak)})"
    if skipped:
        were = be(len(skipped), past=True)
        clauses.append(f"{len(skipped)} {were} skipped ({_names(skipped)})")
    if groups.advisory:
        clauses.append(f"{counted(len(groups.advisory), 'advisory check')} failed")
    if groups.errors:
        clauses.append(f"{counted(len(groups.errors), 'advisory check')} could not be run")
    clauses += _left_out(record)
    clauses += _unseen(record)
    if record.uncompared:
        clauses.append("it was not compared with a baseline, because rm_baseline is 'none'")
    waiting = [each for each in skipped if each.check.compares] if record.baseline is None else []
    undecided = len(skipped) > len(waiting) or (record.uncompared and skipped)
    if record.left_out or record.unasked or undecided:
        return Sentence("unknown", "Cannot say", "; ".join(clauses))
    if record.baseline is None and not record.uncompared:
        clauses.append("no baseline yet, so it was not checked for regressions")
    return Sentence("weak" if weak else "yes", "Safe to merge", "; ".join(clauses))


def _unseen(record: RunRecord) -> list[str]:
    """Which required checks and suites the run did not look at, as clauses."""
    other = "other " if record.suites else ""
    clauses = []
    if record.left_out:
        count = len(record.left_out)
        were = f"of the suites {be(count, past=True)} not selected ({_shown(record.left_out)})"
        clauses.append(f"{counted(count, f'{other}required check')} {were}")
    if record.unasked:
        count = len(record.unasked)
        were = f"{be(count, past=True)} not run ({_shown(record.unasked)})"
        clauses.append(f"{counted(count, f'{other}suite')} {were}")
    return clauses


def _missing(record: RunRecord) -> str:
    """Which suites and required checks of the baseline are gone, and what to do."""
    name = one_line(record.baseline.name, 60) if record.baseline else "the baseline"
    gone = listed([one_line(each, 80) for each in record.missing])
    return f"{gone} of {name} not found; restore it, or bless its removal: rmcheck bless"


def _left_out(record: RunRecord) -> list[str]:
    """How many of the baseline's pairs no comparison saw, as a clause; a pair counts once a suite.

    Checks of one suite see the same pairs or slices of them, so the largest count is taken.
    """
    counts = [max((each.left_out for each in suite.checks), default=0) for suite in record.suites]
    total = sum(counts)
    if not total:
        return []
    name = one_line(record.baseline.name, 60) if record.baseline else "the baseline"
    were = be(total, past=True)
    return [f"{counted(total, 'pair')} of {name} {were} edited or removed and not compared"]


def _all(number: int) -> str:
    if number == 1:
        return "the one required check"
    return "both required checks" if number == 2 else f"all {number} required checks"


def _pass(number: int) -> str:
    return "passes" if number == 1 else "pass"


def _names(placed: Iterable[Placed]) -> str:
    return _shown([each.check.id for each in placed])


def _shown(names: Iterable[str]) -> str:
    return listed([one_line(each, 80) for each in names])
