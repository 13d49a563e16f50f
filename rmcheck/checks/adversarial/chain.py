"""A chain: transformations one after another, each of a whole text or of a part of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rmcheck.checks.adversarial.parts import Unit, stretch
from rmcheck.data import Dialogue
from rmcheck.perturb import Promise, Transformation
from rmcheck.perturb.transformation import with_last_turn

WHOLE_ONLY = frozenset({"answers", "headings", "politeness", "prefixes"})
"""Groups whose changes belong at the start or the end of a text, not in the middle."""


@dataclass(frozen=True)
class Move:
    """One transformation and its place: `count` parts of the text from number `first`.

    `unit` is `text` for the whole text; a transformation without a function on texts
    (`Transformation.text`), and one of the groups `WHOLE_ONLY`, is applied to it in any case.
    """

    transformation: Transformation
    seed: int = 0
    strength: float = 1.0
    unit: Unit = "text"
    first: int = 0
    count: int = 1

    def applied(self, dialogue: Dialogue, others: Sequence[Dialogue] = ()) -> Dialogue | None:
        """The dialogue after the change; None where it does not apply."""
        if self._whole:
            return self._copy(dialogue, others)
        if self.transformation.touches == "response":
            after = self._part(dialogue.response, dialogue.key, "response")
            return None if after is None else replace(dialogue, response=after)
        prompt = with_last_turn(
            dialogue.prompt, lambda said: self._part(said, dialogue.key, "prompt")
        )
        return None if prompt is None else replace(dialogue, prompt=prompt)

    @property
    def _whole(self) -> bool:
        changes = self.transformation
        return self.unit == "text" or changes.text is None or bool(WHOLE_ONLY & {*changes.groups})

    def _copy(self, dialogue: Dialogue, others: Sequence[Dialogue] = ()) -> Dialogue | None:
        return self.transformation.copy(
            dialogue, seed=self.seed, strength=self.strength, others=others
        )

    def _part(self, text: str, key: str, kind: Literal["prompt", "response"]) -> str | None:
        """A text with a part of it changed."""
        found = stretch(text, self.unit, self.first, self.count)
        if found is None:
            return None
        begin, end = found
        part = text[begin:end]
        of_response = kind == "response"
        changed = self._copy(Dialogue("", part, key) if of_response else Dialogue(part, "", key))
        if changed is None:
            return None
        after = changed.response if of_response else changed.prompt
        return f"{text[:begin]}{after}{text[end:]}"

    def __str__(self) -> str:
        name = self.transformation.name
        if self._whole:
            return name
        unit = self.unit if self.count == 1 else f"{self.unit}s"
        return f"{name} of {self.count} {unit}"


@dataclass(frozen=True)
class Chain:
    """Moves in their order."""

    moves: tuple[Move, ...]

    def applied(
        self, dialogue: Dialogue, others: Sequence[Dialogue] = ()
    ) -> tuple[Dialogue, Chain] | None:
        """The dialogue after all moves, and the chain of those that applied.

        None where nothing has changed in the end.
        """
        found, used = dialogue, []
        for move in self.moves:
            after = move.applied(found, others)
            if after is not None and after != found:
                found = after
                used.append(move)
        return None if found == dialogue else (found, Chain(tuple(used)))

    @property
    def promise(self) -> Promise:
        """What is true of the result: text that both tempts and is degraded still tempts."""
        kept = {move.transformation.promise for move in self.moves}
        if "tempts" in kept:
            return "tempts"
        return "degrades" if "degrades" in kept else "preserves"

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its transformations, in order."""
        return tuple(move.transformation.name for move in self.moves)

    def shorter(self) -> list[list[Chain]]:
        """Its proper sub-chains by length, the shortest first, each in the chain's order."""
        size = len(self.moves)
        found: list[list[Chain]] = [[] for _ in range(size)]
        for mask in range(1, 2**size - 1):
            kept = tuple(move for place, move in enumerate(self.moves) if mask >> place & 1)
            found[len(kept)].append(Chain(kept))
        return found[1:]

    def __str__(self) -> str:
        return " → ".join(map(str, self.moves))
