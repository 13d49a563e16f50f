"""How the members of an ensemble do on the pairs of a suite."""

from __future__ import annotations

import numpy as np

from rmcheck.checks import ScoredPairs
from rmcheck.data import pair_dialogues
from rmcheck.engine.context import SuiteContext
from rmcheck.errors import RmcheckError
from rmcheck.record.members import MemberRecord, MembersRecord
from rmcheck.reward_source import Composed


def members_record(context: SuiteContext, scored: ScoredPairs) -> MembersRecord | None:
    """The members on pairs that they have all scored; None for any other source."""
    source = context.candidate
    if not isinstance(source, Composed):
        return None
    try:
        dialogues = pair_dialogues(scored.pairs)
        columns = [context.book.scores(member, dialogues) for member in source.members]
    except RmcheckError:  # the checks have said so
        return None
    return of_members(source, np.stack(columns), scored)


def of_members(source: Composed, rewards: np.ndarray, scored: ScoredPairs) -> MembersRecord:
    """From the members' rewards, shape (m, 2n), of n pairs."""
    from rmcheck.stats.winrate import win_rate, wins

    groups = [pair.group for pair in scored.pairs]
    margins = rewards[:, 0::2] - rewards[:, 1::2]
    whole = np.sign(np.asarray(scored.chosen) - np.asarray(scored.rejected))
    signs = np.sign(margins)
    records = []
    for row, member in enumerate(source.members):
        alone = win_rate(wins(rewards[row, 0::2], rewards[row, 1::2]), groups)
        records.append(
            MemberRecord(
                spec=member.spec,
                fingerprint=member.fingerprint,
                win_rate=alone.value,
                low=alone.low,
                high=alone.high,
                dissent=float((signs[row] != whole).mean()),
                spread=float(source.weights[row] * margins[row].std()),
            )
        )
    return MembersRecord(
        pairs=len(scored.pairs),
        split=float((signs != signs[0]).any(axis=0).mean()),
        members=records,
    )
