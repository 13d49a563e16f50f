"""Conversations that tests of layouts write."""

from __future__ import annotations

from typing import Any

USER, ANSWER = "user", "assistant"


def turn(role: str, text: str) -> dict[str, str]:
    return {"role": role, "content": text}


def asked(text: str, *more: str) -> list[dict[str, str]]:
    """A conversation of a user and an assistant, by turns."""
    return [turn((USER, ANSWER)[index % 2], one) for index, one in enumerate((text, *more))]


def parts(*texts: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": one, "image": None} for one in texts]


LONG = (("user", "Hi"), ("assistant", "Hello"), ("user", "Why?"))

HELLO = "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Why?"
