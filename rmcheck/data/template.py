"""How a dialogue becomes text; training and scoring both use this function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from rmcheck.data.bounded import rendered
from rmcheck.data.dialogue import Dialogue, Message, Prompt, prompt_text

TEMPLATE_FORMAT = 1
"""How a dialogue becomes text. It is part of every model's and recipe's hash: add 1 with every
change of the text that some dialogue becomes (`tests/test_formats.py` fails until then)."""

TEMPLATES = ("default", "chat", "raw")
_SPEAKERS = {"user": "Human", "human": "Human", "assistant": "Assistant", "system": "System"}


class ChatTokenizer(Protocol):
    """What the `chat` template asks of a tokenizer."""

    def apply_chat_template(self, conversation: Sequence[Any], **options: Any) -> Any: ...


def prompt_prefix(prompt: Prompt, template: str, tokenizer: ChatTokenizer | None = None) -> str:
    """The text before the response. Nothing is ever appended after the response (no EOS).

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
        turns = (Message("user", prompt),) if isinstance(prompt, str) else prompt
        conversation = [{"role": turn.role, "content": turn.content} for turn in turns]
        return rendered(
            lambda: tokenizer.apply_chat_template(
                conversation, tokenize=False, add_generation_prompt=True
            ),
            getattr(tokenizer, "chat_template", None),
            sum(len(turn.content) for turn in turns),
        )
    raise ValueError(f"unknown template {template!r} (allowed: {', '.join(TEMPLATES)})")


def render(dialogue: Dialogue, template: str, tokenizer: ChatTokenizer | None = None) -> str:
    """Prompt and response as the one text that a model reads.

    >>> render(Dialogue("Hi?", "Hello."), "default")
    'Human: Hi?\\n\\nAssistant: Hello.'
    """
    return prompt_prefix(dialogue.prompt, template, tokenizer) + dialogue.response


def _turns(prompt: Prompt) -> str:
    if isinstance(prompt, str):
        return f"Human: {prompt}"
    return "\n\n".join(
        f"{_SPEAKERS.get(turn.role, turn.role.capitalize())}: {turn.content}" for turn in prompt
    )
