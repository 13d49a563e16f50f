"""What a gate of the broken project may conclude, computed without rmcheck.

Reads the candidate's scores, the baseline's, the pairs and the suite with nothing but JSON and
YAML, counts the pairs that the candidate lost and won against the baseline, and applies the rule of
`docs/verdicts.md` by a test of its own: exact integers, no floats, no numpy.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import yaml

from .worse import BAD, MAIN

MAX_DROP, ALPHA, MAX_LEFT_OUT = 0.02, 0.05, 0.05
"""The defaults of `no_regression`, as docs/checks.md gives them."""
ALWAYS_ALLOWED = 2
"""So many pairs may always be left out."""
FEWEST_PROMPTS = 15


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What is left of the comparison of `chat`: pairs compared, lost, won, left out.

    `net` has the wins minus losses of each prompt, in halves (a tie is half a win).
    """

    compared: int
    lost: int
    won: int
    left_out: int
    net: tuple[int, ...]
    rule: Mapping[str, float]
    comparisons: int
    all_tied: bool

    @property
    def p_less(self) -> Fraction:
        """The exact one-sided p of a drop: each prompt keeps or flips its sign by a fair coin."""
        return sign_flips(self.net)

    @property
    def regressed(self) -> bool:
        """Whether the drop is at least `max_drop` and chance is ruled out at alpha / 2m."""
        drop = Fraction(-sum(self.net), 2 * self.compared)
        level = Fraction(self.rule["alpha"]) / (2 * self.comparisons)
        # A drop of 3 in 150 is 0.02 as it is written, not the float below or above it.
        return drop >= Fraction(str(self.rule["max_drop"])) and self.p_less <= level

    @property
    def too_many_left_out(self) -> bool:
        """Whether more of the baseline's pairs are gone than `max_left_out` allows."""
        share = int(Fraction(str(self.rule["max_left_out"])) * (self.compared + self.left_out))
        return self.left_out > max(ALWAYS_ALLOWED, share)

    @property
    def may_pass(self) -> bool:
        """Whether a gate that sees this, and only this, may be green."""
        return not (
            len(self.net) < FEWEST_PROMPTS
            or self.all_tied
            or self.too_many_left_out
            or self.regressed
        )

    def __str__(self) -> str:
        return (
            f"{self.lost} pairs lost and {self.won} won of {self.compared} compared "
            f"({len(self.net)} prompts), {self.left_out} left out, m = {self.comparisons}, "
            f"p = {float(self.p_less):.3g}: {'may pass' if self.may_pass else 'must fail'}"
        )


def sign_flips(net: Sequence[int]) -> Fraction:
    """P(Σ ±|net| ≤ Σ net), each sign by a fair coin: one-sided, exact."""
    ways = Counter({0: 1})
    for each in net:
        after: Counter[int] = Counter()
        for total, count in ways.items():
            after[total + each] += count
            after[total - each] += count
        ways = after
    observed = sum(net)
    return Fraction(sum(n for total, n in ways.items() if total <= observed), 2 ** len(net))


def seen(before: Path, after: Path) -> Seen | None:
    """What the project `after` shows of the pairs of `before`; None: a gate cannot compare at all.

    A pair counts if its three texts are those of before, and if the candidate and the baseline
    have a score of it. So it is never fewer pairs than the gate may use.
    """
    suite = _suite(after)
    rule = _rule(suite)
    if suite is None or rule is None:
        return None
    once = {_texts(row): row["id"] for row in rows(before / "data/chat.jsonl")}
    hashes = {row["id"]: row["hash"] for row in _of_chat(before)}
    kept = _of_chat(after)
    candidate = {str(row["id"]): row for row in rows(after / BAD) if "id" in row}
    found: dict[str, tuple[Any, tuple[float, float], tuple[float, float]]] = {}
    for row in _data(after, suite):
        pair = once.get(_texts(row))
        if pair is None:
            continue
        now = _pair_of(candidate.get(str(row.get("id"))))
        then = [each for each in kept if each.get("hash") == hashes[pair]]
        old = _pair_of(next((each for each in then if each["id"] == row.get("id")), None))
        old = old or _pair_of(then[-1] if then else None)
        if now and old:
            found[pair] = (row.get("group", row["prompt"]), now, old)
    net: dict[Any, int] = defaultdict(int)
    moved = []
    for group, now, old in found.values():
        change = _halves(now) - _halves(old)
        moved.append(change)
        net[group] += change
    return Seen(
        compared=len(found),
        lost=sum(change < 0 for change in moved),
        won=sum(change > 0 for change in moved),
        left_out=len(once) - len(found),
        net=tuple(net.values()),
        rule=rule,
        comparisons=_comparisons(after),
        all_tied=all(_halves(now) == 1 for _, now, _ in found.values()),
    )


