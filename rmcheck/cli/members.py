"""`rmcheck doctor ensemble:A;B DATA`: what each member of an ensemble adds to it."""

from __future__ import annotations

import argparse

import numpy as np

from rmcheck.cli.data import data_of, layout_of
from rmcheck.cli.output import tell
from rmcheck.compare.members import contributions
from rmcheck.data import pair_dialogues
from rmcheck.data.file_note import told
from rmcheck.engine import Settings
from rmcheck.engine.book import ScoreBook
from rmcheck.errors import UsageError
from rmcheck.report import numbers
from rmcheck.reward_source import Composed, Source
from rmcheck.spec import redacted
from rmcheck.wording import counted, listed


def show_members(source: Source, options: argparse.Namespace, chosen: Settings) -> int:
    """Print how each member does alone, and the win rate of the ensemble without it."""
    assert isinstance(source, Composed)
    for member in source.members:
        reading = member.describe().reading
        tell(f"member {redacted(member.spec)}{': ' + reading if reading else ''}")
    if not options.data:
        tell("", "with DATA (preference pairs) it also shows what each member adds")
        return 0
    data = data_of(options.data, chosen.root, layout_of(options))
    tell(*told(data.notes))
    if not data.pairs:
        raise UsageError(f"{options.data}: no pairs; members are compared on pairs")
    book = ScoreBook(chosen.cache)
    dialogues = pair_dialogues(data.pairs)
    book.fetch(source, dialogues)
    rewards = np.stack([book.scores(member, dialogues) for member in source.members])
    whole, found = contributions(source, rewards, data.pairs)
    tell(
        "",
        f"win rate of the ensemble on {counted(len(data.pairs), 'pair')}: "
        f"{numbers.rate(whole.value)} [{numbers.rate(whole.low)}, {numbers.rate(whole.high)}]",
        "",
        f"{'alone':>7}  {'without':>7}  {'gained':>6}  {'lost':>6}  {'p':>7}  member",
    )
    for each in found:
        tell(
            f"{numbers.rate(each.alone.value):>7}  {numbers.rate(each.without.value):>7}  "
            f"{each.gained:>6g}  {each.lost:>6g}  {each.p_value:>7.2g}  {redacted(each.spec)}"
        )
    tell(
        "",
        "alone: its own win rate; without: that of the ensemble without it; gained and lost: "
        "pairs that the ensemble gets right, or wrong, only because of it; p: that it adds "
        "nothing (exact, over prompts, Holm over the members)",
    )
    idle = [redacted(each.spec) for each in found if not each.adds]
    if idle:
        tell(
            f"{listed(idle, limit=8)} {'adds' if len(idle) == 1 else 'each add'} nothing that "
            f"{'this pair shows' if len(data.pairs) == 1 else 'these pairs show'}"
        )
    return 0
