"""RewardMATH (Kim et al. 2024, arXiv:2410.01729; github.com/kimsh0507/RewardMATH_official).

Ten solutions to a problem, the first one right. A solution is a list of steps, which its own code
joins with line breaks for reward models.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rmcheck.data.layouts import shape, texts
from rmcheck.data.layouts.layout import (
    Item,
    Layout,
    NotAPair,
    Values,
    each,
    name_of,
    response_set,
)


def _read(row: Values) -> list[Item]:
    output = row.get("output")
    given = output.get("solution") if isinstance(output, Mapping) else None
    if not isinstance(given, list | tuple) or len(given) < 2:
        raise NotAPair("output.solution: expected a list of solutions")
    answers = [_solution(f"output.solution[{index}]", one) for index, one in enumerate(given)]
    prompt = texts.text("problem", row.get("problem"))
    name = name_of(row, "unique_id", "id")
    tags = texts.tags(row, "subject", "level")
    return [response_set(prompt, answers, [0], name=name, tags=tags)]


def _solution(where: str, value: Any) -> str:
    return "\n".join(texts.texts(where, value))


REWARD_MATH = Layout(
    name="reward-math",
    about="RewardMATH: one right solution of ten",
    needs={"problem": (shape.TEXT,), "output": (shape.OBJECT,)},
    read=each(_read),
)
