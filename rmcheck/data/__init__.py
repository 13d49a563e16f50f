"""Preference data: the nouns, how they are read, and how a dialogue becomes text."""

from rmcheck.data.dialogue import (
    Dialogue,
    Message,
    PreferencePair,
    Prompt,
    ResponseSet,
    data_hash,
    pair_dialogues,
    prompt_text,
)

__all__ = [
    "Dialogue",
    "Message",
    "PreferencePair",
    "Prompt",
    "ResponseSet",
    "data_hash",
    "pair_dialogues",
    "prompt_text",
]
