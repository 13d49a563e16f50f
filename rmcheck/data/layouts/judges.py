"""Benchmarks of judges: JudgeBench, LLMBar, PandaLM and Auto-J."""

from __future__ import annotations

from collections import Counter

from rmcheck.data.layouts import shape, texts
from rmcheck.data.layouts.layout import Item, Layout, NoPreference, Values, each, name_of
from rmcheck.data.layouts.votes import named, voted

_CATEGORIES = {
    "mmlu-pro": "knowledge",
    "livebench-reasoning": "reasoning",
    "livebench-math": "math",
    "livecodebench": "coding",
}


def _judge_bench(row: Values) -> list[Item]:
    """Tan et al. 2024, arXiv:2410.12784; ScalerLab/JudgeBench. Its sources fall into four parts."""
    winner = named("label", row.get("label"), {"A>B": 0, "B>A": 1})
    first, second = (texts.text(f"response_{x}", row.get(f"response_{x}")) for x in "AB")
    source = str(row.get("source") or "")
    part = next((part for start, part in _CATEGORIES.items() if source.startswith(start)), None)
    tags = [*texts.tags(row, "source"), *([f"category:{part}"] if part else [])]
    prompt = texts.text("question", row.get("question"))
    return [voted(prompt, first, second, winner, name=name_of(row, "pair_id"), tags=tags)]


def _llmbar(row: Values) -> list[Item]:
    """Zeng et al. 2023, arXiv:2310.07641; github.com/princeton-nlp/LLMBar. `label` is 1 or 2."""
    winner = named("label", _whole(row.get("label")), {"1": 0, "2": 1})
    first, second = (texts.text(f"output_{n}", row.get(f"output_{n}")) for n in (1, 2))
    prompt = texts.text("input", row.get("input"))
    return [voted(prompt, first, second, winner, name=name_of(row), tags=texts.tags(row, "subset"))]


def _pandalm(row: Values) -> list[Item]:
    """Wang et al. 2023, arXiv:2306.05087; github.com/WeOpenML/PandaLM.

    Three people vote for response 1 or 2, or a tie (0); the majority counts.
    """
    votes = Counter(texts.choice(f"annotator{n}", row.get(f"annotator{n}"), 3) for n in (1, 2, 3))
    choice, count = votes.most_common(1)[0]
    if count == 1 or choice == 0:
        raise NoPreference("the annotators have no majority for a response")
    first, second = (texts.text(f"response{n}", row.get(f"response{n}")) for n in (1, 2))
    asked = texts.text("instruction", row.get("instruction"))
    given = row.get("input")
    prompt = f"{asked}\n\n{given}" if isinstance(given, str) and given else asked
    agreed = count / 3
    name = name_of(row, "idx")
    return [voted(prompt, first, second, choice - 1, name=name, confidence=agreed)]


def _auto_j(row: Values) -> list[Item]:
    """Li et al. 2023, arXiv:2310.05470; github.com/GAIR-NLP/auto-j. `label` 2 is a tie."""
    label = texts.choice("label", row.get("label"), 3)
    if label == 2:
        raise NoPreference("label is 2, a tie")
    first, second = (texts.text(f"response {n}", row.get(f"response {n}")) for n in (1, 2))
    prompt = texts.text("prompt", row.get("prompt"))
    return [
        voted(prompt, first, second, label, name=name_of(row), tags=texts.tags(row, "scenario"))
    ]


def _whole(value: object) -> object:
    """A number of a table without its decimals: 1.0 is 1."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


JUDGE_BENCH = Layout(
    name="judge-bench",
    about="JudgeBench",
    needs={
        "question": (shape.TEXT,),
        "response_A": (shape.TEXT,),
        "response_B": (shape.TEXT,),
        "label": (shape.TEXT,),
    },
    read=each(_judge_bench),
    hub=("ScalerLab/JudgeBench",),
)
LLMBAR = Layout(
    name="llmbar",
    about="LLMBar",
    needs={
        "input": (shape.TEXT,),
        "output_1": (shape.TEXT,),
        "output_2": (shape.TEXT,),
        "label": shape.NUMBERS,
    },
    read=each(_llmbar),
)
PANDALM = Layout(
    name="pandalm",
    about="PandaLM's test set",
    needs={
        "instruction": (shape.TEXT,),
        "response1": (shape.TEXT,),
        "response2": (shape.TEXT,),
        "annotator1": shape.NUMBERS,
        "annotator2": shape.NUMBERS,
        "annotator3": shape.NUMBERS,
    },
    read=each(_pandalm),
)
AUTO_J = Layout(
    name="auto-j",
    about="Auto-J's pairwise test set",
    needs={
        "prompt": (shape.TEXT,),
        "response 1": (shape.TEXT,),
        "response 2": (shape.TEXT,),
        "label": shape.NUMBERS,
    },
    read=each(_auto_j),
)
