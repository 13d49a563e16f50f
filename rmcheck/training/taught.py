"""A student's training: its batches, its objective, and how far it agrees with its teacher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rmcheck.data import PreferencePair
from rmcheck.record.run import DistilRecord, EstimateRecord
from rmcheck.scoring.scorer import Scorer
from rmcheck.stats.correlation import agreement
from rmcheck.stats.winrate import win_rate, wins
from rmcheck.training.batches import margins
from rmcheck.training.lessons import Lesson, Taught
from rmcheck.training.losses import Loss
from rmcheck.training.losses.asked import asked_by, refuse_shape
from rmcheck.training.losses.teacher import margin_regression
from rmcheck.training.preparation import Ids, flips
from rmcheck.training.ranked import Ranked, RankedCollator, ids_of, order_of
from rmcheck.training.recipe import Recipe
from rmcheck.verdict import Estimate


class Answers:
    """What a batch of lessons is compared with: the teacher's scores, and the labels if used.

    Parameters
    ----------
    lessons
        Prompts with their responses; those with a `label` have its two texts.
    scores
        The teacher's, (k,) each.
    flipped
        Which of the labels, in the order of the lessons that have one, are flipped.
    """

    def __init__(
        self,
        lessons: Sequence[Lesson],
        scores: Sequence[NDArray[np.float64]],
        recipe: Recipe,
        scale: float,
        columns: Sequence[str],
        flipped: NDArray[np.bool_] | None = None,
    ) -> None:
        self.ranked = [
            Ranked(lesson.group, lesson.dialogues, each[:, None] > each[None, :])
            for lesson, each in zip(lessons, scores, strict=True)
        ]
        self._scores = [each / scale for each in scores]
        pairs = [lesson.label for lesson in lessons if lesson.label is not None]
        self._row_of = np.full(len(lessons), -1)
        self._row_of[[row for row, each in enumerate(lessons) if each.label]] = range(len(pairs))
        self._flipped = np.zeros(len(pairs), dtype=np.bool_) if flipped is None else flipped
        self._columns = {name: _column(name, pairs, recipe) for name in ("margin", *columns)}
        # The mean over a batch of `of_labels` is that over the labelled lessons, on the average.
        self._share = len(lessons) / len(pairs) if pairs else 0.0

    def of(self, rows: Sequence[int]) -> dict[str, torch.Tensor]:
        """Where each reward is, and the answers, for these lessons; padded to the largest."""
        order = order_of([self.ranked[row] for row in rows], np.zeros(len(rows), dtype=np.bool_))
        teacher = np.zeros(order["slots"].shape, dtype=np.float32)
        there = np.zeros(teacher.shape, dtype=np.bool_)
        for place, row in enumerate(rows):
            count = len(self._scores[row])
            # Only differences count, and small numbers keep their digits in float32.
            teacher[place, :count] = self._scores[row] - self._scores[row].mean()
            there[place, :count] = True
        at = self._row_of[list(rows)]
        labelled = at[at >= 0]
        return {
            **order,
            "teacher": torch.from_numpy(teacher),
            "there": torch.from_numpy(there),
            "labelled": torch.from_numpy(np.flatnonzero(at >= 0)),
            "turned": torch.from_numpy(self._flipped[labelled]),
            "of_labels": torch.full((len(labelled),), self._share),
            **{name: torch.from_numpy(each[labelled]) for name, each in self._columns.items()},
        }


def _column(name: str, pairs: Sequence[PreferencePair], recipe: Recipe) -> NDArray[np.float32]:
    if name == "margin":
        return np.array(margins(pairs, recipe), dtype=np.float32)
    return np.array([getattr(pair, name) for pair in pairs], dtype=np.float32)


class TaughtCollator(RankedCollator):
    """Lessons as one prefix forest, or as padded texts, with the answers."""

    def __init__(
        self,
        answers: Answers,
        ids: Sequence[Sequence[Ids]],
        row: int | None,
        *,
        trees: bool = False,
        pad: int = 0,
    ) -> None:
        super().__init__(answers.ranked, ids, row, trees=trees, pad=pad)
        self._answers = answers

    def __call__(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        """The model's input, which reward is whose, and what the teacher says."""
        rows = [example["pair"] for example in examples]
        return {**super().__call__(examples), **self._answers.of(rows)}


