"""The layouts of TRL and of whoever follows it, UltraFeedback binarised and Skywork among them.

`prompt`, `chosen` and `rejected` as texts or messages, the prompt explicit or implicit: "Dataset
formats and types", huggingface.co/docs/trl/dataset_formats. Published in it: Dahoas'
synthetic-instruct-gptj-pairwise, HuggingFaceH4/ultrafeedback_binarized (Tunstall et al. 2023,
arXiv:2310.16944), Skywork-Reward-Preference-80K (Liu et al. 2024, arXiv:2410.18451).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rmcheck.data.dialogue import Message, Prompt
from rmcheck.data.layouts import hh, shape, texts
from rmcheck.data.layouts.layout import Item, Layout, NotAPair, Values, each, name_of, pair

_CHOSEN_RATINGS = ("score_chosen", "chosen_score", "chosen-rating", "chosen_rating")
_REJECTED_RATINGS = ("score_rejected", "rejected_score", "rejected-rating", "rejected_rating")
_TAGS = ("source", "subset", "domain", "category")
OTHER_PROMPTS = (
    "question", "instruction", "query", "input", "context", "history", "post", "conversation",
    "conversations", "messages_prompt", "problem",
)  # fmt: skip
"""Keys that hold a prompt in other data; a layout without a prompt must not ignore them."""
SYSTEM = ("system", "system_prompt")


def _explicit(row: Values) -> list[Item]:
    """Prompt and answers each under a key, or the prompt as the common start of both sides."""
    before = row.get("prompt")
    if before is None or before == [] or before == "":
        before = row.get("conversations") or before
    if isinstance(before, Mapping):
        before = [before]
    if before:
        _refuse_transcripts(row)
    prompt, good, bad = texts.sides(before, row.get("chosen"), row.get("rejected"))
    return [_pair(row, _with_system(row, prompt), good, bad)]


def _refuse_transcripts(row: Values) -> None:
    """Raise for sides that hold the whole conversation: the prompt would be scored twice."""
    sides = [row.get(side) for side in ("chosen", "rejected")]
    if all(isinstance(one, str) and hh.is_transcript(one) for one in sides):
        raise NotAPair(
            "chosen and rejected are transcripts ('Human: … Assistant: …'), not answers to the "
            "prompt; name 'layout: hh' to read them"
        )


def _common_start(row: Values) -> list[Item]:
    """The prompt is the common start of both sides' texts."""
    chosen, rejected = (texts.text(side, row.get(side)) for side in ("chosen", "rejected"))
    return [_pair(row, *texts.common_start(chosen, rejected))]


def _pair(row: Values, prompt: Prompt, good: str, bad: str) -> Item:
    group, confidence = row.get("group"), row.get("confidence")
    own = row.get("tags")
    return pair(
        prompt,
        good,
        bad,
        name=name_of(row),
        tags=[*_listed(own), *texts.tags(row, *_TAGS)],
        group=group if isinstance(group, str) and group else None,
        ratings=_ratings(row),
        confidence=None if confidence in (None, "") else _confidence(confidence),
    )


def _listed(value: Any) -> Sequence[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else ()


def _confidence(value: Any) -> float:
    found = texts.number("confidence", value)
    if not 0.5 <= found <= 1:
        raise NotAPair(f"confidence={found:g} is outside [0.5, 1]")
    return found


def _ratings(row: Values) -> tuple[float, float] | None:
    own = row.get("ratings")
    if isinstance(own, Mapping) and {"chosen", "rejected"} <= set(own):
        both = [texts.number(f"ratings.{side}", own[side]) for side in ("chosen", "rejected")]
        return both[0], both[1]
    try:  # keys of others, which may mean anything
        good = texts.number("", _first(row, _CHOSEN_RATINGS))
        return good, texts.number("", _first(row, _REJECTED_RATINGS))
    except NotAPair:
        return None


def _first(row: Values, keys: Sequence[str]) -> Any:
    return next((row[key] for key in keys if row.get(key) is not None), None)


def _with_system(row: Values, prompt: Prompt) -> Prompt:
    """The prompt with the row's own system prompt before it."""
    given = next((row[key] for key in SYSTEM if isinstance(row.get(key), str) and row[key]), None)
    if given is None:
        return prompt
    turns = (Message("user", prompt),) if isinstance(prompt, str) else prompt
    if turns[0].role == "system":
        return turns
    return (Message("system", given), *turns)


_SIDE = (shape.TEXT, *shape.TURNS)

CONVERSATIONS = Layout(
    name="trl-conversations",
    about="messages under 'conversations', one answer a side (LlamaFactory)",
    needs={"conversations": (shape.MESSAGES,), "chosen": _SIDE, "rejected": _SIDE},
    read=each(_explicit),
    own_ids=True,
    lacks=("prompt",),
)
EXPLICIT = Layout(
    name="trl",
    about="TRL with an explicit prompt: UltraFeedback binarised, synthetic-instruct-gptj-pairwise",
    needs={"prompt": (shape.TEXT, *shape.TURNS), "chosen": _SIDE, "rejected": _SIDE},
    read=each(_explicit),
    own_ids=True,
    hub=("Dahoas/synthetic-instruct-gptj-pairwise", "HuggingFaceH4/ultrafeedback_binarized"),
)
IMPLICIT = Layout(
    name="trl-implicit",
    about="TRL, messages with the prompt as their common start: UltraFeedback, Skywork-80k",
    needs={"chosen": shape.TURNS, "rejected": shape.TURNS},
    read=each(_explicit),
    own_ids=True,
    hub=("trl-lib/ultrafeedback_binarized", "Skywork/Skywork-Reward-Preference-80K-v0.2"),
)
COMMON_START = Layout(
    name="trl-implicit-text",
    about="TRL, texts with the prompt as their common start",
    needs={"chosen": (shape.TEXT,), "rejected": (shape.TEXT,)},
    read=each(_common_start),
    own_ids=True,
    lacks=("prompt", *OTHER_PROMPTS, *SYSTEM),
)
