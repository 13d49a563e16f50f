"""The trainings of a recipe with several seeds: which there are, and what is said of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from rmcheck.checks import Need, SourceRef, Trainings
from rmcheck.engine.binding import Binding
from rmcheck.errors import RmcheckError
from rmcheck.record.run import SourceRecord
from rmcheck.reward_source import Partial, Seeded, Source
from rmcheck.spec import redacted
from rmcheck.verdict import Verdict
from rmcheck.wording import listed


def trainings_of(source: Source, ref: SourceRef, count: int) -> Trainings:
    """The trainings of the source that `ref` means; the source alone if it is not a recipe."""
    seeds = tuple(source.seeds(count)) if isinstance(source, Seeded) else ()
    others = (replace(ref, seed=seed) for seed in seeds[1:])
    return Trainings((ref, *others), seeds)


def with_trainings(need: Need, binding: Binding, count: int) -> Iterator[Need]:
    """A need, and the same of the recipe's other trainings where it asks for them.

    A comparison with a source that is not a recipe needs no other trainings of either.
    """
    yield need
    asked = count if need.seeds is None else need.seeds
    if asked < 2 or not isinstance(binding.candidate, Seeded):
        return
    if need.new_text and (binding.baseline is None or isinstance(binding.baseline, Partial)):
        return
    try:
        source = binding.source(need.source)
    except RmcheckError:
        return  # said where the source itself is needed
    if not isinstance(source, Partial):
        for ref in trainings_of(source, need.source, asked).refs[1:]:
            yield replace(need, source=ref)


def no_effect(source: Source, count: int) -> str:
    """What a run says where it compares `count` trainings and the source is not a recipe."""
    if isinstance(source, Seeded) and (not isinstance(source, Partial) or source.seeds(count)):
        return ""
    return (
        f"seeds: {count} has no effect: {redacted(source.spec)} is not a recipe, so this "
        "compares two models, not recipes"
    )


def beside_recipes(verdict: Verdict, mine: SourceRecord, theirs: SourceRecord | None) -> Verdict:
    """A comparison over seeds that says which settings of the recipes differ."""
    if theirs is None or not verdict.criterion.get("seeds") or not (mine.recipe and theirs.recipe):
        return verdict
    keys = sorted({*mine.recipe, *theirs.recipe} - {"seed"})
    unlike = [key for key in keys if mine.recipe.get(key) != theirs.recipe.get(key)]
    said = (
        f"the recipes differ in {listed(unlike)}"
        if unlike
        else "both recipes are the same, except for their seeds"
    )
    notes = (*verdict.evidence.notes, said)
    return replace(verdict, evidence=replace(verdict.evidence, notes=notes))
