"""The members of an ensemble in a run's record: how each does alone, and how they disagree."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from rmcheck.spec import redacted
from rmcheck.wording import counted

WIDE = 4.0
"""From this ratio of their spreads on, a member hardly counts beside another."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MemberRecord(_Model):
    """One member on the pairs of a suite.

    `win_rate` is its own, with its interval; `dissent` the share of pairs that it orders otherwise
    than the ensemble; `spread` the standard deviation of its margins, times its weight.
    """

    spec: Annotated[str, AfterValidator(redacted)]
    fingerprint: str | None = None
    win_rate: float
    low: float
    high: float
    dissent: float
    spread: float


class MembersRecord(_Model):
    """The members of an ensemble on the pairs of a suite; `split` is the share they disagree on."""

    pairs: int
    split: float
    members: list[MemberRecord] = Field(default_factory=list)

    @property
    def said(self) -> list[str]:
        """What a reader should know, a sentence each."""
        lines = [f"the members disagree about {self.split:.1%} of {counted(self.pairs, 'pair')}"]
        widest = max(self.members, key=lambda each: each.spread)
        least = min(self.members, key=lambda each: each.spread)
        if widest.spread > WIDE * least.spread:
            ratio = widest.spread / least.spread if least.spread else float("inf")
            lines.append(
                f"the margins of {widest.spec} are {ratio:,.0f} times as wide as those of "
                f"{least.spec}, which hardly counts; give the members weights"
            )
        return lines
