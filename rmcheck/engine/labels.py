"""What a check of an objective says of the labels that it rests on."""

from __future__ import annotations

from dataclasses import replace

from rmcheck.suite import Suite
from rmcheck.verdict import Verdict
from rmcheck.wording import counted


def beside_labels(verdict: Verdict, suite: Suite, objective: str) -> Verdict:
    """The verdict, with a note where the data's labels by this objective were used."""
    data = suite.data.by_objective(objective)
    if data is suite.data:
        return verdict
    turned = sum(pair.id.endswith(f":{objective}") for pair in data.pairs)
    left = len(suite.data.pairs) - len(data.pairs)
    said = f"labels by objective '{objective}': {counted(len(data.pairs), 'pair')}"
    said += f", of which {turned:,} with the other side as chosen" if turned else ""
    if left:
        said += f"; {counted(left, 'pair')} without such a label (or with a tie) left out"
    notes = (*verdict.evidence.notes, said)
    return replace(verdict, evidence=replace(verdict.evidence, notes=notes))
