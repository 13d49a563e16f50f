"""Counterexamples: a text before and after a change that moved its score as it must not."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rmcheck.data import Dialogue, prompt_text
from rmcheck.data.preferences import PreferenceData
from rmcheck.verdict import Counterexample, Step
from rmcheck.wording import escaped

MOST = 10
"""So many counterexamples a check shows."""
MOST_EACH = 3
"""So many of them show the same change."""
LONGEST = 4_000
"""Longer texts are shortened around the change, to so many characters."""

_BEFORE_CHANGE = 600


@dataclass(frozen=True, kw_only=True)
class Break:
    """A broken promise: a text, its changed copy, and their scores.

    Parameters
    ----------
    change
        The name of what changed the text.
    size
        How bad it is, in standard deviations of the scores; larger is worse.
    before, after
        The text and its copy.
    against
        The score that the text should have stayed above (or below), if there is one.
    """

    change: str
    size: float
    promise: str
    before: Dialogue
    after: Dialogue
    before_score: float
    after_score: float
    against: float | None = None


def worst(
    breaks: Sequence[Break], repeat: Callable[[Break], str] = lambda _: ""
) -> tuple[Counterexample, ...]:
    """The worst of them as counterexamples, at most `MOST`, and `MOST_EACH` of one change.

    `repeat` gives a command that shows one again; empty without one.
    """
    kept: list[Break] = []
    counts: dict[str, int] = {}
    for each in sorted(breaks, key=lambda one: (-one.size, one.change, one.before.key)):
        if counts.get(each.change, 0) < MOST_EACH and len(kept) < MOST:
            kept.append(each)
            counts[each.change] = counts.get(each.change, 0) + 1
    return tuple(
        counterexample(
            f"{each.change}: {each.before.key}",
            each.promise,
            each.before,
            each.after,
            (each.before_score, each.after_score),
            against=each.against,
            repeat=repeat(each),
        )
        for each in kept
    )


def counterexample(
    title: str,
    promise: str,
    before: Dialogue,
    after: Dialogue,
    scores: tuple[float, float],
    *,
    against: float | None = None,
    repeat: str = "",
    steps: Sequence[Step] = (),
) -> Counterexample:
    """A counterexample of two dialogues and their scores; long texts are shortened."""
    texts = shortened(before.response, after.response)
    prompts = prompt_text(before.prompt), prompt_text(after.prompt)
    same = prompts[0] == prompts[1]
    told = shortened(*prompts)
    return Counterexample(
        title=title,
        key=before.key,
        promise=promise,
        prompt=told[0],
        before=texts[0],
        after=texts[1],
        before_score=float(scores[0]),
        after_score=float(scores[1]),
        after_prompt=None if same else told[1],
        against=None if against is None else float(against),
        repeat=repeat,
        steps=tuple(steps),
    )


def shortened(before: str, after: str, longest: int = LONGEST) -> tuple[str, str]:
    """Both texts, cut to about `longest` characters around the place where they first differ.

    >>> shortened("a" * 20 + "b" + "c" * 20, "a" * 20 + "d" + "c" * 20, longest=16)
    ('… (17 characters) aaabccccccccccc… (9 more characters)', \
'… (17 characters) aaadccccccccccc… (9 more characters)')
    >>> shortened("short", "shorter")
    ('short', 'shorter')
    """
    if max(len(before), len(after)) <= longest:
        return before, after
    both = zip(before, after, strict=False)
    alike = next((row for row, (a, b) in enumerate(both) if a != b), min(len(before), len(after)))
    start = max(0, alike - min(_BEFORE_CHANGE, longest // 5))
    return _window(before, start, longest), _window(after, start, longest)


def _window(text: str, start: int, longest: int) -> str:
    head = f"… ({start:,} characters) " if start else ""
    end = start + longest - 1
    left = len(text) - end
    if left <= 0:
        return f"{head}{text[start:]}"
    return f"{head}{text[start:end]}… ({left:,} more characters)"


def repeat_line(
    name: str, data: PreferenceData, key: str, *, seed: int, strength: float, source: str
) -> str:
    """A command that shows a copy again, with both scores.

    Parameters
    ----------
    name
        The transformation, or the variant.
    data
        The data that the text is in.
    key
        The key of the original dialogue (`conv-0007/chosen`).
    source
        The spec of the model.
    """
    identity, _, side = key.rpartition("/")
    path = file_of(data, identity)
    if not path or side not in ("chosen", "rejected"):
        return ""
    words = ["rmcheck", "perturb", name, "--data", path, "--id", identity, "--side", side]
    words += ["--seed", str(seed), "--strength", f"{strength:g}", "--rm", source]
    return " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    """A word for the shell; one with control characters in the form that shows them."""
    if escaped(word) == word:
        return shlex.quote(word)
    plain = word.replace("\\", "\\\\").replace("'", "\\'")
    return f"$'{''.join(map(_seen, plain))}'"


def _seen(character: str) -> str:
    if escaped(character) == character:
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}"


def file_of(data: PreferenceData, identity: str) -> str:
    """The file that a pair came from; empty where that is not known."""
    if len(data.paths) == 1:
        return data.paths[0]
    counts = [note.rows - sum(note.reasons.values()) for note in data.notes]
    if len(counts) != len(data.paths) or sum(counts) != len(data.pairs):
        return ""
    place = next((row for row, pair in enumerate(data.pairs) if pair.id == identity), None)
    if place is None:
        return ""
    for path, count in zip(data.paths, counts, strict=True):
        if place < count:
            return path
        place -= count
    return ""
