"""Findings of the linter: their kinds, levels, remedies and places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rmcheck.errors import Problem
from rmcheck.stats.decision import MIN_GROUPS

Level = Literal["error", "warning", "note"]
LEVELS: tuple[Level, ...] = ("error", "warning", "note")


@dataclass(frozen=True, order=True, slots=True)
class Place:
    """A line of a file; line 0 is the file as a whole, an empty path all files together.

    >>> str(Place("a.jsonl", 3)), str(Place("a.jsonl")), str(Place(""))
    ('a.jsonl:3', 'a.jsonl', 'all files')
    """

    path: str
    line: int = 0

    def __str__(self) -> str:
        if not self.path:
            return "all files"
        return f"{self.path}:{self.line}" if self.line else self.path


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of finding: its name, how bad it is, what it means, and what to do about it."""

    code: str
    level: Level
    title: str
    remedy: str


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One finding: a sentence about a place; `related` are the other places that it speaks of."""

    kind: Kind
    place: Place
    message: str
    related: tuple[Place, ...] = ()


def problem_finding(kind: Kind, problem: Problem) -> Finding:
    """A problem from a loader as a finding."""
    return Finding(kind=kind, place=Place(problem.path, problem.line), message=problem.message)


def clip(text: str, width: int = 60) -> str:
    """A text on one line, in quotes, cut to `width` characters."""
    flat = " ".join(text.split())
    return f"“{flat if len(flat) <= width else flat[: width - 1] + '…'}”"


def listed(places: list[Place], most: int = 4) -> str:
    """The first few places, and how many more there are."""
    shown = ", ".join(str(place) for place in places[:most])
    return shown if len(places) <= most else f"{shown} and {len(places) - most} more"


MALFORMED = Kind(
    code="malformed-row",
    level="error",
    title="rows that cannot be read",
    remedy="fix the row; a pair has the keys id, prompt, chosen and rejected",
)
SUITE_MISTAKE = Kind(
    code="suite-mistake",
    level="error",
    title="a suite that does not load",
    remedy="fix the suite file; `rmcheck list` names the kinds of checks",
)
PLACEHOLDER = Kind(
    code="placeholder",
    level="error",
    title="example rows of `rmcheck new` that were not replaced",
    remedy="replace the texts with a pair of your own, or remove the row",
)
DUPLICATE_ID = Kind(
    code="duplicate-id",
    level="error",
    title="duplicate ids",
    remedy="give every row its own id: scores and baselines are kept by id",
)
IDENTICAL_SIDES = Kind(
    code="identical-sides",
    level="error",
    title="pairs whose two responses are the same text",
    remedy="remove the pair: no model can get it right",
)
CONTRADICTION = Kind(
    code="contradiction",
    level="error",
    title="pairs that contradict each other",
    remedy="decide which response is better and remove the other pair",
)
CYCLE = Kind(
    code="preference-cycle",
    level="error",
    title="preferences that form a cycle",
    remedy="remove or reverse one of the pairs: no scores can satisfy all of them",
)
LEAKED_PROMPT = Kind(
    code="leaked-prompt",
    level="error",
    title="prompts that are also in the other files",
    remedy="remove the prompt from one of the files; else a model is tested on what it memorised",
)
LEAKED_RESPONSE = Kind(
    code="leaked-response",
    level="error",
    title="responses that are also in the other files",
    remedy="remove the response from one of the files; else a model is tested on what it memorised",
)
SIMILAR_PROMPT = Kind(
    code="similar-prompt",
    level="warning",
    title="prompts that resemble prompts of the other files",
    remedy="make sure that knowing the answer to one does not help with the other",
)
DUPLICATE_PAIR = Kind(
    code="duplicate-pair",
    level="warning",
    title="duplicate pairs",
    remedy="keep one of them: repeats count twice and add no information",
)
EMPTY_SIDE = Kind(
    code="empty-side",
    level="warning",
    title="responses without any text",
    remedy="write a response or remove the pair: any model can recognise an empty text",
)
BOTH_SIDES = Kind(
    code="both-sides",
    level="warning",
    title="texts chosen under one prompt and rejected under another",
    remedy="check that the prompts explain the difference; otherwise one of the labels is wrong",
)
RANKED_TEXT = Kind(
    code="ranked-text",
    level="note",
    title="texts chosen in one pair and rejected in another of the same prompt",
    remedy="nothing to do if the pairs come from a ranking; such pairs depend on each other",
)
SPLIT_GROUP = Kind(
    code="split-group",
    level="warning",
    title="one prompt in several groups",
    remedy="give pairs with the same prompt the same group, or omit the key; otherwise intervals "
    "are too narrow",
)
MIXED_GROUP = Kind(
    code="mixed-group",
    level="note",
    title="groups with several prompts",
    remedy="nothing to do if those pairs depend on each other (paraphrases, turns of one dialogue)",
)
NEAR_PROMPT = Kind(
    code="near-duplicate-prompt",
    level="warning",
    title="prompts that are nearly the same, in different groups",
    remedy="give them the same group, so that intervals treat them as dependent, or rewrite one",
)
REPEATED_RESPONSE = Kind(
    code="repeated-response",
    level="note",
    title="responses that are the same, or nearly, for several prompts",
    remedy="vary them if a model could memorise the text",
)
RATING_ORDER = Kind(
    code="rating-order",
    level="warning",
    title="pairs whose rejected response is rated higher",
    remedy="correct the label or the ratings",
)
LENGTH = Kind(
    code="length-confounded",
    level="warning",
    title="pairs in which length predicts the chosen side",
    remedy="add pairs (or rewrite some) in which the other side is longer, with the same quality",
)
RULE_OF_THUMB = Kind(
    code="rule-of-thumb",
    level="warning",
    title="pairs that a rule of thumb wins",
    remedy="balance the sides, or slice the suite so that the rule does not help",
)
WORDS = Kind(
    code="word-shortcut",
    level="warning",
    title="pairs that a bag of words wins",
    remedy="use the telling words on both sides, or a model that only counts words looks good",
)
DOUBTFUL_LABEL = Kind(
    code="doubtful-label",
    level="warning",
    title="labels that reward sources contradict",
    remedy="read these pairs, worst first; exchange the sides where the label is wrong, and keep "
    "pairs that are only hard",
)
SMALL_TAG = Kind(
    code="small-tag",
    level="note",
    title="tags with too few pairs to decide anything",
    remedy="add pairs, join tags, or do not rely on their win rates",
)
_UNDECIDED = f"with fewer than {MIN_GROUPS} groups (prompts) no check is decided"
SMALL_SLICE = Kind(
    code="small-slice",
    level="warning",
    title="checks whose `where:` selects too few pairs",
    remedy=f"widen `where:` or add pairs: {_UNDECIDED}",
)
SMALL_DATA = Kind(
    code="small-data",
    level="warning",
    title="checks whose data have too few pairs",
    remedy=f"add pairs with other prompts: {_UNDECIDED}",
)
GUESS_PASSES = Kind(
    code="guess-passes",
    level="warning",
    title="thresholds within the noise of guessing",
    remedy="raise min, add pairs, or set `on_inconclusive: fail`",
)
EXPECTED_INSIDE = Kind(
    code="expected-inside-band",
    level="warning",
    title="thresholds too close to the expected rate",
    remedy="lower min or add pairs: with so few pairs the result depends on chance",
)
ABOVE_AGREEMENT = Kind(
    code="above-agreement",
    level="warning",
    title="thresholds that people might not reach either",
    remedy="lower min, or slice by `min_confidence`",
)
BLIND_COMPARISON = Kind(
    code="blind-comparison",
    level="warning",
    title="comparisons that detect only much larger drops than they tolerate",
    remedy="compare on more pairs at once (all domains in one suite), or treat a pass as "
    "“no drop of this size”",
)
BAND = Kind(
    code="threshold-band",
    level="note",
    title="width of the inconclusive band of each threshold",
    remedy="nothing to do; a rate within the band is decided by its point estimate and marked weak",
)

KINDS: tuple[Kind, ...] = tuple(
    value for value in list(globals().values()) if isinstance(value, Kind)
)
"""All kinds, errors first, as they are listed in a report."""
