"""Benchmarks with their published totals, one file each."""

from __future__ import annotations

from typing import Literal

from rmcheck.checks.benchmarks.definition import Definition, Scored, Total
from rmcheck.registry import Registry

Name = Literal[
    "reward-bench", "reward-bench-2", "rm-bench", "judge-bench", "reward-math", "ppe", "rmb",
    "rewardbench", "rewardbench-2", "rmbench", "judgebench", "rewardmath",
]  # fmt: skip
"""How a suite names a benchmark; the second line has other spellings of the first."""


def _accepted(_: str, found: object) -> Definition:
    if not isinstance(found, Definition):
        raise ValueError(f"expected a Definition, got {type(found).__name__}")
    return found


BENCHMARKS: Registry[Definition] = Registry(
    {
        "reward-bench": "rmcheck.checks.benchmarks.reward_bench:REWARD_BENCH",
        "reward-bench-2": "rmcheck.checks.benchmarks.reward_bench_2:REWARD_BENCH_2",
        "rm-bench": "rmcheck.checks.benchmarks.rm_bench:RM_BENCH",
        "judge-bench": "rmcheck.checks.benchmarks.judge_bench:JUDGE_BENCH",
        "reward-math": "rmcheck.checks.benchmarks.reward_math:REWARD_MATH",
        "ppe": "rmcheck.checks.benchmarks.ppe:PPE",
        "rmb": "rmcheck.checks.benchmarks.rmb:RMB",
    },
    _accepted,
)
"""The benchmarks by name."""


def find(name: str) -> Definition:
    """The benchmark of a name, in any of its spellings.

    >>> find("rewardmath").title, find("rm-bench").title
    ('RewardMATH', 'RM-Bench')

    Raises
    ------
    KeyError
        For an unknown name.
    """
    plain = {_plain(each): each for each in BENCHMARKS.names()}
    found = BENCHMARKS.find(plain[_plain(name)])
    assert found is not None
    return found


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "").replace(" ", "")


__all__ = ["BENCHMARKS", "Definition", "Name", "Scored", "Total", "find"]
