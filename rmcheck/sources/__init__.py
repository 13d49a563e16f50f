"""The kinds of reward sources, and the source that a spec names.

A spec names a source (`recipe:tiny`, `hf:PATH`, `scores:FILE`, or a bare path to a checkpoint
folder). Implementations live in this package, one file each, and are imported when first asked
for; third parties add theirs through the entry point group `rmcheck.sources`.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Callable, Mapping
from pathlib import Path

from rmcheck.documents.finding import is_yaml
from rmcheck.errors import UsageError, did_you_mean
from rmcheck.reward_source import RewardSource, SourceOptions
from rmcheck.spec import Spec

Factory = Callable[[str, SourceOptions], RewardSource]

ENTRY_POINTS = "rmcheck.sources"
_KINDS: Mapping[str, tuple[str, str]] = {
    "recipe": ("rmcheck.sources.recipe", "train a LoRA reward model by a recipe, or load it"),
    "hf": ("rmcheck.sources.checkpoint", "a sequence-classification checkpoint or PEFT adapter"),
    "scores": ("rmcheck.sources.score_file", "a file of scores; needs no model"),
}


def kinds() -> dict[str, str]:
    """Every registered kind of source with one line about it."""
    found = {kind: line for kind, (_, line) in _KINDS.items()}
    for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        found.setdefault(point.name, f"from {point.value}")
    return found


def create(spec: str, options: SourceOptions) -> RewardSource:
    """The source that `spec` names. Nothing heavy happens before its first `score`.

    Raises
    ------
    UsageError
        When the spec names no kind, or its file, folder or recipe does not exist.
    """
    named = Spec.parse(spec)
    if not named.kind or not named.rest:
        if spec and (options.root / spec).is_dir():
            named = Spec("hf", spec)
        else:
            raise UsageError(
                f"source {spec!r}: neither KIND:NAME nor a folder below {options.root}; "
                f"did you mean '{_guessed(spec, options.root)}'? "
                f"(kinds: {', '.join(sorted(kinds()))})"
            )
    return _factory(named.kind, spec)(named.rest, options)


def _guessed(spec: str, root: Path) -> str:
    """What somebody means who leaves the kind out."""
    if not spec or spec in kinds():
        return "recipe:tiny"
    path = root / spec
    if path.is_file() and not is_yaml(path):
        return f"scores:{spec}"
    return f"recipe:{spec}" if path.is_file() or spec.isidentifier() else f"hf:{spec}"


def _factory(kind: str, spec: str) -> Factory:
    if kind in _KINDS:
        module = importlib.import_module(_KINDS[kind][0])
        factory: Factory = module.create
        return factory
    for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        if point.name == kind:
            loaded: Factory = point.load()
            return loaded
    raise UsageError(f"source {spec!r}: unknown kind {kind!r}, {did_you_mean(kind, kinds())}")
