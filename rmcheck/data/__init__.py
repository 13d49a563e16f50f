"""Preference data: its types, how it is read, and how a dialogue becomes text."""

from rmcheck.data.dialogue import (
    Dialogue,
    Message,
    PreferencePair,
    Prompt,
    ResponseSet,
    TokenText,
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
    "TokenText",
    "data_hash",
    "pair_dialogues",
    "prompt_text",
]
