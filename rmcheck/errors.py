"""Errors that the user can fix; each says where, what was found, what is allowed."""

from __future__ import annotations

import difflib
import errno
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from rmcheck.spec import redacted
from rmcheck.wording import counted, escaped, listed


class RmcheckError(Exception):
    """Base of every error that the user can fix; shown without a traceback."""

    def __str__(self) -> str:
        """The message on one line, without secrets, with control characters escaped."""
        return redacted(escaped(super().__str__()))


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
        """A short form, for a session that has printed the long one."""
        return RmcheckError(f"{self.what} needs rmcheck[{self.extra}], which is not installed")


OTHER_CACHE = "use another folder with --rm-cache"
"""The remedy for any other problem with the cache folder."""
GIVE_ACCESS = "give this user access to it"
_KNOWN = {
    errno.ENOSPC: ("no space left on the disk", "free some space"),
    errno.EDQUOT: ("disk quota used up", "free some space"),
    errno.EROFS: ("the disk is read-only", "choose a folder that can be written"),
    errno.EACCES: ("permission denied", GIVE_ACCESS),
    errno.EPERM: ("permission denied", GIVE_ACCESS),
}
"""Reasons for which the operating system refuses, and the remedies."""


def os_reason(error: OSError, alternative: str = "") -> str:
    """Why the operating system refused, in words and with a remedy, without error numbers.

    `alternative` is one more remedy, or the only one where no other is known.

    >>> os_reason(OSError(28, "No space left on device"))
    'no space left on the disk; free some space'
    >>> os_reason(OSError(28, "No space left on device"), "use another folder")
    'no space left on the disk; free some space, or use another folder'
    >>> os_reason(OSError(20, "Not a directory"), "use another folder")
    'not a directory; use another folder'
    """
    said = (error.strerror or str(error)).strip()
    reason, remedy = _KNOWN.get(error.errno or 0, (said[:1].lower() + said[1:], ""))
    if alternative and error.errno == errno.EROFS:  # it names the folder to choose
        remedy = ""
    remedies = ", or ".join(each for each in (remedy, alternative) if each)
    return f"{reason}; {remedies}" if remedies else reason


def os_message(error: OSError) -> str:
    """The same as `os_reason`, after the path that the error is about."""
    paths = [path for path in (error.filename, error.filename2) if path is not None]
    return ": ".join([*(str(path) for path in paths[-1:]), os_reason(error)])


class Unscorable(RmcheckError):
    """A source has no score for a text and cannot compute one (a score file)."""


class BaselineMissing(RmcheckError):
    """No baseline exists yet to compare with; checks that need one are skipped."""


class BaselineRefused(RmcheckError):
    """The baseline was scored differently, so a comparison with it is not meaningful."""


MOST_CHARACTERS = 1000
"""The longest message; a name that it quotes may be as long as the file."""


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
MORE = "more errors follow; fix the ones above first"


def first_of(problems: Iterable[Problem]) -> list[Problem]:
    """At most `MOST_PROBLEMS` problems; where there are more, the last one says so at its place.

    Consumes no more of an iterator than needed: a message may cost a search for a near name.
    """
    found = list(islice(problems, MOST_PROBLEMS + 1))
    if len(found) > MOST_PROBLEMS:
        found[-1] = replace(found[-1], message=MORE)
    return found


SIMILAR = 5
MOST_ROWS = 20
_GIVEN = re.compile(r"(?<!key )'[^']*'|-?\d[\d.]*")
"""What messages quote and count, except the key that they are about."""


def condensed(problems: Iterable[Problem]) -> list[Problem]:
    """The first few rows of each mistake and a count of the rest, and at most `MOST_ROWS` lines.

    Two mistakes are the same where their messages differ only in quoted names and numbers.
    """
    alike: dict[tuple[str, str], list[Problem]] = {}
    for problem in sorted(problems):
        alike.setdefault((problem.path, _GIVEN.sub("", problem.message)), []).append(problem)
    shown: list[tuple[Problem, int]] = []  # with the number of problems that a line represents
    for found in alike.values():
        # A line that represents a single row would save nothing.
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
    """The line after the last problem that is shown."""
    more = f"… and {counted(count, f'more {one}', f'more {several}')}"
    return replace(last, column=last.column + 1, message=more)


class ProblemsFound(RmcheckError):
    """All mistakes of a file (or of several), in the order of their places."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: Sequence[Problem] = sorted(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __str__(self) -> str:
        """A line for each problem, whose text is printable."""
        return redacted("\n".join(str(problem) for problem in self.problems))


SHORT = 5
"""A name of at most this length is near to another of about its length when half of it agrees."""


def nearest(name: str, choices: Iterable[str], cutoff: float | None = None) -> str | None:
    """The choice of which `name` is probably a misspelling; `cutoff` is the required similarity.

    >>> nearest("tyni", ["gpt2", "tiny"])
    'tiny'
    """
    choices = sorted(choices)
    if cutoff is None and len(name) <= SHORT:
        # Two letters exchanged in a short name (tyni) leave half of it in place.
        alike = [choice for choice in choices if abs(len(choice) - len(name)) <= 1]
        close = difflib.get_close_matches(name, alike, n=1, cutoff=0.5)
        if close:
            return close[0]
    close = difflib.get_close_matches(name, choices, n=1, cutoff=cutoff or 0.6)
    return close[0] if close else None


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """A remedy for a misspelt name: the nearest choice, if any, and all choices.

    >>> did_you_mean("win_rat", ["win_rate", "score_gap"])
    "did you mean 'win_rate'? (allowed: score_gap, win_rate)"
    >>> did_you_mean("colour", ["win_rate", "score_gap"])
    'allowed: score_gap, win_rate'
    """
    allowed = sorted(choices)
    if not allowed:
        return "none is available"
    near, listed = nearest(name, allowed), f"allowed: {', '.join(allowed)}"
    return f"did you mean '{near}'? ({listed})" if near else listed
