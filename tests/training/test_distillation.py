"""What a student minimises: margins by hand, gradients by finite differences, the mix."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rmcheck.data import Dialogue, PreferencePair
from rmcheck.training.lessons import Lesson, Lessons, Taught, root_mean_square, taught
from rmcheck.training.losses import bradley_terry
from rmcheck.training.losses.teacher import margin_regression
from rmcheck.training.recipe_file import load_recipe
from rmcheck.training.taught import Answers, TaughtObjective, agreement_record

RECIPE = """recipe: 1
base: base
data: pairs.jsonl
distil: {teacher: "scores:teacher.jsonl"EXTRA}
"""


def recipe(folder: Path, extra: str = "", after: str = "") -> Any:
    (folder / "mine.yaml").write_text(RECIPE.replace("EXTRA", extra) + after, encoding="utf-8")
    return load_recipe("mine.yaml", folder)


def lesson(name: str, *texts: str, label: bool = False) -> Lesson:
    pair = PreferencePair(name, name, texts[0], texts[1], name) if label else None
    return Lesson(name, name, (), tuple(Dialogue(name, text) for text in texts), pair)


def test_the_loss_is_the_mean_squared_difference_of_the_margins() -> None:
    # Two responses: student 1 - 4 = -3, teacher 2 - 0 = 2, (-3 - 2)^2 = 25.
    # Three: student 1, 2, 4, teacher 0, 3, 3: margins -1, -3, -2 against -3, -3, 0:
    # (4 + 0 + 4) / 3.
    rewards = torch.tensor([[1.0, 4.0, 77.0], [1.0, 2.0, 4.0]])
    teacher = torch.tensor([[2.0, 0.0, -5.0], [0.0, 3.0, 3.0]])
    there = torch.tensor([[True, True, False], [True, True, True]])
    assert margin_regression(rewards, teacher, there).tolist() == pytest.approx([25.0, 8 / 3])


def test_a_constant_of_either_model_does_not_matter() -> None:
    rng = torch.Generator().manual_seed(0)
    rewards, teacher = (torch.randn(3, 4, generator=rng, dtype=torch.float64) for _ in range(2))
    there = torch.ones(3, 4, dtype=torch.bool)
    plain = margin_regression(rewards, teacher, there)
    pairs = [
        [
            ((r[i] - r[j]) - (t[i] - t[j])).item() ** 2
            for i, j in itertools.combinations(range(4), 2)
        ]
        for r, t in zip(rewards, teacher, strict=True)
    ]
    assert plain.tolist() == pytest.approx(np.mean(pairs, axis=1).tolist())
    assert torch.allclose(margin_regression(rewards + 7, teacher - 3, there), plain)


def test_the_gradient_is_that_of_finite_differences() -> None:
    rng = torch.Generator().manual_seed(1)
    rewards = torch.randn(2, 3, generator=rng, dtype=torch.float64, requires_grad=True)
    teacher = torch.randn(2, 3, generator=rng, dtype=torch.float64)
    there = torch.tensor([[True, True, True], [True, True, False]])
    assert torch.autograd.gradcheck(lambda x: margin_regression(x, teacher, there), (rewards,))
    margin_regression(rewards, teacher, there).sum().backward()
    assert rewards.grad is not None
    assert rewards.grad[1, 2] == 0


def test_the_scale_is_the_root_mean_square_of_the_margins() -> None:
    # Margins 3; and 1, 2, 1 (squares 1, 4, 1: mean 2): sqrt((9 + 2) / 2).
    found = root_mean_square([np.array([3.0, 0.0]), np.array([0.0, 1.0, 2.0])])
    assert found == pytest.approx(math.sqrt(5.5))


def test_a_student_that_knows_nothing_has_the_loss_1(tmp_path: Path) -> None:
    lessons = Lessons([lesson("a", "x", "y"), lesson("b", "x", "y", "z")], [])
    scores = np.array([30.0, 0.0, 0.0, 10.0, 20.0])
    found = taught(lessons, scores, recipe(tmp_path), teacher="t", fingerprint="f")
    assert found.scale == pytest.approx(10 * math.sqrt(5.5))
    answers = Answers(lessons.train, found.train, recipe(tmp_path), found.scale, ())
    objective = TaughtObjective(recipe(tmp_path), bradley_terry)
    losses, gaps = objective(torch.zeros(5), answers.of([0, 1]))
    assert losses.mean().item() == pytest.approx(1.0)
    assert gaps.tolist() == [0.0] * 4
    # The teacher itself has the loss 0, and prefers what it prefers.
    same = torch.from_numpy(scores / found.scale)
    losses, gaps = objective(same, answers.of([0, 1]))
    assert losses.tolist() == pytest.approx([0.0, 0.0], abs=1e-6)
    assert (gaps > 0).all()


def test_labels_are_mixed_in_by_their_weight(tmp_path: Path) -> None:
    mine = recipe(tmp_path, ", weight: 0.25, scale: 2")
    lessons = Lessons([lesson("a", "x", "y", label=True), lesson("b", "x", "y")], [])
    given = taught(lessons, np.array([4.0, 0.0, 0.0, 6.0]), mine, teacher="t", fingerprint="f")
    assert given.scale == 2
    answers = Answers(lessons.train, given.train, mine, given.scale, ())
    objective = TaughtObjective(mine, bradley_terry)
    losses, _ = objective(torch.tensor([1.0, 0.0, 0.0, 0.0]), answers.of([0, 1]))
    # (1 - 2)^2 = 1 and (0 + 3)^2 = 9; one of two lessons has a label, so it counts twice:
    # 0.75 * 1 + 0.25 * 2 * log(1 + e^-1), and 0.75 * 9.
    label = math.log(1 + math.exp(-1))
    assert losses.tolist() == pytest.approx([0.75 + 0.5 * label, 6.75])
    # Over the data: 0.75 of the mean of both and 0.25 of the mean over the labelled one.
    assert losses.mean().item() == pytest.approx(0.75 * 5 + 0.25 * label)
    flipped = Answers(lessons.train, given.train, mine, given.scale, (), np.array([True]))
    losses, _ = objective(torch.tensor([1.0, 0.0, 0.0, 0.0]), flipped.of([0, 1]))
    assert losses[0].item() == pytest.approx(0.75 + 0.5 * math.log(1 + math.exp(1)))
    # A batch without a label.
    losses, _ = objective(torch.tensor([0.0, 0.0]), answers.of([1]))
    assert losses.tolist() == pytest.approx([6.75])


def test_centring_is_that_of_sets(tmp_path: Path) -> None:
    mine = recipe(tmp_path, ", scale: 1", "centring: 0.1\n")
    answers = Answers([lesson("a", "x", "y")], [np.array([1.0, 0.0])], mine, 1.0, ())
    losses, _ = TaughtObjective(mine, bradley_terry)(torch.tensor([3.0, 2.0]), answers.of([0]))
    assert losses.tolist() == pytest.approx([0.1 * 25])


def test_agreement_counts_margins_that_the_teacher_has() -> None:
    held_out = [lesson("a", "x", "y", "z"), lesson("b", "x", "y")]
    given = Taught(
        lessons=Lessons([], held_out, alone=2),
        train=[],
        held_out=[np.array([2.0, 1.0, 1.0]), np.array([0.0, 1.0])],
        scale=1.0,
        teacher="t",
        fingerprint="f",
    )
    # Margins of the teacher: 1, 1, 0 and -1; of the student 2, -1, -3 and 0: one right, one wrong,
    # one that does not count, one tie.
    found = agreement_record(given, [np.array([1.0, -1.0, 2.0]), np.array([0.0, 0.0])])
    assert (found.margins, found.prompts, found.alone) == (3, 2, 2)
    assert found.same_side is not None
    assert found.same_side.value == pytest.approx(0.5)
    assert found.pearson is not None
    assert found.pearson.value == pytest.approx(np.corrcoef([2, -1, -3, 0], [1, 1, 0, -1])[0, 1])
    nothing = Taught(
        lessons=Lessons([], []), train=[], held_out=[], scale=1.0, teacher="t", fingerprint="f"
    )
    assert agreement_record(nothing, []).same_side is None
