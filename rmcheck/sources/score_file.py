"""`scores:FILE`: rewards computed elsewhere, by the ids of pairs and response sets."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import Dialogue, PreferencePair
from rmcheck.data.dialogue import content_hash
from rmcheck.data.forms.compression import suffix
from rmcheck.data.rows import shown_path
from rmcheck.errors import RmcheckError, SourceError, Unscorable, UsageError
from rmcheck.reward_source import KeptPair, Source, SourceOptions
from rmcheck.scoring.files import FileHashes, nearest_path
from rmcheck.sources.layout import parsed, without_options
from rmcheck.sources.model_source import resolved
from rmcheck.sources.score_arrays import ScoreArrays
from rmcheck.sources.score_columns import SIDES, asked
from rmcheck.sources.score_rows import Table
from rmcheck.sources.score_table import Scores, read_scores
from rmcheck.wording import counted, listed

SUFFIXES = (".jsonl", ".json", ".ndjson", ".csv", ".tsv", ".parquet")
MAX_NAMED = 8
_REMEDY = "score them too (rmcheck score DATA -o FILE), or remove them from the data"


class ScoreFile(Source):
    """A reward source that reads scores from a file and cannot score new text.

    A row with a `hash` is used only for the texts that it was computed from, whatever their id is
    now, so an edited pair is an error, not silently wrong. A row with a `suite` is preferred in
    that suite (see `within`), so a pair that is in two suites may have a score in each.
    """

    def __init__(
        self,
        spec: str,
        path: Path,
        options: SourceOptions,
        columns: Mapping[str, str] | None = None,
    ) -> None:
        self._spec = spec
        self.path = path
        self.columns = dict(columns or {})
        self.shown = shown_path(path, options.root)
        self._hashes = FileHashes(options.cache)
        self._file = _File(path, self.shown, self.columns)
        self._suite = ""
        self._objective = ""
        self._seed = ""

    @property
    def spec(self) -> str:
        """`scores:` and the path as given."""
        return self._spec

    def within(self, suite: str) -> ScoreFile:
        """The same file as the suite of that name sees it: its own rows before others."""
        view = copy.copy(self)
        view._suite = suite
        view.__dict__.pop("_searched", None)
        return view

    @property
    def objectives(self) -> frozenset[str]:
        """The objectives that rows of the file name."""
        return frozenset(self._sides) - {""}

    def with_objective(self, objective: str) -> ScoreFile:
        """The rows of the file that name this objective.

        Raises
        ------
        SourceError
            If there are none.
        """
        if objective not in self._sides:
            known = f"; there are {listed(sorted(self.objectives))}" if self.objectives else ""
            raise SourceError(f"{self.shown}: no rows with the objective {objective!r}{known}")
        view = copy.copy(self)
        view.__dict__.pop("_searched", None)
        view._objective = objective
        view._spec = f"{self.spec} [{objective}]"
        return view

    def seeds(self, count: int) -> Sequence[int]:
        """The seeds of all trainings that the rows of this suite have scores of."""
        found = self._sides.get(self._objective, Scores()).seeds
        mine = self._suite
        return [int(seed) for seed, each in found.items() if not mine or mine in each.tables]

    def with_seed(self, seed: int) -> ScoreFile:
        """The scores of the training with this seed.

        Raises
        ------
        SourceError
            If there are none.
        """
        if seed not in self.seeds(0):
            raise SourceError(f"{self.shown}: no scores of a training with seed {seed}")
        view = copy.copy(self)
        view.__dict__.pop("_searched", None)
        view._seed = str(seed)
        view._spec = f"{self.spec} (seed {seed})"
        return view

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the file, and of the columns that the spec names."""
        columns = [sorted(self.columns.items())] if self.columns else []
        return content_hash("scores", self._hashes.of(self.path), *columns)

    def knows(self, dialogue: Dialogue) -> bool:
        """Whether the file has a score for this very text."""
        found = self._find(dialogue)
        return not isinstance(found, str)

    def ids(self, *, own: bool = False) -> frozenset[str]:
        """Ids of pairs in the file; `own`: only in rows that name this suite."""
        if own:
            mine = self._tables.get(self._suite) if self._suite else None
            return frozenset() if mine is None else mine.pair_ids
        return frozenset().union(*(table.pair_ids for table in self._tables.values()))

    def kept(self) -> Mapping[str, KeptPair]:
        """The pairs of rows that name this suite, by id."""
        mine = self._tables.get(self._suite, Table()) if self._suite else Table()
        return {
            name: KeptPair(frozenset(entry.by_hash), entry.tags)
            for name, entry in mine.items()
            if entry.is_pair
        }

    def unchanged(self, pairs: Sequence[PreferencePair]) -> Mapping[str, Sequence[str]] | None:
        """The tags of the rows of this suite by id, if they are of just these pairs; else None."""
        mine = self._tables.get(self._suite) if self._suite else None
        if not isinstance(mine, ScoreArrays) or len(mine) != len(pairs):
            return None
        if any(place < 0 for place in mine.places(pairs)):
            return None
        return dict(zip(mine, mine.tags, strict=True))

    def score(self, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
        """Rewards in input order, shape (n,).

        Raises
        ------
        Unscorable
            For new text, and for response sets where the file has scores of pairs only.
        SourceError
            If texts have no score; names them. Leaving them out would judge fewer pairs than the
            suite has, or none.
        ProblemsFound
            All malformed rows of the file, each with its line.
        """
        rewards = np.empty(len(dialogues), dtype=np.float64)
        lacking: dict[str, str] = {}
        for place, dialogue in enumerate(dialogues):
            found = self._find(dialogue)
            if not isinstance(found, str):
                rewards[place] = found
                continue
            if _is_new(dialogue) or self._has_pairs_only(dialogue):
                raise Unscorable(f"{self.shown}: {found}")
            lacking.setdefault(dialogue.key.rpartition("/")[0], found)
        if lacking:
            raise self._lacks(lacking, {each.key.rpartition("/")[0] for each in dialogues})
        return rewards

    def of_pairs(self, pairs: Sequence[PreferencePair]) -> NDArray[np.float64]:
        """Both scores of each pair, shape (n, 2); NaN where `knows` is false.

        Raises
        ------
        ProblemsFound
            All malformed rows of the file, each with its line.
        """
        found = np.full((len(pairs), 2), np.nan)
        if not pairs:
            return found
        tables = [table for table in self._searched if isinstance(table, ScoreArrays)]
        if self._read.texts or len(tables) < len(self._searched):
            for row, pair in enumerate(pairs):
                for side, dialogue in enumerate(pair.dialogues()):
                    score = self._find(dialogue)
                    found[row, side] = np.nan if isinstance(score, str) else score
            return found
        left = np.arange(len(pairs))
        for table in tables:  # by their ids, in the tables in order
            few = pairs if len(left) == len(pairs) else [pairs[row] for row in left.tolist()]
            places = np.fromiter(table.places(few), dtype=np.int64, count=len(left))
            there = places >= 0
            found[left[there]] = table.table[places[there]]
            left = left[~there]
            if not left.size:
                return found
        for row in left.tolist():  # by their texts
            rewards = self._by_text(pairs[row].hash)
            if rewards is not None:
                found[row] = rewards["chosen"], rewards["rejected"]
        return found

    def by_id_alone(self, dialogue: Dialogue) -> bool:
        """Whether the score of this text is of a row that names neither its hash nor its suite."""
        if dialogue.hash in self._read.texts:
            return False
        name = dialogue.key.rpartition("/")[0]
        own = self._tables.get(self._suite) if self._suite else None
        for table in self._searched:
            entry = table.get(name)
            if entry is not None and dialogue.origin in entry.by_hash:
                return False
            if entry is not None and entry.plain is not None:
                return table is not own
        return False

    def _has_pairs_only(self, dialogue: Dialogue) -> bool:
        """Whether the text belongs to a response set and the file has scores of pairs only."""
        if self._read.texts:
            return False
        return dialogue.key.rpartition("/")[2] not in SIDES and not any(
            not entry.is_pair for table in self._tables.values() for entry in table.values()
        )

    def _lacks(self, lacking: Mapping[str, str], asked: Collection[str]) -> RmcheckError:
        """The error for ids without scores."""
        first = list(lacking.values())
        if len(lacking) == len(asked):
            return self._has_none_of(lacking)
        said = "; ".join(first[:MAX_NAMED])
        if len(first) > MAX_NAMED:
            said += f"; and {len(first) - MAX_NAMED} more"
        return SourceError(
            f"{self.shown}: no scores for {len(lacking)} of {len(asked)} ids of the data: {said}; "
            f"{_REMEDY}"
        )

    def _has_none_of(self, lacking: Mapping[str, str]) -> RmcheckError:
        """The error where none of the texts has a score."""
        count = counted(len(lacking), "id")
        head = f"{self.shown}: no scores for any of the {count} of the data"
        entries = {name: table[name] for table in self._searched for name in table}
        if not entries:
            return SourceError(
                f"{head} ({_named(lacking)}): no row has their prompt and response; use the score "
                "file of these data"
            )
        known = [name for name in lacking if name in entries]
        if known:  # edited, or scored as something else
            return SourceError(f"{head}: {lacking[known[0]]}; {_REMEDY}")
        return SourceError(
            f"{head} ({_named(lacking)}); ids in the file: {_named(entries)}; use the score "
            "file of these data, or run only the suites that this file was made for"
        )

    def _find(self, dialogue: Dialogue) -> float | str:
        """The reward, or the reason why it is missing."""
        texts = self._read.texts
        if texts and dialogue.hash in texts:
            return texts[dialogue.hash]
        if _is_new(dialogue):
            return "a score file cannot score new text"
        name, _, side = dialogue.key.rpartition("/")
        rewards, named = None, False
        for table in self._searched:
            entry = table.get(name)
            if entry is not None:
                named = True
                rewards = entry.by_hash.get(dialogue.origin, entry.plain)
                if rewards is not None:
                    break
        if rewards is None:  # the same texts may have had another id
            rewards = self._by_text(dialogue.origin)
        if rewards is None and not named:
            return f"no score for '{name}'"
        if rewards is None:
            return f"'{name}' was edited after it was scored (hash differs)"
        if side not in rewards:
            return f"no score for '{dialogue.key}' (has {', '.join(rewards)})"
        return rewards[side]

    def _by_text(self, stamp: str) -> Mapping[str, float] | None:
        """Rewards by the hash of the texts; this suite's rows first."""
        found = (table.by_text(stamp) for table in self._searched)
        return next((rewards for rewards in found if rewards is not None), None)

    @cached_property
    def _searched(self) -> list[Table | ScoreArrays]:
        """The tables in order of preference: the suite's own, rows without a suite, others."""
        return [self._tables[name] for name in self._order()]

    def _order(self) -> Iterable[str]:
        first = [name for name in (self._suite, "") if name in self._tables]
        return dict.fromkeys([*first, *self._tables])

    @property
    def _tables(self) -> Mapping[str, Table | ScoreArrays]:
        """Entries by id, for each suite that rows name ('' for rows that name none)."""
        return self._read.tables

    @property
    def _read(self) -> Scores:
        """The scores of this objective ('' for rows that name none)."""
        found = self._sides.get(self._objective)
        if found is None:
            raise SourceError(
                f"{self.shown}: all rows name an objective ({listed(sorted(self.objectives))}); "
                "name one in each check: objective: …"
            )
        return found.seeds[self._seed] if self._seed else found

    @property
    def _sides(self) -> Mapping[str, Scores]:
        """The scores of the file by objective."""
        return self._file.sides


class _File:
    """The file of all views of a source, read when the first of them is asked for a score."""

    def __init__(self, path: Path, shown: str, columns: Mapping[str, str]) -> None:
        self._asked = path, shown, columns

    @cached_property
    def sides(self) -> Mapping[str, Scores]:
        """The scores by objective."""
        return read_scores(*self._asked)


def _named(ids: Iterable[str]) -> str:
    """A few ids, for a message."""
    some = list(islice(ids, 4))
    return ", ".join([repr(name) for name in some[:3]] + ["…"] * (len(some) > 3))


def _is_new(dialogue: Dialogue) -> bool:
    """Whether a text belongs to no pair or set, or is a response under another prompt (`~`)."""
    name, _, side = dialogue.key.rpartition("/")
    return not name or "~" in side


def create(rest: str, options: SourceOptions) -> ScoreFile:
    """A file of scores; needs no model.

    Raises UsageError if the file does not exist or has another ending.
    """

    def is_file(given: str) -> bool:
        return resolved(given, options.root).is_file()

    given, said = without_options(rest, is_file)
    columns = asked(parsed(said, f"scores:{rest}"), f"scores:{rest}")
    path = resolved(given, options.root)
    if not path.is_file():
        near = nearest_path(path, files=True)
        meant = f"; did you mean '{near}'?" if near else ""
        raise UsageError(f"scores:{rest}: file not found: {path}{meant}")
    if suffix(path.name) not in SUFFIXES:
        raise UsageError(
            f"scores:{rest}: expected a file that ends in {', '.join(SUFFIXES)}, got "
            f"'{path.suffix}'"
        )
    return ScoreFile(f"scores:{rest}", path, options, columns)
