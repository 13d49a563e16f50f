"""What a student learns from its teacher: prompts with responses, and the teacher's scores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import Dialogue, PreferencePair, ResponseSet
from rmcheck.data.dialogue import Prompt
from rmcheck.data.preferences import PreferenceData, load
from rmcheck.data.unlabelled import Unlabelled, read_unlabelled
from rmcheck.errors import Problem, ProblemsFound, TrainingError, condensed
from rmcheck.training.folds import beside, remaining
from rmcheck.training.preparation import split
from rmcheck.training.recipe import Recipe
from rmcheck.wording import counted

MOST_HELD_OUT = 1000
"""Held-out prompts, at most, that the teacher scores."""

Rows = PreferencePair | ResponseSet | Unlabelled
Rewards = NDArray[np.float64]


@dataclass(frozen=True)
class Lesson:
    """A prompt with two different responses or more; `label` is its pair if the label is used."""

    prompt: Prompt
    group: str
    tags: tuple[str, ...]
    dialogues: tuple[Dialogue, ...]
    label: PreferencePair | None = None


@dataclass(frozen=True)
class Lessons:
    """Lessons to train on and to measure on; `alone`: rows with one response only, left out."""

    train: list[Lesson]
    held_out: list[Lesson]
    alone: int = 0

    def dialogues(self) -> list[Dialogue]:
        """All texts that the teacher scores: those of `train`, then those of `held_out`."""
        return [one for each in (*self.train, *self.held_out) for one in each.dialogues]


@dataclass(frozen=True, kw_only=True)
class Taught:
    """Lessons with the teacher's scores.

    Attributes
    ----------
    lessons
        What is trained and measured on.
    train, held_out
        The teacher's scores of the responses of each lesson, each (k,).
    scale
        What its margins are divided by.
    teacher, fingerprint
        Its spec as messages show it, and its fingerprint.
    """

    lessons: Lessons
    train: list[Rewards]
    held_out: list[Rewards]
    scale: float
    teacher: str
    fingerprint: str


@dataclass(frozen=True)
class TeacherData:
    """The data of a recipe with a teacher: with labels, without, and `more` of `distil.data`."""

    labelled: PreferenceData
    unlabelled: Sequence[Unlabelled] = ()
    more: Sequence[Rows] = ()


def read_teacher_data(recipe: Recipe, of_hub: PreferenceData | None = None) -> TeacherData:
    """Read the files of `data` and of `distil.data`.

    Parameters
    ----------
    of_hub
        `data`, if it is a data set of the hub.

    Raises
    ------
    UsageError
        If no file matches.
    ProblemsFound
        Every malformed row of all files, with its line.
    """
    problems: list[Problem] = []
    parts: list[tuple[PreferenceData, list[Unlabelled]]] = []
    for files, layout in ((recipe.data_files(), recipe.layout), (recipe.distil_files(), None)):
        try:
            parts.append(_read(files, layout))
        except ProblemsFound as error:
            problems += error.problems
    if problems:
        raise ProblemsFound(condensed(problems))
    (labelled, unlabelled), (others, free) = parts
    return TeacherData(of_hub or labelled, unlabelled, (*others.pairs, *others.sets, *free))


def _read(files: Sequence[Path], layout: str | None) -> tuple[PreferenceData, list[Unlabelled]]:
    with_labels: list[Path] = []
    found: list[Unlabelled] = []
    problems: list[Problem] = []
    for path in files:
        try:
            rows = None if layout is not None else read_unlabelled(path, str(path))
        except ProblemsFound as error:
            problems += error.problems
            continue
        if rows is None:
            with_labels.append(path)
        else:
            found += rows
    try:
        data = load(with_labels, layout=layout)
    except ProblemsFound as error:
        problems += error.problems
    if problems:
        raise ProblemsFound(condensed(problems))
    return data, found


def lessons_of(recipe: Recipe, data: TeacherData) -> Lessons:
    """The lessons of a recipe: without its `folds`, held-out prompts apart, within its `limit`.

    Raises
    ------
    TrainingError
        If no prompt has two different responses, or the labels are to be used and there are none.
    """
    assert recipe.distil is not None
    labelled: list[PreferencePair | ResponseSet] = [*data.labelled.pairs, *data.labelled.sets]
    others: list[Rows] = [*data.unlabelled, *data.more]
    try:
        mine = remaining(labelled, recipe.folds)
        free = beside(others, labelled, recipe.folds)
    except ValueError as error:
        raise TrainingError(f"{recipe.path}: folds: {error}") from None
    use = recipe.distil.weight > 0
    rows = [*((row, use) for row in mine), *((row, False) for row in free)]
    made = [_lesson(row, label) for row, label in rows]
    found = [lesson for lesson in made if lesson is not None]
    if not found:
        raise TrainingError(
            f"{recipe.path}: distil needs prompts with two different responses or more, but none "
            f"of {counted(len(made), 'prompt')} has; add responses to them"
        )
    parts = split(found, recipe)
    if use and not any(lesson.label for lesson in parts.train):
        raise TrainingError(
            f"{recipe.path}: distil.weight is {recipe.distil.weight:g}, but the data have no "
            "pairs with labels to train on; add some to data, or remove weight"
        )
    return Lessons(parts.train, parts.held_out[:MOST_HELD_OUT], len(made) - len(found))


def _lesson(row: Rows, label: bool) -> Lesson | None:
    """The row's different responses; None for fewer than two."""
    different = tuple({one.hash: one for one in row.dialogues()}.values())
    if len(different) < 2:
        return None
    used = row if label and isinstance(row, PreferencePair) else None
    return Lesson(row.prompt, row.group, row.tags, different, used)


def taught(
    lessons: Lessons, scores: Rewards, recipe: Recipe, *, teacher: str, fingerprint: str
) -> Taught:
    """Lessons with the teacher's scores, and the scale of its margins.

    Parameters
    ----------
    scores
        Of `lessons.dialogues()`, all finite.

    Raises
    ------
    TrainingError
        If the teacher scores the responses of every training prompt the same.
    """
    assert recipe.distil is not None
    lengths = [len(each.dialogues) for each in (*lessons.train, *lessons.held_out)]
    columns = list(_apart(scores, lengths))
    train = columns[: len(lessons.train)]
    if not any(np.ptp(each) for each in train):
        raise TrainingError(
            f"{recipe.path}: distil: {teacher} scores all responses of each of "
            f"{counted(len(train), 'prompt')} the same, so there are no margins to learn; use "
            "another teacher, or other data"
        )
    given = recipe.distil.scale
    scale = root_mean_square(train) if given == "auto" else given
    return Taught(
        lessons=lessons,
        train=train,
        held_out=columns[len(lessons.train) :],
        scale=scale,
        teacher=teacher,
        fingerprint=fingerprint,
    )


def root_mean_square(scores: Iterable[Rewards]) -> float:
    """The root mean square of the margins within prompts; each prompt counts alike.

    The mean of (x_i - x_j)^2 over all i < j is twice the sample variance of x.
    """
    squares = [2.0 * float(np.var(each, ddof=1)) for each in scores]
    return float(np.sqrt(np.mean(squares)))


def _apart(scores: Rewards, lengths: Iterable[int]) -> Iterator[Rewards]:
    start = 0
    for length in lengths:
        yield scores[start : start + length]
        start += length
