"""Each profile asks its server for raw rewards and reads them, whatever the order or the batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rmcheck.data.template import render
from rmcheck.reward_source import SourceOptions
from rmcheck.sources.served import ServedSource
from rmcheck.sources.served_settings import from_spec

from .imitation import BOS, Imitation, reward, told
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
    url = "http://rm.test/classify"
    said = f"profile=generic,model=rm,body={body},answer={answer},revision=1"
    source = ServedSource(
        from_spec(url, said, f"{url},{said}", tmp_path),
        SourceOptions(root=tmp_path, cache=tmp_path),
        link=_At("/classify", server),
    )
    texts = dialogues(6)
    found = source.score(texts)
    expected = [1 / (1 + 2.718281828 ** -reward(BOS + render(one, "default"))) for one in texts]
    np.testing.assert_allclose(found, expected)  # the body does not ask for raw scores
    assert source.fingerprint != served(server, tmp_path, "revision=1").fingerprint


class _At:
    """The link of a URL with a path."""

    def __init__(self, prefix: str, server: Imitation) -> None:
        self.prefix, self.server = prefix, server

    async def ask(self, method, path, headers, body=b""):  # type: ignore[no-untyped-def]
        return self.server.answer(method, self.prefix + path, headers, body)

    async def close(self) -> None:
        pass
