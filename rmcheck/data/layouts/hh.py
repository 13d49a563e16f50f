"""HH-RLHF: one transcript a side (Bai et al. 2022, arXiv:2204.05862; Anthropic/hh-rlhf).

The turns are marked by a blank line and `Human:` or `Assistant:`. The last turn of the assistant
is the answer, what stands before it the prompt; sides whose earlier turns differ are no pair.
"""

from __future__ import annotations

import re
from typing import Any

from rmcheck.data.dialogue import Message, Prompt
from rmcheck.data.layouts import shape, texts
from rmcheck.data.layouts.layout import Item, Layout, NotAPair, Values, each, name_of, pair

_ANSWER, _ASKED = "\n\nAssistant:", "\n\nHuman:"
_TURN = re.compile(r"\n\n(Human|Assistant):")


def _read(row: Values) -> list[Item]:
    before, good = _split("chosen", row.get("chosen"))
    other, bad = _split("rejected", row.get("rejected"))
    if before != other:
        raise NotAPair("chosen and rejected continue different conversations")
    return [pair(turns(before), good, bad, name=name_of(row))]


def _split(side: str, transcript: Any) -> tuple[str, str]:
    before, mark, response = texts.text(side, transcript).rpartition(_ANSWER)
    if not mark:
        raise NotAPair(f"{side} has no '\\n\\nAssistant:' turn")
    if _ASKED in response:
        raise NotAPair(f"{side} ends with a turn of the human")
    return before, response.strip()


def is_transcript(text: str) -> bool:
    """Whether a text is a conversation that begins with a turn of the human.

    >>> is_transcript("\\n\\nHuman: Hi\\n\\nAssistant: Hello."), is_transcript("Human: Hi")
    (True, False)
    """
    return text.lstrip().startswith(_ASKED.lstrip()) and _ANSWER in text


def asked(prompt: str) -> Prompt | None:
    """A prompt that is a transcript as its turns; None for any other text.

    It begins with a blank line and `Human:`, and ends with `Assistant:` or a turn of the human.

    >>> asked("\n\nHuman: Hi\n\nAssistant:"), asked("Human: Hi")
    ('Hi', None)

    Raises
    ------
    NotAPair
        If it ends with a turn of the assistant.
    """
    before, mark, rest = prompt.rpartition(_ANSWER)
    if mark and not rest.strip() and before.lstrip().startswith(_ASKED.lstrip()):
        return turns(before)
    return turns(prompt) if prompt.startswith(_ASKED) else None


def begins_with_a_turn(text: str) -> bool:
    """Whether a text begins with the mark of a turn.

    >>> begins_with_a_turn("Assistant: Hi"), begins_with_a_turn("Assistants help.")
    (True, False)
    """
    return text.lstrip().startswith((_ANSWER.lstrip(), _ASKED.lstrip()))


def turns(transcript: str) -> Prompt:
    """What stands before an answer: the text of one turn, or the messages of several.

    Raises
    ------
    NotAPair
        If it does not begin with a turn, or ends with one of the assistant.
    """
    first = transcript.lstrip()
    parts = _TURN.split(f"\n\n{first}")
    if parts[0].strip() or len(parts) < 3:
        if not transcript.strip() or parts[0].strip().startswith("Assistant:"):
            raise NotAPair("the transcript has no turn of the human before the answer")
        return transcript.strip()
    roles = {"Human": "user", "Assistant": "assistant"}
    found = tuple(
        Message(roles[speaker], said.strip())
        for speaker, said in zip(parts[1::2], parts[2::2], strict=True)
    )
    if found[-1].role != "user":
        raise NotAPair("the turn before the answer is the assistant's own")
    return found[0].content if len(found) == 1 else found


HH = Layout(
    name="hh",
    about="Anthropic/hh-rlhf: one transcript a side",
    needs={"chosen": (shape.TRANSCRIPT,), "rejected": (shape.TRANSCRIPT,)},
    read=each(_read),
    lacks=("prompt",),
    asked_by=(),
    hub=("Anthropic/hh-rlhf",),
)
