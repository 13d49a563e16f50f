"""Our own training loop: the weights of TRL's trainer, bit for bit, and checkpoints of both."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import pytest
import torch
from scoring.models import random_model, tokenizer

from rmcheck.data import PreferencePair
from rmcheck.errors import ProblemsFound, TrainingError
from rmcheck.progress import NoProgress
from rmcheck.record.run import TrainingRecord
from rmcheck.reward_source import SourceOptions
from rmcheck.scoring.files import FileHashes
from rmcheck.sources.recipe import create
from rmcheck.training import checkpoint, trl_trainer
from rmcheck.training.augmentation import Augment
from rmcheck.training.checkpoint import folder_of
from rmcheck.training.native import Updates, adamw
from rmcheck.training.ranks import ALONE
from rmcheck.training.recipe import Recipe
from rmcheck.training.settings import EarlyStopping, LabelNoise, Lora, Optimisation
from rmcheck.training.trainer import train
from training import project
from training.test_checkpoint import Killed, weights

Trainer = Literal["native", "trl"]


def trained(
    recipe: Recipe, pairs: Sequence[PreferencePair], trainer: Trainer
) -> tuple[dict[str, torch.Tensor], TrainingRecord]:
    """The weights that one trainer makes."""
    by = dataclasses.replace(recipe, trainer=trainer)
    model, record = train(by, list(pairs), "cpu", NoProgress())
    return weights(model), record


def changed(folder: Path, **change: Any) -> Recipe:
    """The project's recipe; keys of its optimiser go there."""
    recipe = project.recipe_of(folder)
    names = {each.name for each in dataclasses.fields(Optimisation)}
    how = {key: change.pop(key) for key in list(change) if key in names}
    return dataclasses.replace(
        recipe, optimisation=dataclasses.replace(recipe.optimisation, **how), **change
    )


def assert_equal(recipe: Recipe, pairs: Sequence[PreferencePair]) -> TrainingRecord:
    """Both trainers make the same weights, curve and number of steps; returns our record."""
    ours, record = trained(recipe, pairs, "native")
    theirs, expected = trained(recipe, pairs, "trl")
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert record.curve == expected.curve
    assert (record.steps, record.best_step) == (expected.steps, expected.best_step)
    return record


SETTINGS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "cosine": {"schedule": "cosine", "warmup": 0.3, "weight_decay": 0.1},
    "accumulation": {"batch_size": 3, "gradient_accumulation": 3, "epochs": 2.5},
    "clipping": {"max_gradient_norm": 0.05},
    "bf16": {"precision": "bf16"},
    "checkpointing": {"gradient_checkpointing": True},
    "hinge and centring": {"loss": "hinge", "centring": 0.05, "margin": 0.5},
    "response sets": {"loss": "plackett_luce"},
    "early stopping": {
        "early_stopping": EarlyStopping(patience=1, measurements=20),
        "epochs": 10, "learning_rate": 3e-2, "label_noise": LabelNoise(0.5, 0),
    },
    "augment": {"augment": Augment(transformations=("preserves",))},
}  # fmt: skip
SOON = ("as it is", "accumulation")
"""The settings that the test loop tries; CI tries the others."""


@pytest.mark.parametrize(
    "name",
    [name if name in SOON else pytest.param(name, marks=pytest.mark.ci) for name in SETTINGS],
)
def test_the_weights_are_those_of_trls_trainer_bit_for_bit(shared: Path, name: str) -> None:
    assert_equal(changed(shared, **SETTINGS[name]), project.pairs_in(shared))


@pytest.mark.ci
@pytest.mark.parametrize("kind", ["bert", "mistral"])
def test_so_are_those_of_a_model_that_reads_padded_texts(
    shared: Path, tmp_path: Path, kind: str
) -> None:
    model = random_model(kind)
    # Functional dropout, which TRL does not turn off: both draw the same random numbers.
    if kind == "mistral":
        model.config.attention_dropout = 0.2
    model.save_pretrained(tmp_path / "base")
    tokenizer().save_pretrained(tmp_path / "base")
    targets = ("query", "value") if kind == "bert" else ("q_proj", "v_proj")
    recipe = changed(shared, base=str(tmp_path / "base"), lora=Lora(4, 8, targets))
    noisy = dataclasses.replace(recipe, label_noise=LabelNoise(0.3, 1))
    assert_equal(noisy, project.pairs_in(shared))


@pytest.mark.ci
def test_the_loss_curve_is_that_of_trl(shared: Path) -> None:
    recipe = changed(shared, epochs=6)
    pairs = project.pairs_in(shared)
    ours, theirs = (trained(recipe, pairs, name)[1].curve for name in ("native", "trl"))
    assert len(ours) == 10
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.loss == pytest.approx(other.loss, abs=1e-6)
        assert mine.held_out_loss == pytest.approx(other.held_out_loss, abs=1e-6)


