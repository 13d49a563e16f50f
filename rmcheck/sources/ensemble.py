"""`ensemble:A;B;C`: several reward sources as one, by the mean, median or minimum of their rewards.

Scores of the members are kept apart: a member that did not change is not asked again.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import Dialogue
from rmcheck.data.dialogue import content_hash
from rmcheck.errors import SourceError, UsageError, did_you_mean
from rmcheck.record.run import SourceRecord
from rmcheck.reward_source import BothOrders, ManySided, Partial, Source, SourceOptions, completed
from rmcheck.sources.layout import parsed

KEYS = ("combine", "weights")
WAYS = ("mean", "median", "min", "mean-1std")
"""What `combine` may be; the factor of the last one is any number: `mean-0.5std`."""

_CAUTIOUS = re.compile(r"mean-(\d+(?:\.\d+)?)?std")
_OWN = re.compile(r",(?=(?:combine|weights)=)")

Rewards = NDArray[np.float64]


@dataclass(frozen=True)
class Combination:
    """How the rewards of the members become one.

    Parameters
    ----------
    way
        One of `WAYS`, or `mean-Kstd` for any K ≥ 0.
    weights
        One a member, positive, for the means; their sum is 1.
    """

    way: str
    weights: tuple[float, ...]

    def __call__(self, rewards: Rewards, rows: Sequence[int] | None = None) -> Rewards:
        """From the members' rewards, shape (m, n), to shape (n,), in the members' unit.

        With `rows` the rewards are those of some members only, whose weights keep their ratios.

        `mean-Kstd` is the weighted mean less K weighted standard deviations of the members
        (population formula): what they disagree about is worth less.
        """
        if self.way == "min":
            lowest: Rewards = rewards.min(axis=0)
            return lowest
        if self.way == "median":
            middle: Rewards = np.median(rewards, axis=0)
            return middle
        weights = np.asarray(self.weights)
        if rows is not None:
            weights = weights[list(rows)] / weights[list(rows)].sum()
        mean = weights @ rewards
        cautious = _CAUTIOUS.fullmatch(self.way)
        if cautious is None:
            return mean
        spread = np.sqrt(np.maximum(weights @ (rewards - mean) ** 2, 0.0))
        return mean - float(cautious[1] or 1) * spread

    @property
    def said(self) -> str:
        """As a spec says it."""
        shares = {round(weight, 12) for weight in self.weights}
        weights = "" if len(shares) == 1 else f",weights={':'.join(f'{w:g}' for w in self.weights)}"
        return f"combine={self.way}{weights}"


class Ensemble(Source):
    """Several reward sources as one.

    Parameters
    ----------
    spec
        `ensemble:` and the rest of it.
    members
        Two or more sources.
    combination
        What makes one reward of theirs.
    """

    def __init__(self, spec: str, members: Sequence[Source], combination: Combination) -> None:
        self._spec = spec
        self.members = tuple(members)
        self.combination = combination

    @property
    def spec(self) -> str:
        """`ensemble:`, members and settings."""
        return self._spec

    @property
    def fingerprint(self) -> str | None:
        """A hash of the members' fingerprints and the combination; None if one has none."""
        parts = [member.fingerprint for member in self.members]
        if None in parts:
            return None
        return content_hash("ensemble", *parts, self.combination.said)

    @property
    def weights(self) -> Sequence[float]:
        """The weights of the members; their sum is 1."""
        return self.combination.weights

    def describe(self) -> SourceRecord:
        """Its name, and how each member is given a dialogue."""
        return SourceRecord(
            spec=self.spec,
            fingerprint=self.fingerprint,
            members=[member.describe() for member in self.members],
        )

    @property
    def scores_new_text(self) -> bool:
        """Whether every member can score any text."""
        return all(member.scores_new_text for member in self.members)

    @property
    def truncated(self) -> int:
        """Dialogues that members truncated, counted for each member."""
        return sum(member.truncated for member in self.members)

    @property
    def loaded(self) -> bool:
        """Whether all members are."""
        return all(member.loaded for member in self.members)

    def combined(self, rewards: Rewards, rows: Sequence[int] | None = None) -> Rewards:
        """From the members' rewards, shape (m, n), to those of the ensemble, shape (n,).

        With `rows` the ensemble of only those members, whose rewards are given.
        """
        return self.combination(rewards, rows)

    def score(self, dialogues: Sequence[Dialogue]) -> Rewards:
        """Rewards in input order, shape (n,); asks every member.

        Raises
        ------
        SourceError
            If a member fails.
        """
        return self.combined(np.stack([member.score(dialogues) for member in self.members]))

    def with_members(self, members: Sequence[Source]) -> Ensemble:
        """The same combination of other views of the members."""
        found = copy.copy(self)
        found.members = tuple(members)
        return found

    def with_objective(self, objective: str) -> Ensemble:
        """The ensemble of the members' rewards of that name.

        Raises
        ------
        SourceError
            If a member has one reward only, or none of that name.
        """
        for member in self.members:
            if not isinstance(member, ManySided):
                raise SourceError(
                    f"{self.spec}: {member.spec} has one reward for a text, so the ensemble has no "
                    f"objective {objective!r}"
                )
        sides = [
            completed(cast(ManySided, member).with_objective(objective), member.spec)
            for member in self.members
        ]
        found = self.with_members(sides)
        found._spec = f"{self.spec} [{objective}]"
        return found


