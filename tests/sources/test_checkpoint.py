"""`hf:`: checkpoints and adapter folders, their fingerprints, and each way in which they fail."""

from __future__ import annotations

import gc
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from scoring.models import dialogues, one_by_one, random_model, save, tokenizer
from training import project
from transformers import GPT2Config, GPT2ForSequenceClassification, GPT2LMHeadModel

from rmcheck.errors import SourceError, UsageError
from rmcheck.reward_source import Rescalable, Retrainable, RewardSource, SourceOptions
from rmcheck.sources import create
from rmcheck.sources.checkpoint import CheckpointSource
from rmcheck.sources.model_source import _LOADED


def opened(spec: str, root: Path, **options: object) -> CheckpointSource:
    given = SourceOptions(root=root, cache=root / "cache", **options)  # type: ignore[arg-type]
    source = create(spec, given)
    assert isinstance(source, CheckpointSource)
    return source


@pytest.fixture(scope="module")
def project_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = project.made(tmp_path_factory.mktemp("sources") / "p")
    project.source_of(folder).train()
    return folder


@pytest.mark.parametrize("kind", ["gpt2", "llama", "bert"])
def test_a_checkpoint_scores_as_transformers_does(tmp_path: Path, kind: str) -> None:
    save(tmp_path / "model", kind)
    texts = dialogues(20)
    source = opened("hf:model", tmp_path, device="cpu")
    expected = one_by_one(random_model(kind), tokenizer(), texts)
    np.testing.assert_allclose(source.score(texts), expected, atol=1e-4)
    assert isinstance(source, RewardSource)
    assert isinstance(source, Rescalable)
    assert not isinstance(source, Retrainable)
    assert source.device == "cpu"


def test_a_bare_path_to_a_folder_is_a_checkpoint(tmp_path: Path) -> None:
    save(tmp_path / "model")
    assert opened("model", tmp_path).fingerprint == opened("hf:model", tmp_path).fingerprint


@pytest.mark.parametrize("kind", ["gpt2", "bert", "roberta"])
def test_a_scaled_head_scales_the_scores_and_is_another_source(tmp_path: Path, kind: str) -> None:
    save(tmp_path / kind, kind)
    source = opened(f"hf:{kind}", tmp_path)
    texts = dialogues(10)
    plain = source.score(texts)
    scaled = source.with_head_scaled(3.0)
    np.testing.assert_allclose(scaled.score(texts), 3 * plain, rtol=1e-5)
    assert scaled.fingerprint != source.fingerprint
    assert scaled.spec == f"hf:{kind} × 3"
    assert source.with_head_scaled(1.0).fingerprint == source.fingerprint
    # A power of two changes no digit, and the head comes back as it was, bit for bit.
    for power in (-6, 1, 6):
        found = source.with_head_scaled(2.0**power).score(texts)
        np.testing.assert_array_equal(found, 2.0**power * plain)
    np.testing.assert_array_equal(source.score(texts), plain)


def test_one_loaded_model_serves_all_who_mean_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "model")
    loads: list[str] = []
    load = CheckpointSource._load

    def counted(self: CheckpointSource, device: str) -> object:
        loads.append(self.spec)
        return load(self, device)

    monkeypatch.setattr(CheckpointSource, "_load", counted)
    source = opened("hf:model", tmp_path)
    others = [
        *(source.with_head_scaled(factor) for factor in (0.5, 3.7)),
        source.with_head_scaled(2.0).with_head_scaled(4.0),
        opened("model", tmp_path),
    ]
    texts = dialogues(4)
    before = others[0].score(texts)  # a variant may come first
    for other in [source, *others[1:]]:
        other.score(texts)
    assert loads == ["hf:model × 0.5"]
    np.testing.assert_array_equal(source.score(texts), 2 * before)
    np.testing.assert_array_equal(others[2].score(texts), 16 * before)
    # Another precision is another model, and so is one whose files changed.
    opened("hf:model", tmp_path, dtype="bfloat16").score(texts)
    save(tmp_path / "model", seed=1)
    assert not np.allclose(opened("hf:model", tmp_path).score(texts), 2 * before)
    assert len(loads) == 3
    # When nobody means it any more, it leaves the memory.
    del source, others, other
    opened("hf:model", tmp_path, dtype="bfloat16")
    gc.collect()
    assert not [key for key in _LOADED if key[-1] == str(tmp_path / "cache")]


