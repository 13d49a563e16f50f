"""Responses with ratings or ranks: Nectar, UltraFeedback and the first HelpSteers."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from rmcheck.data.dialogue import Prompt
from rmcheck.data.layouts import hh, shape, texts
from rmcheck.data.layouts.layout import Item, Layout, NotAPair, Values, each, ranked

_ANSWER = "\n\nAssistant:"


def _nectar(row: Values) -> list[Item]:
    """Zhu et al. 2023, berkeley-nest/Nectar: seven answers a prompt, rank 1 the best."""
    before, mark, rest = texts.text("prompt", row.get("prompt")).rpartition(_ANSWER)
    if not mark or rest.strip():
        raise NotAPair("prompt: expected a transcript that ends with '\\n\\nAssistant:'")
    rated = [
        (
            texts.text(f"answers[{index}]", one.get("answer")),
            -texts.number(f"answers[{index}].rank", one.get("rank")),
        )
        for index, one in enumerate(_objects("answers", row.get("answers")))
    ]
    return list(ranked(hh.turns(before), rated, tags=texts.tags(row, "source")))


def _ultrafeedback(row: Values) -> list[Item]:
    """Cui et al. 2023, arXiv:2310.01377; openbmb/UltraFeedback.

    The rating is the mean of the four aspects, `fine-grained_score`; `overall_score`, which is
    known to be wrong in some rows, only where that is missing. The aspects' own ratings
    (`annotations`) are labels by objective; one that is "N/A" is left out.
    """
    rated = []
    aspects: dict[str, list[float | None]] = {name: [] for name in _ASPECTS}
    for index, one in enumerate(_objects("completions", row.get("completions"))):
        where = f"completions[{index}]"
        given = one.get("fine-grained_score")
        given = one.get("overall_score") if given is None else given
        answer = texts.text(f"{where}.response", one.get("response"))
        rated.append((answer, texts.number(f"{where}.fine-grained_score", given)))
        for name, column in aspects.items():
            column.append(_aspect(one.get("annotations"), name))
    prompt = texts.text("instruction", row.get("instruction"))
    return list(ranked(prompt, rated, tags=texts.tags(row, "source"), aspects=aspects))


_ASPECTS = ("instruction_following", "honesty", "truthfulness", "helpfulness")
"""What GPT-4 rated in UltraFeedback, from 1 to 5."""


def _aspect(annotations: Any, name: str) -> float | None:
    """The rating of one aspect; None if it is missing."""
    found = annotations.get(name) if isinstance(annotations, Mapping) else None
    given = found.get("Rating") if isinstance(found, Mapping) else None
    try:
        return texts.number(name, given)
    except NotAPair:
        return None


def _helpsteer(rows: Sequence[Values]) -> list[Item]:
    """Wang et al. 2023, arXiv:2311.09528, and 2024, arXiv:2406.08673; nvidia/HelpSteer and 2.

    One response a row; those to one prompt belong together, and the rating is `helpfulness`. All
    attributes that every response has are labels by objective.
    """
    rated = [
        (
            texts.text("response", row.get("response")),
            texts.number("helpfulness", row.get("helpfulness")),
        )
        for row in rows
    ]
    there = [name for name in _ATTRIBUTES if all(row.get(name) is not None for row in rows)]
    aspects = {name: [texts.number(name, row[name]) for row in rows] for name in there}
    return list(ranked(steer_turns(rows[0].get("prompt")), rated, aspects=aspects))


_ATTRIBUTES = ("helpfulness", "correctness", "coherence", "complexity", "verbosity")
"""What the annotators of HelpSteer rated."""
_STEER = re.compile(r"\n?<extra_id_1>(User|Assistant)\n")


def steer_turns(value: Any) -> Prompt:
    """A prompt of HelpSteer; its later turns begin with `<extra_id_1>` and the speaker."""
    given = texts.text("prompt", value)
    first, *rest = _STEER.split(given)
    if not rest:
        return given
    roles = {"User": "user", "Assistant": "assistant"}
    later = zip(rest[::2], rest[1::2], strict=True)
    return texts.prompt(
        [{"role": "user", "content": first}]
        + [{"role": roles[speaker], "content": said} for speaker, said in later]
    )


def _prompt_of(row: Values) -> Hashable:
    return str(row["prompt"])


def _objects(where: str, value: Any) -> Sequence[Mapping[str, Any]]:
    if not isinstance(value, list | tuple) or not all(isinstance(one, Mapping) for one in value):
        raise NotAPair(f"{where}: expected a list of objects")
    return value


NECTAR = Layout(
    name="nectar",
    about="Nectar: ranked answers",
    needs={"prompt": (shape.TEXT,), "answers": (shape.OBJECTS,)},
    read=each(_nectar),
    hub=("berkeley-nest/Nectar",),
)
ULTRAFEEDBACK = Layout(
    name="ultrafeedback",
    about="UltraFeedback: rated completions",
    needs={"instruction": (shape.TEXT,), "completions": (shape.OBJECTS,)},
    read=each(_ultrafeedback),
    hub=("openbmb/UltraFeedback",),
)
HELPSTEER = Layout(
    name="helpsteer",
    about="HelpSteer and HelpSteer 2: a rated response a row",
    needs={
        "prompt": (shape.TEXT,),
        "response": (shape.TEXT,),
        "helpfulness": shape.NUMBERS,
        "correctness": shape.NUMBERS,
    },
    read=_helpsteer,
    together=_prompt_of,
    hub=("nvidia/HelpSteer", "nvidia/HelpSteer2"),
)
