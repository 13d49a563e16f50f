"""For every architecture and kind of reading, scores are those of transformers, one by one."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from scoring.models import GROUPED, dialogues, tokenizer
from transformers import AutoConfig, AutoModelForCausalLM

from rmcheck.errors import SourceError

from .architectures import ARCHITECTURES, HEADLESS, saved, suited, without
from .test_readings import opened

ROOT = Path(__file__).resolve().parents[2]
CASES = [(name, reading) for name, found in ARCHITECTURES.items() for reading in found.readings]
QUICK = [
    ("gpt_neo", "pads with the end"), ("gptj", "headers"), ("opt", "plain"),
    ("bloom", "appends an end"), ("mpt", "chatml"), ("mixtral", "headers"), ("qwen3", "thinking"),
    ("gemma2", "renamed"), ("smollm3", "template that ends with the padding"), ("bert", "one text"),
    ("deberta-v2", "two texts"), ("electra", "two texts, cut"), ("albert", "one text, cut"),
    ("xlnet", "two texts"), ("modernbert", "one text"), ("convbert", "one text"),
    ("t5", "one text"), ("bart", "two texts"),
]  # fmt: skip


def held(root: Path, name: str, reading: str, count: int) -> None:
    """Scores from the files of a checkpoint are its own, one by one, and its path is the stated."""
    said, rewards = saved(root / "model", name, reading)
    texts = suited(name, reading, dialogues(count))
    source = opened(f"hf:model{said}", root)
    expected = rewards(texts)
    assert np.ptp(expected) > 1e-3
    np.testing.assert_allclose(source.score(texts), expected, atol=1e-5)
    told = [remark for remark in source.remarks if remark.startswith(("prefix", "padding"))]
    path = ARCHITECTURES[name].path
    starts = {
        "forest": "", "window": "prefix sharing off for texts of more than",
        "padded": "prefix sharing off: ", "alike": "padding changes its scores",
    }  # fmt: skip
    silent = path == "forest" or (path == "padded" and source.scorer.encodes)
    assert [each.startswith(starts[path]) for each in told] == ([] if silent else [True])


@pytest.mark.parametrize(("name", "reading"), QUICK)
def test_some_architectures_and_readings(tmp_path: Path, name: str, reading: str) -> None:
    held(tmp_path, name, reading, count=10)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "reading"), CASES)
def test_every_architecture_and_reading(tmp_path: Path, name: str, reading: str) -> None:
    held(tmp_path, name, reading, count=16)


@pytest.mark.parametrize("name", HEADLESS)
def test_an_architecture_without_a_head_in_transformers_is_refused_by_name(
    tmp_path: Path, name: str
) -> None:
    shape = without(GROUPED, "num_labels")
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(name, **shape))
    model.save_pretrained(tmp_path / "model")
    tokenizer().save_pretrained(tmp_path / "model")
    with pytest.raises(SourceError) as caught:
        opened("hf:model", tmp_path).score(dialogues(2))
    assert f"transformers has no reward model of the architecture {name!r}" in str(caught.value)
    assert str(caught.value).endswith("(scores:FILE)")


def test_the_page_is_made_of_the_list() -> None:
    page = ROOT / "docs/architectures.md"
    made = runpy.run_path(str(ROOT / "docs/build/architectures.py"))["files"]()
    assert made == {page: page.read_text(encoding="utf-8")}
    assert "architectures.md" in (ROOT / "docs/sources.md").read_text(encoding="utf-8")


def test_the_list_is_as_long_as_promised() -> None:
    assert len(ARCHITECTURES) >= 30
    assert len({reading for _, reading in CASES}) >= 8
    assert {name for name, _ in QUICK} <= set(ARCHITECTURES)
