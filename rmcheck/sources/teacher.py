"""The teacher of a recipe with the key `distil`: which source it is, and its scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import Dialogue
from rmcheck.data.preferences import PreferenceData
from rmcheck.errors import SourceError, TrainingError, Unscorable, UsageError
from rmcheck.reward_source import BothOrders, Partial, Source, SourceOptions
from rmcheck.spec import redacted
from rmcheck.training.lessons import Taught, lessons_of, read_teacher_data, taught
from rmcheck.training.recipe import Recipe
from rmcheck.wording import counted, listed

_students: ContextVar[tuple[Path, ...]] = ContextVar("students", default=())
"""The recipes whose teachers are being looked up, outermost first."""


class Circle(UsageError):
    """The teacher of a recipe is the recipe itself, or has it as a teacher."""


class Teacher:
    """The teacher of a recipe; its scores come from the cache where it has them.

    It scores in float32 and with its own seed, whatever the session says: the student's hash must
    not depend on them.

    Parameters
    ----------
    recipe
        The student's recipe, with the key `distil`.
    options
        Those of the session.

    Raises
    ------
    UsageError
        If the teacher does not exist, cannot score single responses, or is the student itself.
    """

    def __init__(self, recipe: Recipe, options: SourceOptions) -> None:
        from rmcheck.sources import create

        assert recipe.distil is not None
        self.recipe = recipe
        self._scores = options.scores
        self._where = f"{recipe.path}: distil.teacher"
        outer = _students.get()
        if recipe.path in outer:
            names = [path.name for path in (*outer[outer.index(recipe.path) :], recipe.path)]
            raise Circle(
                f"{self._where}: the teacher is the student itself "
                f"({' is taught by '.join(names)}); use another teacher"
            )
        token = _students.set((*outer, recipe.path))
        try:
            own = replace(options, seed=None, dtype="float32")
            self.source: Source = create(recipe.distil.teacher, own)
        except Circle:
            raise
        except UsageError as error:
            raise UsageError(f"{self._where}: {error}") from None
        finally:
            _students.reset(token)
        if isinstance(self.source, BothOrders):
            raise UsageError(
                f"{self._where}: {redacted(recipe.distil.teacher)} compares two responses; use a "
                "teacher that scores each response (a judge: mode=score)"
            )

    @property
    def spec(self) -> str:
        """Its name in records and messages."""
        return redacted(self.source.spec)

    @property
    def fingerprint(self) -> str:
        """Its fingerprint, which is part of the student's.

        Raises
        ------
        SourceError
            If it has none.
        """
        found = self.source.fingerprint
        if found is None:
            raise SourceError(
                f"{self._where}: {self.spec} has no fingerprint, so a student of it could not be "
                "told from one of another teacher; write its scores to a file (rmcheck score DATA "
                "--rm SPEC -o FILE), and use scores:FILE"
            )
        return found

    def teach(self, data: PreferenceData) -> Taught:
        """The texts of the recipe's data with the teacher's scores.

        Parameters
        ----------
        data
            The recipe's data with labels.

        Raises
        ------
        TrainingError
            If a score is missing or not finite (names the rows), or nothing can be learned.
        ProblemsFound
            For malformed rows of the data, at their lines.
        """
        of_hub = data if isinstance(self.recipe.data, Mapping) else None
        lessons = lessons_of(self.recipe, read_teacher_data(self.recipe, of_hub))
        dialogues = lessons.dialogues()
        return taught(
            lessons,
            self._scored(dialogues),
            self.recipe,
            teacher=self.spec,
            fingerprint=self.fingerprint,
        )

    def _scored(self, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
        if isinstance(self.source, Partial):
            lacking = [one for one in dialogues if not self.source.knows(one)]
            if lacking:
                rows = list(dict.fromkeys(each.key.rpartition("/")[0] for each in lacking))
                raise TrainingError(
                    f"{self._where}: {self.spec} has no score for {counted(len(lacking), 'text')} "
                    f"of {len(dialogues):,}, in {counted(len(rows), 'row')}: {listed(rows)}; score "
                    "them too, or remove them from the data"
                )
        try:
            return self._scores(self.source, dialogues)
        except (SourceError, Unscorable) as error:
            raise TrainingError(f"{self._where}: {error}") from None
