"""The key `where`: conditions on a pair, all of which must hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Le, MinLen

from rmcheck.data import PreferencePair
from rmcheck.slices.conditions import Range, TextIs, asked, length_ratio, same_start, turns

Confidence = Annotated[float, Ge(0), Le(1)]
"""How sure a label is, in [0, 1]."""


@dataclass(frozen=True, kw_only=True)
class Slice:
    """Which pairs a check looks at, or a recipe trains on: all that satisfy every key given.

    Parameters
    ----------
    tags
        Pairs with one of these tags.
    without_tags
        Pairs with none of these.
    min_confidence
        Pairs whose label is at least this sure; one without a confidence counts as 1.0.
    max_confidence
        Pairs whose label is at most this sure.
    shorter
        Pairs whose `chosen` (or `rejected`) side is the shorter one, in characters.
    all_tags
        Pairs with all of these tags.
    prompt
        What is true of the prompt, such as `{code: true, words: {min: 40}}`.
    chosen
        What is true of the chosen response.
    rejected
        What is true of the rejected response.
    length_ratio
        Words of the chosen response for each word of the rejected one, such as `{max: 0.5}`.
    same_start
        How many words the two responses share at their beginnings.
    turns
        How many messages the prompt has.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    tags: Annotated[tuple[str, ...], MinLen(1)] | None = None
    without_tags: Annotated[tuple[str, ...], MinLen(1)] | None = None
    min_confidence: Confidence | None = None
    max_confidence: Confidence | None = None
    shorter: Literal["chosen", "rejected"] | None = None
    all_tags: Annotated[tuple[str, ...], MinLen(1)] | None = None
    prompt: TextIs | None = None
    chosen: TextIs | None = None
    rejected: TextIs | None = None
    length_ratio: Range | None = None
    same_start: Range | None = None
    turns: Range | None = None

    def holds(self, pair: PreferencePair) -> bool:
        """Whether the pair belongs to the slice; one without a confidence counts as 1.0."""
        confidence = 1.0 if pair.confidence is None else pair.confidence
        difference = len(pair.chosen) - len(pair.rejected)
        return (
            self.admits(pair.tags)
            and (self.min_confidence is None or confidence >= self.min_confidence)
            and (self.max_confidence is None or confidence <= self.max_confidence)
            and (self.shorter != "chosen" or difference < 0)
            and (self.shorter != "rejected" or difference > 0)
            and (self.prompt is None or self.prompt.holds(asked(pair.prompt)))
            and (self.chosen is None or self.chosen.holds(pair.chosen))
            and (self.rejected is None or self.rejected.holds(pair.rejected))
            and (self.length_ratio is None or self.length_ratio.holds(length_ratio(pair)))
            and (self.same_start is None or self.same_start.holds(same_start(pair)))
            and (self.turns is None or self.turns.holds(turns(pair.prompt)))
        )

    @property
    def beyond_tags(self) -> bool:
        """Whether more than a pair's tags decides."""
        return self != Slice(tags=self.tags, without_tags=self.without_tags, all_tags=self.all_tags)

    def admits(self, tags: Sequence[str]) -> bool:
        """Whether a pair with these tags belongs to the slice, as far as tags decide."""
        return (
            (self.tags is None or any(tag in self.tags for tag in tags))
            and (self.without_tags is None or not set(self.without_tags) & set(tags))
            and (self.all_tags is None or set(self.all_tags) <= set(tags))
        )
