"""Each profile asks its server for raw rewards and reads them, whatever the order or the batch."""

from __future__ import annotations

import json
import re
import sys
import types
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from rmcheck import registry
from rmcheck.data.template import render
from rmcheck.registry import BrokenEntryPoint
from rmcheck.remote.connection import Reply
from rmcheck.reward_source import SourceOptions
from rmcheck.sources.served import ServedSource
from rmcheck.sources.served_settings import from_spec

from .imitation import BOS, Imitation, refusing, reward, serving, told
from .sources import dialogues, served

# What each server makes of the text that is sent, by its tokenizer; the imitation scores that.
PREFIX = {"vllm": BOS, "vllm-pooling": BOS, "sglang": BOS}
PROFILES = ("vllm", "vllm-pooling", "sglang", "tei", "openrlhf", "hf-endpoint")


@pytest.mark.parametrize("profile", PROFILES)
def test_a_text_has_the_raw_reward_of_the_server(profile: str, tmp_path: Path) -> None:
    server = Imitation(profile)
    texts = dialogues(70)
    expected = [reward(PREFIX.get(profile, "") + render(one, "default")) for one in texts]
    np.testing.assert_array_equal(served(server, tmp_path).score(texts), expected)
    # One text alone, then batches.
    assert server.requests < 12


@pytest.mark.parametrize("profile", ["vllm", "vllm-pooling", "nim"])
def test_messages_are_formatted_by_the_server(profile: str, tmp_path: Path) -> None:
    server = Imitation(profile)
    source = served(server, tmp_path, "" if profile == "nim" else "template=messages")
    texts = dialogues(5)
    expected = [
        reward(told([{"role": "user", "content": str(one.prompt)},
                     {"role": "assistant", "content": one.response}]))
        for one in texts
    ]  # fmt: skip
    np.testing.assert_array_equal(source.score(texts), expected)
    assert server.requests == 5  # one conversation in a request
    assert source.describe().template == "messages"


def test_infinity_tells_labels_apart_by_name(tmp_path: Path) -> None:
    texts = dialogues(20)
    source = served(Imitation("infinity"), tmp_path, "objective=good")
    expected = [1 / (1 + 2.718281828 ** -reward(render(one, "default"))) for one in texts]
    np.testing.assert_array_equal(source.score(texts), expected)
    assert any("softmax" in remark for remark in source.remarks)
    both = served(Imitation("infinity"), tmp_path)
    with pytest.raises(Exception, match=r"gives 2 numbers for a text \(bad, good\); choose one"):
        both.score(texts)


def test_requests_pin_what_makes_a_score_raw(tmp_path: Path) -> None:
    sent = {}
    for profile in ("vllm", "vllm-pooling", "tei"):
        server = Imitation(profile)
        served(server, tmp_path).score(dialogues(1))
        sent[profile] = server.seen[0]
    assert sent["vllm"] == {
        "model": "rm", "use_activation": False, "add_special_tokens": True,
        "input": ["Human: What is 0 plus one?\n\nAssistant: It is 1."],
    }  # fmt: skip
    assert sent["vllm-pooling"]["task"] == "classify"
    # A flat list of two texts would be one pair.
    assert sent["tei"] == {
        "inputs": [["Human: What is 0 plus one?\n\nAssistant: It is 1."]],
        "raw_scores": True,
        "truncate": False,
    }


def test_the_server_s_limits_are_kept(tmp_path: Path) -> None:
    server = Imitation("tei", most=4)
    source = served(server, tmp_path)
    source.score(dialogues(41))
    assert max(len(asked["inputs"]) for asked in server.seen) == 4
    assert source.requests.split == 0


