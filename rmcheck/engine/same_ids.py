"""Ids that stand for different texts in two suites, and score files that cannot tell them apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from rmcheck.data import Dialogue, PreferencePair, ResponseSet
from rmcheck.errors import SourceError
from rmcheck.reward_source import ById, Composed, Source
from rmcheck.suite import Suite
from rmcheck.wording import counted, listed

Item = PreferencePair | ResponseSet


def refused(
    source: Source, suites: Sequence[Suite], view: Callable[[Source, str], Source]
) -> SourceError | None:
    """The error for a file in which an id could mean the texts of either suite; None without one.

    Parameters
    ----------
    source
        The source that all these suites ask.
    suites
        Suites with their data.
    view
        The source as the suite of that name sees it.
    """
    if len(suites) < 2 or not _by_ids(source):
        return None
    unclear: dict[str, tuple[str, str]] = {}
    for name, here, there in _ambiguous(suites):
        for suite, item in (here, there):
            if name not in unclear and _by_id_alone(view(source, suite), item.dialogues()[0]):
                unclear[name] = (here[0], there[0])
    if not unclear:
        return None
    first, between = next(iter(unclear.items()))
    more = f" (and {counted(len(unclear) - 1, 'more id')})" if len(unclear) > 1 else ""
    return SourceError(
        f"{source.spec}: id '{first}'{more} has different texts in the suites {listed(between)}, "
        "and its row has no hash and no suite to tell them apart; score the data again (rmcheck "
        "score DATA -o FILE writes hashes), add a key 'suite' to the rows, or rename the ids"
    )


def _ambiguous(
    suites: Sequence[Suite],
) -> Iterator[tuple[str, tuple[str, Item], tuple[str, Item]]]:
    """Each id with other texts in a later suite, with both suites and what the id means there."""
    known: dict[str, tuple[str, Item]] = {}
    for suite in suites:
        items: Sequence[Item] = (*suite.data.pairs, *suite.data.sets)
        for item in items:
            before = known.setdefault(item.id, (suite.name, item))
            # Suites that read the same file share its pairs.
            if before[1] is not item and before[1].hash != item.hash:
                yield item.id, before, (suite.name, item)


def _by_ids(source: Source) -> bool:
    members = source.members if isinstance(source, Composed) else [source]
    return any(isinstance(member, ById) for member in members)


def _by_id_alone(source: Source, dialogue: Dialogue) -> bool:
    if isinstance(source, Composed):
        return any(_by_id_alone(member, dialogue) for member in source.members)
    return isinstance(source, ById) and source.by_id_alone(dialogue)
