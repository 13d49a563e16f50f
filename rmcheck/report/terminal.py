"""The lines at the end of a pytest run: what the page says on its first screen."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

from rmcheck.record.run import DistilRecord, RunRecord, TrainingRecord
from rmcheck.report import numbers
from rmcheck.report.sentence import Groups, Placed, grouped, invitation, sentence
from rmcheck.report.text import one_line
from rmcheck.report.worst_text import worst_text
from rmcheck.stats.winrate import wilson_limits
from rmcheck.wording import counted, listed

MOST_LINES = 10
_LONG = 200
_CRITICAL = NormalDist().inv_cdf(0.975)

_WORD = {
    "regression": "REGRESSED",
    "failure": "FAILED",
    "error": "ERROR",
    "weak": "INCONCLUSIVE",
    "advisory": "ADVISORY",
    "passed": "passed",
    "skipped": "skipped",
}


def title(record: RunRecord) -> str:
    """The heading of the summary: the model under test and the baseline it is compared with."""
    models = listed([one_line(source.spec, 120) for source in record.models])
    against = f", against {one_line(record.baseline.name, 120)}" if record.baseline else ""
    return f"reward model{'' if len(record.models) == 1 else 's'}: {models}{against}"


def lines(
    record: RunRecord, *, verbosity: int, report_path: str | None, worse: str = ""
) -> list[str]:
    """The summary of a run for a terminal, without colours.

    At most two lines when `verbosity` is below 0 and ten at 0 (checks that do not fit are
    counted); above 0 a line for every check. Where there is room, a check's worst counterexample
    follows in two lines. Control characters in names, messages and texts are escaped, so that
    data cannot move the cursor. `worse` says in which slices the run got worse.
    """
    groups = grouped(record)
    verdict = one_line(str(sentence(record, groups)))
    where = [f"report: {one_line(report_path)}"] if report_path else []
    if verbosity < 0:
        return [verdict, *where]
    end = [*([f"where: {one_line(worse)}; rmcheck slices"] if worse else []), counts(groups)]
    scoring = record.scoring
    if scoring.needed or scoring.computed:
        end.append(
            f"scores: {counted(scoring.needed, 'text')}, "
            f"{numbers.count(scoring.cached)} from the cache, "
            f"{numbers.count(scoring.computed)} computed"
            + (
                f"; {numbers.count(scoring.truncated)} truncated to the length limit"
                if scoring.truncated
                else ""
            )
            + (f"; {scoring.requests}" if scoring.requests.sent else "")
        )
    end += [
        f"reading of {one_line(source.spec, 60)}: {one_line(source.reading)}"
        for source in record.models[:2]
        if source.reading and (source.origins or source.members)
    ]
    end += data_lines(record)
    end += [
        f"{one_line(suite.name, 40)}: {one_line(said)}"
        for suite in [each for each in record.suites if each.members][:1]
        for said in (suite.members.said if suite.members else ())
    ]
    if record.training:
        end.append(training(record.training))
    end += where
    bless = invitation(record)
    if bless is not None:
        end.append(f"no baseline yet: `{bless.command}` keeps this run as one{bless.caveat}")
    if verbosity > 0:
        every = [line for each in groups.all for line in (_line(each, report_path), *_worst(each))]
        return [verdict, *every, *end]
    worth = [
        *groups.regressions,
        *groups.failures,
        *groups.errors,
        *groups.weak,
        *groups.advisory,
    ]
    room = MOST_LINES - 1 - len(end)
    if len(worth) > room:
        shown = [_line(each, None) for each in worth[: room - 1]]
        shown.append(f"  … and {len(worth) - len(shown)} more checks to look at")
    else:
        shown, room = [], room - len(worth)
        for each in worth:
            kept = _worst(each)[:room]
            room -= len(kept)
            shown += [_line(each, None), *kept]
    return [verdict, *shown, *end]


def data_lines(record: RunRecord) -> list[str]:
    """How the data files in other layouts than our own were read, two lines at most."""
    files = {file.path: file for suite in record.suites for file in suite.data.files}
    told = [f"data {one_line(path, 60)}: {one_line(str(file))}" for path, file in files.items()]
    if len(told) <= 2:
        return told
    left = sum(sum(file.left_out.values()) for file in files.values())
    rest = f"{told[0]}; {counted(len(told) - 1, 'more data file')} in other layouts"
    return [f"{rest}, {counted(left, 'row')} left out in all"]


def counts(groups: Groups) -> str:
    """How many checks there are, by result."""
    words = [
        ("regressed", groups.regressions),
        ("failed", groups.failures),
        ("in error", groups.errors),
        ("inconclusive", groups.weak),
        ("advisory failed", groups.advisory),
        ("passed", groups.passed),
        ("skipped", groups.skipped),
    ]
    told = [f"{len(members)} {word}" for word, members in words if members]
    total = counted(len(groups.all), "check")
    return f"{total}: {', '.join(told)}" if told else total


def training(records: Sequence[TrainingRecord]) -> str:
    """What was trained, in one line."""
    names = ", ".join(dict.fromkeys(one_line(each.recipe, 40) for each in records[:3]))
    more = f" and {len(records) - 3} more" if len(records) > 3 else ""
    steps = counted(sum(each.steps for each in records), "step")
    took = numbers.seconds(sum(each.seconds for each in records))
    if len(records) > 1:
        took += " added up"  # side by side, they end sooner
    line = f"training: {names}{more}, {steps} in {took}"
    reused = sum(each.reused for each in records)
    if reused:
        line += " in an earlier run" if reused == len(records) else f" ({reused} in earlier runs)"
    if len(records) == 1 and records[0].kept:
        last = records[0].kept
        line += f", loss {numbers.number(last.loss)}"
        if records[0].distil is not None:
            line += f", {taught(records[0].distil)}"
        elif last.held_out_win_rate is not None:
            line += f", win rate on held-out pairs {held_out(records[0], last.held_out_win_rate)}"
    return line


def taught(found: DistilRecord) -> str:
    """How far a student agrees with its teacher on held-out prompts."""
    if found.same_side is None:
        return f"agreement with its teacher {found.teacher} not measured (no held-out prompts)"
    rate = f"{numbers.rate(found.same_side.value)} {numbers.interval(found.same_side)}"
    return f"on held-out prompts the same side as its teacher {found.teacher} {rate}"


def held_out(record: TrainingRecord, rate: float) -> str:
    """A win rate on held-out pairs, with interval and n if n was recorded."""
    n, told = record.held_out_pairs, numbers.rate(rate, 2)
    if not n:
        return told
    low, high = wilson_limits(rate, n, _CRITICAL)
    return f"{told} [{numbers.rate(low, 2)}, {numbers.rate(high, 2)}] (wilson 95%, n={n:,})"


def _worst(placed: Placed) -> list[str]:
    """The worst counterexample of a check that did not pass."""
    found = None if placed.group in {"passed", "skipped"} else worst_text(placed.check)
    if found is None:
        return []
    change = f": {found.change}" if found.change else ""
    return [
        f"    {found.name}: {found.scores}{change}",
        *([f"    {found.repeat}"] * bool(found.repeat)),
    ]


def _line(placed: Placed, report_path: str | None) -> str:
    word = _WORD[placed.group]
    if placed.check.gate == "advisory" and placed.group in {"weak", "error"}:
        word += " (advisory)"
    line = f"  {word} {one_line(placed.check.id, 120)} - {one_line(placed.check.message, _LONG)}"
    if report_path and placed.group not in {"passed", "skipped"}:
        line += f"; {one_line(report_path)}#check={one_line(placed.check.id)}"
    return line
