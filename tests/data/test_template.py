"""A dialogue as text, written out by hand."""

from __future__ import annotations

import pytest

from rmcheck.data import Dialogue, Message
from rmcheck.data.template import prompt_prefix, render

TURNS = (Message("system", "Be kind."), Message("user", "Hi"), Message("assistant", "Hello"),
         Message("user", "Why?"), Message("tool", "42"))  # fmt: skip


class Tokenizer:
    """Renders turns so that a person can see what it was given."""

    chat_template = "yes"

    def apply_chat_template(self, conversation: list[dict[str, str]], **options: object) -> str:
        assert options == {"tokenize": False, "add_generation_prompt": True}
        return (
            "".join(f"<{turn['role']}>{turn['content']}" for turn in conversation) + "<assistant>"
        )


def test_templates_by_hand() -> None:
    assert render(Dialogue("Why?", "So."), "default") == "Human: Why?\n\nAssistant: So."
    assert render(Dialogue("Why?", "So."), "raw") == "Why?So."
    assert render(Dialogue("Why?", "So."), "chat", Tokenizer()) == "<user>Why?<assistant>So."
    assert render(Dialogue(TURNS, "So."), "default") == (
        "System: Be kind.\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Why?\n\nTool: 42"
        "\n\nAssistant: So."
    )
    assert prompt_prefix(TURNS[1:3], "chat", Tokenizer()) == "<user>Hi<assistant>Hello<assistant>"


@pytest.mark.parametrize("template", ["default", "raw"])
def test_a_text_begins_with_its_prefix_and_ends_with_the_response(template: str) -> None:
    # What shares a prompt shares its prefix, and nothing is appended (no EOS).
    for prompt in ("Why?", TURNS):
        for response in ("", "So.", "\n\nAssistant: "):
            text = render(Dialogue(prompt, response), template)
            assert text == prompt_prefix(prompt, template) + response


def test_templates_that_are_not_there() -> None:
    with pytest.raises(
        ValueError, match=r"unknown template 'chatml' \(allowed: default, chat, raw\)"
    ):
        prompt_prefix("Why?", "chatml")
    for tokenizer in (None, type("Bare", (), {"chat_template": None})()):
        with pytest.raises(ValueError, match="the tokenizer has no chat template"):
            prompt_prefix("Why?", "chat", tokenizer)
