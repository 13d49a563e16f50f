"""A served model has the scores of its local copy, or `compare` and `doctor` say why not."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification

from rmcheck.data import Dialogue, Message
from rmcheck.errors import SourceError
from rmcheck.reward_source import SourceOptions
from rmcheck.sources import create
from rmcheck.sources.model_source import HeadedModel
from rmcheck.sources.served_causes import cause
from rmcheck.sources.served_probes import SAMPLES, probes
from rmcheck.testing import check_source

from .imitation import Imitation, reward
from .local_model import ModelServer, model_server
from .real_models import gpt2
from .sources import dialogues, served

pytestmark = pytest.mark.ci

TEXTS = [
    *dialogues(6),
    Dialogue("Where did the cat sit?", "On a mat.\n", "line"),
    Dialogue((Message("user", "Hello"), Message("assistant", "Hi!"), Message("user", "Bye")), "OK"),
    Dialogue("Tell me about the rain.", "it fell on the old roof of the house " * 20, "long"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    model_server(root / "rm")
    return root


def local(folder: Path, options: str = "") -> HeadedModel:
    source = create(f"hf:rm{options}", SourceOptions(root=folder, cache=folder / ".rmcheck"))
    assert isinstance(source, HeadedModel)
    return source


@pytest.mark.parametrize(
    ("options", "reading", "form"),
    [
        ("tokenizer=rm", "", "ids"),
        ("tokenizer=rm,end=eos", ",template=chat,end=eos", "ids"),
        ("tokenizer=rm,end=none", ",template=chat,end=none", "ids"),
        ("tokenizer=rm,template=default", ",template=default", "ids"),
        ("tokenizer=rm,template=raw,max_length=40", ",template=raw,max_length=40", "ids"),
        ("template=default", ",template=default", "text"),
        ("template=raw", ",template=raw", "text"),
        ("template=messages", "", "messages"),
    ],
)
def test_the_scores_are_those_of_the_local_model(
    options: str, reading: str, form: str, folder: Path
) -> None:
    server = model_server(folder / "rm")
    source = served(server, folder, options)
    np.testing.assert_allclose(
        source.score(TEXTS), local(folder, reading).score(TEXTS), rtol=0, atol=1e-5
    )
    assert source.describe().served.form == form  # type: ignore[union-attr]


def test_a_source_keeps_what_rmcheck_asks_of_sources(folder: Path) -> None:
    check_source(served(model_server(folder / "rm"), folder, "tokenizer=rm,revision=1"))


def test_texts_over_the_server_s_limit_are_cut_here_and_counted(folder: Path) -> None:
    long = [Dialogue("it fell on the roof " * 600, "Why?", "long"), *TEXTS]
    source = served(model_server(folder / "rm"), folder, "tokenizer=rm")
    np.testing.assert_allclose(source.score(long), local(folder).score(long), rtol=0, atol=1e-5)
    assert source.truncated == 1
    bare = served(model_server(folder / "rm"), folder, "template=default")
    with pytest.raises(SourceError, match=r"long: HTTP 400 .*maximum context length is 512"):
        bare.score(long[1:] + long[:1])


def test_what_changes_scores_changes_the_fingerprint(folder: Path) -> None:
    specs = [
        "revision=1", "revision=2", "template=raw,revision=1", "tokenizer=rm,revision=1",
        "tokenizer=rm,revision=1,max_length=40", "tokenizer=rm,revision=1,end=none",
        "template=messages,revision=1",
    ]  # fmt: skip
    server = model_server(folder / "rm")
    found = [served(server, folder, spec).fingerprint for spec in specs]
    assert len({*found}) == len(specs)
    assert served(server, folder, "revision=1,batch=3,timeout=9").fingerprint == found[0]
    assert served(server, folder).fingerprint is None
    other = served(Imitation("tei"), folder).fingerprint
    changed = served(Imitation("tei", revision="fedc"), folder).fingerprint
    assert len({other, changed, None}) == 3
    with pytest.raises(SourceError, match="the server says that it serves 0123456789"):
        _ = served(Imitation("tei"), folder, "revision=main").fingerprint


def test_a_model_that_the_server_does_not_have(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="model 'rn': did you mean 'rm'"):
        served(Imitation("vllm"), tmp_path, "model=rn").score(dialogues(1))
    with pytest.raises(SourceError, match=r"several models \(there: a, b\); name one: model=NAME"):
        served(Imitation("vllm", models=("a", "b")), tmp_path).score(dialogues(1))
    assert served(Imitation("vllm", models=("a", "b")), tmp_path, "model=b").score(dialogues(1))


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


CAUSES: dict[str, tuple[dict[str, Any], str, str]] = {
    "sigmoid": ({"after": sigmoid}, "tokenizer=rm", "a sigmoid explains it"),
    "constant": ({"after": lambda _: 1.0}, "tokenizer=rm", "gives every text 1: a softmax over"),
    "two start tokens": ({"change": lambda ids: [2, *ids]}, "tokenizer=rm",
                         "two start tokens explains it"),
    "no start token": ({"change": lambda ids: ids[1:]}, "tokenizer=rm",
                       "a missing start token explains it"),
    "end token": ({"change": lambda ids: [*ids, 0]}, "tokenizer=rm",
                  "an end token that is added explains it"),
    "cut": ({"change": lambda ids: ids[:128]}, "tokenizer=rm", "a cut after 128 tokens explains"),
    "stripped": ({"before": str.strip}, "template=raw", "white space removed at the end"),
    "template": ({}, "template=default", "another reading (template=default,end=tokenizer)"),
    "both": ({"after": sigmoid, "change": lambda ids: [2, *ids]}, "tokenizer=rm",
             "a sigmoid and two start tokens explains it"),
}  # fmt: skip


@pytest.mark.parametrize("name", CAUSES)
def test_the_cause_of_other_scores_is_named(name: str, folder: Path) -> None:
    traps, options, said = CAUSES[name]
    source = served(model_server(folder / "rm", **traps), folder, options)
    reading = ",template=raw" if options == "template=raw" else ""
    found = cause(local(folder, reading), TEXTS, source.score(TEXTS))
    assert found is not None
    assert said in found


def test_another_model_has_no_cause(folder: Path) -> None:
    values = np.array([reward(one.response) for one in TEXTS])
    assert cause(local(folder), TEXTS, values) is None


def found(server: Imitation | ModelServer, root: Path, options: str = "") -> dict[str, str]:
    return {one.name: one.state for one in probes(served(server, root, options))}


CALM = dict.fromkeys(
    ("activation", "two start tokens", "silent cut", "white space", "batch", "order", "repetition"),
    "fine",
)


def test_doctor_finds_nothing_on_a_sound_server(folder: Path) -> None:
    states = found(model_server(folder / "rm"), folder, "tokenizer=rm")
    assert states == {**CALM, "template": "fine"}


def noisy(folder: Path) -> ModelServer:
    values = iter(range(10**6))
    return model_server(folder / "rm", after=lambda value: value + next(values))


PROBED: dict[str, tuple[Callable[[Path], Imitation], str, str]] = {
    "sigmoid": (lambda folder: model_server(folder / "rm", after=sigmoid), "", "activation"),
    "softmax": (lambda folder: model_server(folder / "rm", after=lambda _: 1.0), "", "activation"),
    "template": (lambda folder: model_server(folder / "rm"), "", "template"),
    "stripped": (lambda _: Imitation("tei", strips=True), "", "white space"),
    "cut": (lambda _: Imitation("openrlhf", cuts=2048), "", "silent cut"),
    "noise": (noisy, "", "repetition"),
}


@pytest.mark.parametrize("name", PROBED)
def test_doctor_names_what_is_in_between(name: str, folder: Path) -> None:
    made, options, probe = PROBED[name]
    assert found(made(folder), folder, options)[probe] == "found"


def test_doctor_sees_an_order_that_is_not_that_of_the_texts(folder: Path) -> None:
    from .imitation import shuffled

    server = Imitation("openrlhf", fault=lambda _: shuffled)
    assert found(server, folder)["order"] == "found"


def test_doctor_says_that_text_gets_a_second_start_token(folder: Path) -> None:
    source = served(model_server(folder / "rm"), folder, "tokenizer=rm")
    (said,) = [one.said for one in probes(source) if one.name == "two start tokens"]
    assert "adds a start token to a text that has one" in said
    assert "token ids are sent, so that it does not happen here" in said
    assert len(SAMPLES) == 12


def test_token_types_of_a_gpt2_are_known_as_a_cause(tmp_path: Path) -> None:
    """A server that passes token_type_ids on adds an embedding to every token of a GPT-2."""
    source = create(f"hf:{gpt2(tmp_path / 'rm')}", SourceOptions(root=tmp_path, cache=tmp_path))
    assert isinstance(source, HeadedModel)
    network = AutoModelForSequenceClassification.from_pretrained(tmp_path / "rm").eval()
    values = []
    for ids in source.scorer.encode(TEXTS):
        given = torch.tensor(ids[None])
        with torch.inference_mode():
            logits = network(input_ids=given, token_type_ids=torch.zeros_like(given)).logits
        values.append(float(logits[0, 0]))
    found = cause(source, TEXTS, np.array(values))
    assert found is not None
    assert "token_type_ids that the model was not trained with explains it" in found
