"""The requests of vLLM and TEI: what is scored, in which shape it is answered, what is refused."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from builders import per_text
from scoring.models import dialogues, one_by_one, random_model, save, tokenizer
from starlette.testclient import TestClient

from rmcheck.data import Dialogue
from rmcheck.server.limits import Limits

from .apps import client, length, opened, rewards, service


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GPT-2 whose limit is 256 tokens."""
    made = tmp_path_factory.mktemp("served")
    save(made / "model")
    return made


@pytest.fixture(scope="module")
def asked(folder: Path) -> Iterator[TestClient]:
    """A server of that model."""
    with client(service(opened(folder))) as found:
        yield found


@pytest.fixture(scope="module")
def simple() -> Iterator[TestClient]:
    """A server of a function: the response's length less a tenth of the prompt's."""
    with client(service(per_text(length), beside=per_text(lambda _, r: -len(r)))) as found:
        yield found


TEXTS = dialogues(8)
WRITTEN = [f"Human: {text.prompt}\n\nAssistant: {text.response}" for text in TEXTS]


def truth() -> list[float]:
    return one_by_one(random_model("gpt2"), tokenizer(), TEXTS).tolist()


def test_a_written_text_is_scored_as_it_is(asked: TestClient) -> None:
    np.testing.assert_allclose(rewards(asked, input=WRITTEN), truth(), atol=1e-5)
    np.testing.assert_allclose(rewards(asked, input=WRITTEN[0]), truth()[:1], atol=1e-5)


def test_token_ids_are_scored_as_they_are(asked: TestClient) -> None:
    ids = tokenizer()(WRITTEN)["input_ids"]
    np.testing.assert_allclose(rewards(asked, input=ids), truth(), atol=1e-5)
    np.testing.assert_allclose(rewards(asked, input=ids[0]), truth()[:1], atol=1e-5)


def test_messages_prompt_and_response_are_read_as_the_gate_reads_them(
    asked: TestClient, folder: Path
) -> None:
    expected = opened(folder).score(TEXTS)
    turns = [
        [{"role": "user", "content": each.prompt}, {"role": "assistant", "content": each.response}]
        for each in TEXTS
    ]
    np.testing.assert_allclose(rewards(asked, messages=turns), expected, atol=1e-5)
    np.testing.assert_allclose(rewards(asked, messages=turns[0]), expected[:1], atol=1e-5)
    said = {"add_generation_prompt": False, "continue_final_message": False}
    found = rewards(asked, messages=turns[0], model="it", user="me", **said)
    np.testing.assert_allclose(found, expected[:1], atol=1e-5)
    parts = [turns[0][0], {**turns[0][1], "content": [{"type": "text", "text": TEXTS[0].response}]}]
    np.testing.assert_allclose(rewards(asked, messages=parts), expected[:1], atol=1e-5)
    both = {"text_1": [t.prompt for t in TEXTS], "text_2": [t.response for t in TEXTS]}
    answer = asked.post("/score", json={**both, "use_activation": False}).json()
    np.testing.assert_allclose([one["score"] for one in answer["data"]], expected, atol=1e-5)
    pairs = [[each.prompt, each.response] for each in TEXTS]
    answer = asked.post("/predict", json={"inputs": pairs, "raw_scores": True}).json()
    np.testing.assert_allclose([one[0]["score"] for one in answer], expected, atol=1e-5)
    given = {"prompt": TEXTS[0].prompt, "responses": [TEXTS[0].response]}
    found = asked.post("/rewards", json=given).json()["rewards"]
    np.testing.assert_allclose(found, expected[:1], atol=1e-5)


