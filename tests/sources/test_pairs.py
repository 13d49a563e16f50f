"""Cross-encoders: prompt and response are the tokenizer's two inputs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scoring.models import (
    CONFIGURATIONS,
    ENCLOSED,
    ENDED,
    SHAPE,
    dialogues,
    random_model,
    tokenizer,
)
from transformers import AutoConfig, AutoModelForSequenceClassification

from rmcheck.data import Dialogue, Message
from rmcheck.errors import SourceError, UsageError
from rmcheck.sources import create

from .test_readings import opened

TYPED = {"model_input_names": ["input_ids", "token_type_ids", "attention_mask"]}
SHAPES: dict[str, dict[str, Any]] = {
    "bert": SHAPE,
    "roberta": {**SHAPE, "type_vocab_size": 1},
    "deberta-v2": CONFIGURATIONS["deberta-v2"],
    "electra": {**SHAPE, "embedding_size": 32},
    "distilbert": {
        **{key: value for key, value in SHAPE.items() if key != "intermediate_size"},
        "dim": 32, "hidden_dim": 64, "n_layers": 2, "n_heads": 4,
    },
    "xlnet": {"vocab_size": 400, "d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 64,
              "initializer_range": 0.2, "num_labels": 1, "pad_token_id": 1},
    "gpt2": CONFIGURATIONS["gpt2"],
}  # fmt: skip
TOKENIZERS: dict[str, dict[str, Any]] = {
    "xlnet": {"around": ENDED, "padding_side": "left", **TYPED},
    "roberta": {"around": ENCLOSED},
    "gpt2": {"around": {"single": "$A", "pair": "$A <|end|> $B:1"}, **TYPED},
}


def saved(folder: Path, kind: str, **changes: Any) -> tuple[Any, Any]:
    """A random model of two layers on disk, and its tokenizer."""
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, **{**SHAPES[kind], **changes})
    model = AutoModelForSequenceClassification.from_config(config).eval()
    with torch.no_grad():  # a small initial spread of these would hide the types of tokens
        for name, weight in model.named_parameters():
            if "token_type" in name or "seg_embed" in name or "r_s_bias" in name:
                weight.normal_(std=1.0)
    made = tokenizer(**TOKENIZERS.get(kind, {"around": ENCLOSED, **TYPED}))
    model.save_pretrained(folder)
    made.save_pretrained(folder)
    return model, made


def one_by_one(
    kind: str, model: Any, made: Any, texts: Sequence[Dialogue], **options: Any
) -> NDArray[np.float64]:
    """What transformers gives for `tokenizer(prompt, response)`, a pair at a time."""
    rewards = []
    for text in texts:
        given = made(text.prompt, text.response, return_tensors="pt", **options)
        if kind in ("gpt2", "distilbert"):  # one adds them to the tokens, one refuses them
            given.pop("token_type_ids")
        with torch.no_grad():
            rewards.append(float(model(**given).logits[0, 0]))
    return np.array(rewards)


@pytest.mark.parametrize("kind", SHAPES)
def test_scores_are_those_of_the_pairs_one_by_one(tmp_path: Path, kind: str) -> None:
    model, made = saved(tmp_path / "model", kind)
    texts = dialogues(14)
    source = opened("hf:model,template=pair", tmp_path)
    np.testing.assert_allclose(source.score(texts), one_by_one(kind, model, made, texts), atol=1e-5)
    found = source.describe()
    assert (found.template, found.end) == ("pair", "tokenizer")
    assert source.fingerprint != opened("hf:model", tmp_path).fingerprint


@pytest.mark.parametrize("kind", ["bert", "xlnet"])
def test_the_types_of_tokens_matter(tmp_path: Path, kind: str) -> None:
    model, made = saved(tmp_path / "model", kind)
    texts = dialogues(6)
    typed = one_by_one(kind, model, made, texts)
    made.model_input_names = ["input_ids", "attention_mask"]
    assert np.abs(typed - one_by_one(kind, model, made, texts)).max() > 1e-2


def test_one_text_of_an_encoder_that_reads_its_last_token_is_padded_on_the_left(
    tmp_path: Path,
) -> None:
    model, made = saved(tmp_path / "model", "xlnet")
    texts = dialogues(12)
    expected = []
    for text in texts:
        written = f"Human: {text.prompt}\n\nAssistant: {text.response}"
        with torch.no_grad():
            expected.append(float(model(**made(written, return_tensors="pt")).logits[0, 0]))
    np.testing.assert_allclose(opened("hf:model", tmp_path).score(texts), expected, atol=1e-5)


@pytest.mark.parametrize("side", ["left", "right"])
def test_of_a_long_pair_the_prompt_is_cut_as_the_tokenizer_does(tmp_path: Path, side: str) -> None:
    model, _ = saved(tmp_path / "model", "bert")
    made = tokenizer(around=ENCLOSED, truncation_side=side, **TYPED)
    made.save_pretrained(tmp_path / "model")
    texts = [Dialogue("the old house by the river where nobody lived " * 3, "rain fell on it")]
    source = opened("hf:model,template=pair,max_length=20", tmp_path)
    options = {"truncation": "only_first", "max_length": 20}
    expected = one_by_one("bert", model, made, texts, **options)
    np.testing.assert_allclose(source.score(texts), expected, atol=1e-5)
    assert source.truncated == 1
    (ids,) = source.scorer.encode(texts)
    assert ids.tolist() == made(texts[0].prompt, texts[0].response, **options)["input_ids"]


def test_a_response_that_alone_is_too_long_keeps_its_beginning(tmp_path: Path) -> None:
    _, made = saved(tmp_path / "model", "bert")
    source = opened("hf:model,template=pair,max_length=12", tmp_path)
    long = "the cat sat on a mat and looked at rain while it fell on the old roof"
    (ids,) = source.scorer.encode([Dialogue("Why is it so?", long)])
    body = made(long, add_special_tokens=False)["input_ids"]
    assert ids.tolist() == [2, 0, *body[:9], 0]
    assert source.scorer.truncated == 1


def test_turns_are_one_text(tmp_path: Path) -> None:
    _, made = saved(tmp_path / "model", "bert")
    scorer = opened("hf:model,template=pair", tmp_path).scorer
    turns = (Message("user", "Why?"), Message("assistant", "Rain."), Message("user", "Really?"))
    one, bare, several = scorer.encode(
        [Dialogue((turns[0],), "Yes."), Dialogue("Why?", "Yes."), Dialogue(turns, "Yes.")]
    )
    assert one.tolist() == bare.tolist()
    joined = "user: Why?\n\nassistant: Rain.\n\nuser: Really?"
    assert several.tolist() == made(joined, "Yes.")["input_ids"]


def test_texts_with_the_separator_that_make_two_pairs_one_are_refused(tmp_path: Path) -> None:
    saved(tmp_path / "model", "bert")
    texts = [
        Dialogue("rain<|end|>roof", "cat", "a/chosen"),
        Dialogue("rain", "roof<|end|>cat", "b"),
    ]
    with pytest.raises(SourceError, match=r"^b: its prompt or response contains the token"):
        opened("hf:model,template=pair", tmp_path).score(texts)


def test_only_the_tokenizer_says_how_a_pair_ends(tmp_path: Path) -> None:
    saved(tmp_path / "model", "bert")
    with pytest.raises(SourceError, match=r"with template 'pair' the tokenizer says .*remove end"):
        opened("hf:model,template=pair,end=none", tmp_path).score(dialogues(1))
    with pytest.raises(UsageError, match="template 'pair' is for models of two texts"):
        create("dpo:model,template=pair", opened("hf:model", tmp_path).options)


SIGMOID = "torch.nn.modules.activation.Sigmoid"
FILES: dict[str, dict[str, dict[str, Any]]] = {
    "version 4": {"config.json": {"sentence_transformers": {"activation_fn": SIGMOID}}},
    "version 3": {"config.json": {"sbert_ce_default_activation_function": SIGMOID}},
    "version 6": {
        "config_sentence_transformers.json": {
            "model_type": "CrossEncoder", "activation_fn": SIGMOID, "default_prompt_name": None,
        },
        "sentence_bert_config.json": {"max_seq_length": 18},
    },
}  # fmt: skip


def with_files(folder: Path, files: dict[str, dict[str, Any]]) -> None:
    """Add keys to the JSON files of a model."""
    for name, content in files.items():
        path = folder / name
        known = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps({**known, **content}))


@pytest.mark.parametrize("version", FILES)
def test_a_cross_encoder_is_known_by_its_files(tmp_path: Path, version: str) -> None:
    model, made = saved(tmp_path / "model", "bert")
    with_files(tmp_path / "model", FILES[version])
    file = next(iter(FILES[version]))
    source = opened("hf:model", tmp_path)
    limited = "sentence_bert_config.json" in FILES[version]
    options = {"truncation": "only_first", "max_length": 18} if limited else {}
    texts = [text for text in dialogues(12) if len(text.response) < 60]
    np.testing.assert_allclose(
        source.score(texts), one_by_one("bert", model, made, texts, **options), atol=1e-5
    )
    assert source.remarks[0] == (
        f"cross-encoder ({file}): the reward is the raw logit; the activation of "
        "sentence-transformers (Sigmoid) is not applied"
    )
    found = source.describe()
    assert found.reading.startswith(f"template pair ({file}), end tokenizer ({file}), max_length ")
    assert ("max_length 18 (sentence_bert_config.json)" in found.reading) == limited
    assert opened("hf:model,template=raw", tmp_path).describe().template == "raw"


def test_what_a_cross_encoder_adds_to_its_model_is_refused_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    saved(folder, "bert")
    with_files(folder, FILES["version 6"])
    modules = [
        {"type": "sentence_transformers.base.modules.transformer.Transformer"},
        {"type": "sentence_transformers.base.modules.dense.Dense"},
    ]
    (folder / "modules.json").write_text(json.dumps(modules[:1]))
    assert opened("hf:model", tmp_path).layout.template == "pair"
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(SourceError, match=r"modules\.json has Dense after the model"):
        _ = opened("hf:model", tmp_path).layout
    (folder / "modules.json").unlink()
    with_files(folder, {"config_sentence_transformers.json": {"default_prompt_name": "judge"}})
    with pytest.raises(SourceError, match="puts the prompt 'judge' before each pair"):
        _ = opened("hf:model", tmp_path).layout
    assert opened("hf:model,template=pair", tmp_path).layout.template == "pair"


def test_a_model_of_sentence_transformers_that_is_no_cross_encoder_is_read_as_before(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "model"
    saved(folder, "bert")
    with_files(folder, {"config_sentence_transformers.json": {"model_type": "SentenceTransformer"}})
    (folder / "modules.json").write_text("not JSON")
    assert opened("hf:model", tmp_path).layout.template == "default"


def test_doctor_tries_pairs_with_an_encoder_only(tmp_path: Path) -> None:
    from rmcheck.data import PreferencePair
    from rmcheck.sources.readings import compare_readings

    saved(tmp_path / "model", "bert")
    random_model("gpt2").save_pretrained(tmp_path / "decoder")
    tokenizer().save_pretrained(tmp_path / "decoder")
    pairs = [PreferencePair(f"p{n}", f"q{n}", f"the cat {n}", "rain", f"q{n}") for n in range(20)]
    tried = compare_readings(opened("hf:model", tmp_path), pairs)
    assert [each.layout.template for each in tried] == ["default", "pair", "raw"]
    tried = compare_readings(opened("hf:model,template=pair", tmp_path), pairs)
    assert [each.layout.template for each in tried] == ["pair", "default", "raw"]
    tried = compare_readings(opened("hf:decoder", tmp_path), pairs)
    assert "pair" not in {each.layout.template for each in tried}
