"""Averaged adapters: the weights are the mean of the weights, and only what fits is averaged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import GPT2ForSequenceClassification

from rmcheck.cli import main
from rmcheck.errors import SourceError, UsageError
from rmcheck.scoring.files import FileHashes
from rmcheck.scoring.loading import load_base
from rmcheck.training.adapter import Backbone, Sidecar, base_of, read_sidecar, save
from rmcheck.training.attachment import attach
from rmcheck.training.averaging import average
from training import project as small


def adapter(folder: Path, name: str, *, rank: int, seed: int, rslora: bool = False) -> Path:
    """An adapter of random weights on the base in `folder`."""
    torch.manual_seed(seed)
    base = GPT2ForSequenceClassification.from_pretrained(folder / "base", num_labels=1)
    config = LoraConfig(
        task_type="SEQ_CLS", r=rank, lora_alpha=3 * rank, target_modules=["c_attn", "c_proj"],
        modules_to_save=["score"], fan_in_fan_out=True, use_rslora=rslora,
    )  # fmt: skip
    model = get_peft_model(base, config)
    for key, weight in model.named_parameters():
        if "lora_B" in key or "modules_to_save" in key:
            torch.nn.init.normal_(weight)
    from rmcheck.scoring.files import locate

    stamp = locate(str(folder / "base"), folder).hash(FileHashes(folder / "cache"), [])
    (folder / name).mkdir()
    backbone = Backbone(name="../base", hash=stamp)
    save(model, folder / name, Sidecar(backbone=backbone, pooling="mean", max_length=64))
    return folder / name


def merged(folder: Path) -> dict[str, torch.Tensor]:
    """All weights of an adapter on its base."""
    files, _ = base_of(folder, FileHashes(folder.parent / "cache"))
    base, missing = load_base(files, seed=0, gguf_file=None)
    return {
        name: weight.double() for name, weight in attach(base, folder, missing).state_dict().items()
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    small.base(tmp_path / "base", width=16)
    return tmp_path


@pytest.mark.ci
def test_the_weights_are_the_mean_of_the_weights(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Ranks and scales may differ: 3 for the first two, 3 · sqrt(2) for the third.
    parts = [
        adapter(folder, "a", rank=2, seed=1), adapter(folder, "b", rank=4, seed=2),
        adapter(folder, "c", rank=2, seed=3, rslora=True),
    ]  # fmt: skip
    code = main(["average", *map(str, parts), "-o", str(folder / "deep/mean")])
    assert code == 0, capsys.readouterr().err
    assert "the average of 3 adapters (rank 8)" in capsys.readouterr().out
    found, each = merged(folder / "deep/mean"), [merged(part) for part in parts]
    assert found.keys() == each[0].keys()
    changed = 0
    for name, weight in found.items():
        mean = torch.stack([one[name] for one in each]).mean(dim=0)
        torch.testing.assert_close(weight, mean, atol=1e-4, rtol=1e-4)
        changed += not torch.equal(each[0][name], each[1][name])
    assert changed == 2 * 3 + 1  # c_attn and two c_proj in each of two layers, and the head
    sidecar = read_sidecar(folder / "deep/mean")
    assert sidecar is not None
    assert (sidecar.pooling, sidecar.max_length) == ("mean", 64)


def test_weights_say_how_much_each_adapter_counts(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = [adapter(folder, name, rank=2, seed=seed) for seed, name in enumerate("ab")]
    # In any unit: 3 to 1 is 0.75 and 0.25.
    given = ["average", *map(str, parts), "-o", str(folder / "mean"), "--weights", "3", "1"]
    assert main(given) == 0, capsys.readouterr().err
    found, (first, second) = merged(folder / "mean"), map(merged, parts)
    for name, weight in found.items():
        expected = 0.75 * first[name] + 0.25 * second[name]
        torch.testing.assert_close(weight, expected, atol=1e-4, rtol=1e-4)
    # The same, merged: a model of transformers that needs no adapter.
    given[4] = str(folder / "whole")
    assert main([*given, "--merge"]) == 0, capsys.readouterr().err
    assert "the average of 2 adapters, merged into their base" in capsys.readouterr().out
    whole = GPT2ForSequenceClassification.from_pretrained(folder / "whole").state_dict()
    assert whole.keys() == found.keys()
    for name, weight in found.items():
        torch.testing.assert_close(whole[name].double(), weight, atol=1e-6, rtol=1e-6)
    hashes = FileHashes(folder / "cache")
    for wrong, said in (
        ([1.0], r"expected 2 numbers, one for each adapter, got \[1\.0\]"),
        ([1.0, -1.0], "with a sum above 0"),
        ([1.0, float("nan")], "expected finite numbers"),
    ):
        with pytest.raises(UsageError, match=said):
            average(parts, folder / "out", hashes, wrong)
    assert not (folder / "out").exists()


def test_what_does_not_belong_together_is_refused(folder: Path) -> None:
    hashes = FileHashes(folder / "cache")
    one, two = adapter(folder, "a", rank=2, seed=1), adapter(folder, "b", rank=2, seed=2)
    with pytest.raises(UsageError, match="expected two or more adapters, got one"):
        average([one], folder / "out", hashes)
    with pytest.raises(UsageError, match="already exists and is not an empty folder"):
        average([one, two], one, hashes)
    shutil.copytree(two, folder / "dora")
    (folder / "dora" / "rmcheck.json").unlink()
    config = json.loads((two / "adapter_config.json").read_text())
    (folder / "dora" / "adapter_config.json").write_text(json.dumps({**config, "use_dora": True}))
    with pytest.raises(SourceError, match="dora: LoRA with use_dora cannot be averaged"):
        average([one, folder / "dora"], folder / "out", hashes)
    (folder / "dora" / "adapter_config.json").write_text(json.dumps({**config, "peft_type": "IA3"}))
    with pytest.raises(SourceError, match="expected a LoRA adapter, got PEFT's type IA3"):
        average([one, folder / "dora"], folder / "out", hashes)
    other = folder / "elsewhere"
    other.mkdir()
    small.base(other / "base", width=16, seed=5)
    with pytest.raises(UsageError, match="its base model is not that of"):
        average([one, adapter(other, "c", rank=2, seed=3)], folder / "out", hashes)
    assert not (folder / "out").exists()


def test_what_is_not_several_adapters_is_refused_by_name(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = adapter(folder, "a", rank=2, seed=1)
    for given, said in (
        ([one, folder / "a" / ".." / "a"], "a: given more than once; name each adapter once"),
        ([one, folder], f"{folder}: not an adapter: it has no adapter_config.json"),
    ):
        assert main(["average", *map(str, given), "-o", str(folder / "out")]) == 4
        assert said in capsys.readouterr().err
    assert not (folder / "out").exists()
