"""Training: the forest's gradients are the padded ones, and a seed decides everything."""

from __future__ import annotations

import contextlib
import dataclasses
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import get_peft_model
from scoring.models import random_model
from scoring.test_scorer import Bar

from rmcheck.data import PreferencePair, pair_dialogues
from rmcheck.errors import TrainingError
from rmcheck.progress import NoProgress
from rmcheck.scoring.loading import load_base, load_tokenizer
from rmcheck.scoring.scorer import Scorer
from rmcheck.scoring.trees import tree_attention
from rmcheck.training.batches import ForestCollator, PromptSampler, rewards
from rmcheck.training.losses import bradley_terry
from rmcheck.training.low_rank import fused
from rmcheck.training.preparation import Texts, flips, split
from rmcheck.training.recipe import LabelNoise, Lora, Optimisation, Recipe
from rmcheck.training.trainer import lora_config, train
from rmcheck.training.trl_trainer import arguments
from training import project


def encoded(folder: Path) -> tuple[Any, Texts]:
    """A PEFT model whose LoRA matrices are not zero, and twelve pairs as the trainer sees them."""
    recipe, files = project.recipe_of(folder), project.recipe_of(folder).base_files()
    torch.manual_seed(0)
    base, missing = load_base(files, seed=0)
    model = get_peft_model(base, lora_config(recipe, base, missing))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    scorer = Scorer(random_model("gpt2"), load_tokenizer(files), max_length=64)
    ids = scorer.encode(pair_dialogues(project.pairs_in(folder)[:12]))
    return model.eval(), Texts(ids[0::2], ids[1::2])


def examples(count: int, flipped: Sequence[int] = ()) -> list[dict[str, Any]]:
    return [{"pair": index, "flipped": index in flipped, "margin": 0.0} for index in range(count)]


def padded_rewards(model: Any, sides: Sequence[Any]) -> torch.Tensor:
    """The oracle: the model's own forward on padded texts."""
    width = max(map(len, sides))
    tokens = torch.tensor([[*ids, *[1] * (width - len(ids))] for ids in sides])
    mask = torch.tensor([[1] * len(ids) + [0] * (width - len(ids)) for ids in sides])
    rewards: torch.Tensor = model(input_ids=tokens, attention_mask=mask).logits[:, 0]
    return rewards


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("row", [40, 4000])
def test_a_forest_step_has_the_gradients_of_a_padded_step(
    shared: Path, row: int, fast: bool
) -> None:
    model, texts = encoded(shared)
    base = model.get_base_model()
    sides = [*texts.chosen, *texts.rejected]
    flipped = [2, 7]
    for pair in flipped:
        sides[pair], sides[12 + pair] = sides[12 + pair], sides[pair]

    def gradients(given: torch.Tensor) -> tuple[float, dict[str, torch.Tensor]]:
        model.zero_grad()
        chosen, rejected = torch.chunk(given, 2)
        loss = bradley_terry(chosen, rejected, torch.zeros(12)).mean()
        loss.backward()
        found = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
        return loss.item(), found

    expected_loss, expected = gradients(padded_rewards(base, sides))
    with contextlib.ExitStack() as within:
        if fast:
            assert within.enter_context(fused(model)) == 2
            assert within.enter_context(tree_attention(base, sides))
        batch = ForestCollator(texts, row, trees=fast)(examples(12, flipped))
        assert ("trees" in batch) == fast
        seen: list[int] = []
        last = base.transformer.h[-1]
        hooks = [
            inner.register_forward_hook(lambda _, __, found: seen.append(found.shape[1]))
            for inner in (last.attn.c_proj, last.mlp.c_fc)
        ]
        loss, found = gradients(rewards(base, batch, "last", sparse=fast))
        for hook in hooks:
            hook.remove()
        if fast:  # what follows the last attention is computed where a text ends, and nowhere else
            assert seen[-2:] == [len(batch["trees"].read)] * 2
            assert seen[-1] < batch["trees"].tokens.shape[1]

    assert loss == pytest.approx(expected_loss, abs=1e-6)
    assert found.keys() == expected.keys()
    assert any("lora_A" in name for name in found)
    assert any("score" in name for name in found)
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, expected[name], atol=1e-6, rtol=1e-4)


def test_a_batch_of_pairs_that_share_prompts_and_answers_is_smaller_than_its_texts(
    shared: Path,
) -> None:
    _, known = encoded(shared)
    chosen, rejected = known.chosen[0], known.rejected[0]
    texts = Texts([chosen, chosen], [rejected, np.array([5, 6, 7])])
    batch = ForestCollator(texts, 4000, trees=False)(examples(2))
    assert batch["tokens"].numel() < len(chosen) + len(rejected) + 3
    assert batch["sides"].tolist()[0] == batch["sides"].tolist()[1]  # one chosen text for both