class PartialEnsemble(Ensemble):
    """An ensemble with a score file among its members: it has scores of known dialogues only."""

    def knows(self, dialogue: Dialogue) -> bool:
        """Whether every score file among the members has a score for this text."""
        return all(member.knows(dialogue) for member in self._files)

    def within(self, suite: str) -> Ensemble:
        """The same with each score file as that suite sees it."""
        return self.with_members(
            [
                completed(member.within(suite), member.spec)
                if isinstance(member, Partial)
                else member
                for member in self.members
            ]
        )

    def ids(self, *, own: bool = False) -> frozenset[str]:
        """Ids of the pairs that every score file among the members has scores of."""
        return frozenset.intersection(*(member.ids(own=own) for member in self._files))

    @property
    def _files(self) -> list[Partial]:
        return [member for member in self.members if isinstance(member, Partial)]


def create(rest: str, options: SourceOptions) -> Ensemble:
    """Several sources as one; nothing is loaded before the first score.

    Raises UsageError for fewer than two members, a member that cannot be found, or a wrong setting.
    """
    spec = f"ensemble:{rest}"
    listed, *own = _OWN.split(rest)
    names = [name.strip() for name in listed.split(";")]
    if len(names) < 2 or not all(names):
        raise UsageError(
            f"{spec}: expected two or more sources, separated by ';' (in quotes for a shell): "
            "'ensemble:hf:A;hf:B'"
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"{spec}: {twice[0]} is given twice; give it once, with a weight")
    settings = parsed(",".join(own), spec)
    for key in settings:
        if key not in KEYS:
            raise UsageError(f"{spec}: unknown setting {key!r}; {did_you_mean(key, KEYS)}")
    combination = combination_of(settings, len(names), spec)
    try:
        return joined(spec, [member_of(name, options) for name in names], combination)
    except UsageError as error:
        raise UsageError(f"{spec}: {error}") from None


def member_of(name: str, options: SourceOptions) -> Source:
    """A member by its spec.

    Raises
    ------
    UsageError
        If it cannot be found, or an ensemble cannot have it.
    """
    from rmcheck.sources import create as source_of

    if name.startswith("ensemble:"):
        raise UsageError("an ensemble of ensembles is not possible; list all members")
    member = source_of(name, options)
    if isinstance(member, Ensemble):
        raise UsageError(f"{name} is an ensemble itself; list its members instead")
    if isinstance(member, BothOrders):
        raise UsageError(
            f"{name} compares two responses, and an ensemble combines scores of single "
            "ones; use a member that scores each response (a judge: mode=score)"
        )
    return member


def joined(spec: str, members: Sequence[Source], combination: Combination) -> Ensemble:
    """An ensemble of these members, which may be score files."""
    partial = any(isinstance(member, Partial) for member in members)
    return (PartialEnsemble if partial else Ensemble)(spec, members, combination)


def combination_of(settings: Mapping[str, str], members: int, spec: str) -> Combination:
    """The combination that `combine` and `weights` of a spec ask for.

    Raises
    ------
    UsageError
        For an unknown way, and for weights that do not fit.
    """
    way = settings.get("combine", "mean")
    if way not in ("mean", "median", "min") and not _CAUTIOUS.fullmatch(way):
        raise UsageError(f"{spec}: combine: got {way!r}; {did_you_mean(way, WAYS)}")
    if "weights" not in settings:
        return Combination(way, (1 / members,) * members)
    if way in ("median", "min"):
        raise UsageError(f"{spec}: weights have no meaning with combine={way}; remove them")
    given = settings["weights"].split(":")
    try:
        weights = [float(weight) for weight in given]
    except ValueError:
        weights = []
    if len(given) != members or not weights or not all(0 < w < float("inf") for w in weights):
        raise UsageError(
            f"{spec}: weights: expected {members} positive numbers, one a member, separated by "
            f"':' (weights={':'.join('1' * members)}), got {settings['weights']!r}"
        )
    return Combination(way, tuple(weight / sum(weights) for weight in weights))
