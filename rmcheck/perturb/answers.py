"""The ways to mark the answer of a calculation."""

from __future__ import annotations

import random
import re

from rmcheck.perturb.prose import english, outside_code
from rmcheck.perturb.transformation import text_transformation

_BOXED = "\\boxed{"
_ANSWER = re.compile(
    r"\b([Tt]he (?:final )?answer is:? )(?:\$(?P<math>[^$\n\\]{1,60})\$"
    r"|(?P<number>-?\d[\d,]*(?:\.\d+)?(?:/\d+)?))"
    r"(?![\w$%°]|[.,/]\d| (?:and|or|to|times|over|point)\b)"
)


def _box(text: str) -> tuple[int, int, str] | None:
    """Where the last `\\boxed{…}` outside code starts and ends, and what is in it."""
    for start, end in reversed(outside_code(text)):
        at = text.rfind(_BOXED, start, end)
        if at < 0:
            continue
        depth = 0
        for place in range(at + len(_BOXED) - 1, end):
            depth += {"{": 1, "}": -1}.get(text[place], 0)
            if depth == 0:
                inside = text[at + len(_BOXED) : place].strip()
                return (at, place + 1, inside) if inside and "\n" not in inside else None
        return None
    return None


def _unboxed(text: str, ending: str) -> str | None:
    box = _box(text)
    if box is None:
        return None
    start, end, inside = box
    # Mathematics keep their dollars; a plain number needs none.
    line = text.rfind("\n", 0, start) + 1
    within = text.count("$", line, start) % 2 and "$" in text[end:].split("\n", 1)[0]
    marked = "$" if within or set("\\^_") & set(inside) else ""
    said = ending.format(f"{marked}{inside}{marked}")
    return f"{text[:start]}{inside}{text[end:].rstrip()}\n\n{said}"


@text_transformation("preserves", "response", "answers", "markdown", idempotent=True)
def boxed_as_heading(text: str, rng: random.Random, strength: float) -> str | None:
    r"""The answer under a heading `# Answer`, not in `\boxed{}`; strength has no effect."""
    return _once(text, "# Answer\n\n{}")


@text_transformation("preserves", "response", "answers", idempotent=True, english=True)
def boxed_as_sentence(text: str, rng: random.Random, strength: float) -> str | None:
    r"""The answer in a sentence, not in `\boxed{}`; strength has no effect."""
    return _once(text, "The answer is {}.")


def _once(text: str, ending: str) -> str | None:
    # With several boxes it is not clear which of them is the answer.
    return _unboxed(text, ending) if text.count(_BOXED) == 1 else None


@text_transformation("preserves", "response", "answers", idempotent=True, english=True)
def answer_in_box(text: str, rng: random.Random, strength: float) -> str | None:
    r"""The number after "The answer is" in `\boxed{}`; strength has no effect."""
    if _BOXED in text:
        return None
    if not english(text):
        return None
    found = None
    for span in outside_code(text):
        for match in _ANSWER.finditer(text, *span):
            found = match
    if found is None:
        return None
    inside = found["math"] or found["number"]
    return f"{text[: found.start()]}{found[1]}$\\boxed{{{inside}}}${text[found.end() :]}"