class TaughtMaterial:
    """What a student's training reads."""

    unit = "prompts"

    def __init__(self, given: Taught, recipe: Recipe, scorer: Scorer, columns: Sequence[str]):
        lessons = given.lessons
        self.recipe = recipe
        self._given = given
        self.groups = [lesson.group for lesson in lessons.train]
        labels = sum(lesson.label is not None for lesson in lessons.train)
        flipped = flips(labels, recipe.label_noise)
        scale = given.scale
        self._answers = Answers(lessons.train, given.train, recipe, scale, columns, flipped)
        self._watched = Answers(lessons.held_out, given.held_out, recipe, scale, columns)
        self._ids = ids_of(self._answers.ranked, scorer)
        self.truncated = scorer.truncated
        self.labels: Mapping[str, int] = {}
        self.watch(len(lessons.held_out))

    def watch(self, count: int) -> None:
        """Measure the curve on the first `count` held-out lessons."""
        self.watched_count = min(count, len(self._given.lessons.held_out))
        some = self._given.lessons.held_out[: self.watched_count]
        self.watched = [one for lesson in some for one in lesson.dialogues]

    def sequences(self) -> list[Ids]:
        """The token ids of all texts."""
        return [ids for each in self._ids for ids in each]

    def collator(self, scorer: Scorer, *, forest: bool, trees: bool) -> TaughtCollator:
        """Makes a batch of rows of `rows`."""
        row = scorer.row if forest else None
        return TaughtCollator(self._answers, self._ids, row, trees=trees, pad=scorer.pad)

    def rows(self) -> list[dict[str, Any]]:
        """One row for each lesson: its number."""
        return [{"pair": number, "flipped": False} for number in range(len(self._ids))]

    def judged(self, rewards: NDArray[np.float64]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Rewards of `watched` as an `Objective` takes them: scores, and the rest of the batch."""
        return torch.from_numpy(rewards), self._watched.of(range(self.watched_count))

    def agreement(self, scorer: Scorer) -> DistilRecord:
        """What the student is compared with its teacher by, on all held-out lessons."""
        held_out = self._given.lessons.held_out
        dialogues = [one for lesson in held_out for one in lesson.dialogues]
        scorer.model.eval()
        rewards = iter(scorer.score(dialogues).tolist() if dialogues else [])
        student = [np.array([next(rewards) for _ in each.dialogues]) for each in held_out]
        return agreement_record(self._given, student)


def agreement_record(given: Taught, student: Sequence[NDArray[np.float64]]) -> DistilRecord:
    """How far a student agrees with its teacher on the held-out lessons.

    Parameters
    ----------
    student
        Its scores of the responses of each held-out lesson, (k,) each.
    """
    mine, theirs, groups = [], [], []
    for lesson, own, of_teacher in zip(
        given.lessons.held_out, student, given.held_out, strict=True
    ):
        first, second = np.triu_indices(len(own), k=1)
        mine += (own[first] - own[second]).tolist()
        theirs += (of_teacher[first] - of_teacher[second]).tolist()
        groups += [lesson.group] * len(first)
    margin, target = np.array(mine), np.array(theirs)
    told = np.flatnonzero(target)
    same = pearson = spearman = None
    if told.size:
        right = wins(margin[told] * np.sign(target[told]), np.zeros(len(told)))
        same = win_rate(right, [groups[row] for row in told.tolist()])
        found = agreement(margin, target, groups, rng=np.random.default_rng(0))
        pearson, spearman = found.pearson, found.spearman
    return DistilRecord(
        teacher=given.teacher,
        fingerprint=given.fingerprint,
        scale=given.scale,
        alone=given.lessons.alone,
        prompts=len(given.lessons.held_out),
        margins=len(told),
        same_side=_recorded(same),
        pearson=_recorded(pearson),
        spearman=_recorded(spearman),
    )


def _recorded(found: Estimate | None) -> EstimateRecord | None:
    return None if found is None else EstimateRecord(**asdict(found))


class TaughtObjective:
    """The squared distance of the margins to the teacher's, mixed with the loss of the labels.

    With w = `distil.weight` it is (1 - w) times the first and w times the second on the average
    over the data, whatever share of the prompts has labels.
    """

    def __init__(self, recipe: Recipe, loss: Loss) -> None:
        assert recipe.distil is not None
        self._recipe, self._loss = recipe, loss
        self._weight = recipe.distil.weight
        self._columns = asked_by(loss).columns

    def __call__(
        self, scores: torch.Tensor, batch: Mapping[str, torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Losses of the prompts, (n,), and differences of all responses, better less worse (m,).

        What is better is what the teacher says; a batch without any such pair has a difference of
        0.
        """
        rewards, there, below = scores[batch["slots"]], batch["there"], batch["below"]
        losses = margin_regression(rewards, batch["teacher"].to(rewards.dtype), there)
        if self._weight:
            losses = (1 - self._weight) * losses
            rows = batch["labelled"]
            if len(rows):
                of_labels = (
                    self._weight * batch["of_labels"] * self._of_labels(rewards[rows], batch)
                )
                losses = losses.index_add(0, rows, of_labels.to(losses.dtype))
        if self._recipe.centring:
            mean = rewards.masked_fill(~there, 0.0).sum(dim=1) / there.sum(dim=1)
            losses = losses + self._recipe.centring * (2 * mean) ** 2
        gaps = (rewards[:, :, None] - rewards[:, None, :])[below]
        return losses, gaps if len(gaps) else rewards.new_zeros(1)

    def _of_labels(self, rewards: torch.Tensor, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        turned = batch["turned"]
        chosen = torch.where(turned, rewards[:, 1], rewards[:, 0])
        rejected = torch.where(turned, rewards[:, 0], rewards[:, 1])
        columns = {name: batch[name] for name in self._columns}
        losses: torch.Tensor = self._loss(
            chosen, rejected, batch["margin"], **columns, **self._recipe.loss_settings
        )
        refuse_shape(losses, len(chosen), "pairs", self._recipe.loss)
        return losses
