"""What a check has read while it was judged: which sources it met, which texts' scores it got."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rmcheck.checks import SourceRef
from rmcheck.data import Dialogue
from rmcheck.data.pairs import Sides
from rmcheck.errors import RmcheckError
from rmcheck.reward_source import BothOrders, Composed, Partial, Rechecking, Source


class Reads:
    """The sources and texts that a verdict rests on, in the order of their first use.

    Attributes
    ----------
    complete
        False if the scores of a source cannot be named by the hashes of texts, or a source was
        refused; the verdict then depends on more than is noted here.
    """

    def __init__(self) -> None:
        self.complete = True
        self._texts: dict[SourceRef, dict[str, None]] = {}
        self._asked: set[SourceRef] = set()
        self._seen: dict[tuple[SourceRef, int], Sides] = {}

    def met(self, ref: SourceRef) -> None:
        """Note that a source was asked for anything: its name, say."""
        self._texts.setdefault(ref, {})

    def got(self, ref: SourceRef, source: Source, dialogues: Sequence[Dialogue]) -> None:
        """Note that the scores of texts were asked for.

        Those of a score file are not noted one by one: its fingerprint stands for all of them.
        """
        self.met(ref)
        self._asked.add(ref)
        if isinstance(source, Partial):
            return
        if isinstance(source, BothOrders | Composed | Rechecking):
            self.complete = False
            return
        if isinstance(dialogues, Sides):
            key = (ref, id(dialogues))
            if key in self._seen:
                return
            self._seen[key] = dialogues
            self._texts[ref].update(dict.fromkeys(dialogues.hashes))
            return
        try:
            self._texts[ref].update(dict.fromkeys([each.hash for each in dialogues]))
        except RmcheckError:  # copies that cannot be made
            self.complete = False

    def add(self, other: Reads) -> None:
        """Note all that another one has."""
        self.complete = self.complete and other.complete
        self._asked |= other._asked
        for ref, hashes in other._texts.items():
            self._texts.setdefault(ref, {}).update(hashes)

    def __iter__(self) -> Iterator[tuple[SourceRef, bool, list[str]]]:
        """Each source, whether scores of it were asked for, and the hashes of their texts."""
        for ref, hashes in self._texts.items():
            yield ref, ref in self._asked, list(hashes)
