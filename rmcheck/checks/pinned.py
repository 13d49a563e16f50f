"""Pins as claims that can be scored, and claims as rows of a pin file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rmcheck.checks.adversarial.claim import Breach, Claim
from rmcheck.data import Dialogue, Message
from rmcheck.data.dialogue import Prompt, extra_keys
from rmcheck.record import pin as pins
from rmcheck.record.pin import PinRow, Turn
from rmcheck.verdict import PinResult, Table

_TURN = ("role", "content")


def claim_of(row: PinRow) -> Claim:
    """What a pin claims, as texts to score."""
    prompt = _prompt(row.prompt)
    changed = prompt if row.after_prompt is None else _prompt(row.after_prompt)
    return Claim(
        row.promise,
        Dialogue(prompt, row.before, f"pin:{row.id}/before~pinned"),
        Dialogue(changed, row.after, f"pin:{row.id}/after~pinned"),
        row.above,
        row.below,
    )


def row_of(claim: Claim, note: str = "") -> Mapping[str, Any]:
    """A claim as a row of a pin file, in plain JSON."""
    changed = claim.after.prompt != claim.before.prompt
    row = pins.named(
        promise=claim.promise,
        key=claim.before.key,
        note=note,
        prompt=_plain(claim.before.prompt),
        before=claim.before.response,
        after=claim.after.response,
        after_prompt=_plain(claim.after.prompt) if changed else None,
        above=claim.above,
        below=claim.below,
    )
    return row.model_dump()


def results(rows: Sequence[PinRow], breaches: Sequence[Breach]) -> tuple[PinResult, ...]:
    """Which pins hold now."""
    return tuple(
        PinResult(id=row.id, state="broken" if breach.size > 0 else "holds")
        for row, breach in zip(rows, breaches, strict=True)
    )


def table(rows: Sequence[PinRow], breaches: Sequence[Breach]) -> Table:
    """One row per pin, the broken ones first."""
    both = sorted(zip(rows, breaches, strict=True), key=lambda each: each[1].size <= 0)
    return Table(
        title="Pinned texts",
        columns=("pin", "from", "state", "before", "after", "found"),
        rows=tuple(
            (
                row.id,
                row.key,
                "broken" if breach.size > 0 else "holds",
                breach.before,
                breach.after,
                row.note,
            )
            for row, breach in both
        ),
    )


def _prompt(given: str | Sequence[Turn]) -> Prompt:
    if isinstance(given, str):
        return given
    turns = [turn.model_dump() for turn in given]
    return tuple(Message(turn["role"], turn["content"], extra_keys(turn, _TURN)) for turn in turns)


def _plain(prompt: Prompt) -> str | list[dict[str, Any]]:
    return prompt if isinstance(prompt, str) else [message.as_data() for message in prompt]
