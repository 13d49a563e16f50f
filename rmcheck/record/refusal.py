"""The reasons why a run cannot become a baseline, or a model cannot be compared with one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rmcheck.errors import BaselineRefused
from rmcheck.record.run import RunRecord, SourceRecord
from rmcheck.wording import be, counted, listed


@dataclass(frozen=True)
class Refusal:
    """Why `bless` does not take a run, in words that follow the name of its folder.

    `--red` overrules what leaves the scores whole: checks that were left out, checks that failed.
    """

    why: Literal["unfinished", "unscored", "stopped early", "left out", "red"]
    said: str

    @property
    def overruled_by_red(self) -> bool:
        """Whether `bless --red` keeps the run anyway."""
        return self.why in ("left out", "red")


def bless_refusal(run: RunRecord, *, scored: bool | None = None) -> Refusal | None:
    """The reason why `bless` refuses a run, the most serious one; None if it does not.

    Parameters
    ----------
    scored
        Whether the run has scores of any pair; None: whether its suites have pairs.
    """
    if run.gap or _failed_to_score(run):
        what = f"is incomplete ({run.gap})" if run.gap else "had errors"
        remedy = "fix it and run the gate again" if run.unread else "run the gate to its end"
        return Refusal("unfinished", f"this run {what}; {remedy}, then bless it")
    if not (any(suite.data.pairs for suite in run.suites) if scored is None else scored):
        said = "this run scored no pairs, so nothing can be compared with it"
        return Refusal("unscored", said)
    partly = [suite.name for suite in run.suites if suite.partly]
    if partly:
        return Refusal(
            "stopped early",
            f"early_stop left pairs of {listed(partly)} without scores, and later runs could not "
            "be compared on them; run the gate with --rm-early-stop off, then bless that run",
        )
    if run.left_out:
        count = len(run.left_out)
        return Refusal(
            "left out",
            f"{counted(count, 'required check')} of its suites ({listed(run.left_out)}) "
            f"{be(count, past=True)} not selected, and may fail; run these suites without -k or "
            "-m and bless that run, or bless this one anyway: --red",
        )
    if run.red:
        return Refusal(
            "red",
            f"{failures(run)}, so later runs would be compared with a worse model; run the gate on "
            "a model that passes and bless that run, or bless this one anyway: --red",
        )
    return None


def failures(run: RunRecord) -> str:
    """How many required checks of a run failed, and which."""
    failed = [check.id for check in run.red]
    return f"{counted(len(failed), 'required check')} failed ({listed(failed)})"


def _failed_to_score(run: RunRecord) -> bool:
    """Whether a check that does not compare with a baseline ended in an error."""
    checks = (check for suite in run.suites for check in suite.checks)
    return any(check.outcome == "error" and not check.compares for check in checks)


def refuse_unlike(
    candidate: SourceRecord, kept: SourceRecord, name: str, *, called: str | None = None
) -> None:
    """Refuse a comparison with the baseline `name` where texts were formatted differently.

    Parameters
    ----------
    called
        What messages call the candidate; its spec when left out.

    Raises
    ------
    BaselineRefused
        When the sources are of one kind and differ in template or length limit.
    """
    unlike = candidate.reads_unlike(kept)
    if unlike:
        raise BaselineRefused(
            f"{called or candidate.spec} formats texts differently from baseline '{name}' "
            f"({unlike}), so scores are not comparable; bless a new baseline: rmcheck bless"
        )
