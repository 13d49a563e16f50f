"""What `rmcheck selftest` says of comparisons of recipes, in lines and in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rmcheck.cli.output import aligned
from rmcheck.wording import counted

if TYPE_CHECKING:
    from rmcheck.compare.recipe_selftest import RecipeSelfTest
    from rmcheck.compare.simulation import Share


def recipe_lines(found: RecipeSelfTest | None) -> list[str]:
    """A line about equal recipes, and a table with a row for each comparison; [] without seeds."""
    if found is None:
        return []
    low, high = found.red.interval
    said = "more than alpha" if found.cries_wolf else "within alpha"
    drops = [f"{drop * 100:g} pt" for drop in found.tested[0].caught]
    rows = [["", "pairs", "trainings", "seed sd", "equal", *drops, "detects"]]
    for one in found.tested:
        seen = "nothing" if one.detectable is None else f"{one.detectable * 100:.1f} pt"
        rows.append(
            [
                one.name if one.required else f"{one.name} (advisory)",
                str(one.n),
                f"{one.trainings[0]} + {one.trainings[1]}",
                f"{one.sd * 100:.1f} pt",
                f"{one.false_alarms.value:.0%}",
                *(f"{share.value:.0%}" for share in one.caught.values()),
                seen,
            ]
        )
    return [
        "",
        f"equal recipes, trained with other seeds: {found.red.value:.1%} of "
        f"{counted(found.runs, 'simulated run')} failed [{low:.1%}, {high:.1%}], {said} "
        f"({found.alpha:.0%})",
        "",
        "share of runs that fail: for equal recipes, and by loss of mean win rate",
        *aligned(rows),
    ]


def recipes_json(found: RecipeSelfTest | None) -> dict[str, Any] | None:
    """The same for other tools; None without seeds."""
    if found is None:
        return None
    return {
        "runs": found.runs,
        "equal_recipes": as_json(found.red),
        "cries_wolf": found.cries_wolf,
        "checks": [
            {
                "id": one.name,
                "required": one.required,
                "n": one.n,
                "trainings": list(one.trainings),
                "seed_sd": one.sd,
                "equal_recipes": as_json(one.false_alarms),
                "caught": [{"drop": drop, **as_json(share)} for drop, share in one.caught.items()],
                "detectable": one.detectable,
            }
            for one in found.tested
        ],
    }


def as_json(share: Share) -> dict[str, float]:
    """A share with its interval."""
    low, high = share.interval
    return {"value": share.value, "low": low, "high": high}
