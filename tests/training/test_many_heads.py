"""Several objectives: masked losses by hand and by autograd, one head as the plain recipe."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rmcheck.data import PreferencePair
from rmcheck.data.label import Label
from rmcheck.errors import ProblemsFound, TrainingError
from rmcheck.progress import NoProgress
from rmcheck.scoring.files import FileHashes
from rmcheck.training.many_heads import BETTER, ManyHeads, columns_of, counts, usable
from rmcheck.training.objective import objective_of
from rmcheck.training.objectives_key import Head
from rmcheck.training.recipe import Recipe
from rmcheck.training.recipe_file import load_recipe
from rmcheck.training.settings import LabelNoise
from rmcheck.training.trainer import train
from training import project

CHOSEN, REJECTED, TIE = "chosen", "rejected", "tie"


def recipe(folder: Path, objectives: dict[str, Head], **changes: Any) -> Recipe:
    return dataclasses.replace(project.recipe_of(folder), objectives=objectives, **changes)


def pair(number: int, *labels: Label) -> PreferencePair:
    return PreferencePair(f"p{number}", "Why?", "Yes.", "No.", f"g{number}", objectives=labels)


def labelled(folder: Path) -> list[PreferencePair]:
    """The project's pairs; `rain` agrees, `bridge` says the opposite in every other pair."""
    return [
        dataclasses.replace(
            each,
            objectives=(
                Label.rated("rain", 1.0 + place % 3, 0.0),
                *((Label("bridge", REJECTED),) if place % 2 else ()),  # type: ignore[arg-type]
            ),
        )
        for place, each in enumerate(project.pairs_in(folder))
    ]


def tensors(pairs: list[PreferencePair], of: Recipe) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(column) for name, column in columns_of(pairs, of).items()}


def test_the_masked_loss_by_hand(shared: Path) -> None:
    """Two heads, four pairs: Bradley-Terry at weight 1, regression at weight 0.5."""
    of = recipe(
        shared,
        {"a": Head(), "b": Head(loss="regression", weight=0.5)},
    )
    pairs = [
        pair(0, Label("a", CHOSEN), Label.rated("b", 3, 1)),
        pair(1, Label("a", REJECTED)),  # turned around, and b is missing
        pair(2, Label("a", TIE), Label.rated("b", 2, 2)),  # a tie says something to b alone
        pair(3),
    ]
    first = torch.tensor([[1.0, 2.5], [0.5, 9.0], [3.0, 1.0], [7.0, 7.0]], dtype=torch.float64)
    second = torch.tensor([[0.0, 1.5], [2.0, 9.0], [1.0, 4.0], [8.0, 8.0]], dtype=torch.float64)
    scores = torch.cat([first, second]).requires_grad_()
    losses, gaps = ManyHeads(of)(scores, tensors(pairs, of))

    def softplus(x: float) -> float:  # -log sigmoid(-x)
        return math.log1p(math.exp(x))

    expected = [
        softplus(-1.0) + 0.5 * ((2.5 - 3) ** 2 + (1.5 - 1) ** 2) / 2,
        softplus(-1.5),
        0.5 * ((1.0 - 2) ** 2 + (4.0 - 2) ** 2) / 2,
        0.0,
    ]
    np.testing.assert_allclose(losses.detach().numpy(), expected, atol=1e-7)
    np.testing.assert_allclose(gaps.detach().numpy(), [1.0, 1.5, 1.0, -3.0], atol=1e-7)

    losses.mean().backward()
    assert scores.grad is not None
    grad = scores.grad.numpy() * 4  # of the sum
    half = 1 / (1 + math.exp(1.0)), 1 / (1 + math.exp(1.5))
    by_hand = np.zeros((8, 2))
    by_hand[0, 0], by_hand[4, 0] = -half[0], half[0]
    by_hand[5, 0], by_hand[1, 0] = -half[1], half[1]  # the second side is the better one
    by_hand[0, 1], by_hand[4, 1] = 0.5 * (2.5 - 3), 0.5 * (1.5 - 1)
    by_hand[2, 1], by_hand[6, 1] = 0.5 * (1.0 - 2), 0.5 * (4.0 - 2)
    np.testing.assert_allclose(grad, by_hand, atol=1e-7)