def test_each_source_counts_its_own_cut_texts(tmp_path: Path) -> None:
    save(tmp_path / "model")
    (tmp_path / "model" / "rmcheck.json").write_text('{"max_length": 24}')
    source, texts = opened("hf:model", tmp_path), dialogues(12)
    source.score(texts)
    cut = sum(len(ids) == 24 for ids in source.scorer.encode(texts))
    assert 0 < source.truncated <= cut
    scaled = source.with_head_scaled(2.0)
    assert scaled.truncated == 0
    before = source.truncated
    scaled.score(texts[:6])
    assert source.truncated == before


def test_an_adapter_folder_scores_as_its_recipe_does(project_folder: Path) -> None:
    recipe = project.source_of(project_folder)
    source = opened(f"hf:{recipe.adapter}", project_folder)
    texts = dialogues(20)
    np.testing.assert_allclose(source.score(texts), recipe.score(texts), atol=1e-6)
    training = recipe.training
    assert training is not None
    # A recipe also tells whether this run trained it.
    assert source.training == training.model_copy(update={"reused": False})


def test_an_adapter_without_a_sidecar_stands_on_the_base_that_peft_noted(
    project_folder: Path, tmp_path: Path
) -> None:
    recipe = project.source_of(project_folder)
    folder = Path(shutil.copytree(recipe.adapter, tmp_path / "adapter"))
    (folder / "rmcheck.json").unlink()
    source = opened("hf:adapter", tmp_path)
    texts = dialogues(20)  # short enough for the recipe's limit not to matter
    np.testing.assert_allclose(source.score(texts), recipe.score(texts), atol=1e-6)
    assert source.training is None


def test_the_sidecar_of_a_checkpoint_says_how_it_is_read(tmp_path: Path) -> None:
    save(tmp_path / "model")
    before = opened("hf:model", tmp_path)
    plain = before.score(dialogues(5))
    sidecar = {"template": "raw", "max_length": 32, "pooling": "mean"}
    (tmp_path / "model" / "rmcheck.json").write_text(json.dumps(sidecar))
    source = opened("hf:model", tmp_path)
    assert source.fingerprint != before.fingerprint
    assert not np.allclose(source.score(dialogues(5)), plain)


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: save(folder, seed=1),
        lambda folder: (folder / "tokenizer_config.json").write_text('{"x": 1}'),
        lambda folder: (folder / "rmcheck.json").write_text('{"template": "raw"}'),
        lambda folder: (folder / "rmcheck.json").write_text('{"max_length": 17}'),
        lambda folder: (folder / "rmcheck.json").write_text('{"pooling": "mean"}'),
    ],
)
def test_the_fingerprint_covers_weights_tokenizer_and_layout(
    tmp_path: Path, change: Callable[[Path], object]
) -> None:
    save(tmp_path / "model")
    before = opened("hf:model", tmp_path).fingerprint
    change(tmp_path / "model")
    assert opened("hf:model", tmp_path).fingerprint != before


def test_the_fingerprint_covers_the_dtype_and_not_the_device(tmp_path: Path) -> None:
    save(tmp_path / "model")
    known = opened("hf:model", tmp_path).fingerprint
    assert opened("hf:model", tmp_path, dtype="bfloat16").fingerprint != known
    assert opened("hf:model", tmp_path, device="cpu").fingerprint == known


def test_a_misspelt_dtype_names_the_nearest(tmp_path: Path) -> None:
    save(tmp_path / "model")
    with pytest.raises(UsageError, match=r"did you mean 'bfloat16'"):
        opened("hf:model", tmp_path, dtype="bfloat")


