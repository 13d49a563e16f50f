"""A change of what our own code makes of the same files is a change of the hashes.

Each test pins what the code does under its format version. Where one fails and the change is
meant, add 1 to the constant that it names, and put the new value here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from perturb.samples import CHAT, CHINESE, CODE, ENGLISH, OTHERS, QUESTION

from rmcheck.data import Dialogue, Message, PreferencePair
from rmcheck.data import template as templates
from rmcheck.data.dialogue import content_hash
from rmcheck.data.template import TEMPLATE_FORMAT, render
from rmcheck.perturb import TRANSFORMATIONS, chosen
from rmcheck.perturb.transformation import PERTURB_FORMAT
from rmcheck.reward_source import SourceOptions
from rmcheck.scoring import tokens
from rmcheck.scoring.files import FileHashes, locate
from rmcheck.scoring.tokens import SCORER_FORMAT, Tokens
from rmcheck.sources import create, model_source
from rmcheck.training import recipe as recipes
from rmcheck.training.batches import PromptSampler
from rmcheck.training.loss_key import asked_of
from rmcheck.training.losses import LOSSES
from rmcheck.training.preparation import flips, split
from rmcheck.training.recipe import TRAINER_FORMAT, LabelNoise, Recipe
from rmcheck.training.recipe_file import load_recipe

TURNS = tuple(
    Message(role, f"{role} says: ü\n {{x}}")
    for role in ("system", "user", "assistant", "tool", "human")
)
DIALOGUES = [
    Dialogue("Why?", "Because."),
    Dialogue("", ""),
    Dialogue(" a\n\nHuman: b ", "\n\tc\u2028  "),
    Dialogue(TURNS, "Well, 1,000 of them."),
    Dialogue("Tell me about rivers. " * 30, "A river is long."),
    Dialogue("Short?", "No, this one is long. " * 30),
]


class Chat:
    """A tokenizer with a chat template that shows all that it is given."""

    chat_template = "given"

    def apply_chat_template(self, conversation: Any, **options: Any) -> str:
        return f"{conversation} {sorted(options.items())} "


def test_template_format() -> None:
    texts = [
        render(dialogue, template, Chat())
        for template in templates.TEMPLATES
        for dialogue in DIALOGUES
    ]
    assert (TEMPLATE_FORMAT, content_hash(*texts)) == (1, "ff5d346546868482dfb0972e9d5d66a0")


def test_perturb_format() -> None:
    # English with code and mathematics, messages and Chinese, and code alone.
    text = f"{ENGLISH}\n\nHe is here."
    texts = [Dialogue(QUESTION, text), Dialogue(CHAT, CHINESE), Dialogue("He is?", CODE)]
    made = [
        (name, copy.prompt if isinstance(copy.prompt, str) else str(copy.prompt), copy.response)
        for name in TRANSFORMATIONS.ours
        for dialogue in texts
        if (copy := chosen([name])[0].copy(dialogue, seed=1, others=OTHERS)) is not None
    ]
    assert (PERTURB_FORMAT, content_hash(*made)) == (1, "76f9745a4864f02399f38435b73ee6d7")


@pytest.fixture(scope="module")
def shipped() -> tuple[Any, Any]:
    """The shipped language model with the head of seed 0, and its tokenizer."""
    from rmcheck.scoring.loading import load_base, load_tokenizer

    files = locate("shipped:models/tiny-gpt2", Path())
    return load_base(files, seed=0).model, load_tokenizer(files)


def test_scorer_format_of_tokens(shipped: tuple[Any, Any]) -> None:
    made = Tokens(shipped[1], "default", 40, end="none")
    ids = [one.tolist() for one in made.encode(DIALOGUES)]
    assert (SCORER_FORMAT, content_hash(ids, made.truncated)) == (
        1,
        "f3a003fc522fa9748757b9ac61e19c5f",
    )


REWARDS = {
    "last": [0.5835, -0.7903, 0.0965, 1.2609, 0.4823, 0.1517],
    "mean": [-0.0942, -0.3328, -0.1923, 0.0041, -0.36, 0.1326],
}


@pytest.mark.parametrize("pooling", REWARDS)
def test_scorer_format_of_rewards(shipped: tuple[Any, Any], pooling: str) -> None:
    from rmcheck.scoring.scorer import Scorer

    scores = Scorer(*shipped, max_length=40, pooling=pooling).score(DIALOGUES)
    assert SCORER_FORMAT == 1
    assert scores == pytest.approx(np.array(REWARDS[pooling]), abs=1e-3)


def test_trainer_format() -> None:
    pairs = [
        PreferencePair(f"p{i}", f"q{i // 3}", f"good {i}", f"bad {i}", f"q{i // 3}")
        for i in range(60)
    ]
    recipe = Recipe(name="r", path=Path("r.yaml"), base="b", data=("d",), limit=40, seed=3)
    parts = split(pairs, recipe)
    gap = torch.tensor([-1.0, 0.0, 2.0])
    losses = {
        name: [
            round(float(value), 4) for value in LOSSES.find(name)(gap, -gap, torch.full((3,), 0.5))
        ]
        for name in ("bradley_terry", "hinge")
    }
    behaviour = [
        [pair.id for pair in parts.train],
        [pair.id for pair in parts.held_out],
        flips(40, LabelNoise(0.3, 5)).tolist(),
        list(PromptSampler([pair.group for pair in parts.train], 3)),
        losses,
        [recipes.steps_of(recipe, count) for count in (1, 8, 60)],
    ]
    assert (TRAINER_FORMAT, content_hash(*behaviour)) == (1, "40d9c387cab2a908d534aac56b2d8aba")


def test_trainer_format_of_the_other_losses() -> None:
    chosen, rejected = torch.tensor([-1.0, 0.0, 2.0]), torch.tensor([1.0, 0.0, -2.0])
    margin = torch.full((3,), 0.5)
    columns = {
        "confidence": torch.tensor([0.6, 0.8, 1.0]),
        "ratings": torch.tensor([[5.0, 1.0], [4.0, 3.0], [3.0, 3.0]]),
    }
    losses = {}
    for name in sorted(LOSSES.names()):
        asked = asked_of(name)
        if not asked.sets:
            given = {column: columns[column] for column in asked.columns}
            values = LOSSES.find(name)(chosen, rejected, margin, **given)
            losses[name] = [round(float(value), 4) for value in values]
    assert len(losses) == 11
    assert (TRAINER_FORMAT, content_hash(losses)) == (1, "2efbabc75de5ed6c7211ead88715b61e")


@pytest.mark.parametrize(
    ("module", "name", "changes_adapter"),
    [
        (model_source, "SCORER_FORMAT", False),
        (model_source, "TEMPLATE_FORMAT", False),
        (recipes, "TEMPLATE_FORMAT", True),
        (recipes, "TRAINER_FORMAT", True),
    ],
)
def test_a_later_format_changes_the_fingerprints(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    module: Any,
    name: str,
    changes_adapter: bool,
) -> None:
    options = SourceOptions(root=tmp_path, cache=tmp_path / "cache")

    def fingerprints() -> tuple[str | None, str]:
        adapter = load_recipe("tiny", tmp_path).fingerprint(FileHashes(tmp_path))
        return create("recipe:tiny", options).fingerprint, adapter

    model, adapter = fingerprints()
    monkeypatch.setattr(module, name, 2)
    later, other = fingerprints()
    assert later != model
    assert (other != adapter) == changes_adapter


def test_the_first_formats_add_nothing() -> None:
    """Hashes of before there were formats stay as they were."""
    assert model_source.model_hash("identity", "float32") == content_hash("identity", "float32")
    assert tokens.SCORER_FORMAT == 1