def test_predict_reads_texts_as_they_are_and_answers_as_tei_does(asked: TestClient) -> None:
    def found(inputs: object) -> object:
        return asked.post("/predict", json={"inputs": inputs, "raw_scores": True}).json()

    several = found([[text] for text in WRITTEN])
    np.testing.assert_allclose([one[0]["score"] for one in several], truth(), atol=1e-5)
    for single in (WRITTEN[0], [WRITTEN[0]]):
        (only,) = found(single)
        assert only["label"] == "LABEL_0"
        assert only["score"] == pytest.approx(truth()[0], abs=1e-5)


def test_a_score_is_a_sigmoid_unless_the_reward_is_asked_for(simple: TestClient) -> None:
    # length("ab", "abc") = 3 - 0.2
    raw, squashed = 2.8, 1 / (1 + math.exp(-2.8))
    turns = [{"role": "user", "content": "ab"}, {"role": "assistant", "content": "abc"}]
    for given, expected in (
        ({}, squashed),
        ({"use_activation": True}, squashed),
        ({"use_activation": None}, squashed),
        ({"use_activation": False}, raw),
    ):
        answer = simple.post("/classify", json={"messages": turns, **given}).json()
        assert answer["data"] == [
            {"index": 0, "label": "LABEL_0", "probs": [pytest.approx(expected)], "num_classes": 1}
        ]
        answer = simple.post("/score", json={"text_1": "ab", "text_2": "abc", **given}).json()
        assert answer["data"] == [{"index": 0, "object": "score", "score": pytest.approx(expected)}]
    for tei, expected in (({}, squashed), ({"raw_scores": True}, raw)):
        answer = simple.post("/predict", json={"inputs": ["ab", "abc"], **tei}).json()
        assert answer == [{"label": "LABEL_0", "score": pytest.approx(expected)}]


def test_one_prompt_is_that_of_all_responses(simple: TestClient) -> None:
    for names in (("text_1", "text_2"), ("queries", "documents"), ("data_1", "data_2")):
        given = {names[0]: "ab", names[1]: ["a", "abc"], "use_activation": False}
        answer = simple.post("/score", json=given).json()
        assert [one["score"] for one in answer["data"]] == pytest.approx([0.8, 2.8])


def test_models_are_listed_and_chosen_by_name(simple: TestClient) -> None:
    listed = simple.get("/v1/models").json()
    assert [one["id"] for one in listed["data"]] == ["it", "other"]
    given = {"prompt": "", "responses": ["abc"]}
    assert simple.post("/rewards", json=given).json()["rewards"] == [3.0]
    found = simple.post("/rewards", json={**given, "model": "other"}).json()
    assert found == {"model": "other", "rewards": [-3.0], "tokens": [0]}
    answer = simple.post("/rewards", json={**given, "model": "othr"})
    assert answer.status_code == 404
    assert "the model 'othr' is not served here; did you mean 'other'?" in answer.text