def test_a_batch_without_any_label_has_a_loss_of_0_and_no_gradient(shared: Path) -> None:
    of = recipe(shared, {"a": Head(), "b": Head()})
    scores = torch.randn(6, 2, requires_grad=True)
    losses, gaps = ManyHeads(of)(scores, tensors([pair(n) for n in range(3)], of))
    assert losses.tolist() == [0.0, 0.0, 0.0]
    assert gaps.shape == (0,)
    losses.mean().backward()
    assert scores.grad is not None
    assert not scores.grad.any()


@pytest.mark.parametrize("centring", [0.0, 0.01])
def test_a_head_without_labels_gives_no_gradient(shared: Path, centring: float) -> None:
    """The body's gradient is that of the other head alone."""
    of = recipe(shared, {"a": Head(), "b": Head()}, centring=centring)
    pairs = [pair(n, Label("a", CHOSEN)) for n in range(4)]
    body, head = torch.randn(8, 3, requires_grad=True), torch.nn.Linear(3, 2, bias=False)
    losses, _ = ManyHeads(of)(head(body), tensors(pairs, of))
    losses.mean().backward()
    assert head.weight.grad is not None
    assert head.weight.grad[0].abs().min() > 0
    assert not head.weight.grad[1].any()
    both = body.grad
    alone = body.detach().clone().requires_grad_()
    one = recipe(shared, {"a": Head()}, centring=centring)
    losses, _ = ManyHeads(one)(alone @ head.weight[:1].detach().T, tensors(pairs, one))
    losses.mean().backward()
    assert both is not None
    assert alone.grad is not None
    assert torch.equal(both, alone.grad)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"loss": "hinge", "loss_settings": {"width": 2.0}, "margin": 0.5, "centring": 0.01},
        {"loss": "regression", "label_noise": LabelNoise(0.2, 1)},
    ],
)
def test_one_head_is_the_plain_recipe_bit_for_bit(shared: Path, changes: dict[str, Any]) -> None:
    given = [dataclasses.replace(each, ratings=(2.0, 0.5)) for each in project.pairs_in(shared)]
    plain = dataclasses.replace(project.recipe_of(shared), limit=16, **changes)
    many = dataclasses.replace(plain, objectives={"only": Head(labels="pair")})
    expected, before = train(plain, given, "cpu", NoProgress())
    found, after = train(many, given, "cpu", NoProgress())
    known = dict(expected.named_parameters())
    for name, parameter in found.named_parameters():
        assert torch.equal(parameter, known[name]), name
    assert [point.loss for point in after.curve] == [point.loss for point in before.curve]
    assert [p.held_out_loss for p in after.curve] == [p.held_out_loss for p in before.curve]
    assert (before.labels, after.labels) == ({}, {"only": 16})


@pytest.mark.parametrize("padded", [False, pytest.param(True, marks=pytest.mark.ci)])
def test_two_heads_learn_opposite_labels(
    shared: Path, padded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if padded:
        monkeypatch.setattr("rmcheck.scoring.scorer.Scorer.uses_forest", lambda *_: False)
    of = recipe(shared, {"rain": Head(), "bridge": Head(weight=2.0)})
    of = dataclasses.replace(of, optimisation=dataclasses.replace(of.optimisation, epochs=8))
    model, record = train(of, labelled(shared), "cpu", NoProgress())
    head = dict(model.get_base_model().named_parameters())
    (weight,) = (each for name, each in head.items() if "score.modules_to_save" in name)
    assert weight.shape == (2, 32)
    assert model.config.num_labels == 2
    # The labels are of opposite sides, so the two directions are opposite.
    assert torch.cosine_similarity(weight[0], weight[1], dim=0) < 0
    last = record.curve[-1]
    assert last.train_win_rate is not None
    assert last.train_win_rate > 0.8
    assert record.labels["rain"] == record.pairs
    assert 0 < record.labels["bridge"] < record.pairs


def test_pairs_without_a_usable_label_are_left_out(shared: Path) -> None:
    of = recipe(shared, {"a": Head(), "b": Head(loss="regression")})
    pairs = [
        pair(0, Label("a", CHOSEN)),
        pair(1, Label("b", CHOSEN)),  # regression needs ratings
        pair(2, Label.rated("b", 1, 1)),
        pair(3, Label("a", TIE)),
    ]
    assert [each.id for each in usable(pairs, of)] == ["p0", "p2"]
    assert counts(pairs, of) == {"a": 1, "b": 1}
    assert columns_of(pairs, of)[BETTER].tolist() == [[1, 0], [0, 0], [0, 1], [0, 0]]


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ({"safty": Head()}, "objective 'safty': no pair has a label by 'safty', did you mean 'saf"),
        ({"a": Head(labels="safety", loss="regression")}, "loss 'regression' needs ratings"),
        ({"mood": Head()}, "all of its labels are ties"),
    ],
)
def test_an_objective_without_labels_is_told(
    shared: Path, head: dict[str, Head], said: str
) -> None:
    pairs = [pair(n, Label("safety", CHOSEN), Label("mood", TIE)) for n in range(4)]
    with pytest.raises(TrainingError) as error:
        usable(pairs, recipe(shared, head))
    assert said in str(error.value)
    assert "tiny.yaml" in str(error.value)


