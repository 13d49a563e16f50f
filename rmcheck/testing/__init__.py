"""Tests for the sources and checks of other packages: `check_source` and `check_kind`.

Call them in your own tests. They raise `PromiseBroken` (an AssertionError) with the requirement
that is violated.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
from annotated_types import Ge, Gt, Le, Lt
from numpy.typing import NDArray

from rmcheck.checks import Check, Need, SourceRef, described
from rmcheck.data import Dialogue, Message
from rmcheck.errors import RmcheckError, SourceError
from rmcheck.registry import summary
from rmcheck.reward_source import Partial, Rescalable, Retrainable, Source, Streaming, completed
from rmcheck.scoring.rewards import checked
from rmcheck.sources.function import as_source
from rmcheck.suite.check_keys import check_model
from rmcheck.testing.bench import Bench, benches
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
    for bench in benches():
        where = f"{kind.__name__} on {bench.suite}"
        needs = check.needs(bench.data)
        _hold(isinstance(needs, list), f"{where}: needs() must return a list of Need")
        _hold(needs == check.needs(bench.data), f"{where}: needs() differs when asked twice")
        rounds = check.rounds(bench.data)
        _hold(
            len(rounds) == 1 or _asked(each for part in rounds for each in part) == _asked(needs),
            f"{where}: all rounds() together must ask for what needs() asks for",
        )
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


def _asked(needs: Iterable[Need]) -> set[tuple[SourceRef, str]]:
    return {(need.source, each.hash) for need in needs for each in need.dialogues}


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


def _judged(check: Check, bench: Bench, where: str) -> Verdict | None:
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
        low, value, high = verdict.estimate.low, verdict.estimate.value, verdict.estimate.high
        _hold(low <= value <= high, f"{where}: {value!r} is outside its interval [{low}, {high}]")
    plain = {"criterion": verdict.criterion, "evidence": dataclasses.asdict(verdict.evidence)}
    try:
        json.dumps(plain, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise PromiseBroken(f"{where}: evidence must be plain JSON: {error}") from None
    return verdict


def _hold(kept: object, promise: str) -> None:
    if not kept:
        raise PromiseBroken(promise)
