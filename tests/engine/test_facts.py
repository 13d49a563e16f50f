"""What a record says of a suite beside its checks."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from builders import honest, live_context, make_pairs, make_suite, per_text

from rmcheck.checks.win_rate import WinRate
from rmcheck.engine.facts import controls, suite_record
from rmcheck.engine.facts import pair_scores as known_scores


def test_what_a_record_says_of_a_suite(tmp_path: Path) -> None:
    pairs = [dataclasses.replace(pair, tags=("t",)) for pair in make_pairs(20, group_size=2)]
    checks = (WinRate(min=0.6),)
    ctx = live_context(tmp_path, pairs, per_text(honest, fingerprint="f"), checks=checks)
    suite = make_suite(pairs, checks, tags=("a",), hash="h")
    bare = suite_record(suite, None)
    assert (bare.name, bare.path, bare.hash, bare.tags) == ("chat", "suites/chat.yaml", "h", ["a"])
    assert (bare.data.pairs, bare.data.groups, bare.data.hash) == (20, 10, suite.data.hash)
    # Nothing is scored for the record alone.
    assert suite_record(suite, ctx).slices == {}
    assert known_scores(suite, ctx) == []
    ctx.scored(pairs)
    full = suite_record(suite, ctx)
    wins = sum(honest(p.prompt, p.chosen) > honest(p.prompt, p.rejected) for p in pairs)
    assert full.slices["t"].value == wins / 20
    assert full.source is not None
    assert full.source.fingerprint == "f"
    rows = known_scores(suite, ctx)
    assert [row.id for row in rows] == [pair.id for pair in pairs]
    assert (rows[4].hash, rows[4].group, rows[4].tags) == (pairs[4].hash, "p-g2", ["t"])
    assert rows[4].chosen == honest(pairs[4].prompt, pairs[4].chosen)


def test_controls_by_hand() -> None:
    # 20 pairs: 12 with the longer side chosen, 5 with the shorter, 3 of equal length.
    pairs = make_pairs(20)
    sizes = [(5, 3)] * 12 + [(3, 5)] * 5 + [(4, 4)] * 3
    pairs = [
        dataclasses.replace(pair, chosen="x" * a, rejected="y" * b)
        for pair, (a, b) in zip(pairs, sizes, strict=True)
    ]
    found = controls(pairs, seed=0)
    assert found["pick the longer"].value == (12 + 1.5) / 20
    assert found["pick the shorter"].value == (5 + 1.5) / 20
