"""Alpaca's columns with two answers, as LlamaFactory reads preferences: `instruction`, `input`.

The prompt is the instruction and, after a blank line, its input; `history` and `system` come
before them (github.com/hiyouga/LLaMA-Factory, data/README.md).
"""

from __future__ import annotations

from rmcheck.data.layouts import shape, texts, trl
from rmcheck.data.layouts.layout import Item, Layout, Values, each


def prompt_of(instruction: str, given: str | None) -> str:
    """An instruction and its input as one prompt.

    >>> prompt_of("Translate.", "Bonjour"), prompt_of("Why?", "")
    ('Translate.\\n\\nBonjour', 'Why?')
    """
    if not given or not given.strip():
        return instruction
    return f"{instruction}\n\n{given}" if instruction.strip() else given


def _read(row: Values) -> list[Item]:
    given = row.get("input")
    own = None if given is None else texts.text("input", given)
    asked = prompt_of(texts.text("instruction", row.get("instruction")), own)
    return [trl.explicit(row, asked, row.get("chosen"), row.get("rejected"))]


ALPACA = Layout(
    name="alpaca",
    about="instruction and input (Alpaca, LlamaFactory) with two answers",
    needs={
        "instruction": (shape.TEXT,),
        "chosen": (shape.TEXT, *shape.TURNS),
        "rejected": (shape.TEXT, *shape.TURNS),
    },
    read=each(_read),
    own_ids=True,
    lacks=("prompt",),
    asked_by=("instruction", "input", *trl.BEFORE),
)
