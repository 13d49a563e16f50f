"""A checkpoint that rmcheck did not train is read as its own files say, and as the user says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scoring.models import dialogues, random_model

from rmcheck.data import Dialogue, Message
from rmcheck.errors import SourceError, UsageError
from rmcheck.reward_source import SourceOptions
from rmcheck.sources import create
from rmcheck.sources.checkpoint import CheckpointSource

from .readings import CHATML, HEADERS, KINDS, Kind, save


def opened(spec: str, root: Path) -> CheckpointSource:
    source = create(spec, SourceOptions(root=root, cache=root / "cache", device="cpu"))
    assert isinstance(source, CheckpointSource)
    return source


@pytest.mark.parametrize("reading", KINDS)
@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_scores_are_those_of_transformers_used_as_its_authors_do(
    tmp_path: Path, kind: str, reading: str
) -> None:
    rewards = save(tmp_path / "model", kind, KINDS[reading])
    texts = dialogues(12)
    source = opened("hf:model", tmp_path)
    np.testing.assert_allclose(source.score(texts), rewards(texts), atol=1e-5)
    found = source.describe()
    chat = bool(KINDS[reading].template)
    assert (found.template, found.end) == (
        ("chat", "template") if chat else ("default", "tokenizer")
    )
    assert found.origins["template"] == ("chat_template.jinja" if chat else "default")


@pytest.mark.parametrize("place", ["tokenizer_config.json", "chat_template.json"])
def test_a_chat_template_is_found_in_each_of_its_files(tmp_path: Path, place: str) -> None:
    folder = tmp_path / "model"
    rewards = save(folder, "gpt2", KINDS["chatml"])
    (folder / "chat_template.jinja").unlink()
    file = folder / place
    known = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps({**known, "chat_template": CHATML}))
    source = opened("hf:model", tmp_path)
    assert source.describe().origins["template"] == place
    if place == "tokenizer_config.json":
        texts = dialogues(4)
        np.testing.assert_allclose(source.score(texts), rewards(texts), atol=1e-5)


def test_what_the_spec_says_comes_first(tmp_path: Path) -> None:
    save(tmp_path / "model", "gpt2", KINDS["chatml"])
    texts = dialogues(6)
    plain = save(tmp_path / "plain", "gpt2", Kind())
    source = opened("hf:model,template=default", tmp_path)
    np.testing.assert_allclose(source.score(texts), plain(texts), atol=1e-5)
    found = source.describe()
    assert found.origins == {
        "template": "the spec", "end": "default", "max_length": "default", "pooling": "default"
    }  # fmt: skip
    assert found.spec == "hf:model,template=default"
    cut = opened("hf:model,template=raw,max_length=3,end=none,pooling=mean", tmp_path)
    assert {len(ids) for ids in cut.scorer.encode(texts)} <= {1, 2, 3}
    found = cut.describe()
    assert (found.template, found.max_length, found.end, found.pooling) == (
        "raw",
        3,
        "none",
        "mean",
    )


def test_each_reading_is_a_model_of_its_own(tmp_path: Path) -> None:
    save(tmp_path / "model", "gpt2", KINDS["chatml"])
    (tmp_path / "own.jinja").write_text(HEADERS)
    (tmp_path / "same.jinja").write_text(HEADERS)
    specs = (
        "hf:model", "hf:model,template=default", "hf:model,template=raw", "hf:model,end=none",
        "hf:model,end=eos", "hf:model,max_length=7", "hf:model,pooling=mean",
        "hf:model,template=own.jinja",
    )  # fmt: skip
    prints = [opened(spec, tmp_path).fingerprint for spec in specs]
    assert len(set(prints)) == len(specs)
    assert opened("hf:model,template=same.jinja", tmp_path).fingerprint == prints[-1]
    (tmp_path / "own.jinja").write_text(CHATML)
    assert opened("hf:model,template=own.jinja", tmp_path).fingerprint != prints[-1]


def test_a_jinja_file_is_a_template(tmp_path: Path) -> None:
    save(tmp_path / "model", "gpt2", Kind())
    rewards = save(tmp_path / "other", "gpt2", KINDS["headers"])
    (tmp_path / "own.jinja").write_text(HEADERS)
    texts = dialogues(6)
    source = opened("hf:model,template=own.jinja", tmp_path)
    np.testing.assert_allclose(source.score(texts), rewards(texts), atol=1e-5)
    assert (source.describe().template, source.describe().end) == ("own.jinja", "template")


@pytest.mark.parametrize("end", ["eos", "none"])
def test_the_end_token_that_the_spec_asks_for_is_read(tmp_path: Path, end: str) -> None:
    save(tmp_path / "model", "gpt2", KINDS["pads with the end"])
    (ids,) = opened(f"hf:model,end={end}", tmp_path).scorer.encode([Dialogue("Why?", "Rain.")])
    assert (ids[-1] == 0) == (end == "eos")


def test_a_folder_with_commas_in_its_name_is_a_folder(tmp_path: Path) -> None:
    save(tmp_path / "a,b", "gpt2", KINDS["chatml"])
    save(tmp_path / "a,end=eos", "gpt2", KINDS["chatml"])
    assert opened("hf:a,b", tmp_path).describe().end == "template"
    assert opened("hf:a,end=eos", tmp_path).describe().end == "template"
    assert opened("hf:a,b,end=eos", tmp_path).describe().end == "eos"
    assert opened("a,b,end=eos", tmp_path).describe().end == "eos"


MISTAKES = {
    "templat=chat": "unknown setting 'templat'; did you mean 'template'?",
    "template=chta": "template: got 'chta'; did you mean 'chat'?",
    "template=gone.jinja": "or the path of a Jinja file",
    "end=stop": "end: got 'stop'; allowed: eos, none, openrlhf, template, tokenizer",
    "pooling=max": "pooling: got 'max'; did you mean 'mean'? (allowed: last, mean)",
    "max_length=0": "max_length: expected a number of tokens of at least 1, got '0'",
    "max_length=many": "max_length: expected a number of tokens",
    "end=eos,end=none": "end is given twice",
}


@pytest.mark.parametrize("given", MISTAKES)
def test_a_mistaken_setting_is_told_before_anything_is_loaded(tmp_path: Path, given: str) -> None:
    save(tmp_path / "model", "gpt2", Kind())
    with pytest.raises(UsageError) as caught:
        opened(f"hf:model,{given}", tmp_path)
    assert MISTAKES[given] in str(caught.value)
    assert str(caught.value).startswith(f"hf:model,{given}: ")


UNREADABLE = {
    "template=chat": "the tokenizer has no chat template",
    "end=template": "template 'default' puts nothing after a response",
    "max_length=1000": "the model has 256 positions",
}


@pytest.mark.parametrize("given", UNREADABLE)
def test_a_reading_that_the_model_cannot_have_is_an_error(tmp_path: Path, given: str) -> None:
    save(tmp_path / "model", "gpt2", Kind())
    with pytest.raises(SourceError) as caught:
        opened(f"hf:model,{given}", tmp_path).score(dialogues(2))
    assert UNREADABLE[given] in str(caught.value)


def test_more_tokens_than_the_tokenizer_says_are_read_where_the_spec_asks(tmp_path: Path) -> None:
    save(tmp_path / "model", "gpt2", Kind())
    config = tmp_path / "model/tokenizer_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "model_max_length": 8}))
    long = [Dialogue("Why?", "the cat sat on the mat and looked at rain " * 2)]
    assert len(opened("hf:model", tmp_path).scorer.encode(long)[0]) == 8
    assert len(opened("hf:model,max_length=20", tmp_path).scorer.encode(long)[0]) == 20


def test_turns_that_a_template_refuses_are_one_line(tmp_path: Path) -> None:
    refusing = Kind("{{ raise_exception('System role not supported') }}")
    save(tmp_path / "model", "gpt2", refusing)
    turns = (Message("system", "Be short."), Message("user", "Hi"))
    with pytest.raises(SourceError, match="System role not supported") as caught:
        opened("hf:model", tmp_path).score([Dialogue(turns, "Hello.", "a1/chosen")])
    assert "\n" not in str(caught.value)
    assert "a1" in str(caught.value)


NAMES = {0: "helpful", 1: "harmless", 2: "brief"}


def several(folder: Path, kind: str) -> NDArray[np.float64]:
    """A checkpoint with three outputs; what transformers gives for `dialogues(6)`, shape (6, 3)."""
    model = random_model(kind, num_labels=3, id2label=NAMES)
    model.save_pretrained(folder)
    Kind().tokenizer().save_pretrained(folder)
    with torch.no_grad():
        rows = [model(torch.tensor([Kind().tokens(text)])).logits[0] for text in dialogues(6)]
    return torch.stack(rows).double().numpy()


@pytest.mark.parametrize("kind", ["gpt2", "roberta"])
def test_one_of_several_objectives_or_a_sum_of_them_is_the_reward(
    tmp_path: Path, kind: str
) -> None:
    expected = several(tmp_path / "model", kind)
    sums = {
        "helpful": expected[:, 0],
        "brief": expected[:, 2],
        "0.7*helpful+0.3*harmless": 0.7 * expected[:, 0] + 0.3 * expected[:, 1],
        "helpful+-1*brief": expected[:, 0] - expected[:, 2],
    }
    prints = set()
    for objective, rewards in sums.items():
        source = opened(f"hf:model,objective={objective}", tmp_path)
        np.testing.assert_allclose(source.score(dialogues(6)), rewards, atol=1e-5)
        assert source.describe().reading.endswith(f"objective {objective} (the spec)")
        prints.add(source.fingerprint)
    assert len(prints) == len(sums)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("", r"got 3 (helpful, harmless and brief); name one, or a weighted sum"),
        (",objective=helpfull", "objective 'helpfull': did you mean 'helpful'?"),
        (",objective=2*helpful+helpful", "objective 'helpful' is given twice"),
    ],
)
def test_an_objective_that_a_model_does_not_have_is_told(
    tmp_path: Path, given: str, told: str
) -> None:
    several(tmp_path / "model", "gpt2")
    with pytest.raises(SourceError) as caught:
        opened(f"hf:model{given}", tmp_path).score(dialogues(2))
    assert told in str(caught.value)
