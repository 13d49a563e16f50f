"""Two responses and the strength of a preference: HelpSteer 2 and 3, PKU-SafeRLHF."""

from __future__ import annotations

from dataclasses import replace

from rmcheck.data.label import Label
from rmcheck.data.layouts import shape, texts
from rmcheck.data.layouts.layout import Item, Layout, Values, each
from rmcheck.data.layouts.rated import steer_turns
from rmcheck.data.layouts.votes import signed, voted


def _helpsteer_2(row: Values) -> list[Item]:
    """Wang et al. 2024, arXiv:2410.01257: a positive strength prefers the second response."""
    strength = texts.number("preference_strength", row.get("preference_strength"))
    winner = signed("preference_strength", strength)
    first, second = (texts.text(f"response_{n}", row.get(f"response_{n}")) for n in (1, 2))
    return [voted(steer_turns(row.get("prompt")), first, second, winner)]


def _helpsteer_3(row: Values) -> list[Item]:
    """Wang et al. 2025, arXiv:2505.11475: a positive preference is for the second response."""
    strength = texts.number("overall_preference", row.get("overall_preference"))
    winner = signed("overall_preference", strength)
    first, second = (texts.text(f"response{n}", row.get(f"response{n}")) for n in (1, 2))
    prompt = texts.prompt(row.get("context"), "context")
    return [voted(prompt, first, second, winner, tags=texts.tags(row, "domain", "language"))]


def _safe_rlhf(row: Values, key: str) -> list[Item]:
    """Ji et al. 2023, arXiv:2307.04657, and 2024, arXiv:2406.15513; PKU-Alignment/PKU-SafeRLHF."""
    winner = texts.choice(key, row.get(key))
    first, second = (texts.text(f"response_{n}", row.get(f"response_{n}")) for n in (0, 1))
    tags, labels = [], []
    if row.get("better_response_id") is not None and row.get("safer_response_id") is not None:
        both = [
            texts.choice(name, row[name]) for name in ("better_response_id", "safer_response_id")
        ]
        tags = ["better_is_safer" if both[0] == both[1] else "better_is_less_safe"]
        labels = [
            Label(name, "chosen" if best == winner else "rejected")
            for name, best in zip(("helpfulness", "safety"), both, strict=True)
        ]
    prompt = texts.text("prompt", row.get("prompt"))
    found = voted(prompt, first, second, winner, tags=tags)
    return [replace(found, objectives=tuple(labels))]


HELPSTEER_2 = Layout(
    name="helpsteer-2-preference",
    about="HelpSteer 2, preferences",
    needs={
        "prompt": (shape.TEXT,),
        "response_1": (shape.TEXT,),
        "response_2": (shape.TEXT,),
        "preference_strength": shape.NUMBERS,
    },
    read=each(_helpsteer_2),
)
HELPSTEER_3 = Layout(
    name="helpsteer-3",
    about="HelpSteer 3",
    needs={
        "context": (shape.MESSAGES, shape.TEXT),
        "response1": (shape.TEXT,),
        "response2": (shape.TEXT,),
        "overall_preference": shape.NUMBERS,
    },
    read=each(_helpsteer_3),
    hub=("nvidia/HelpSteer3",),
)
_SAFE = {
    "prompt": (shape.TEXT,),
    "response_0": (shape.TEXT,),
    "response_1": (shape.TEXT,),
    "better_response_id": shape.NUMBERS,
    "safer_response_id": shape.NUMBERS,
}
SAFE_RLHF = Layout(
    name="pku-safe-rlhf",
    about="PKU-SafeRLHF: the better response, the more helpful one",
    needs=_SAFE,
    read=each(lambda row: _safe_rlhf(row, "better_response_id")),
    hub=("PKU-Alignment/PKU-SafeRLHF",),
)
SAFER_RLHF = Layout(
    name="pku-safe-rlhf-safer",
    about="PKU-SafeRLHF: the safer response",
    needs=_SAFE,
    read=each(lambda row: _safe_rlhf(row, "safer_response_id")),
    named_only=True,
)
