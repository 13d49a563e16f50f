"""What a user can mend: errors that say where, what, what was given and what is allowed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from rmcheck.wording import counted, listed


class RmcheckError(Exception):
    """Base of every error whose remedy lies with the user; shown without a traceback."""


class UsageError(RmcheckError):
    """A wrong option or argument: a misspelt source, a baseline that does not exist."""


class SourceError(RmcheckError):
    """A reward source cannot be loaded, or gave something that is not a score."""


class TrainingError(RmcheckError):
    """A recipe cannot be trained."""


class ExtraMissing(RmcheckError):
    """Something needs packages that only an extra of rmcheck installs (`rmcheck[models]`)."""

    def __init__(self, what: str, extra: str, packages: Sequence[str]) -> None:
        self.what, self.extra = what, extra
        super().__init__(
            f"{what} needs packages that are not installed ({listed(packages)}); "
            f"install them: pip install 'rmcheck[{extra}]'"
        )

    def again(self) -> RmcheckError:
        """The same, said shortly, for a session that has said it once."""
        return RmcheckError(f"{self.what} needs rmcheck[{self.extra}], which is not installed")


class Unscorable(RmcheckError):
    """A source has no score for a text and cannot make one (a score file); checks skip on it."""


class BaselineMissing(RmcheckError):
    """There is no baseline to compare with yet; checks that need one skip on it."""


class BaselineRefused(RmcheckError):
    """The baseline was scored in another way, so that comparing with it would mean nothing."""


MOST_CHARACTERS = 1000
"""Of a message; a name that it quotes may be as long as the file."""


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake and its place. `line` and `column` count from 1; 0 means the file as a whole."""

    path: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}:{self.column}" if self.line else self.path
        said = self.message
        if len(said) > MOST_CHARACTERS:
            said = f"{said[: MOST_CHARACTERS - 1]}…"
        return _printable(f"{place}: {said}")


def _printable(text: str) -> str:
    """On one line, and printable anywhere: control characters and half characters are escaped."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


MOST_PROBLEMS = 50
MORE = "more mistakes from here on; mend those above first"


def first_of(problems: Iterable[Problem]) -> list[Problem]:
    """As many problems as a person reads; where there are more, the last says so at its place.

    Takes no more of an iterator than it tells: a message may cost a search for the nearest name.
    """
    found = list(islice(problems, MOST_PROBLEMS + 1))
    if len(found) > MOST_PROBLEMS:
        found[-1] = replace(found[-1], message=MORE)
    return found


SIMILAR = 5
MOST_ROWS = 20
_GIVEN = re.compile(r"(?<!key )'[^']*'|-?\d[\d.]*")
"""What messages quote and count, but for the key that they are about."""


def condensed(problems: Iterable[Problem]) -> list[Problem]:
    """Of rows with one and the same mistake the first few and a count; of all others the first.

    Two mistakes are the same where their messages differ only in what they quote or count.
    """
    alike: dict[tuple[str, str], list[Problem]] = {}
    for problem in sorted(problems):
        alike.setdefault((problem.path, _GIVEN.sub("", problem.message)), []).append(problem)
    shown: list[tuple[Problem, int]] = []  # with the number of problems that a line stands for
    for found in alike.values():
        # A line that stands for one row alone would save nothing.
        told = found if len(found) == SIMILAR + 1 else found[:SIMILAR]
        rest = len(found) - len(told)
        shown.extend((problem, 1) for problem in told)
        if rest:
            shown.append((_more(told[-1], rest, "row like it", "rows like it"), rest))
    shown.sort()
    first = [problem for problem, _ in shown[:MOST_ROWS]]
    rest = sum(count for _, count in shown[MOST_ROWS:])
    return (
        [*first, _more(first[-1], rest, "mistake in rows", "mistakes in rows")] if rest else first
    )


def _more(last: Problem, count: int, one: str, several: str) -> Problem:
    """What stands behind the last problem that is told."""
    more = f"… and {counted(count, f'more {one}', f'more {several}')}"
    return replace(last, column=last.column + 1, message=more)


class ProblemsFound(RmcheckError):
    """All mistakes of a file (or of several), in the order of their places."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: Sequence[Problem] = sorted(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


SHORT = 5
"""A name of so many letters is near to another when half of it agrees."""


def nearest(name: str, choices: Iterable[str], cutoff: float | None = None) -> str | None:
    """The choice that `name` is probably a misspelling of; `cutoff` is how much must agree, to 1.

    >>> nearest("tyni", ["gpt2", "tiny"])
    'tiny'
    """
    # Two letters exchanged in a short name (tyni) leave half of it in place.
    if cutoff is None:
        cutoff = 0.6 if len(name) > SHORT else 0.5
    close = difflib.get_close_matches(name, sorted(choices), n=1, cutoff=cutoff)
    return close[0] if close else None


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """A remedy for a misspelt name: the nearest choice when there is one, and all choices.

    >>> did_you_mean("win_rat", ["win_rate", "score_gap"])
    "did you mean 'win_rate'? (allowed: score_gap, win_rate)"
    >>> did_you_mean("colour", ["win_rate", "score_gap"])
    'allowed: score_gap, win_rate'
    """
    allowed = sorted(choices)
    if not allowed:
        return "there are none"
    near, listed = nearest(name, allowed), f"allowed: {', '.join(allowed)}"
    return f"did you mean '{near}'? ({listed})" if near else listed
