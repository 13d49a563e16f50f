"""Tests for the sources and checks of other packages: `check_source` and `check_kind`.

Call them in your own tests. They raise `PromiseBroken` (an AssertionError) with the requirement
that is violated.
"""

from __future__ import annotations

import dataclasses
import json
import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
from annotated_types import Ge, Gt, Le, Lt
from numpy.typing import NDArray

from rmcheck.checks import BASELINE, CANDIDATE, Changes, Check, ScoredPairs, SourceRef, described
from rmcheck.data import Dialogue, Message, PreferencePair, ResponseSet, pair_dialogues
from rmcheck.data.preferences import PreferenceData
from rmcheck.errors import RmcheckError, SourceError
from rmcheck.registry import summary
from rmcheck.reward_source import Partial, Rescalable, Retrainable, Source, Streaming, completed
from rmcheck.scoring.rewards import checked
from rmcheck.sources.function import as_source
from rmcheck.suite.loading import check_model
from rmcheck.verdict import Decision, Outcome, Verdict

DIALOGUES = (
    Dialogue("What is 2 + 2?", "4"),
    Dialogue("What is 2 + 2?", "It is five, as everybody knows."),
    Dialogue("Wie heißt die Hauptstadt von Österreich?", "Wien – früher auch „Vindobona“ 🎶"),
    Dialogue((Message("user", "Hello"), Message("assistant", "Hi!"), Message("user", "Bye")), "OK"),
    Dialogue("Say nothing.", ""),
    Dialogue("Tell me a story.", "Once upon a time " * 60),
)
"""Six dialogues: short, long, empty, of several turns, and beyond ASCII."""


class PromiseBroken(AssertionError):
    """A reward source or a kind of check does not behave as rmcheck requires."""


def check_source(
    source: object, dialogues: Sequence[Dialogue] | None = None, *, tolerance: float = 1e-4
) -> None:
    """Check that a reward source behaves as rmcheck requires.

    Parameters
    ----------
    source
        A reward source, or a function from [(prompt, response), …] to scores.
    dialogues
        Different dialogues that it can score; needed for a source that scores no new text.
    tolerance
        How far two scores of one text may be apart, as a share of the standard deviation of all
        (or of 1, if that is larger): arithmetic in batches is not exact.

    Raises
    ------
    PromiseBroken
        For the first promise that does not hold.
    """
    try:
        given = as_source(source)
    except SourceError as error:
        raise PromiseBroken(str(error)) from None
    name = given.spec
    _hold(isinstance(name, str) and name, f"spec must be a name, got {name!r}")
    if dialogues is None:
        _hold(
            given.scores_new_text,
            f"{name}: cannot score new text; pass dialogues= with texts that it has scores for",
        )
        dialogues = DIALOGUES
    before = _fingerprint(given)
    _hold(before == _fingerprint(given), f"{name}: fingerprint differs when asked for twice")
    once = _scores(given, dialogues)
    most = tolerance * max(1.0, float(once.std()))

    def same(other: NDArray[np.float64], expected: NDArray[np.float64], what: str) -> None:
        apart = np.flatnonzero(np.abs(other - expected) > most)
        if apart.size:
            row = int(apart[0])
            told = f"expected {expected[row]:.6g}, got {other[row]:.6g}"
            raise PromiseBroken(f"{name}: {what}: {told}")

    same(_scores(given, dialogues), once, "scoring a text twice gives two different scores")
    same(_scores(given, dialogues[::-1]), once[::-1], "scores are not in the order of the texts")
    alone = np.concatenate([_scores(given, [one]) for one in dialogues])
    same(alone, once, "a score depends on the rest of its batch")
    doubled = _scores(given, [one for one in dialogues for _ in range(2)])
    same(doubled, once.repeat(2), "a text that is twice in a batch has another score")
    if isinstance(given, Streaming):
        same(_streamed(given, dialogues), once, "stream and score differ")
    if isinstance(given, Partial):
        known = all(given.knows(one) is True for one in dialogues)
        _hold(known, f"{name}: knows() must be True for every text that it scores")
        _hold(isinstance(given.ids(), frozenset), f"{name}: ids() must be a frozenset")
        completed(given.within("suite"), name)
    _hold(before == _fingerprint(given), f"{name}: fingerprint differs after scoring")
    told = given.describe()
    _hold(
        (told.spec, told.fingerprint) == (name, before),
        f"{name}: describe() must repeat spec and fingerprint, got {told.spec!r} and "
        f"{told.fingerprint!r}",
    )
    remarks = all(isinstance(remark, str) for remark in given.remarks)
    _hold(remarks, f"{name}: remarks must be a sequence of texts")
    _hold(given.truncated >= 0, f"{name}: truncated must be a count, got {given.truncated!r}")
    _check_variants(given, before)


