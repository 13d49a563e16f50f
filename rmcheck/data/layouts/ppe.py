"""Preference Proxy Evaluations (Frick et al. 2024, arXiv:2410.14872; github.com/lmarena/PPE).

Human preferences are votes between two responses; the correctness sets (best of k) hold many
responses to a prompt and, in `scores`, whether each is right.
"""

from __future__ import annotations

from rmcheck.data.layouts import shape, texts
from rmcheck.data.layouts.layout import (
    Item,
    Layout,
    NoPreference,
    NotAPair,
    Values,
    each,
    name_of,
    response_set,
)
from rmcheck.data.layouts.votes import named, voted

_WINNERS = {"model_a": 0, "model_b": 1, "model_1": 0, "model_2": 1}
_PROMPTS = ("prompt", "question", "problem")


def _human(row: Values) -> list[Item]:
    winner = named("winner", row.get("winner"), _WINNERS)
    first, second = (texts.text(f"response_{n}", row.get(f"response_{n}")) for n in (1, 2))
    prompt = texts.prompt(texts.parsed(row.get("prompt")))
    name = name_of(row, "question_id", "id")
    return [voted(prompt, first, second, winner, name=name, tags=texts.tags(row, "language"))]


def _best_of_k(row: Values) -> list[Item]:
    right = row.get("scores")
    if not isinstance(right, list | tuple) or len(right) < 2:
        raise NotAPair("scores: expected a list of true and false, one for each response")
    right = [texts.truth(f"scores[{index}]", one) for index, one in enumerate(right)]
    answers = [
        texts.text(f"response_{n}", row.get(f"response_{n}")) for n in range(1, len(right) + 1)
    ]
    best = [index for index, one in enumerate(right) if one]
    if not best or len(best) == len(right):
        raise NoPreference("all responses are right, or all are wrong")
    key = next((key for key in _PROMPTS if row.get(key)), "prompt")
    prompt = texts.prompt(row.get(key), key)
    name = name_of(row, "question_id", "id")
    tags = texts.tags(row, "category", "type", "level")
    return [response_set(prompt, answers, best, name=name, tags=tags)]


HUMAN = Layout(
    name="ppe-human",
    about="PPE, human preferences",
    needs={
        "prompt": (shape.TEXT, shape.MESSAGES),
        "response_1": (shape.TEXT,),
        "response_2": (shape.TEXT,),
        "winner": (shape.TEXT,),
    },
    read=each(_human),
    hub=("lmarena-ai/PPE-Human-Preference-V1",),
)
BEST_OF_K = Layout(
    name="ppe-best-of-k",
    about="PPE, correctness (best of k)",
    needs={
        "response_1": (shape.TEXT,),
        "response_2": (shape.TEXT,),
        "scores": (shape.LIST,),
    },
    read=each(_best_of_k),
    hub=(
        "lmarena-ai/PPE-MMLU-Pro-Best-of-K",
        "lmarena-ai/PPE-MATH-Best-of-K",
        "lmarena-ai/PPE-GPQA-Best-of-K",
        "lmarena-ai/PPE-IFEval-Best-of-K",
        "lmarena-ai/PPE-MBPP-Plus-Best-of-K",
    ),
)