def rows(path: Path) -> list[dict[str, Any]]:
    """The objects of a file of JSON Lines; lines that are none are left out."""
    try:
        lines = path.read_bytes().replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            row = json.loads(line.decode("utf-8-sig"))
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict):
            found.append(row)
    return found


def _texts(row: Mapping[str, Any]) -> str:
    return json.dumps([row.get(key) for key in ("prompt", "chosen", "rejected")])


def _of_chat(root: Path) -> list[dict[str, Any]]:
    found = rows(root / MAIN / "scores.jsonl")
    return [row for row in found if row.get("suite") == "chat" and "id" in row]


def _pair_of(row: Mapping[str, Any] | None) -> tuple[float, float] | None:
    """The two scores of a row; None where they are not numbers."""
    pair = row and (row.get("chosen"), row.get("rejected"))
    if not pair or not all(_is_number(each) for each in pair):
        return None
    return pair  # type: ignore[return-value]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _halves(pair: tuple[float, float]) -> int:
    """2 for a win, 1 for a tie, 0 for a loss."""
    return 1 + (pair[0] > pair[1]) - (pair[0] < pair[1])


def _suite(root: Path, name: str = "chat") -> dict[str, Any] | None:
    try:
        found = yaml.safe_load((root / f"suites/{name}.yaml").read_bytes())
    except (OSError, yaml.YAMLError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("checks"), list) else None


def comparison(suite: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The keys of a suite's `no_regression`, with the header's gate; None where there is none."""
    checks = suite["checks"] if suite else ()
    for each in checks:
        if isinstance(each, dict) and each.get("check") == "no_regression":
            return {"gate": suite and suite.get("gate"), **each}
    return None


def comparison_of(root: Path) -> dict[str, Any] | None:
    """The comparison of `chat` in a project."""
    return comparison(_suite(root))


def _rule(suite: Mapping[str, Any] | None) -> dict[str, float] | None:
    """The numbers of the comparison; None where it is gone or one of them is no number."""
    keys = comparison(suite)
    if keys is None:
        return None
    usual = {"max_drop": MAX_DROP, "alpha": ALPHA, "max_left_out": MAX_LEFT_OUT}
    found = {name: keys.get(name, value) for name, value in usual.items()}
    valid = all(_is_number(value) and 0 <= value <= 1 for value in found.values())
    return found if valid else None


def _comparisons(root: Path) -> int:
    """m: the required comparisons of all suites that YAML can read."""
    names = sorted(path.stem for path in (root / "suites").glob("*.y*ml"))
    found = [comparison(_suite(root, name)) for name in names]
    return max(1, sum(each is not None and each["gate"] != "advisory" for each in found))


def _data(root: Path, suite: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of the files that a suite names."""
    named = suite.get("data")
    names = named if isinstance(named, list) else [named]
    paths: list[Path] = []
    for name in names:
        if isinstance(name, str) and name and not Path(name).is_absolute():
            paths += sorted((root / "suites").glob(name))
    return [row for path in paths if path.is_file() for row in rows(path)]
