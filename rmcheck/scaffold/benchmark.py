"""What a suite for a published benchmark says, on its own files."""

from __future__ import annotations

import numpy as np

from rmcheck.checks import ScoredPairs
from rmcheck.checks.benchmarks import BENCHMARKS, Definition, Scored, find
from rmcheck.data.preferences import PreferenceData
from rmcheck.errors import UsageError, did_you_mean
from rmcheck.scaffold.project import template
from rmcheck.wording import listed

_NO_CHANCE = 0.5


def benchmark_of(name: str) -> Definition:
    """The benchmark of a name.

    Raises
    ------
    UsageError
        For an unknown one, with the nearest name.
    """
    try:
        return find(name)
    except KeyError:
        known = did_you_mean(name, BENCHMARKS.names())
        raise UsageError(f"--benchmark: unknown benchmark '{name[:80]}', {known}") from None


def benchmark_form(definition: Definition, data: PreferenceData | None) -> str:
    """The suite's text, with SCHEMA, DOMAIN and, where data are given, DATA to be replaced.

    Without data the suite loads the benchmark from the hub. Where the data are complete for a
    section only, the suite asks for that section.

    Raises
    ------
    UsageError
        For data that have none of the benchmark's items, and for a benchmark that is not known to
        be on the hub.
    """
    headline = definition.totals[0].name
    total = headline if data is None else _first_complete(definition, data)
    chance = definition.chance if total == headline else None
    said = "Chance depends on the data" if chance is None else f"Chance is {chance:g}"
    text = (
        template("benchmark.yaml")
        .replace("TITLE", definition.title)
        .replace("BENCHMARK", definition.name)
        .replace("TOTAL", "" if total == headline else f"\n    total: {total}")
        .replace("CHANCE", said)
        .replace("MIN", f"{_NO_CHANCE if chance is None else chance:g}")
    )
    if data is not None:
        return text
    if definition.hub is None:
        raise UsageError(
            f"--benchmark {definition.name}: its files are not here; download them with "
            f"`{definition.published}`, then name them: `rmcheck new --benchmark "
            f"{definition.name} --data '{definition.file}'`"
        )
    dataset, split = definition.hub
    return text.replace("DATA", f"{{dataset: {dataset}, split: {split}}}")


def _first_complete(definition: Definition, data: PreferenceData) -> str:
    """The first total that the data are complete for."""
    pairs = [pair for pair in data.pairs if definition.items(pair)]
    sets = [entry for entry in data.sets if definition.items(entry)]
    if not pairs and not sets:
        layouts = listed(sorted({note.layout for note in data.notes})) or "unknown"
        raise UsageError(
            f"--data: no items of {definition.title} (layout {layouts}); expected the files as "
            "the benchmark publishes them (docs/benchmarks.md)"
        )
    flat = np.zeros(len(pairs))
    scored = Scored(
        ScoredPairs(pairs, flat, flat), [(one, np.zeros(len(one.responses))) for one in sets]
    )
    parts = definition.credits(scored)
    complete = [one.name for one in definition.totals if not one.missing(parts)]
    return complete[0] if complete else definition.totals[0].name
