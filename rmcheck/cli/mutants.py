"""`rmcheck selftest --mutants`: planted vices by dose, and which check stops each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rmcheck.compare.mutants.trial import Judged, MutantTest
from rmcheck.compare.mutants.vices import VICES
from rmcheck.wording import counted, listed

MERGED = "merged"


def lines(found: MutantTest, spec: str) -> list[str]:
    """The table for people."""
    head = ["vice", *(f"{dose:g} SD" for dose in found.doses)]
    names = list(dict.fromkeys(each.vice for each in found.judged))
    unseen = _unseen(found)
    rows = [head, *([name, *_cells(found, name, unseen)] for name in names)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(head))]
    told = [
        f"{found.stopped} of {counted(len(found.judged), 'planted model')} stopped "
        f"({spec} with a vice, in standard deviations of its scores; the model itself is the "
        "baseline)",
        "",
        *(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ),
        "",
        *(f"{name}: {VICES[name].sentence}" for name in names if name in VICES),
    ]
    return [*told, *_notes(found)]


def _unseen(found: MutantTest) -> list[str]:
    """The vices that no text of the suites shows, and no text that a check makes."""
    names = dict.fromkeys(each.vice for each in found.judged)
    return [name for name in names if all(each.merged and each.alike for each in found.of(name))]


def _cells(found: MutantTest, name: str, unseen: Sequence[str]) -> list[str]:
    said = f"{MERGED} (no text shows it)" if name in unseen else MERGED
    return [said if each.merged else _stopped(each) for each in found.of(name)]


def _stopped(judged: Judged) -> str:
    more = f" +{len(judged.stopped_by) - 1}" if len(judged.stopped_by) > 1 else ""
    return f"{judged.stopped_by[0]}{more}"


def _notes(found: MutantTest) -> list[str]:
    notes = [f"{name}: not planted, {why}" for name, why in found.untried.items()]
    if found.own:
        notes.append(
            f"the model itself fails {listed(list(found.own), limit=8)}; "
            "what these checks say of a planted model is not counted"
        )
    unseen = _unseen(found)
    if unseen:
        notes.append(
            f"no text of the suites shows {listed(unseen)}; a check that makes such texts would "
            "(exploit, invariance)"
        )
    notes += [f"{name}: not asked, {why}" for name, why in found.undecided.items()]
    return ["", *notes] if notes else []


def as_json(found: MutantTest) -> dict[str, Any]:
    """The same as plain values."""
    return {
        "doses": list(found.doses),
        "stopped": found.stopped,
        "planted": len(found.judged),
        "mutants": [
            {
                "vice": each.vice,
                "dose": each.dose,
                "merged": each.merged,
                "stopped_by": list(each.stopped_by),
                "advisory": list(each.advisory),
                "shown_by_the_data": not each.alike,
            }
            for each in found.judged
        ],
        "fails_itself": list(found.own),
        "not_planted": dict(found.untried),
        "not_asked": dict(found.undecided),
    }
