"""Conversations as clients send them: messages, of which the last one is scored."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from rmcheck.data import Dialogue, Message
from rmcheck.data.dialogue import Prompt, extra_keys
from rmcheck.server.limits import Invalid


class Part(BaseModel):
    """A part of a message's content; only texts can be scored."""

    model_config = ConfigDict(extra="forbid", strict=True)

    type: Literal["text"] = "text"
    text: str


class Turn(BaseModel):
    """One message. Other keys (`name`, `tool_calls`) are given to a chat template."""

    model_config = ConfigDict(extra="allow", strict=True)

    role: Annotated[str, Field(min_length=1)]
    content: str | list[Part]

    @property
    def text(self) -> str:
        """The content as one text."""
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text for part in self.content)

    def message(self) -> Message:
        """The message as data have it."""
        extra: dict[str, Any] = self.model_extra or {}
        return Message(self.role, self.text, extra_keys(extra, ()))


Conversation = Annotated[list[Turn], Field(min_length=2)]


def prompt_of(turns: list[Turn]) -> Prompt:
    """Messages as a prompt; one plain message of a user is its text, as in most data."""
    messages = tuple(turn.message() for turn in turns)
    if len(messages) == 1 and messages[0].role == "user" and not messages[0].extra:
        return messages[0].content
    return messages


def dialogue_of(turns: list[Turn]) -> Dialogue:
    """A conversation as a prompt and the response that is scored.

    Raises
    ------
    Invalid
        If the last message is not the assistant's.
    """
    last = turns[-1]
    if last.role != "assistant":
        raise Invalid(
            f"messages: expected the last one to be the assistant's, which is scored, got one of "
            f"{last.role!r}"
        )
    if extra := last.message().extra:
        raise Invalid(f"messages: the last one has keys that are not scored: {extra}; remove them")
    return Dialogue(prompt_of(turns[:-1]), last.text)
