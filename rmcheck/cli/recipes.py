"""What `rmcheck selftest` says of comparisons of recipes, in lines and in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return [
        "",
        f"equal recipes, trained with other seeds: {found.red.value:.1%} of "
        f"{counted(found.runs, 'simulated run')} failed [{low:.1%}, {high:.1%}], {said} "
        f"({found.alpha:.0%})",
        "",
        "share of runs that fail: for equal recipes, and by loss of mean win rate",
        *(
            "  ".join(
                cell.ljust(width) if place == 0 else cell.rjust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ),
    ]


def recipes_json(found: RecipeSelfTest | None) -> dict[str, Any] | None:
    """The same for other tools; None without seeds."""
    if found is None:
        return None
    return {
        "runs": found.runs,
        "equal_recipes": _share(found.red),
        "cries_wolf": found.cries_wolf,
        "checks": [
            {
                "id": one.name,
                "required": one.required,
                "n": one.n,
                "trainings": list(one.trainings),
                "seed_sd": one.sd,
                "equal_recipes": _share(one.false_alarms),
                "caught": [{"drop": drop, **_share(share)} for drop, share in one.caught.items()],
                "detectable": one.detectable,
            }
            for one in found.tested
        ],
    }


def _share(share: Share) -> dict[str, float]:
    low, high = share.interval
    return {"value": share.value, "low": low, "high": high}
