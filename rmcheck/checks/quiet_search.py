"""A search by Hypothesis that prints nothing, keeps nothing and depends on its seed alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import seed as seeded
from hypothesis.strategies import SearchStrategy


def search(
    body: Callable[..., None],
    *drawn: SearchStrategy[Any],
    seed: int,
    examples: int,
    phases: Sequence[Phase],
) -> None:
    """Call `body` with so many examples of what is drawn, in these phases.

    Raises
    ------
    Exception
        What `body` raises, for the last example that Hypothesis tried.
    """
    quiet = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=False,
        print_blob=False,
        report_multiple_bugs=False,
        verbosity=Verbosity.quiet,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    seeded(seed)(quiet(given(*drawn)(body)))()
