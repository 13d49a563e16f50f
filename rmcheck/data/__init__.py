"""Preference data: its types, how it is read, and how a dialogue becomes text."""

from rmcheck.data.dialogue import (
    Dialogue,
    Message,
    PreferencePair,
    Prompt,
    ResponseSet,
    TokenText,
    Variant,
    data_hash,
    pair_dialogues,
    prompt_text,
    variants_hash,
)
from rmcheck.data.ordered import Ordered, in_orders, orders_of
from rmcheck.data.pairs import Pairs, sides_of

__all__ = [
    "Dialogue",
    "Message",
    "Ordered",
    "Pairs",
    "PreferencePair",
    "Prompt",
    "ResponseSet",
    "TokenText",
    "Variant",
    "data_hash",
    "in_orders",
    "orders_of",
    "pair_dialogues",
    "prompt_text",
    "sides_of",
    "variants_hash",
]
