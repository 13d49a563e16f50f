"""The result of a watched log in the text format of Prometheus, for its textfile collector."""

from __future__ import annotations

import os
from pathlib import Path

from rmcheck.monitor.summary import summary
from rmcheck.monitor.watch import Watched

_HELP = {
    "rows": "Rows of the log.",
    "last_time_seconds": "Time of the last row, in seconds since 1970.",
    "threshold": "Capital from which on an aspect counts as changed.",
    "changed": "1 if the aspect changed, else 0.",
    "evidence_log10": "Logarithm to base 10 of the largest capital of a bet on a change.",
    "mean": "Mean of the aspect in the reference and in the log (since the change, if any).",
}


def text(found: Watched) -> str:
    """All gauges, named `rmcheck_monitor_…`; aspects that are not watched have none."""
    values: dict[str, list[tuple[str, float]]] = {name: [] for name in _HELP}
    values["rows"].append(("", found.rows))
    values["threshold"].append(("", found.threshold))
    if found.last_time is not None:
        values["last_time_seconds"].append(("", found.last_time))
    for line in summary(found):
        if line.state == "not watched":
            continue
        name = f'aspect="{line.kind.name}"'
        values["changed"].append((f"{{{name}}}", int(line.state == "changed")))
        values["evidence_log10"].append((f"{{{name}}}", _six(line.evidence)))
        for part, mean in (("reference", line.before), ("log", line.after)):
            if mean is not None:
                values["mean"].append((f'{{{name},part="{part}"}}', _six(mean)))
    lines = []
    for name, told in values.items():
        if told:
            full = f"rmcheck_monitor_{name}"
            lines += [f"# HELP {full} {_HELP[name]}", f"# TYPE {full} gauge"]
            lines += [f"{full}{labels} {value!r}" for labels, value in told]
    return "\n".join(lines) + "\n"


def _six(value: float) -> float:
    """To six digits: the last ones of a sum differ from machine to machine."""
    return float(f"{value:.6g}")


def write(path: Path, found: Watched) -> None:
    """Write the file in one step, so that no half of it is ever collected."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(text(found), encoding="utf-8", newline="\n")
    beside.replace(path)
