"""What several tests build: pairs, suites on disk, reward functions, contexts to judge in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

from rmcheck.checks import BASELINE, CANDIDATE, Changes, Check, ScoredPairs, SourceRef, Trainings
from rmcheck.data import Dialogue, PreferencePair, ResponseSet
from rmcheck.data.preferences import PreferenceData
from rmcheck.engine.binding import Binding
from rmcheck.engine.book import ScoreBook
from rmcheck.engine.context import SuiteContext
from rmcheck.engine.facts import rows_of
from rmcheck.engine.settings import Settings
from rmcheck.errors import BaselineMissing
from rmcheck.record.run import EnvironmentRecord, RunRecord, SourceRecord
from rmcheck.record.scores import PairScore
from rmcheck.reward_source import Retrainable, RewardSource
from rmcheck.sources.function import FunctionSource
from rmcheck.suite import Suite
from rmcheck.verdict import Verdict

PerText = Callable[[str, str], float]


def make_pairs(
    n: int, *, group_size: int = 1, tags: Sequence[str] = (), prefix: str = "p"
) -> list[PreferencePair]:
    """n pairs with different texts; `group_size` neighbours share a prompt and a group."""
    return [
        PreferencePair(
            id=f"{prefix}{i:03d}",
            prompt=f"{prefix} question {i // group_size}",
            chosen=f"good answer {i}",
            rejected=f"bad answer {i}",
            group=f"{prefix}-g{i // group_size}",
            tags=tuple(tags),
        )
        for i in range(n)
    ]


def row(pair: PreferencePair) -> dict[str, Any]:
    """A pair as a line of a JSONL file."""
    return {
        "id": pair.id,
        "prompt": pair.prompt,
        "chosen": pair.chosen,
        "rejected": pair.rejected,
        "group": pair.group,
        "tags": list(pair.tags),
    }


def write_jsonl(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(entry, ensure_ascii=False) for entry in rows)
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def write_suite(root: Path, checks: str, *, n: int = 40, name: str = "chat", top: str = "") -> Path:
    """`suites/NAME.yaml` with its data beside it; `checks` is the YAML of the list."""
    rows = [row(pair) for pair in make_pairs(n, tags=["a", "short"])]
    write_jsonl(root / "suites" / f"{name}.jsonl", rows)
    path = root / "suites" / f"{name}.yaml"
    path.write_text(f"rmcheck: 1\nname: {name}\ndata: {name}.jsonl\n{top}checks:\n{checks}")
    return path


def make_suite(
    pairs: Sequence[PreferencePair], checks: Sequence[Check] = (), **changes: Any
) -> Suite:
    """A suite that stands on no file."""
    values: dict[str, Any] = {
        "name": "chat",
        "path": Path("suites/chat.yaml"),
        "shown": "suites/chat.yaml",
        "description": "",
        "source": None,
        "tags": (),
        "gate": "required",
        "checks": tuple(checks),
        "lines": tuple(range(1, len(checks) + 1)),
        "data": PreferenceData(tuple(pairs)),
    }
    return Suite(**{**values, **changes})


def per_text(function: PerText, **options: Any) -> FunctionSource:
    """A reward source from a function of one prompt and one response."""
    return FunctionSource(lambda texts: [function(p, r) for p, r in texts], **options)


def noise(*texts: str) -> float:
    """A standard normal number that the texts decide, and nothing else."""
    digest = hashlib.sha256("\x00".join(texts).encode()).digest()
    return NormalDist().inv_cdf((int.from_bytes(digest[:7], "big") + 0.5) / 2**56)


def honest(prompt: str, response: str) -> float:
    """A continuous reward, two standard deviations higher for a good answer."""
    return noise(prompt, response) + 2.0 * response.startswith("good")


def live_context(
    folder: Path,
    pairs: Sequence[PreferencePair],
    candidate: RewardSource,
    *,
    baseline: RewardSource | None = None,
    checks: Sequence[Check] = (),
    examples: int | None = None,
    comparisons: int = 1,
    seed: int = 0,
) -> SuiteContext:
    """The engine's own context over a reward source; its cache lies below `folder`."""
    settings = Settings.below(folder)
    return SuiteContext(
        bound=make_suite(pairs, checks),
        binding=Binding(candidate, baseline, "main", settings.options),
        book=ScoreBook(settings.cache),
        seed=seed,
        examples=examples,
        comparisons=comparisons,
    )