def test_a_request_over_the_server_s_bytes_is_split(tmp_path: Path) -> None:
    server = Imitation("tei")
    texts = [*dialogues(3), *(
        type(one)(one.prompt, "word " * 120_000 + one.response, one.key) for one in dialogues(5)
    )]  # fmt: skip
    source = served(server, tmp_path)
    assert np.isfinite(source.score(texts)).all()
    assert source.requests.split >= 1
    assert set(server.answered.values()) == {1}


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ('{"input": "{texts}"}', "$.data[*].probs[0]"),
        ('{"input": ["{text}"]}', "$.data[0].probs[0]"),
    ],
)
def test_generic_takes_a_body_and_a_path(body: str, answer: str, tmp_path: Path) -> None:

    server = Imitation("vllm")
    with serving(server) as base:
        _generic(f"{base}/classify", server, body, answer, tmp_path)


def _generic(url: str, server: Imitation, body: str, answer: str, tmp_path: Path) -> None:
    said = f"profile=generic,model=rm,body={body},answer={answer},revision=1"
    source = ServedSource(
        from_spec(url, said, f"{url},{said}", tmp_path),
        SourceOptions(root=tmp_path, cache=tmp_path),
    )
    texts = dialogues(6)
    found = source.score(texts)
    expected = [1 / (1 + 2.718281828 ** -reward(BOS + render(one, "default"))) for one in texts]
    np.testing.assert_allclose(found, expected)  # the body does not ask for raw scores
    assert source.fingerprint != served(server, tmp_path, "revision=1").fingerprint


def test_a_package_adds_a_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The profile on the page, registered as an entry point does it."""
    page = (Path(__file__).parents[2] / "docs/extend.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(from rmcheck\.remote.*?)```", page, re.DOTALL)
    module = types.ModuleType("our_profiles")
    exec(code, module.__dict__)
    monkeypatch.setitem(sys.modules, "our_profiles", module)
    points = {
        "ours": EntryPoint("ours", "our_profiles:Ours", "rmcheck.profiles"),
        "odd": EntryPoint("odd", "our_profiles:in_order", "rmcheck.profiles"),
    }
    monkeypatch.setattr(
        registry,
        "entry_points",
        lambda group: list(points.values()) if group == "rmcheck.profiles" else [],
    )

    class Ours(Imitation):
        def answer(self, method, path, headers, body):  # type: ignore[no-untyped-def]
            if method == "GET" or path != "/v2/rewards":
                return Reply(404, {}, b"{}")
            values = [reward(text) for text in json.loads(body)["texts"]]
            return Reply(200, {}, json.dumps({"rewards": values}).encode())

    source = served(Ours("ours"), tmp_path)
    texts = dialogues(40)
    np.testing.assert_array_equal(
        source.score(texts), [reward(render(one, "default")) for one in texts]
    )
    with pytest.raises(BrokenEntryPoint, match=r"odd.*expected a subclass of rmcheck\.remote"):
        served(Ours("odd"), tmp_path)


def test_an_activation_that_may_be_in_between_is_told(tmp_path: Path) -> None:
    said = {}
    for name, score in (
        ("sigmoid", lambda text: (reward(text) + 4) / 9 + 0.01),
        ("constant", lambda _: 1.0),
        ("raw", reward),
    ):
        source = served(Imitation("tei", score=score), tmp_path)
        source.score(dialogues(20))
        said[name] = " ".join(source.remarks)
    assert "all of the first 20 scores are between 0 and 1; a sigmoid may be" in said["sigmoid"]
    assert "all of the first 20 scores are 1; a softmax over one label" in said["constant"]
    assert "scores are" not in said["raw"].replace("so scores are kept", "")


def test_progress_tells_retries(tmp_path: Path) -> None:
    class Shown:
        def __init__(self) -> None:
            self.total, self.done, self.notes = 0, 0, set[str]()

        def start(self, title: str, total: int, unit: str) -> None:
            self.total += total

        def advance(self, amount: int = 1, note: str = "") -> None:
            self.done += amount
            self.notes.add(note)

        def finish(self) -> None:
            pass

    shown = Shown()
    server = Imitation("vllm", fault=lambda number: refusing(500) if number % 2 else None)
    source = served(server, tmp_path, "batch=4")
    source.options = replace(source.options, progress=shown)
    source.score(dialogues(50))
    assert (shown.total, shown.done) == (50, 50)
    assert any("retries" in note for note in shown.notes)
