"""What a judge's answer is worth: an expected grade or a grade, log-odds or a vote.

With log-probabilities, the score is computed from the probabilities of all grades (or of both
letters) at the place of the answer, so that 8 with a chance of 9 is more than 8. Without them it is
the answer itself. An answer that is anything else than a grade or a letter is never interpreted.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from rmcheck.remote.judge.tokens import BLANKS, Token, place_of
from rmcheck.remote.profile import WrongAnswer

GRADES = range(1, 11)
LETTERS = ("A", "B")
LEAST_MASS = 0.5
"""The share of probability that must be on grades (or letters) for the rest to be left out."""
CERTAIN = 1 - 1e-9
"""A probability that is 1 but for rounding."""
LEAST = 1e-10
"""The smallest probability that log-odds are computed with."""

_ANSWER = re.compile(r"(?P<word>[AB]|10|[1-9])\.?")


@dataclass
class Tally:
    """What answers were like, for a remark.

    Attributes
    ----------
    read
        Answers that were read with log-probabilities.
    elsewhere
        The largest share of probability that was on other answers than grades or letters.
    certain
        Answers with all of the probability, to rounding.
    resolved
        Answers in which a token "1" could be 1 or the beginning of 10.
    unlisted
        Answers in which the other letter was not among the tokens that the server listed.
    """

    read: int = 0
    elsewhere: float = 0.0
    certain: int = 0
    resolved: int = 0
    unlisted: int = 0


class Reader(Protocol):
    """Reads the answers of one mode."""

    def plain(self, content: str) -> float:
        """The value of an answer without log-probabilities."""

    def weighed(self, content: str, tokens: Sequence[Token]) -> float:
        """Its value with them."""


@dataclass
class Grades:
    """Reads grades from 1 to 10."""

    tally: Tally = field(default_factory=Tally)

    def plain(self, content: str) -> float:
        """The grade.

        Raises
        ------
        WrongAnswer
            If the answer is anything else.

        >>> Grades().plain("7")
        7.0
        """
        found = _ANSWER.fullmatch(content)
        if found is None or found["word"] in LETTERS:
            raise WrongAnswer(
                f"expected a whole number from 1 to 10 and nothing else, got {content[:60]!r}"
            )
        return float(found["word"])

    def weighed(self, content: str, tokens: Sequence[Token]) -> float:
        """The expected grade, Σ g·p(g) / Σ p(g), in [1, 10].

        Raises
        ------
        WrongAnswer
            If the answer is not a grade, or most of the probability is on something else.

        Notes
        -----
        Some tokenizers write 10 as two tokens, "1" and "0". Where the answer began with "1", the
        probability of a "0" after it parts 1 from 10. Where it did not, and no token "10" is
        listed, a "1" counts as the one of the two that is nearer to the expected value of the
        other grades.
        """
        word = str(int(self.plain(content)))
        split = word == "10" and not any(token.text.strip(BLANKS) == "10" for token in tokens)
        place = place_of(tokens, ("1", "0") if split else (word,))
        token = tokens[place]
        mass = {grade: token.mass(str(grade)) for grade in GRADES}
        one = mass[1]
        if token.text.strip(BLANKS) == "1":
            # A blank before the 0 would make it another number.
            after = tokens[place + 1].top.get("0", 0.0) if place + 1 < len(tokens) else 0.0
            mass[1] -= one * after
            mass[10] += one * after
        elif one and not mass[10] and sum(mass.values()) > one:
            near = sum(grade * mass[grade] for grade in GRADES[1:]) / (sum(mass.values()) - one)
            if near > sum((GRADES[0], GRADES[-1])) / 2:
                mass[1], mass[10] = 0.0, one
            self.tally.resolved += 1
        total = sum(mass.values())
        _noted(self.tally, total, max(mass.values()), "grades")
        return sum(grade * p for grade, p in mass.items()) / total


@dataclass
class Letters:
    """Reads which of two responses is better: A, the first, or B."""

    tally: Tally = field(default_factory=Tally)

    def plain(self, content: str) -> float:
        """+1 for the first response, -1 for the second.

        Raises
        ------
        WrongAnswer
            If the answer is anything else than a letter.

        >>> Letters().plain("B")
        -1.0
        """
        found = _ANSWER.fullmatch(content)
        if found is None or found["word"] not in LETTERS:
            raise WrongAnswer(f"expected the letter A or B and nothing else, got {content[:60]!r}")
        return 1.0 if found["word"] == "A" else -1.0

    def weighed(self, content: str, tokens: Sequence[Token]) -> float:
        """The log-odds ln p(A) - ln p(B), in nats.

        Raises
        ------
        WrongAnswer
            If the answer is not a letter, or most of the probability is on something else.

        Notes
        -----
        A letter that is not listed is at most as probable as the least one that is, and as what
        the listed ones leave; the smaller of the two is taken, but no less than `LEAST`.
        """
        self.plain(content)
        token = tokens[place_of(tokens, (content.rstrip("."),))]
        mass = [token.mass(letter) for letter in LETTERS]
        _noted(self.tally, sum(mass), max(mass), "A and B")
        if not all(mass):
            self.tally.unlisted += 1
        bound = min(min(token.top.values()), 1 - sum(token.top.values()))
        first, second = (max(p or bound, LEAST) for p in mass)
        return math.log(first) - math.log(second)


def _noted(tally: Tally, total: float, most: float, what: str) -> None:
    """Note the share of probability elsewhere; refuse an answer with most of it there.

    `total` is the probability of all grades (or letters), `most` that of the most probable one.
    """
    if total < LEAST_MASS:
        raise WrongAnswer(
            f"{1 - total:.0%} of the probability is on other answers than {what}, expected at most "
            f"{1 - LEAST_MASS:.0%}"
        )
    tally.read += 1
    tally.certain += most > CERTAIN
    tally.elsewhere = max(tally.elsewhere, 1 - total)
