"""The layouts of TRL and of whoever follows it, UltraFeedback binarised and Skywork among them.

`prompt`, `chosen` and `rejected` as texts or messages, the prompt explicit or implicit: "Dataset
formats and types", huggingface.co/docs/trl/dataset_formats. Published in it: Dahoas'
synthetic-instruct-gptj-pairwise, HuggingFaceH4/ultrafeedback_binarized (Tunstall et al. 2023,
arXiv:2310.16944), Skywork-Reward-Preference-80K (Liu et al. 2024, arXiv:2410.18451).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rmcheck.data.dialogue import Message, PreferencePair, Prompt
from rmcheck.data.layouts import earlier, hh, shape, texts
from rmcheck.data.layouts.layout import Item, Layout, NotAPair, Values, each, name_of, pair
from rmcheck.data.layouts.ratings import ratings_of

_TAGS = ("source", "subset", "domain", "category")
OTHER_PROMPTS = (
    "question", "instruction", "query", "input", "context", "history", "post", "conversation",
    "conversations", "messages_prompt", "problem",
)  # fmt: skip
"""Keys that hold a prompt in other data; a layout without a prompt must not ignore them."""
SYSTEM = ("system", "system_prompt")
BEFORE = (earlier.HISTORY, *SYSTEM)
"""Keys of what comes before the prompt."""


def _explicit(row: Values) -> list[Item]:
    """Prompt and answers each under a key, or the prompt as the common start of both sides."""
    before = row.get("prompt")
    if before is None or before == [] or before == "":
        before = row.get("conversations") or before
    return [explicit(row, before, row.get("chosen"), row.get("rejected"))]


def explicit(row: Values, before: Any, chosen: Any, rejected: Any) -> PreferencePair:
    """The pair of a prompt and both sides; `row` has what else is known of it.

    Raises
    ------
    NotAPair
        If they are no pair.
    """
    if isinstance(before, Mapping):
        before = [before]
    if before:
        _refuse_transcripts(chosen, rejected)
    if isinstance(before, str) and isinstance(chosen, str) and isinstance(rejected, str):
        asked = hh.asked(before)
        if asked is not None:  # a transcript that the answers continue
            return _pair(row, _whole(row, asked), chosen.strip(), rejected.strip())
    prompt, good, bad = texts.sides(before, chosen, rejected)
    return _pair(row, _whole(row, prompt), good, bad)


def _whole(row: Values, prompt: Prompt) -> Prompt:
    """The prompt with the row's earlier turns and its system prompt before it."""
    return _with_system(row, earlier.with_history(row.get(earlier.HISTORY), prompt))


def _refuse_transcripts(*sides: Any) -> None:
    """Raise for sides that hold the whole conversation: the prompt would be scored twice."""
    if all(isinstance(one, str) and hh.is_transcript(one) for one in sides):
        raise NotAPair(
            "chosen and rejected are transcripts ('Human: … Assistant: …'), not answers to the "
            "prompt; name 'layout: hh' to read them"
        )


def _common_start(row: Values) -> list[Item]:
    """The prompt is the common start of both sides' texts."""
    chosen, rejected = (texts.text(side, row.get(side)) for side in ("chosen", "rejected"))
    return [_pair(row, *texts.common_start(chosen, rejected))]


def _pair(row: Values, prompt: Prompt, good: str, bad: str) -> PreferencePair:
    group, confidence = row.get("group"), row.get("confidence")
    own = row.get("tags")
    return pair(
        prompt,
        good,
        bad,
        name=name_of(row),
        tags=[*_listed(own), *texts.tags(row, *_TAGS)],
        group=group if isinstance(group, str) and group else None,
        ratings=ratings_of(row),
        confidence=None if confidence in (None, "") else _confidence(confidence),
    )


def _listed(value: Any) -> Sequence[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else ()


def _confidence(value: Any) -> float:
    found = texts.number("confidence", value)
    if not 0.5 <= found <= 1:
        raise NotAPair(f"confidence={found:g} is outside [0.5, 1]")
    return found


def _with_system(row: Values, prompt: Prompt) -> Prompt:
    """The prompt with the row's own system prompt before it."""
    given = next((row[key] for key in SYSTEM if isinstance(row.get(key), str) and row[key]), None)
    if given is None:
        return prompt
    turns = (Message("user", prompt),) if isinstance(prompt, str) else prompt
    if turns[0].role == "system":
        if given.strip() not in turns[0].content:
            raise NotAPair("the row has one system prompt of its own and another in its messages")
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
    asked_by=("conversations", *BEFORE),
)
EXPLICIT = Layout(
    name="trl",
    about="TRL with an explicit prompt: UltraFeedback binarised, synthetic-instruct-gptj-pairwise",
    needs={"prompt": (shape.TEXT, *shape.TURNS), "chosen": _SIDE, "rejected": _SIDE},
    read=each(_explicit),
    own_ids=True,
    hub=("Dahoas/synthetic-instruct-gptj-pairwise", "HuggingFaceH4/ultrafeedback_binarized"),
    asked_by=BEFORE,
)
IMPLICIT = Layout(
    name="trl-implicit",
    about="TRL, messages with the prompt as their common start: UltraFeedback, Skywork-80k",
    needs={"chosen": shape.TURNS, "rejected": shape.TURNS},
    read=each(_explicit),
    own_ids=True,
    hub=("trl-lib/ultrafeedback_binarized", "Skywork/Skywork-Reward-Preference-80K-v0.2"),
    asked_by=("conversations", *BEFORE),
)
COMMON_START = Layout(
    name="trl-implicit-text",
    about="TRL, texts with the prompt as their common start",
    needs={"chosen": (shape.TEXT,), "rejected": (shape.TEXT,)},
    read=each(_common_start),
    own_ids=True,
    lacks=("prompt", *OTHER_PROMPTS, *SYSTEM),
    asked_by=(),
)
