"""Every layout, in the order in which they are tried: the more particular ones first."""

from __future__ import annotations

from collections.abc import Mapping

from rmcheck.data.layouts import hh, reward_bench, summaries, trl
from rmcheck.data.layouts.layout import Layout, each

LAYOUTS_FORMAT = 1
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
        reward_bench.REWARD_BENCH_2,
        summaries.COMPARISONS,
        summaries.AXIS,
        _OURS,
        hh.HH,
        trl.CONVERSATIONS,
        trl.EXPLICIT,
        trl.IMPLICIT,
        trl.COMMON_START,
    )
}

HUB: Mapping[str, Layout] = {name: layout for layout in LAYOUTS.values() for name in layout.hub}
"""The layout of each data set of the hub whose rows are known."""
