"""A check in a few lines, for the first screen: how much, how certain, and where to look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rmcheck.record.run import CheckRecord
from rmcheck.report import numbers
from rmcheck.report.facts import Fact
from rmcheck.report.glossary import certainty, reading
from rmcheck.report.page.pairs import Pair
from rmcheck.report.text import one_line
from rmcheck.wording import counted

_MOST = 400


def brief(check: CheckRecord, baseline: str | None, named: Sequence[Pair]) -> tuple[Fact, ...]:
    """The lines of a check; only its message if it has no reading in plain words.

    `named` are the pairs that the check's evidence points to.
    """
    said = reading(check, baseline)
    facts = (
        [Fact("How much", said), Fact("How sure", certainty(check))]
        if said
        else [Fact("What", one_line(check.message, _MOST))]
    )
    if named:
        facts.append(Fact("Where", _where(check, named)))
    if check.weak and check.detectable is not None:
        facts.append(Fact("Detectable", _sight(check, check.detectable)))
    return tuple(facts)


def trainings(check: CheckRecord) -> int:
    """How many trainings of the candidate's recipe a comparison over seeds looked at; else 1."""
    found = check.criterion.get("seeds")  # of `label_noise` it is a number: draws of wrong labels
    return len(found) if isinstance(found, list) and found else 1


def _sight(check: CheckRecord, detectable: float) -> str:
    if check.kind == "no_regression":
        return f"a change of {numbers.points(detectable)} points or more, in 4 of 5 runs."
    return f"an effect of {numbers.number(detectable, 2)} or more, in 4 of 5 runs."


def _where(check: CheckRecord, named: Sequence[Pair]) -> str:
    if check.state is not None:
        text = f"{counted(len(named), 'pair')} newly wrong"
        if trainings(check) > 1:
            text += " in most trainings"
    elif len(named) == 1:
        text = "the worst pair"
    else:
        text = f"the {numbers.count(len(named))} worst pairs"
    tags = Counter(tag for pair in named for tag in dict.fromkeys(pair.tags))
    if not tags:
        return f"{text}."
    tag, count = min(tags.items(), key=lambda each: (-each[1], each[0]))
    return f"{text}, most often tagged '{one_line(tag, 60)}' ({numbers.count(count)})."
