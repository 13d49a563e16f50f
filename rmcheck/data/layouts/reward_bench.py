"""RewardBench (Lambert et al. 2024, arXiv:2403.13787) and RewardBench 2 (Malik et al. 2025,
arXiv:2506.01937), as allenai/reward-bench and allenai/reward-bench-2 publish them."""

from __future__ import annotations

from rmcheck.data.layouts import shape, texts
from rmcheck.data.layouts.layout import (
    Item,
    Layout,
    Values,
    each,
    name_of,
    pair,
    response_set,
)


def _first(row: Values) -> list[Item]:
    """A prompt, a better and a worse response, and the subset that they belong to."""
    prompt, good, bad = texts.sides(row.get("prompt"), row.get("chosen"), row.get("rejected"))
    return [pair(prompt, good, bad, name=name_of(row), tags=texts.tags(row, "subset"))]


def _second(row: Values) -> list[Item]:
    """Correct responses and wrong ones: a response set, and every combination as a pair.

    The official totals are those of the sets: the best of four, and the subset Ties, of whose
    prompts several responses are equally right.
    """
    prompt = texts.prompt(row.get("prompt"))
    good = texts.texts("chosen", row.get("chosen"))
    bad = texts.texts("rejected", row.get("rejected"))
    tags = texts.tags(row, "subset")
    name = name_of(row)
    found: list[Item] = [
        response_set(prompt, [*good, *bad], range(len(good)), name=name, tags=tags)
    ]
    for first, better in enumerate(good):
        for second, worse in enumerate(bad):
            own = None if name is None else f"{name}:{first}-{second}"
            found.append(pair(prompt, better, worse, name=own, tags=tags))
    return found


REWARD_BENCH = Layout(
    name="reward-bench",
    about="RewardBench",
    needs={
        "prompt": (shape.TEXT, *shape.TURNS),
        "chosen": (shape.TEXT,),
        "rejected": (shape.TEXT,),
        "subset": (shape.TEXT,),
        "chosen_model": (shape.TEXT,),
        "rejected_model": (shape.TEXT,),
    },
    read=each(_first),
    hub=("allenai/reward-bench",),
    asked_by=(),
)
REWARD_BENCH_2 = Layout(
    name="reward-bench-2",
    about="RewardBench 2",
    needs={
        "prompt": (shape.TEXT,),
        "chosen": (shape.TEXTS,),
        "rejected": (shape.TEXTS,),
        "subset": (shape.TEXT,),
    },
    read=each(_second),
    hub=("allenai/reward-bench-2",),
)
