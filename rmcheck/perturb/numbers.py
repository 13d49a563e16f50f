"""Numbers changed, so that a response states something else."""

from __future__ import annotations

import random
import re

from rmcheck.perturb.places import places, rewritten
from rmcheck.perturb.prose import outside_code
from rmcheck.perturb.transformation import text_transformation

# Not the number of a list's point, and not a part of a name.
_NUMBER = re.compile(r"(?<![\w.,#@])(?!\d{1,3}[.)] )\d+(?:[.,]\d+)*(?![\w])")


@text_transformation("degrades", "response", "degrade", "numbers")
def number_changed(text: str, rng: random.Random, strength: float) -> str | None:
    """Other numbers with as many digits, outside code."""

    def written(match: re.Match[str]) -> str:
        number = match.group()
        # The first digit that is not a zero has the most weight; it stays above zero.
        at = next((at for at, digit in enumerate(number) if digit not in "0.,"), len(number) - 1)
        old = int(number[at]) if number[at].isdecimal() else 0
        new = rng.choice([digit for digit in range(1, 10) if digit != old])
        return f"{number[:at]}{new}{number[at + 1 :]}"

    return rewritten(text, places(_NUMBER, text, outside_code(text), written), rng, strength)