@pytest.mark.ci
def test_the_same_seed_trains_the_same_model_and_another_seed_another(shared: Path) -> None:
    recipe, pairs = project.recipe_of(shared), project.pairs_in(shared)

    def weights(seed: int) -> dict[str, torch.Tensor]:
        model, _ = train(recipe.with_seed(seed), pairs, "cpu", NoProgress())
        return {n: p.detach().clone() for n, p in model.named_parameters() if p.requires_grad}

    first, again, other = weights(0), weights(0), weights(1)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_training_learns_draws_a_curve_and_moves_one_bar(shared: Path) -> None:
    recipe, pairs = project.recipe_of(shared), project.pairs_in(shared)
    longer = dataclasses.replace(
        recipe, optimisation=dataclasses.replace(recipe.optimisation, epochs=12)
    )
    bar = Bar()
    _, record = train(longer, pairs, "cpu", bar)
    held_out = len(split(pairs, longer).held_out)
    assert record.pairs == len(pairs) - held_out
    assert record.steps == 12 * record.pairs // 8
    assert bar.started[0] == (
        f"training recipe:tiny on {record.pairs} pairs", record.steps, "steps",
    )  # fmt: skip
    # Held-out scoring is part of the training bar, and shows none of its own.
    assert (len(bar.started), bar.done, bar.finished) == (1, record.steps, 1)
    assert len(record.curve) == 10
    assert record.curve[-1].step == record.steps
    assert record.curve[-1].loss < 0.6 * record.curve[0].loss
    assert record.curve[-1].held_out_win_rate is not None
    assert record.curve[-1].held_out_win_rate > 0.8
    assert record.curve[-1].train_win_rate is not None
    assert record.curve[-1].train_win_rate > 0.8


def test_global_random_numbers_are_as_they_were(shared: Path) -> None:
    recipe, pairs = project.recipe_of(shared), project.pairs_in(shared)
    random.seed(5)
    np.random.seed(5)
    torch.manual_seed(5)
    expected = random.random(), np.random.rand(), torch.rand(1).item()
    random.seed(5)
    np.random.seed(5)
    torch.manual_seed(5)
    train(recipe, pairs, "cpu", NoProgress())
    assert (random.random(), np.random.rand(), torch.rand(1).item()) == expected