def test_info_names_the_model_its_hash_and_the_limits(asked: TestClient, folder: Path) -> None:
    info = asked.get("/info").json()
    assert info["model_id"] == "it"
    assert info["model_sha"] == opened(folder).fingerprint
    assert info["model_dtype"] == "float32"
    assert info["model_type"] == {
        "classifier": {"id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}}
    }
    assert info["max_input_length"] == 256
    assert info["max_client_batch_size"] == Limits().texts
    (card,) = asked.get("/v1/models").json()["data"]
    assert (card["max_model_len"], card["fingerprint"]) == (256, info["model_sha"])


def test_tokens_are_counted(asked: TestClient) -> None:
    usage = asked.post("/classify", json={"input": WRITTEN}).json()["usage"]
    assert usage["prompt_tokens"] == sum(map(len, tokenizer()(WRITTEN)["input_ids"]))


def test_a_text_that_is_too_long_is_refused_unless_it_may_be_cut(
    asked: TestClient, folder: Path
) -> None:
    long = " ".join(["cat"] * 400)
    ids = tokenizer()(long)["input_ids"]
    answer = asked.post("/classify", json={"input": ["a", long]})
    assert answer.status_code == 400
    assert (
        f"text 1 has {len(ids)} tokens, but the model's maximum context length is 256"
        in answer.text
    )
    first, last = rewards(asked, input=[ids[:256], ids[-256:]])
    assert first != last
    assert rewards(asked, input=long, truncate_prompt_tokens=-1) == [pytest.approx(first, abs=1e-5)]
    cut = rewards(asked, input=long, truncate_prompt_tokens=-1, truncation_side="left")
    assert cut == [pytest.approx(last, abs=1e-5)]
    given = {"inputs": long, "raw_scores": True}
    assert asked.post("/predict", json=given).status_code == 413
    found = asked.post("/predict", json={**given, "truncate": True}).json()
    assert found[0]["score"] == pytest.approx(first, abs=1e-5)
    # A prompt that is too long loses its beginning, as in the gate.
    expected = opened(folder).score([Dialogue(long, "a mat")])
    found = asked.post("/rewards", json={"prompt": long, "responses": ["a mat"]}).json()
    assert found["rewards"] == pytest.approx(expected.tolist(), abs=1e-5)
    assert found["tokens"] == [256]


def test_special_tokens_are_put_around_a_text_once(tmp_path: Path) -> None:
    random_model("llama").save_pretrained(tmp_path / "model")
    around = {"single": "<|start|> $A", "pair": "<|start|> $A $B:1"}
    words = tokenizer(around=around)
    words.save_pretrained(tmp_path / "model")
    with client(service(opened(tmp_path))) as asked:
        ids = words("the cat")["input_ids"]
        assert ids[0] == words.bos_token_id
        bare, whole = rewards(asked, input=[ids[1:], ids])
        assert bare != whole
        assert rewards(asked, input="the cat") == [pytest.approx(whole, abs=1e-5)]
        assert rewards(asked, input="<|start|>the cat") == [pytest.approx(whole, abs=1e-5)]
        without = rewards(asked, input="the cat", add_special_tokens=False)
        assert without == [pytest.approx(bare, abs=1e-5)]
        kept = rewards(asked, input="<|start|>the cat", add_special_tokens=False)
        assert kept == [pytest.approx(whole, abs=1e-5)]


def test_a_text_that_is_cut_keeps_its_special_tokens(tmp_path: Path) -> None:
    random_model("bert").save_pretrained(tmp_path / "model")
    words = tokenizer(encloses=True)
    words.save_pretrained(tmp_path / "model")
    long = " ".join(["the cat sat"] * 200)
    with client(service(opened(tmp_path))) as asked:
        for side in ("right", "left"):
            words.truncation_side = side
            ids = words(long, truncation=True, max_length=20)["input_ids"]
            assert (ids[0], ids[-1], len(ids)) == (2, 0, 20)
            cut = rewards(asked, input=long, truncate_prompt_tokens=20, truncation_side=side)
            assert cut == [pytest.approx(rewards(asked, input=ids)[0], abs=1e-5)]


REFUSED = {
    "a text for a function": (
        "/classify", {"input": "abc"}, 400, "it reads a prompt and a response, got a text that is"
    ),
    "neither": ("/classify", {}, 400, "input is missing"),
    "an unknown key": ("/classify", {"input": "a", "softmax": False}, 400, "softmax is not a"),
    "both": ("/classify", {"input": "a", "messages": []}, 400, "input is not a known key"),
    "not a number": ("/classify", {"input": "a", "priority": True}, 400, "priority: expected a"),
    "to be continued": (
        "/classify", {"messages": [], "add_generation_prompt": True}, 400,
        "add_generation_prompt: expected False",
    ),
    "no text": ("/classify", {"input": []}, 400, "expected a text, a list of texts"),
    "an object": ("/classify", {"input": {}}, 400, "or a list of token ids, got an object"),
    "a list": ("/classify", [1], 400, "the body: expected an object, got a list of a number"),
    "no content": ("/classify", {"messages": [{"role": "user"}] * 2}, 400, "0.content is missing"),
    "no response": (
        "/classify", {"messages": [{"role": "user", "content": "a"}] * 2}, 400,
        "expected the last one to be the assistant's, which is scored, got one of 'user'",
    ),
    "not as many": (
        "/score", {"text_1": ["a", "b"], "text_2": ["c"]}, 400,
        "text_1 has 2 texts and text_2 1; expected as many of both, or one text_1",
    ),
    "three": ("/predict", {"inputs": ["a", "b", "c"]}, 422, "got a list of a text"),
    "unknown to TEI": ("/predict", {"inputs": ["a", "b"], "raw": 1}, 422, "raw is not"),
    "no responses": ("/rewards", {"prompt": "a", "responses": []}, 400, "at least 1, got 0"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_by_name(simple: TestClient, name: str) -> None:
    path, body, status, said = REFUSED[name]
    answer = simple.post(path, json=body)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert said in (error if path == "/predict" else error["message"])
    if path != "/predict":
        assert (error["type"], error["code"]) == ("BadRequestError", status)


def test_a_body_that_is_not_json_is_refused(simple: TestClient) -> None:
    answer = simple.post("/classify", content="{", headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert "the body is not JSON" in answer.text
    answer = simple.post(
        "/classify", content='{"input": "a"}', headers={"Content-Type": "text/plain"}
    )
    assert answer.status_code == 400
    assert (
        "expected a body of JSON with 'Content-Type: application/json', got text/plain"
        in answer.text
    )


def test_ids_that_the_model_does_not_have_are_refused(asked: TestClient) -> None:
    answer = asked.post("/classify", json={"input": [1, 400]})
    assert answer.status_code == 400
    assert "token 400 is outside of the model's 0 to 399" in answer.text


def test_a_model_of_two_inputs_refuses_a_written_text(tmp_path: Path) -> None:
    random_model("bert").save_pretrained(tmp_path / "model")
    names = ["input_ids", "token_type_ids", "attention_mask"]
    tokenizer(encloses=True, model_input_names=names).save_pretrained(tmp_path / "model")
    with client(service(opened(tmp_path, "hf:model,template=pair"))) as asked:
        for given in ("the cat", [5, 6]):
            answer = asked.post("/classify", json={"input": given})
            assert answer.status_code == 400
            assert "reads prompt and response as two inputs; send both" in answer.text
        answer = asked.post("/trace", json={"prompt": "a", "response": "b"})
        assert answer.status_code == 400
        assert "reads the whole text at once" in answer.text
        pair = {"inputs": ["the cat", "sat"], "raw_scores": True}
        expected = opened(tmp_path, "hf:model,template=pair").score([Dialogue("the cat", "sat")])
        found = asked.post("/predict", json=pair).json()
        assert found[0]["score"] == pytest.approx(expected[0], abs=1e-5)


@pytest.mark.parametrize("spec", ["hf:model", "hf:model,pooling=mean"])
def test_the_trace_is_the_reward_of_each_beginning(folder: Path, spec: str) -> None:
    text = TEXTS[1]
    with client(service(opened(folder, spec))) as asked:
        found = asked.post("/trace", json={"prompt": text.prompt, "response": text.response})
        traced = found.json()["tokens"]
        assert "".join(one["text"] for one in traced) == WRITTEN[1]
        response = "".join(one["text"] for one in traced if one["response"])
        assert response.strip() == text.response
        ids = tokenizer()(WRITTEN[1])["input_ids"]
        beginnings = [ids[: place + 1] for place in range(len(ids))]
        expected = rewards(asked, input=beginnings)
        np.testing.assert_allclose([one["reward"] for one in traced], expected, atol=1e-4)
        (last,) = asked.post(
            "/rewards", json={"prompt": text.prompt, "responses": [text.response]}
        ).json()["rewards"]
        assert traced[-1]["reward"] == pytest.approx(last, abs=1e-5)