@pytest.mark.ci
@pytest.mark.parametrize("then", ["native", "trl"])
def test_each_goes_on_from_a_checkpoint_of_trl(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: Trainer
) -> None:
    # One that an older version left, under the hash that the native trainer has now.
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    recipe = changed(shared, batch_size=4, gradient_accumulation=2, schedule="cosine")
    pairs, target = project.pairs_in(shared), tmp_path / "f"
    expected, whole = trained(recipe, pairs, "native")
    begun = dataclasses.replace(recipe, trainer="trl")
    with pytest.raises(KeyboardInterrupt):
        train(begun, pairs, "cpu", Killed(6), None, target)
    assert list(folder_of(target).glob("checkpoint-5"))
    ended = dataclasses.replace(recipe, trainer=then)
    model, record = train(ended, pairs, "cpu", NoProgress(), None, target)
    found = weights(model)
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert (record.curve, record.steps) == (whole.curve, whole.steps)


def test_a_disk_that_is_full_costs_the_checkpoint_not_the_training(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    said: list[Path] = []

    def full(self: Updates, folder: Path, step: int, drawn: object) -> None:
        said.append(folder)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Updates, "save", full)
    recipe, pairs = changed(shared), project.pairs_in(shared)
    _, record = train(recipe, pairs, "cpu", NoProgress(), None, tmp_path / "f")
    assert len(said) == record.steps - 1
    assert not list(folder_of(tmp_path / "f").glob("checkpoint-*"))


WITHOUT = """
import importlib.abc, sys
class Without(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] == "trl":
            raise ModuleNotFoundError("No module named 'trl'", name="trl")
sys.meta_path.insert(0, Without())
from pathlib import Path
from rmcheck.reward_source import SourceOptions
from rmcheck.sources.recipe import create
folder = Path(sys.argv[1])
source = create("tiny.yaml", SourceOptions(root=folder, cache=Path(sys.argv[2]), device="cpu"))
source.train()
print(source.training.steps, sorted({"trl", "datasets"} & set(sys.modules)))
"""


@pytest.mark.ci
def test_it_trains_without_trl(shared: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, str(shared), str(tmp_path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "8 []"


def test_the_trainer_of_trl_is_part_of_the_hash_and_ours_is_not(shared: Path) -> None:
    hashes = FileHashes(shared / "hashes")
    recipe = project.recipe_of(shared)
    by_trl = dataclasses.replace(recipe, trainer="trl")
    assert by_trl.fingerprint(hashes) != recipe.fingerprint(hashes)
    assert "trainer" not in recipe.settings(hashes)
    assert by_trl.settings(hashes)["trainer"] == "trl"


def test_an_unknown_trainer_is_an_error_with_its_place(shared: Path, tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(project.RECIPE + "trainer: trk\n", encoding="utf-8")
    with pytest.raises(ProblemsFound) as error:
        create("r.yaml", SourceOptions(root=tmp_path, cache=tmp_path))
    assert str(error.value) == (
        "r.yaml:8:10: recipe: trainer='trk' is not allowed, did you mean 'trl'? "
        "(allowed: native, trl)"
    )


def test_trl_is_refused_where_it_would_see_several_gpus(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    plan = SimpleNamespace(ranks=ALONE, recipe=project.recipe_of(shared), device="cuda")
    with pytest.raises(
        TrainingError, match=r"sees 2; set CUDA_VISIBLE_DEVICES=0, use training\.proc"
    ):
        trl_trainer.run(plan)  # type: ignore[arg-type]


class Line(torch.nn.Module):
    """A weight, a bias and a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = torch.nn.Linear(1, 1)
        self.ln_1 = torch.nn.LayerNorm(1)


def test_biases_and_norms_do_not_decay() -> None:
    line = Line()
    groups = adamw(line, Optimisation(weight_decay=0.1, learning_rate=0.5)).param_groups
    assert [group["weight_decay"] for group in groups] == [0.1, 0.0]
    assert groups[0]["params"] == [line.inner.weight]
    assert groups[1]["params"] == [line.inner.bias, line.ln_1.weight, line.ln_1.bias]


def test_the_first_step_is_adams_by_hand() -> None:
    # Loss 3 w: the gradient is 3, the norm limit 1 makes it 1. With beta1 = 0.9 and beta2 = 0.999
    # the corrected moments of the first step are 1 and 1, so w falls by the rate, 0.5; the decay
    # of 0.1 takes 0.5 * 0.1 of w before.
    line = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(line.weight, 2.0)
    optimiser = adamw(line, Optimisation(weight_decay=0.1, learning_rate=0.5))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1.0)
    updates = Updates(line, optimiser, schedule, 1.0)
    updates.backward(3 * line.weight.sum())
    updates.step()
    assert line.weight.item() == pytest.approx(2.0 - 0.5 * 0.1 * 2.0 - 0.5, abs=1e-5)
    assert line.weight.grad is None


def test_a_step_with_infinite_gradients_in_fp16_is_skipped_and_the_scale_halved() -> None:
    line = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(line.weight, 2.0)
    optimiser = adamw(line, Optimisation(learning_rate=0.5))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 / (1 + step))
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    updates = Updates(line, optimiser, schedule, 1.0, scaler)
    updates.backward(line.weight.sum() * float("inf"))
    updates.step()
    assert (line.weight.item(), scaler.get_scale(), schedule.last_epoch) == (2.0, 4.0, 0)
    # The scale does not change the step: Adam's first one is the rate, 0.5.
    updates.backward(line.weight.sum())
    updates.step()
    assert line.weight.item() == pytest.approx(1.5, abs=1e-5)
    assert (scaler.get_scale(), schedule.last_epoch) == (4.0, 1)
