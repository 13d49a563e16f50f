"""Data sets of human comparisons with two answers to a question: WebGPT and SHP."""

from __future__ import annotations

from collections.abc import Mapping

from rmcheck.data.layouts import shape, texts
from rmcheck.data.layouts.layout import Item, Layout, Values, each
from rmcheck.data.layouts.votes import signed, voted


def _webgpt(row: Values) -> list[Item]:
    """Nakano et al. 2021, arXiv:2112.09332; openai/webgpt_comparisons. Scores sum to zero."""
    question = row.get("question")
    asked = question.get("full_text") if isinstance(question, Mapping) else question
    scores = [texts.number(f"score_{side}", row.get(f"score_{side}")) for side in (0, 1)]
    winner = signed("score_1 less score_0", scores[1] - scores[0])
    first, second = (texts.text(f"answer_{side}", row.get(f"answer_{side}")) for side in (0, 1))
    tags = texts.tags(question, "dataset") if isinstance(question, Mapping) else []
    prompt = texts.text("question", asked)
    return [voted(prompt, first, second, winner, tags=tags, ratings=(scores[0], scores[1]))]


def _shp(row: Values) -> list[Item]:
    """Ethayarajh et al. 2022, arXiv:2110.08420; stanfordnlp/SHP: `labels` is 1 if A is better."""
    winner = 1 - texts.choice("labels", row.get("labels"))
    first, second = (texts.text(f"human_ref_{x}", row.get(f"human_ref_{x}")) for x in "AB")
    votes = [row.get(f"score_{side}") for side in "AB"]
    ratings = None
    if None not in votes:
        ratings = (texts.number("score_A", votes[0]), texts.number("score_B", votes[1]))
    prompt = texts.text("history", row.get("history"))
    return [voted(prompt, first, second, winner, tags=texts.tags(row, "domain"), ratings=ratings)]


WEBGPT = Layout(
    name="webgpt",
    about="WebGPT comparisons",
    needs={
        "question": (shape.OBJECT, shape.TEXT),
        "answer_0": (shape.TEXT,),
        "answer_1": (shape.TEXT,),
        "score_0": shape.NUMBERS,
        "score_1": shape.NUMBERS,
    },
    read=each(_webgpt),
    hub=("openai/webgpt_comparisons",),
)
SHP = Layout(
    name="shp",
    about="Stanford Human Preferences",
    needs={
        "history": (shape.TEXT,),
        "human_ref_A": (shape.TEXT,),
        "human_ref_B": (shape.TEXT,),
        "labels": shape.NUMBERS,
    },
    read=each(_shp),
    hub=("stanfordnlp/SHP", "stanfordnlp/SHP-2"),
)
