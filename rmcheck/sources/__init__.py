"""What gives rewards: the protocol that every reward source keeps, and the registry of kinds.

A spec names a source (`recipe:tiny`, `hf:PATH`, `scores:FILE`, or a bare path to a checkpoint
folder). Implementations live in this package, one file each, and are imported when first asked
for; third parties add theirs through the entry point group `rmcheck.sources`.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import Dialogue
from rmcheck.errors import UsageError, did_you_mean
from rmcheck.record import SourceRecord


@runtime_checkable
class RewardSource(Protocol):
    """r(x, y): one scalar a dialogue, higher is better; only differences carry meaning."""

    @property
    def spec(self) -> str:
        """How a person names this source, for records and messages."""

    @property
    def fingerprint(self) -> str | None:
        """A hash of all that its scores depend on; None: scores are kept for one session only."""

    @property
    def scores_new_text(self) -> bool:
        """False for a score file, which knows only what it was given."""

    def score(self, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
        """Rewards in input order, shape (n,), all finite."""


@runtime_checkable
class Partial(Protocol):
    """A source that knows some dialogues only."""

    def knows(self, dialogue: Dialogue) -> bool:
        """Whether `score` has an answer for this very text."""

    def within(self, suite: str) -> Partial:
        """The source as the suite of that name sees it: scores kept for it come first."""

    def ids(self, *, own: bool = False) -> frozenset[str]:
        """Ids of the pairs that it has scores of; `own`: only those kept for this very suite."""

    def score(self, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
        """Rewards in input order, shape (n,)."""


@runtime_checkable
class Described(Protocol):
    """A source that can say how it is given a dialogue: template, length limit, pooling, dtype."""

    def describe(self) -> SourceRecord:
        """Its part of a run's record. Loads nothing heavy."""


def describe(source: RewardSource) -> SourceRecord:
    """What a record says of any source; one that tells no more has a spec and a fingerprint."""
    if isinstance(source, Described):
        return source.describe()
    return SourceRecord(spec=source.spec, fingerprint=source.fingerprint)


@runtime_checkable
class Retrainable(Protocol):
    """A source that can be trained again with other labels (a recipe)."""

    def with_label_noise(self, rate: float, seed: int) -> RewardSource:
        """The same recipe with a share `rate` of its training labels flipped at random."""


@runtime_checkable
class Rescalable(Protocol):
    """A source whose scalar head can be multiplied by a constant."""

    def with_head_scaled(self, factor: float) -> RewardSource:
        """The same model with the head's weights (and bias) times `factor`."""


class Progress(Protocol):
    """Shows how far a long job is; `rmcheck.engine` supplies bars on a terminal, lines in CI."""

    def start(self, title: str, total: int, unit: str) -> None: ...
    def advance(self, amount: int = 1, note: str = "") -> None: ...
    def finish(self) -> None: ...


DIALOGUES = "dialogues"
"""The unit in which a source tells how far its scoring is."""


class NoProgress:
    """Shows nothing."""

    def start(self, title: str, total: int, unit: str) -> None:
        """Begin a job of `total` units."""

    def advance(self, amount: int = 1, note: str = "") -> None:
        """`amount` more units are done."""

    def finish(self) -> None:
        """The job is over."""


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """What sources need to know of a session.

    `root` is the folder against which relative paths of a spec are resolved; `cache` holds
    adapters and scores; `device` and `dtype` None mean automatic and float32.
    """

    root: Path
    cache: Path
    device: str | None = None
    dtype: str = "float32"
    seed: int | None = None
    progress: Progress = field(default_factory=NoProgress)


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
    kind, _, rest = spec.partition(":")
    if not rest:
        if spec and (options.root / spec).is_dir():
            kind, rest = "hf", spec
        else:
            raise UsageError(
                f"source {spec!r}: neither KIND:NAME nor a folder below {options.root}; "
                f"did you mean '{_guessed(spec, options.root)}'? "
                f"(kinds: {', '.join(sorted(kinds()))})"
            )
    return _factory(kind, spec)(rest, options)


def _guessed(spec: str, root: Path) -> str:
    """What somebody means who leaves the kind out."""
    if not spec or spec in kinds():
        return "recipe:tiny"
    path = root / spec
    if path.is_file() and path.suffix not in (".yaml", ".yml"):
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
