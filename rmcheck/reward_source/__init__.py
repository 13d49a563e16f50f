"""Reward sources: the two required members, and the optional capabilities.

A new source needs the members of `RewardSource`: `score` and `fingerprint`. The capabilities
below are optional and are used if present. The engine works with `Source`, which has all members;
`completed` turns any reward source into one.
"""

from rmcheck.reward_source.capabilities import (
    BothOrders,
    Bounded,
    ById,
    ByPairs,
    Described,
    KeptPair,
    ManySided,
    Named,
    Partial,
    Rechecking,
    Remarking,
    Remembering,
    Rescalable,
    Retrainable,
    RewardSource,
    Seeded,
    Settled,
    Streaming,
    TakesTokens,
    TokenReward,
    Trainable,
    Trained,
    TrainingJob,
    Truncating,
)
from rmcheck.reward_source.completed import OPTIONAL, Completed, completed
from rmcheck.reward_source.source import Composed, Source, SourceOptions

__all__ = [
    "OPTIONAL",
    "BothOrders",
    "Bounded",
    "ById",
    "ByPairs",
    "Completed",
    "Composed",
    "Described",
    "KeptPair",
    "ManySided",
    "Named",
    "Partial",
    "Rechecking",
    "Remarking",
    "Remembering",
    "Rescalable",
    "Retrainable",
    "RewardSource",
    "Seeded",
    "Settled",
    "Source",
    "SourceOptions",
    "Streaming",
    "TakesTokens",
    "TokenReward",
    "Trainable",
    "Trained",
    "TrainingJob",
    "Truncating",
    "completed",
]