@dataclass(frozen=True, eq=False)
class TableContext:
    """A `Context` over columns of scores, (chosen, rejected), one entry a pair.

    `variants` are the columns of other sources (the candidate's where one is not named), `sets`
    are response sets with the scores of their responses. Under a swapped prompt a text has a score
    of its own, which says nothing; any other changed copy of a text scores half a point less.
    """

    pairs: Sequence[PreferencePair]
    candidate: tuple[Sequence[float], Sequence[float]]
    baseline: tuple[Sequence[float], Sequence[float]] | None = None
    unknown: frozenset[str] = frozenset()
    siblings: Sequence[Check] = ()
    comparisons: int = 1
    seed: int = 0
    examples: int | None = None
    suite: str = "chat"
    variants: Mapping[SourceRef, tuple[Sequence[float], Sequence[float]]] = field(
        default_factory=dict
    )
    sets: Sequence[tuple[ResponseSet, Sequence[float]]] = ()
    objective: str = ""

    @property
    def data(self) -> PreferenceData:
        return PreferenceData(tuple(self.pairs), tuple(each for each, _ in self.sets))

    def _columns(self, source: SourceRef) -> dict[str, tuple[float, float]]:
        named = replace(source, objective=self.objective)
        if self.objective and named in self.variants:
            columns = self.variants[named]
        elif source in self.variants:
            columns = self.variants[source]
        elif source == BASELINE:
            if self.baseline is None:
                raise BaselineMissing("this table has no baseline")
            columns = self.baseline
        else:
            columns = self.variants.get(source, self.candidate)
        ids = [pair.id for pair in self.pairs]
        return dict(zip(ids, zip(*columns, strict=True), strict=True))

    def scored(self, pairs: Sequence[PreferencePair], source: SourceRef = CANDIDATE) -> ScoredPairs:
        table = self._columns(source)
        both = np.array([table[pair.id] for pair in pairs], dtype=np.float64).reshape(-1, 2)
        return ScoredPairs(pairs, both[:, 0], both[:, 1])

    def score(
        self, dialogues: Sequence[Dialogue], source: SourceRef = CANDIDATE
    ) -> np.ndarray[Any, np.dtype[np.float64]]:
        table: dict[str, float] = {}
        for name, both in self._columns(source).items():
            table |= {f"{name}/chosen": both[0], f"{name}/rejected": both[1]}
        for each, scores in self.sets:
            table |= {f"{each.id}/{i}": score for i, score in enumerate(scores)}
        return np.array([_of_table(d.key, table) for d in dialogues], dtype=np.float64)

    def comparable(self, pairs: Sequence[PreferencePair]) -> tuple[list[PreferencePair], list[str]]:
        known = [pair for pair in pairs if pair.id not in self.unknown]
        return known, [pair.id for pair in pairs if pair.id in self.unknown]

    def changes(self, pairs: Sequence[PreferencePair]) -> Changes:
        return Changes(added=tuple(pair.id for pair in pairs if pair.id in self.unknown))

    def verdict(self, check: Check) -> Verdict:
        return check.judge(self)

    def trainings(self, source: SourceRef = CANDIDATE, count: int | None = None) -> Trainings:
        """The variants of `source` that have a seed, however many were asked for."""
        seeds = [ref.seed for ref in self.variants if ref.role == source.role and ref.seed]
        refs = tuple(replace(source, seed=seed) for seed in seeds)
        return Trainings((source, *refs), (0, *seeds) if seeds else ())

    def side(self, objective: str) -> TableContext:
        return replace(self, objective=objective)

    def offers(self, capability: type, source: SourceRef = CANDIDATE) -> bool:
        return capability is Retrainable and bool(self.variants)

    def name(self, source: SourceRef = CANDIDATE) -> str:
        return "main" if source.role == "baseline" else "py:table"

    def signature(self, kind: str, facts: Mapping[str, object]) -> str:
        return "|".join([kind, *(f"{name}:{value}" for name, value in facts.items())])


def _of_table(key: str, table: Mapping[str, float]) -> float:
    original, _, change = key.partition("~")
    if change == "swapped":
        return noise(key)
    return table[original] - (0.5 if change else 0.0)


def from_margins(margins: Sequence[float]) -> tuple[list[float], list[float]]:
    """Scores of both sides with these margins: rejected responses score 0."""
    return list(margins), [0.0] * len(margins)


def from_wins(wins: Sequence[int]) -> tuple[list[float], list[float]]:
    """Scores of both sides for wins (1) and losses (0), margins of size 1."""
    return from_margins([1.0 if won else -1.0 for won in wins])


def pair_scores(
    pairs: Sequence[PreferencePair],
    columns: tuple[Sequence[float], Sequence[float]],
    suite: str = "chat",
) -> list[PairScore]:
    """Rows of `scores.jsonl`."""
    return rows_of(suite, ScoredPairs(pairs, *map(np.asarray, columns)))


def run_record(**changes: Any) -> RunRecord:
    """The smallest record that there is."""
    values: dict[str, Any] = {
        "rmcheck": "0.1.0",
        "started": "2026-01-02T03:04:05Z",
        "duration_s": 1.5,
        "seed": 0,
        "source": SourceRecord(spec="recipe:tiny", fingerprint="f00d"),
        "environment": EnvironmentRecord(python="3.11.2"),
        "outcome": "pass",
        "suites": [],
    }
    return RunRecord(**{**values, **changes})