def test_nothing_is_printed_and_no_warning_escapes(
    shared: Path, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    train(project.recipe_of(shared), project.pairs_in(shared), "cpu", NoProgress())
    assert capfd.readouterr() == ("", "")
    assert list(recwarn) == []


def numbered(count: int, group: int = 1) -> list[PreferencePair]:
    return [
        PreferencePair(f"p{i}", f"q{i // group}", f"c{i}", f"r{i}", f"g{i // group}")
        for i in range(count)
    ]


def blank(**changes: Any) -> Recipe:
    return Recipe(**{"name": "r", "path": Path("/r.yaml"), "base": "b", "data": ("d",), **changes})


def test_prompts_are_never_split_between_training_and_held_out() -> None:
    parts = split(numbered(60, group=3), blank(held_out=0.25))
    assert len(parts.held_out) == 15
    assert {p.group for p in parts.train}.isdisjoint(p.group for p in parts.held_out)
    assert len(parts.train) == 45
    assert len(split(numbered(60, group=3), blank(limit=10)).train) == 10
    assert split(numbered(6), blank(held_out=0.0)).held_out == []


def test_label_noise_turns_exactly_its_share_of_the_training_pairs() -> None:
    noise = LabelNoise(0.2, 3)
    assert flips(40, noise).sum() == 8
    assert (flips(40, noise) == flips(40, noise)).all()
    assert (flips(40, noise) != flips(40, LabelNoise(0.2, 4))).any()
    assert flips(10, LabelNoise(1.0, 0)).all()
    assert not flips(10, LabelNoise()).any()


def test_a_prompts_pairs_follow_one_another_in_another_order_each_epoch() -> None:
    groups = [f"g{i // 4}" for i in range(40)]
    sampler = PromptSampler(groups, seed=0)
    first, second = list(sampler), list(sampler)
    assert sorted(first) == sorted(second) == list(range(40))
    assert first != second
    for epoch in (first, second):
        for start in range(0, 40, 4):
            assert len({groups[place] for place in epoch[start : start + 4]}) == 1
    assert list(PromptSampler(groups, seed=0)) == first


def test_what_trl_would_turn_on_by_itself_is_off_on_a_cpu(tmp_path: Path) -> None:
    given = arguments(blank(), "cpu", 10, tmp_path)
    assert not given.gradient_checkpointing
    assert not given.bf16
    assert not given.fp16
    assert given.max_length is None  # TRL drops pairs over it, silently; rmcheck cuts and counts
    assert given.report_to == []


def test_what_a_recipe_asks_for_is_on_on_a_cpu_too(tmp_path: Path) -> None:
    how = Optimisation(gradient_checkpointing=True, precision="bf16")
    given = arguments(blank(optimisation=how), "cpu", 10, tmp_path)
    assert given.gradient_checkpointing
    assert given.bf16
    half = arguments(blank(optimisation=Optimisation(precision="fp16")), "cpu", 10, tmp_path)
    assert not half.fp16  # no CPU has kernels for it


@pytest.mark.ci
@pytest.mark.parametrize(
    "asked", [{"precision": "bf16"}, {"gradient_checkpointing": True}, {"gradient_accumulation": 2}]
)
def test_the_options_of_a_recipe_change_the_cost_and_hardly_the_result(
    shared: Path, asked: dict[str, object]
) -> None:
    recipe = project.recipe_of(shared)
    pairs = project.pairs_in(shared)
    how = recipe.optimisation
    if "gradient_accumulation" in asked:
        asked = {**asked, "batch_size": how.batch_size // 2}
    changed = dataclasses.replace(recipe, optimisation=dataclasses.replace(how, **asked))
    _, plain = train(recipe, pairs, "cpu", NoProgress())
    _, other = train(changed, pairs, "cpu", NoProgress())
    assert [point.step for point in other.curve] == [point.step for point in plain.curve]
    tolerance = 0.05 if asked.get("precision") == "bf16" else 1e-3
    for ours, theirs in zip(other.curve, plain.curve, strict=True):
        assert ours.loss == pytest.approx(theirs.loss, abs=tolerance)


def test_too_few_pairs_is_an_error(shared: Path) -> None:
    with pytest.raises(TrainingError, match="expected at least 2 training pairs, got 1"):
        train(project.recipe_of(shared), numbered(1), "cpu", NoProgress())


def test_one_prompt_leaves_no_pairs_beside_those_held_out(shared: Path) -> None:
    recipe = dataclasses.replace(project.recipe_of(shared), held_out=0.2)
    with pytest.raises(
        TrainingError, match=r"pairs, got 0; held_out: 0\.2 holds out whole prompts"
    ):
        train(recipe, numbered(6, group=6), "cpu", NoProgress())


def test_a_loss_that_is_no_number_is_an_error(shared: Path) -> None:
    recipe = project.recipe_of(shared)
    wild = dataclasses.replace(
        recipe, optimisation=dataclasses.replace(recipe.optimisation, learning_rate=1e30, epochs=9)
    )
    with pytest.raises(TrainingError, match=r"the loss is (nan|inf).*a lower learning_rate"):
        train(wild, project.pairs_in(shared), "cpu", NoProgress())


def test_long_pairs_are_cut_and_counted_not_dropped(shared: Path) -> None:
    recipe = dataclasses.replace(project.recipe_of(shared), max_length=20)
    _, record = train(recipe, project.pairs_in(shared), "cpu", NoProgress())
    assert record.truncated > 0
    assert record.pairs == len(split(project.pairs_in(shared), recipe).train)


@pytest.mark.parametrize("kind", ["bert", "mistral"])
def test_a_model_that_cannot_read_a_forest_trains_on_padded_batches(
    shared: Path, tmp_path: Path, kind: str
) -> None:
    from scoring.models import save

    save(tmp_path / "base", kind)
    targets = ("query", "value") if kind == "bert" else ("q_proj", "v_proj")
    recipe = dataclasses.replace(
        project.recipe_of(shared), base=str(tmp_path / "base"), lora=Lora(4, 8, targets)
    )
    model, record = train(recipe, project.pairs_in(shared), "cpu", NoProgress())
    assert np.isfinite(record.curve[-1].loss)
    assert any("modules_to_save" in name for name, _ in model.named_parameters())


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        # PEFT adapts c_attn, and says nothing of the other one.
        (("c_attn", "c_prj"), "named 'c_prj', did you mean 'c_proj'?"),
        (("q_proj",), "named 'q_proj', did you mean"),
        (("attn",), "named 'attn', "),  # layers are in it, but it is none
    ],
)
def test_layers_that_the_base_does_not_have_are_told(
    shared: Path, targets: tuple[str, ...], expected: str
) -> None:
    recipe = dataclasses.replace(project.recipe_of(shared), lora=Lora(4, 8, targets))
    with pytest.raises(TrainingError) as caught:
        train(recipe, project.pairs_in(shared), "cpu", NoProgress())
    said = str(caught.value)
    assert said.startswith(f"{recipe.path}: lora.targets: no layer of base that LoRA can adapt is ")
    assert expected in said
    assert "(allowed: c_attn, c_fc, c_proj, " in said or "allowed: c_attn, c_fc, c_proj, " in said


def test_layers_may_be_named_with_what_they_are_in(shared: Path) -> None:
    recipe = dataclasses.replace(project.recipe_of(shared), lora=Lora(4, 8, ("attn.c_proj",)))
    model, _ = train(recipe, project.pairs_in(shared), "cpu", NoProgress())
    adapted = {name for name, _ in model.named_parameters() if "lora_A" in name}
    assert len(adapted) == 2
    assert all(".attn.c_proj." in name for name in adapted)


def test_a_tokenizer_without_the_template_that_is_asked_for_is_told(shared: Path) -> None:
    recipe = dataclasses.replace(project.recipe_of(shared), template="chat")
    with pytest.raises(TrainingError, match=r"the tokenizer of base has none; use template: def"):
        train(recipe, project.pairs_in(shared), "cpu", NoProgress())
