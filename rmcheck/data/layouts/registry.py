"""Every layout, in the order in which they are tried: the more particular ones first."""

from __future__ import annotations

from collections.abc import Mapping

from rmcheck.data.layouts import (
    alpaca,
    answers,
    arena,
    hh,
    judges,
    oasst,
    ppe,
    preferences,
    rated,
    repeated,
    reward_bench,
    reward_math,
    rm_bench,
    rmb,
    summaries,
    trl,
)
from rmcheck.data.layouts.layout import Layout, each

LAYOUTS_FORMAT = 2
"""How rows become pairs. It is part of every recipe's hash: add 1 with every change of a layout
that changes the pairs of some data."""

OURS = "ours"
_OURS = Layout(
    name=OURS,
    about="rmcheck's own: id, prompt, chosen and rejected (or responses and best)",
    needs={},
    read=each(lambda _: ()),  # rmcheck.data.row_reader reads it
)

LAYOUTS: Mapping[str, Layout] = {
    layout.name: layout
    for layout in (
        reward_bench.REWARD_BENCH,
        rm_bench.RM_BENCH,
        reward_bench.REWARD_BENCH_2,
        rmb.PAIRS,
        rmb.BEST_OF_N,
        reward_math.REWARD_MATH,
        judges.JUDGE_BENCH,
        judges.LLMBAR,
        judges.PANDALM,
        judges.AUTO_J,
        ppe.HUMAN,
        ppe.BEST_OF_K,
        arena.CONVERSATIONS,
        arena.COLUMNS,
        summaries.COMPARISONS,
        summaries.AXIS,
        answers.WEBGPT,
        answers.SHP,
        oasst.TREES,
        oasst.MESSAGES,
        rated.NECTAR,
        rated.ULTRAFEEDBACK,
        rated.HELPSTEER,
        preferences.HELPSTEER_2,
        preferences.HELPSTEER_3,
        preferences.SAFE_RLHF,
        preferences.SAFER_RLHF,
        _OURS,
        hh.HH,
        trl.CONVERSATIONS,
        trl.EXPLICIT,
        repeated.REPEATED,
        alpaca.ALPACA,
        trl.IMPLICIT,
        trl.COMMON_START,
    )
}

HUB: Mapping[str, Layout] = {name: layout for layout in LAYOUTS.values() for name in layout.hub}
"""The layout of each data set of the hub whose rows are known."""
