"""The training of an adapter on the page: a few facts and two curves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from rmcheck.record.run import CurvePoint, DistilRecord, TrainingRecord
from rmcheck.report import numbers
from rmcheck.report.charts import svg
from rmcheck.report.facts import Fact
from rmcheck.report.page.figure import Figure
from rmcheck.report.terminal import held_out


@dataclass(frozen=True)
class TrainingView:
    """One training: recipe, facts, the curve of the loss and that of the win rates."""

    recipe: str
    facts: tuple[Fact, ...]
    figures: tuple[Figure, ...]


def training_view(training: TrainingRecord) -> TrainingView:
    """The view of one training; a curve without points is left out."""
    facts = [
        Fact("Pairs" if training.distil is None else "Prompts", numbers.count(training.pairs)),
        Fact("Steps", numbers.count(training.steps)),
        Fact("Took", numbers.seconds(training.seconds)),
        Fact("Adapter", training.fingerprint),
    ]
    if training.processes > 1:
        facts.append(Fact("Processes", numbers.count(training.processes)))
    if training.truncated:
        facts.append(Fact("Truncated to the length limit", numbers.count(training.truncated)))
    if training.best_step is not None:
        facts.append(Fact("Weights kept of step", numbers.count(training.best_step)))
    last = training.kept.held_out_win_rate if training.kept else None
    if training.distil is not None:
        facts += _taught(training.distil)
    elif last is not None:
        facts.append(Fact("Held-out win rate", held_out(training, last)))
    figures = []
    if training.curve:
        losses = [
            _series("training pairs", training.curve, "loss"),
            _series("held-out pairs", training.curve, "held_out_loss"),
        ]
        losses = [each for each in losses if each["points"]]
        figures.append(_curve("Loss", "mean loss", losses))
        rates = [
            _series("training pairs", training.curve, "train_win_rate"),
            _series("held-out pairs", training.curve, "held_out_win_rate"),
        ]
        rates = [each for each in rates if each["points"]]
        if rates:
            title = "Win rate" if training.distil is None else "Same side as the teacher"
            figures.append(_curve(f"{title} while training", title.lower(), rates))
    return TrainingView(training.recipe, tuple(facts), tuple(figures))


def _taught(found: DistilRecord) -> Iterator[Fact]:
    """The teacher, and how far the student agrees with it."""
    yield Fact("Teacher", found.teacher)
    yield Fact("Its margins divided by", numbers.number(found.scale))
    if found.same_side is None:
        yield Fact("Agreement", "not measured: no held-out prompts")
        return
    share = f"{numbers.rate(found.same_side.value)} {numbers.interval(found.same_side)}"
    yield Fact("Same side on held-out prompts", share)
    if found.spearman is not None:
        yield Fact(
            "Spearman correlation of the margins",
            f"{numbers.number(found.spearman.value)} {numbers.interval(found.spearman)}",
        )


def _series(label: str, curve: Sequence[CurvePoint], key: str) -> dict[str, Any]:
    points = [{"x": point.step, "y": getattr(point, key)} for point in curve]
    return {"label": label, "points": [point for point in points if point["y"] is not None]}


def _curve(title: str, y_label: str, series: list[dict[str, Any]]) -> Figure:
    data = {"series": series, "x_label": "step", "y_label": y_label}
    drawn = svg.draw("curve", title, data)
    return Figure(title, Markup(drawn.svg) if drawn.svg else None, drawn.remark)
