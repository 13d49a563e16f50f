"""Contexts over texts whose rewards are made here, on which `check_kind` judges checks."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rmcheck.checks import BASELINE, CANDIDATE, Changes, Check, ScoredPairs, SourceRef, Trainings
from rmcheck.data import Dialogue, PreferencePair, ResponseSet, pair_dialogues
from rmcheck.data.preferences import PreferenceData
from rmcheck.reward_source import Rescalable, Retrainable
from rmcheck.verdict import Verdict


@dataclass(frozen=True, eq=False)
class Bench:
    """A `Context` over texts whose rewards are made here."""

    suite: str
    data: PreferenceData
    reward: Callable[[str, bool], float]
    degenerate: bool = False
    open: bool = False
    siblings: Sequence[Check] = ()
    seed: int = 0
    examples: int | None = 10
    comparisons: int = 1
    _better: dict[tuple[object, str], bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for pair in self.data.pairs:
            self._better[pair.prompt, pair.chosen] = True
            self._better[pair.prompt, pair.rejected] = False
        for each in self.data.sets:
            for row, text in enumerate(each.responses):
                self._better[each.prompt, text] = row in each.best

    def reordered(self) -> Bench:
        data = PreferenceData(self.data.pairs[::-1], self.data.sets[::-1], self.data.paths)
        return dataclasses.replace(self, data=data, _better={})

    def verdict(self, check: Check) -> Verdict:
        return check.judge(self)

    def side(self, objective: str) -> Bench:
        return self

    def score(
        self, dialogues: Sequence[Dialogue], source: SourceRef = CANDIDATE
    ) -> NDArray[np.float64]:
        return np.array([self._one(one, source) for one in dialogues], dtype=np.float64)

    def _one(self, dialogue: Dialogue, source: SourceRef) -> float:
        text = f"{dialogue.prompt}|{dialogue.response}"
        better = self._better.get((dialogue.prompt, dialogue.response))
        value = _noise(text) if better is None else self.reward(text, better)
        if not self.degenerate and source.role != "candidate":
            value += 0.3 * _noise(f"{source.role}|{text}")
        if not self.degenerate and source.seed is not None:
            value += 0.3 * _noise(f"{source.role}|{source.seed}|{text}")
        if not self.degenerate and source.flip_rate:
            value += source.flip_rate * _noise(f"{source.flip_seed}|{text}")
        return value * source.head_scale

    def scored(self, pairs: Sequence[PreferencePair], source: SourceRef = CANDIDATE) -> ScoredPairs:
        both = self.score(pair_dialogues(pairs), source)
        return ScoredPairs(pairs, both[0::2], both[1::2])

    def comparable(self, pairs: Sequence[PreferencePair]) -> tuple[list[PreferencePair], list[str]]:
        return list(pairs), []

    def changes(self, pairs: Sequence[PreferencePair]) -> Changes:
        return Changes()

    def trainings(self, source: SourceRef = CANDIDATE, count: int | None = None) -> Trainings:
        if count is None or count < 2:
            return Trainings((source,))
        others = (dataclasses.replace(source, seed=seed) for seed in range(1, count))
        return Trainings((source, *others), tuple(range(count)))

    def offers(self, capability: type, source: SourceRef = CANDIDATE) -> bool:
        return capability in (Retrainable, Rescalable)

    def name(self, source: SourceRef = CANDIDATE) -> str:
        return "main" if source == BASELINE else source.spec or "py:bench"

    def signature(self, kind: str, facts: Mapping[str, object]) -> str:
        return "|".join([kind, *(f"{name}:{value}" for name, value in facts.items())])


def _noise(text: str) -> float:
    """A number in [-1, 1) that the text decides."""
    return zlib.crc32(text.encode()) / 2**31 - 1


def benches() -> list[Bench]:
    """Data that decide, data without a signal, and data that can decide nothing."""

    def sound(text: str, better: bool) -> float:
        return _noise(text) + better

    def chance(text: str, _: bool) -> float:
        return _noise(text)

    def tied(text: str, _: bool) -> float:
        return _noise(text.partition("|")[0])

    return [
        Bench("sound data", _data(60), sound),
        Bench("data without a signal", _data(60), chance, open=True),
        Bench("data with every pair tied", _data(60), tied, degenerate=True),
        Bench("data with one score", _data(60), lambda *_: 0.0, degenerate=True),
        Bench("three pairs", _data(3), sound, degenerate=True),
        Bench("no data", _data(0), sound, degenerate=True),
        Bench("data of one prompt", _data(40, prompts=1), sound, degenerate=True),
    ]


def _data(n: int, prompts: int | None = None) -> PreferenceData:
    """n pairs and n response sets over so many prompts (default: one each)."""
    pairs, sets = [], []
    for row in range(n):
        number = row % (prompts or n)
        prompt, group = f"question {number}?", f"g{number}"
        chosen = f"a good answer {row}" + " and more" * (row % 2)
        rejected = f"a bad answer {row} and no more"
        pairs.append(
            PreferencePair(
                f"p{row:02d}", prompt, chosen, rejected, group, ("even", "odd")[row % 2 :][:1],
                0.6 + 0.4 * (row % 3) / 2, (4.0 + row % 3, 1.0 + row % 2),
            )
        )  # fmt: skip
        texts = tuple(f"{word} reply {row}" for word in ("fine", "right", "wrong", "poor"))
        sets.append(ResponseSet(f"s{row:02d}", prompt, texts, (0, 1), group))
    return PreferenceData(tuple(pairs), tuple(sets))