def written(folder: Path, text: str) -> Recipe:
    (folder / "r.yaml").write_text(project.RECIPE + text, encoding="utf-8")
    return load_recipe("r.yaml", folder)


def test_the_key_objectives(shared: Path) -> None:
    of = written(
        shared,
        "loss: {name: hinge, width: 2}\n"
        "objectives:\n"
        "  helpfulness: {reward: 0.7}\n"
        "  safety: {labels: harmless, loss: {name: label_smoothing, rate: 0.2}, weight: 2}\n",
    )
    first, second = of.objectives.values()
    assert first.loss_of(of.loss, of.loss_settings) == ("hinge", {"width": 2.0})
    assert second.loss_of(of.loss, of.loss_settings) == ("label_smoothing", {"rate": 0.2})
    assert (first.labels, first.weight, first.reward) == (None, 1.0, 0.7)
    assert (second.labels, second.weight, second.reward) == ("harmless", 2.0, 1.0)
    assert isinstance(objective_of(of), ManyHeads)


def test_what_is_hashed(shared: Path, tmp_path: Path) -> None:
    hashes = FileHashes(tmp_path)

    def stamp(text: str) -> str:
        return written(shared, text).fingerprint(hashes)

    plain = stamp("")
    assert plain == project.recipe_of(shared).fingerprint(hashes)
    assert plain == stamp("objectives: {}\n")
    one = stamp("objectives: {a: {}, b: {}}\n")
    assert one != plain
    # How the outputs are weighted is not a part of the training; what is written out is the same.
    assert one == stamp("objectives: {a: {reward: 0.3}, b: {labels: b, loss: bradley_terry}}\n")
    others = [
        "objectives: {b: {}, a: {}}\n",
        "objectives: {a: {weight: 2}, b: {}}\n",
        "objectives: {a: {labels: c}, b: {}}\n",
        "objectives: {a: {loss: hinge}, b: {}}\n",
        "objectives: {a: {loss: {name: hinge, width: 3}}, b: {}}\n",
    ]
    assert len({plain, one, *map(stamp, others)}) == 7


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("objectives: {a: {wieght: 2}}\n", 8, "unknown key 'wieght', did you mean 'weight'?"),
        ("objectives: {a: {weight: 0}}\n", 8, "weight=0"),
        ("objectives: {a: {loss: hing}}\n", 8, "did you mean 'hinge'?"),
        ("objectives: {a: {loss: plackett_luce}}\n", 8, "trains on response sets, not on pairs"),
        ("objectives: {a: {loss: {name: hinge, widht: 1}}}\n", 8, "did you mean 'width'?"),
        ("objectives: {a: {loss: {width: 1}}}\n", 8, "the key 'name' is missing"),
        ("objectives: {a: {reward: 0}}\n", 8, "every 'reward' is 0"),
        ("loss: plackett_luce\nobjectives: {a: {}}\n", 8, "objectives label pairs"),
        (
            "augment: {transformations: [lower_case]}\nobjectives: {a: {}}\n",
            8,
            "augment",
        ),
        ("centring: 0.1\nobjectives: {a: {loss: regression}}\n", 8, "centring draws rewards to 0"),
        ("margin: 1\nobjectives: {a: {loss: regression}}\n", 8, "margin=1 has no effect"),
    ],
)
def test_mistakes_have_their_place(shared: Path, text: str, line: int, said: str) -> None:
    with pytest.raises(ProblemsFound) as error:
        written(shared, text)
    assert said in str(error.value)
    assert f"r.yaml:{line}:" in str(error.value)


def rows_with_labels(folder: Path) -> None:
    """Write the labels of `labelled` into the project's data."""
    labels = {each.id: each.objectives for each in labelled(folder)}
    path = folder / "pairs.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        row["objectives"] = {each.objective: each.as_data() for each in labels[row["id"]]}
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