def test_a_base_that_changed_under_an_adapter_changes_its_fingerprint(
    project_folder: Path, tmp_path: Path
) -> None:
    moved = Path(shutil.copytree(project_folder, tmp_path / "p"))
    folder = project.source_of(moved).adapter
    (folder / "rmcheck.json").unlink()
    config = json.loads((folder / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = str(moved / "base")
    (folder / "adapter_config.json").write_text(json.dumps(config))
    before = opened(f"hf:{folder}", tmp_path).fingerprint
    project.base(moved / "base", seed=4)
    assert opened(f"hf:{folder}", tmp_path).fingerprint != before


@pytest.mark.ci
def test_the_fingerprint_needs_no_torch(tmp_path: Path) -> None:
    save(tmp_path / "model")
    program = f"""
import sys
from pathlib import Path
from rmcheck.sources import create
from rmcheck.reward_source import SourceOptions
source = create("hf:model", SourceOptions(root=Path({str(tmp_path)!r}), cache=Path("c")))
print(len(source.fingerprint), source.scores_new_text, source.training)
print(sorted({{"torch", "transformers", "peft", "pandas"}} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout == "32 True None\n[]\n"


def two_labels(folder: Path) -> None:
    GPT2ForSequenceClassification(
        GPT2Config(vocab_size=400, n_embd=32, n_layer=1, n_head=2, num_labels=2, pad_token_id=1)
    ).save_pretrained(folder)
    tokenizer().save_pretrained(folder)


def no_head(folder: Path) -> None:
    model = GPT2LMHeadModel(GPT2Config(vocab_size=400, n_embd=32, n_layer=1, n_head=2))
    model.config.num_labels = 1
    model.save_pretrained(folder)
    tokenizer().save_pretrained(folder)


def cut_short(folder: Path) -> None:
    save(folder)
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-10])


def no_tokenizer(folder: Path) -> None:
    random_model("gpt2").save_pretrained(folder)


def not_a_number(folder: Path) -> None:
    save(folder)
    path = folder / "model.safetensors"
    tensors = load_file(path)
    tensors["score.weight"].fill_(float("nan"))
    save_file(tensors, path, metadata={"format": "pt"})


def no_chat_template(folder: Path) -> None:
    save(folder)
    (folder / "rmcheck.json").write_text('{"template": "chat"}')


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (two_labels, "expected num_labels 1 for a reward model, got 2"),
        (no_head, r"is not a trained reward model \(weights missing: score\.weight\)"),
        (cut_short, "cannot be loaded"),
        (no_tokenizer, "tokenizer missing"),
        (not_a_number, "the reward of d0/chosen is nan"),
        (no_chat_template, "the tokenizer has no chat template"),
        (lambda folder: folder.mkdir(), "is not a model folder"),
    ],
)
def test_each_fault_is_one_line_that_names_the_model(
    tmp_path: Path, make: Callable[[Path], None], message: str
) -> None:
    make(tmp_path / "model")
    source = opened("hf:model", tmp_path)
    with pytest.raises(SourceError, match=message) as caught:
        source.score(dialogues(1))
    assert "model" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_path_where_nothing_lies_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "noting").mkdir()
    with pytest.raises(
        UsageError, match=r"folder not found \(looked for .*; did you mean '.*/noting'"
    ):
        opened("hf:./nothing", tmp_path)


def test_a_hub_id_without_a_hub_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    def unreachable(*_: object, **__: object) -> None:
        raise ConnectionError("no route")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", unreachable)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(SourceError, match=r"the hub could not be reached \(ConnectionError\)"):
        _ = opened("hf:somebody/reward-model", tmp_path).fingerprint


def test_a_revision_follows_an_at_sign_unless_a_folder_is_called_so(tmp_path: Path) -> None:
    source = opened("hf:somebody/reward-model@v2", tmp_path)
    assert (source.name, source.revision) == ("somebody/reward-model", "v2")
    save(tmp_path / "run@v2")
    assert opened("hf:run@v2", tmp_path).name == "run@v2"


def test_a_model_stored_in_half_precision_scores_in_float32(tmp_path: Path) -> None:
    random_model("gpt2").half().save_pretrained(tmp_path / "model")
    tokenizer().save_pretrained(tmp_path / "model")
    source = opened("hf:model", tmp_path)
    assert next(source.scorer.model.parameters()).dtype == torch.float32
    expected = one_by_one(random_model("gpt2").half().float(), tokenizer(), dialogues(5))
    np.testing.assert_allclose(source.score(dialogues(5)), expected, atol=1e-4)
