"""How a dialogue becomes text; training and scoring both use this function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from rmcheck.data.bounded import rendered
from rmcheck.data.dialogue import Dialogue, Message, Prompt, prompt_text
from rmcheck.errors import SourceError

TEMPLATE_FORMAT = 1
"""How a dialogue becomes text. It is part of every model's and recipe's hash: add 1 with every
change of the text that some dialogue becomes (`tests/test_formats.py` fails until then)."""

TEMPLATES = ("default", "chat", "raw")
_SPEAKERS = {"user": "Human", "human": "Human", "assistant": "Assistant", "system": "System"}


class ChatTokenizer(Protocol):
    """What the `chat` template asks of a tokenizer."""

    def apply_chat_template(self, conversation: Sequence[Any], **options: Any) -> Any: ...


def prompt_prefix(prompt: Prompt, template: str, tokenizer: ChatTokenizer | None = None) -> str:
    """The text before the response.

    Parameters
    ----------
    template
        `default` gives ``Human: {prompt}\\n\\nAssistant: ``, `raw` the bare prompt, `chat` the
        tokenizer's own chat template with its generation prompt.

    Raises
    ------
    ValueError
        For an unknown template, or `chat` without a tokenizer that has one.
    SourceError
        For a chat template that fails, does not finish, or writes too much.
    """
    if template == "default":
        return f"{_turns(prompt)}\n\nAssistant: "
    if template == "raw":
        return prompt_text(prompt)
    if template == "chat":
        if tokenizer is None or not getattr(tokenizer, "chat_template", None):
            raise ValueError("template 'chat': the tokenizer has no chat template; use 'default'")
        return _applied(_messages(prompt), tokenizer, add_generation_prompt=True)
    raise ValueError(f"unknown template {template!r} (allowed: {', '.join(TEMPLATES)})")


def render(dialogue: Dialogue, template: str, tokenizer: ChatTokenizer | None = None) -> str:
    """Prompt and response as the one text that a model reads.

    >>> render(Dialogue("Hi?", "Hello."), "default")
    'Human: Hi?\\n\\nAssistant: Hello.'
    """
    return prompt_prefix(dialogue.prompt, template, tokenizer) + dialogue.response


def conversation(dialogue: Dialogue, tokenizer: ChatTokenizer) -> str:
    """A dialogue as a tokenizer's chat template writes it, with what it puts after the answer.

    Raises
    ------
    SourceError
        For a chat template that fails, does not end, or writes too much.
    """
    turns = (*_messages(dialogue.prompt), Message("assistant", dialogue.response))
    return _applied(turns, tokenizer, add_generation_prompt=False)


def _messages(prompt: Prompt) -> tuple[Message, ...]:
    return (Message("user", prompt),) if isinstance(prompt, str) else tuple(prompt)


def _applied(turns: Sequence[Message], tokenizer: ChatTokenizer, **options: bool) -> str:
    turns_as_data = [turn.as_data() for turn in turns]
    return rendered(
        lambda: tokenizer.apply_chat_template(turns_as_data, tokenize=False, **options),
        getattr(tokenizer, "chat_template", None),
        sum(len(turn.content) + len(turn.extra) for turn in turns),
    )


def _turns(prompt: Prompt) -> str:
    if isinstance(prompt, str):
        return f"Human: {prompt}"
    if any('"tool_calls": ' in turn.extra for turn in prompt):
        raise SourceError(
            "a prompt has tool_calls, which only a chat template can write; use template=chat"
        )
    return "\n\n".join(
        f"{_SPEAKERS.get(turn.role, turn.role.capitalize())}: {turn.content}" for turn in prompt
    )
