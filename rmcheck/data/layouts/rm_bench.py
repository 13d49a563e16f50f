"""RM-Bench (Liu et al. 2024, arXiv:2410.16184; github.com/THU-KEG/RM-Bench).

Three right and three wrong responses to a prompt, in three styles: concise, detailed, and detailed
with Markdown. All nine combinations are pairs. One is hard where the wrong response has the more
elaborate style, easy where the right one has, and normal where both have the same.
"""

from __future__ import annotations

from rmcheck.data.layouts import shape, texts
from rmcheck.data.layouts.layout import Item, Layout, NotAPair, Values, each, name_of, pair

STYLES = ("concise", "detailed", "markdown")


def _read(row: Values) -> list[Item]:
    prompt = texts.prompt(row.get("prompt"))
    good = texts.texts("chosen", row.get("chosen"))
    bad = texts.texts("rejected", row.get("rejected"))
    if not len(good) == len(bad) == len(STYLES):
        raise NotAPair(
            f"expected three responses a side, got {len(good)} chosen and {len(bad)} rejected"
        )
    name, tags = name_of(row), texts.tags(row, "domain")
    return [
        pair(
            prompt,
            better,
            worse,
            name=None if name is None else f"{name}:{first}-{second}",
            tags=[
                *tags,
                f"level:{'normal' if first == second else 'easy' if first > second else 'hard'}",
                f"style:{STYLES[first]}-{STYLES[second]}",
            ],
        )
        for first, better in enumerate(good)
        for second, worse in enumerate(bad)
    ]


RM_BENCH = Layout(
    name="rm-bench",
    about="RM-Bench: three styles a side",
    needs={
        "prompt": (shape.TEXT,),
        "chosen": (shape.TEXTS,),
        "rejected": (shape.TEXTS,),
        "domain": (shape.TEXT,),
    },
    read=each(_read),
    hub=("THU-KEG/RM-Bench",),
)
