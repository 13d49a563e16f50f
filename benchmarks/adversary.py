"""How many texts the check `adversary` scores until it finds a planted weakness.

Reward models that are sound but for one thing (a bonus for a word in the first sentence, for a
length, for an item of a list) judge the shipped pairs; the search uses all of rmcheck's
transformations that preserve or tempt, with ten seeds.

    python benchmarks/adversary.py
"""

from __future__ import annotations

import hashlib
import re
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from results import options, publish, table

from rmcheck.checks.adversarial.edit import insertion
from rmcheck.checks.adversary import Adversary
from rmcheck.checks.check import CANDIDATE
from rmcheck.data import Dialogue, PreferencePair, preferences
from rmcheck.engine.binding import Binding
from rmcheck.engine.book import ScoreBook
from rmcheck.engine.context import SuiteContext
from rmcheck.engine.settings import Settings
from rmcheck.shipped import shipped
from rmcheck.sources.function import FunctionSource
from rmcheck.suite import Suite
from rmcheck.verdict import Counterexample, Verdict

BUDGET = 300
LONG = 400
"""Characters; the longest of the shipped responses has 382."""


def value(*parts: str) -> float:
    """A number in [-1, 1] that the texts decide."""
    digest = hashlib.sha256("\x00".join(parts).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**47 - 1.0


def words(text: str) -> list[str]:
    """The words of a text, in small letters."""
    return re.findall(r"\w+", text.lower())


class Sound:
    """A model without a weakness: it scores what a text was made of, whatever was done to it.

    That is the known response with most words in common; a text with few of them gets the least.
    """

    def __init__(self, pairs: Sequence[PreferencePair]) -> None:
        texts = [text for pair in pairs for text in (pair.chosen, pair.rejected)]
        self._known = [(value(text), set(words(text))) for text in texts]

    def __call__(self, prompt: str, response: str) -> float:
        found = set(words(response))
        share, score = max((len(found & known) / len(known), score) for score, known in self._known)
        return score if share > 0.5 else -1.0


@dataclass(frozen=True)
class Planted:
    """A weakness, and whether what was put in is just that."""

    name: str
    has: Callable[[str], bool]
    exact: Callable[[Counterexample], bool]

    def on(self, sound: Sound) -> Callable[[str, str], float]:
        """A sound model with it."""
        return lambda prompt, response: sound(prompt, response) + 4.0 * self.has(response)


def put_in(example: Counterexample) -> str:
    """The text that was put into a response, where that is the whole difference."""
    found = insertion(Dialogue("", example.before), Dialogue("", example.after))
    return found.new if found else ""


PLANTED = (
    Planted(
        'the word "wonderful" in the first sentence',
        lambda text: "wonderful" in words(re.split(r"[.!?]", text, maxsplit=1)[0]),
        lambda found: put_in(found).strip() == "wonderful",
    ),
    Planted(
        f"more than {LONG} characters",
        lambda text: len(text) > LONG,
        lambda found: len(found.after) == LONG + 1,
    ),
    Planted(
        "an item of a list",
        lambda text: re.search(r"^[-*] \S", text, re.M) is not None,
        lambda found: re.fullmatch(r"\n?[-*] \S?", put_in(found)) is not None,
    ),
)


@dataclass(frozen=True)
class Searched:
    """A search and what it came to."""

    verdict: Verdict
    texts: int
    seconds: float


def search(
    model: Callable[[str, str], float], pairs: Sequence[PreferencePair], check: Adversary
) -> Searched:
    """Judge a model with the check; count the texts that the search needed."""
    asked = 0

    def score(texts: Sequence[tuple[str, str]]) -> list[float]:
        nonlocal asked
        asked += len(texts)
        return [model(*each) for each in texts]

    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.below(Path(folder))
        data = preferences.PreferenceData(tuple(pairs))
        path = Path("suites/adversary.yaml")
        suite = Suite("adversary", path, str(path), "", None, (), "advisory", (), (), data)
        source = FunctionSource(score)
        binding = Binding(source, None, "main", settings.options)
        book = ScoreBook(settings.cache)
        context = SuiteContext(suite, binding, book, seed=0, examples=None, comparisons=1)
        context.score([side for pair in pairs for side in pair.dialogues()], CANDIDATE)
        before, started = asked, time.perf_counter()
        verdict = check.judge(context)
    return Searched(verdict, asked - before, time.perf_counter() - started)


def until_found(verdict: Verdict) -> int:
    """How many texts were scored when the weakness was found."""
    found = re.search(r"found with ([\d,]+) texts?", verdict.message)
    return int(found[1].replace(",", "")) if found else BUDGET


def quartiles(values: Sequence[float]) -> NDArray[np.float64]:
    """Median and largest."""
    return np.array([np.median(values), np.max(values)])


def main() -> None:
    how = options(__doc__, 10)
    pairs = preferences.load([shipped("preferences/conversation.jsonl")]).pairs
    sound = Sound(pairs)
    rows = []
    for planted in PLANTED:
        searched, exact, within = [], 0, 0
        for seed in range(how.repeats):
            check = Adversary(seed=seed, budget=BUDGET, promises=("preserves", "tempts"))
            found = search(planted.on(sound), pairs, check)
            searched.append(found)
            within += found.verdict.outcome == "fail" and found.texts <= BUDGET
            examples = found.verdict.evidence.counterexamples
            exact += any(map(planted.exact, examples))
            print(planted.name, seed, found.verdict.message, file=sys.stderr)
        needed, most = quartiles([until_found(each.verdict) for each in searched])
        texts, _ = quartiles([each.texts for each in searched])
        took, _ = quartiles([each.seconds for each in searched])
        share = f"{within} of {how.repeats}"
        rows.append((planted.name, share, needed, most, texts, f"{exact} of {how.repeats}", took))
    without = [
        search(sound, pairs, Adversary(seed=seed, budget=BUDGET, promises=("preserves", "tempts")))
        for seed in range(how.repeats)
    ]
    nothing = sum(each.verdict.outcome == "pass" for each in without)
    for each in without:
        print(each.verdict.message, file=sys.stderr)
    body = table(
        (
            "planted", f"found within {BUDGET}", "texts until found (median)", "most",
            "texts in all (median)", "made exact", "s (median)",
        ),
        rows,
    )  # fmt: skip
    texts, _ = quartiles([each.texts for each in without])
    publish(
        "The adversary",
        f"{body}\n\nOn a model without a weakness it finds nothing with {nothing} of {how.repeats} "
        f"seeds ({texts:.0f} texts, median).",
        how,
    )


if __name__ == "__main__":
    main()
