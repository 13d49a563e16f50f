"""A counterexample on the page: two texts with the difference marked, scores, how to repeat it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rmcheck.record.run import CounterexampleRecord, StepRecord
from rmcheck.report import numbers
from rmcheck.report.difference import Part, Span, excerpt, forms, shown, spans
from rmcheck.report.text import one_line
from rmcheck.wording import counted

MOST_FINDINGS, MOST_ON_PAGE = 10, 100
"""So many counterexamples of a check and of all checks are shown; the others are counted."""
MOST_STEPS = 20
_AROUND = 240
_MOST_FOLDED = 4_000
_MOST_PIECES = 80


@dataclass(frozen=True)
class Piece:
    """A stretch of a text. `own`: the other text lacks it. `folded`: only shown on request."""

    parts: tuple[Part, ...]
    own: bool = False
    folded: bool = False
    length: int = 0
    left_out: int = 0


@dataclass(frozen=True)
class Step:
    """A step of a search: what was done, the score, and where the text then differs."""

    label: str
    score: str
    change: str


@dataclass(frozen=True)
class Finding:
    """A counterexample; `key` is empty where the title has it.

    `changed` holds prompt, response or both, with the pieces before and after; `unchanged` the
    text of the other. Both are empty in a report without texts.
    """

    title: str
    key: str
    promise: str
    before_score: str
    after_score: str
    change: str
    against: str
    unchanged: tuple[tuple[str, str], ...]
    changed: tuple[tuple[str, tuple[Piece, ...], tuple[Piece, ...]], ...]
    remark: str
    repeat: str
    steps: tuple[Step, ...]
    more_steps: int


@dataclass(frozen=True)
class Findings:
    """The counterexamples of a check that the page shows, and how many more there are."""

    shown: tuple[Finding, ...] = ()
    left_out: int = 0

    @property
    def remark(self) -> str:
        """How many are not shown; empty if all are."""
        return f"{counted(self.left_out, 'more text')} in results.json." if self.left_out else ""


def findings(records: Sequence[CounterexampleRecord], most: int, *, texts: bool) -> Findings:
    """The first `most` counterexamples; without their texts if the report is to have none."""
    kept = records[:most]
    return Findings(
        tuple(_finding(each, texts=texts) for each in kept), max(0, len(records) - len(kept))
    )


def share(checks: int) -> int:
    """How many counterexamples each of so many checks may show."""
    return max(1, min(MOST_FINDINGS, MOST_ON_PAGE // max(1, checks)))


def _finding(record: CounterexampleRecord, *, texts: bool) -> Finding:
    prompts = record.prompt, record.prompt if record.after_prompt is None else record.after_prompt
    both = (("Prompt", *prompts), ("Response", record.before, record.after)) if texts else ()
    return Finding(
        title=one_line(record.title, 200),
        key="" if record.key in record.title else record.key,
        promise=one_line(record.promise, 400),
        before_score=numbers.score(record.before_score),
        after_score=numbers.score(record.after_score),
        change=numbers.margin(record.after_score - record.before_score),
        against=_against(record),
        unchanged=tuple(
            (name, before[:_MOST_FOLDED]) for name, before, after in both if before == after
        ),
        changed=tuple(
            (name, *_sides(before, after)) for name, before, after in both if before != after
        ),
        remark=" ".join(filter(None, (forms(before, after) for _, before, after in both))),
        repeat=one_line(record.repeat, 2000),
        steps=tuple(_step(each, record.before, texts=texts) for each in record.steps[:MOST_STEPS]),
        more_steps=max(0, len(record.steps) - MOST_STEPS),
    )


def _against(record: CounterexampleRecord) -> str:
    against = record.against
    if against is None:
        return ""
    after = record.after_score
    words = "below" if after < against else "above" if after > against else "equal to"
    return f"{numbers.score(against)} (now {words} it)"


def _step(record: StepRecord, before: str, *, texts: bool) -> Step:
    change = excerpt(before, record.text) if texts else ""
    return Step(one_line(record.label, 120), numbers.score(record.score), change)


def _sides(before: str, after: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    every = spans(before, after)
    return (
        _pieces([span for span in every if span.kind != "new"]),
        _pieces([span for span in every if span.kind != "gone"]),
    )


def _pieces(every: Sequence[Span]) -> tuple[Piece, ...]:
    """A text in pieces: the changes and what is around them, long stretches folded."""
    found: list[Piece] = []
    for at, span in enumerate(every):
        if len(found) >= _MOST_PIECES:
            found.append(_fold("".join(rest.text for rest in every[at:]), own=False))
            break
        first, last = at == 0, at == len(every) - 1
        own = span.kind != "same"
        # Of a text that begins (ends) the same, only what is next to the change is shown.
        head = 0 if first and not own and not last else _AROUND
        tail = 0 if last and not own and not first else _AROUND
        found += _folded(span.text, head, tail, own=own)
    return tuple(found)


def _folded(text: str, head: int, tail: int, *, own: bool) -> list[Piece]:
    if len(text) <= head + tail + _AROUND:
        return [_piece(text, own=own)]
    begin = _boundary(text, head) if head else 0
    end = _boundary(text, len(text) - tail) if tail else len(text)
    return [
        *([_piece(text[:begin], own=own)] if begin else []),
        _fold(text[begin:end], own=own),
        *([_piece(text[end:], own=own)] if end < len(text) else []),
    ]


def _boundary(text: str, at: int) -> int:
    """A blank near a place, so that no word is cut; else the place itself."""
    return (text.rfind(" ", at - 30, at) + 1) or at


def _piece(text: str, *, own: bool) -> Piece:
    return Piece(shown(text) if own else (Part(text),), own)


def _fold(text: str, *, own: bool) -> Piece:
    kept = text[:_MOST_FOLDED]
    parts = _piece(kept, own=own).parts
    return Piece(parts, own, folded=True, length=len(text), left_out=len(text) - len(kept))