def _check_variants(source: Source, before: str | None) -> None:
    """Variants give other scores, so they need their own fingerprints."""
    variants: list[object] = []
    if isinstance(source, Rescalable):
        variants.append(source.with_head_scaled(2.0))
    if isinstance(source, Retrainable):
        variants += [source.with_label_noise(0.2, seed) for seed in (0, 1)]
    prints = [before, *(_fingerprint(completed(each, source.spec)) for each in variants)]
    kept = [one for one in prints if one is not None]
    _hold(
        len(set(kept)) == len(kept),
        f"{source.spec}: a rescaled or retrained variant must have its own fingerprint",
    )


def _fingerprint(source: Source) -> str | None:
    try:
        return source.fingerprint
    except SourceError as error:
        raise PromiseBroken(str(error)) from None


def _scores(source: Source, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
    try:
        return checked(source.score(list(dialogues)), dialogues, source.spec)
    except SourceError as error:
        raise PromiseBroken(str(error)) from None


def _streamed(source: Streaming, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
    found: dict[int, float] = {}
    for members, values in source.stream(list(dialogues)):
        for member, value in zip(members, values, strict=True):
            _hold(int(member) not in found, f"stream gives index {member} twice")
            found[int(member)] = float(value)
    _hold(sorted(found) == list(range(len(dialogues))), "stream must give every index once")
    return np.array([found[row] for row in range(len(dialogues))])


def check_kind(kind: type[Check], **keys: Any) -> None:
    """Check that a kind of check behaves as rmcheck requires.

    Parameters
    ----------
    kind
        A subclass of `rmcheck.checks.Check`.
    **keys
        Values of its YAML keys; a key without a default gets a value by its type where it can.

    Raises
    ------
    PromiseBroken
        For the first promise that does not hold.
    """
    _check_class(kind)
    check = kind(**{**_values(kind, keys), **keys})
    for bench in _benches():
        where = f"{kind.__name__} on {bench.suite}"
        needs = check.needs(bench.data)
        _hold(isinstance(needs, list), f"{where}: needs() must return a list of Need")
        _hold(needs == check.needs(bench.data), f"{where}: needs() differs when asked twice")
        verdict = _judged(check, bench, where)
        if verdict is None:
            continue
        _hold(verdict == _judged(check, bench, where), f"{where}: judge() differs when asked twice")
        other = _judged(check, bench.reordered(), where)
        told = [(v.decision, v.outcome, v.state) if v else None for v in (verdict, other)]
        _hold(
            # Without a signal an interval that is drawn at random may touch the bound, or miss it.
            bench.open or told[0] == told[1],
            f"{where}: the verdict changes with the order of the pairs",
        )
        if bench.degenerate:
            _hold(
                verdict.outcome == "fail" and verdict.decision != "pass",
                f"{where}: data that cannot decide must not pass, got {verdict.message!r}",
            )


def _check_class(kind: type[Check]) -> None:
    _hold(
        isinstance(kind, type) and issubclass(kind, Check),
        f"expected a subclass of rmcheck.checks.Check, got {kind!r}",
    )
    name = kind.__name__
    params = vars(kind).get("__dataclass_params__")
    _hold(params is not None and params.frozen, f"{name}: must be a @dataclass(frozen=True)")
    word = getattr(kind, "kind", None)
    _hold(
        isinstance(word, str) and word.isidentifier(),
        f"{name}: kind must be a name such as 'win_rate', got {word!r}",
    )
    _hold(summary(kind), f"{name}: needs a docstring; its first line is what `rmcheck list` prints")
    _hold(kind.about(), f"{name}: about() must return a sentence that says what the check asks")
    told = described(kind)
    keys, common = kind.keys(), Check.keys()
    missing = ", ".join(key for key in keys if key not in common and not told.get(key))
    _hold(not missing, f"{name}: its docstring must describe {missing} under 'Parameters'")
    unknown = sorted(set(told) - set(keys))
    _hold(not unknown, f"{name}: its docstring describes {', '.join(unknown)}, which is not a key")
    try:
        check_model(kind).model_json_schema()
    except Exception as error:
        raise PromiseBroken(f"{name}: its keys cannot be given in YAML: {error}") from error


def _values(kind: type[Check], given: Mapping[str, Any]) -> dict[str, Any]:
    """A value for each key that has no default."""
    hints = get_type_hints(kind, include_extras=True)
    lacking = [
        entry.name
        for entry in fields(kind)
        if entry.default is dataclasses.MISSING
        and entry.default_factory is dataclasses.MISSING
        and entry.name not in given
    ]
    return {name: _value(kind, name, hints[name]) for name in lacking}


def _value(kind: type[Check], name: str, hint: Any) -> Any:
    low, high = 0.0, 1.0
    for mark in getattr(hint, "__metadata__", ()):
        bounds = dataclasses.asdict(mark) if isinstance(mark, (Ge, Gt, Le, Lt)) else {}
        low = float(bounds.get("ge", bounds.get("gt", low)))
        high = float(bounds.get("le", bounds.get("lt", high)))
    bare = hint.__origin__ if hasattr(hint, "__metadata__") else hint
    if bare is float:
        return (low + high) / 2
    if bare is int:
        return math.ceil(low) + 1
    if bare is bool:
        return False
    if bare is str:
        return "py:other"
    if get_origin(bare) is Literal:
        return get_args(bare)[0]
    raise PromiseBroken(
        f"{kind.__name__}: the key '{name}' has no default; give a value: "
        f"check_kind({kind.__name__}, {name}=…)"
    )


def _judged(check: Check, bench: _Bench, where: str) -> Verdict | None:
    """The verdict, after checks that every verdict must pass; None if the check cannot decide."""
    try:
        verdict = check.judge(bench)
    except RmcheckError:
        return None  # skipped with a reason, or an error that names it
    _hold(isinstance(verdict, Verdict), f"{where}: judge() must return a Verdict, got {verdict!r}")
    _hold(
        verdict.decision in get_args(Decision) and verdict.outcome in get_args(Outcome),
        f"{where}: unknown decision or outcome: {verdict.decision!r}, {verdict.outcome!r}",
    )
    _hold(
        verdict.message and "\n" not in verdict.message,
        f"{where}: message must be one line, got {verdict.message!r}",
    )
    if verdict.estimate is not None:
        _hold(verdict.signature, f"{where}: a verdict with an estimate needs ctx.signature(…)")
        found = verdict.estimate
        inside = found.low <= found.value <= found.high
        _hold(inside, f"{where}: {found.value!r} is outside [{found.low}, {found.high}]")
    plain = {"criterion": verdict.criterion, "evidence": dataclasses.asdict(verdict.evidence)}
    try:
        json.dumps(plain, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise PromiseBroken(f"{where}: evidence must be plain JSON: {error}") from None
    return verdict


@dataclass(frozen=True, eq=False)
class _Bench:
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

    def reordered(self) -> _Bench:
        data = PreferenceData(self.data.pairs[::-1], self.data.sets[::-1], self.data.paths)
        return dataclasses.replace(self, data=data, _better={})

    def verdict(self, check: Check) -> Verdict:
        return check.judge(self)

    def side(self, objective: str) -> _Bench:
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

    def offers(self, capability: type, source: SourceRef = CANDIDATE) -> bool:
        return capability in (Retrainable, Rescalable)

    def name(self, source: SourceRef = CANDIDATE) -> str:
        return "main" if source == BASELINE else source.spec or "py:bench"

    def signature(self, kind: str, facts: Mapping[str, object]) -> str:
        return "|".join([kind, *(f"{name}:{value}" for name, value in facts.items())])


def _noise(text: str) -> float:
    """A number in [-1, 1) that the text decides."""
    return zlib.crc32(text.encode()) / 2**31 - 1


def _benches() -> list[_Bench]:
    """Data that decide, data without a signal, and data that can decide nothing."""

    def sound(text: str, better: bool) -> float:
        return _noise(text) + better

    def chance(text: str, _: bool) -> float:
        return _noise(text)

    def tied(text: str, _: bool) -> float:
        return _noise(text.partition("|")[0])

    return [
        _Bench("sound data", _data(60), sound),
        _Bench("data without a signal", _data(60), chance, open=True),
        _Bench("data with every pair tied", _data(60), tied, degenerate=True),
        _Bench("data with one score", _data(60), lambda *_: 0.0, degenerate=True),
        _Bench("three pairs", _data(3), sound, degenerate=True),
        _Bench("no data", _data(0), sound, degenerate=True),
        _Bench("data of one prompt", _data(40, prompts=1), sound, degenerate=True),
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


def _hold(kept: object, promise: str) -> None:
    if not kept:
        raise PromiseBroken(promise)
