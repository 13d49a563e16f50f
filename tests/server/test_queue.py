"""Requests that wait together are scored together, and one that fails does not fail the others."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from scoring.models import dialogues, save

from rmcheck.cache.store import ScoreStore
from rmcheck.server.limits import Limits
from rmcheck.server.service import Service

from .apps import Counting, at_once, client, opened, rewards, service


def asked_for(*responses: str) -> tuple[str, object]:
    return "/rewards", {"prompt": "p", "responses": responses}


def test_requests_that_wait_together_are_one_call() -> None:
    begun = threading.Event()

    def wait() -> None:
        if not begun.is_set():
            begun.set()
            # Until all the others wait; Queue counts those that are being scored, too.
            while given.queue.waiting < 21:
                pass

    source = Counting(wait)
    given = service(source)
    answers = at_once(given, [asked_for("a"), *[asked_for("b" * n, "c") for n in range(2, 12)]])
    assert [answer.json()["rewards"] for answer in answers] == [
        [1.0], *[[float(n), 1.0] for n in range(2, 12)]
    ]  # fmt: skip
    calls = source.calls[1:]
    assert sum(calls) == 21
    assert len(calls) <= 2


def test_scores_do_not_depend_on_what_is_asked_together(tmp_path: Path) -> None:
    save(tmp_path / "model", "llama")
    texts = dialogues(30)
    requests = [
        ("/rewards", {"prompt": text.prompt, "responses": [text.response]}) for text in texts
    ]
    together = [a.json()["rewards"][0] for a in at_once(service(opened(tmp_path)), requests)]
    with client(service(opened(tmp_path))) as asked:
        alone = [asked.post(path, json=one).json()["rewards"][0] for path, one in requests]
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert len(set(np.round(alone, 3))) > 20


def test_a_text_that_fails_fails_its_own_request_only() -> None:
    source = Counting()
    answers = at_once(service(source), [asked_for("ab"), asked_for("a", "nan"), asked_for("abc")])
    assert [answer.status_code for answer in answers] == [200, 500, 200]
    assert answers[0].json()["rewards"] == [2.0]
    assert "the reward of text 1 is nan; a reward must be finite" in answers[1].text
    assert answers[2].json()["rewards"] == [3.0]
    (failed,) = at_once(service(Counting()), [("/predict", {"inputs": ["p", "nan"]})])
    assert failed.status_code == 424
    assert failed.json()["error_type"] == "Backend"


def test_an_error_of_the_code_is_told_without_its_text() -> None:
    def fail() -> None:
        raise ZeroDivisionError("secret")

    (answer,) = at_once(service(Counting(fail)), [asked_for("a")])
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "the server failed on this request" in answer.text


def test_a_batch_has_a_bound() -> None:
    source = Counting()
    limits = Limits(batch=4)
    at_once(service(source, limits=limits), [asked_for("a", "bb", "ccc") for _ in range(5)])
    assert source.calls[1:] == [3] * 5


def test_too_many_texts_are_refused() -> None:
    limits = Limits(texts=2)
    with client(service(Counting(), limits=limits)) as asked:
        answer = asked.post("/rewards", json={"prompt": "p", "responses": ["a", "b", "c"]})
        assert answer.status_code == 413
        said = "the request has 3 texts; expected at most 2: send several requests"
        assert answer.json()["error"]["message"] == said
        answer = asked.post("/predict", json={"inputs": [["a"]] * 3})
        assert answer.status_code == 413
        assert answer.json() == {"error": said, "error_type": "Validation"}


def busy_until_refusing(limits: Limits) -> Service:
    """A service whose model scores nothing before a request is told when to come again."""
    refused = threading.Event()
    given = service(Counting(lambda: refused.wait(20)), limits=limits)
    seconds_left = given.queue.seconds_left

    def told() -> int:
        refused.set()
        return seconds_left()

    given.queue.seconds_left = told  # type: ignore[method-assign]
    return given


def test_a_full_queue_says_when_to_come_again() -> None:
    given = busy_until_refusing(Limits(waiting=3))
    answers = at_once(given, [asked_for("a"), asked_for("b", "c"), asked_for("d")])
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert "3 texts already wait; try again later" in answers[2].text
    assert answers[2].headers["Retry-After"] == "1"  # nothing is known of its speed yet
    assert answers[2].json()["error"]["type"] == "RateLimitError"
    assert given.queue.waiting == 0


@pytest.mark.parametrize(("waiting", "speed", "expected"), [(25, 10, 2), (1, 10, 1), (9999, 1, 60)])
def test_the_time_to_come_again_is_that_of_what_waits(
    waiting: int, speed: float, expected: int
) -> None:
    queue = service(Counting()).queue
    queue.waiting, queue.speed = waiting, speed
    assert queue.seconds_left() == expected


def test_a_request_that_would_wait_too_long_is_refused_at_once() -> None:
    given = service(Counting(), limits=Limits(seconds=5))
    given.queue.waiting, given.queue.speed = 60, 10
    (answer,) = at_once(given, [asked_for("a")])
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "6"


@pytest.mark.parametrize(("speed", "expected"), [(0, 32), (10, 32), (40, 80), (1e6, 100)])
def test_a_batch_takes_about_two_seconds(speed: float, expected: int) -> None:
    source = Counting()
    given = service(source, limits=Limits(batch=100))
    given.queue.speed = speed
    at_once(given, [asked_for("a")] * 120)
    assert source.calls[1] == expected


def test_a_request_that_takes_too_long_is_told_so() -> None:
    given = busy_until_refusing(Limits(seconds=0.2))
    answers = at_once(given, [asked_for("a"), asked_for("b")])
    assert answers[0].status_code == 503
    assert "no score within 0.2 s; try again later" in answers[0].text
    assert answers[0].headers["Retry-After"] == "1"


def test_the_cache_of_the_gate_is_asked_first(tmp_path: Path) -> None:
    save(tmp_path / "model")
    text = dialogues(1)[0]
    source = opened(tmp_path)
    assert source.fingerprint is not None
    ScoreStore(tmp_path).put(source.fingerprint, {text.hash: 12.5})
    body = {"prompt": text.prompt, "responses": [text.response, "other"]}
    with client(service(source, store=ScoreStore(tmp_path))) as asked:
        first, other = asked.post("/rewards", json=body).json()["rewards"]
        written = rewards(asked, input=f"Human: {text.prompt}\n\nAssistant: other")
    assert first == 12.5
    assert written == [other]
    kept = ScoreStore(tmp_path)
    other_text = type(text)(text.prompt, "other")
    assert kept.get(source.fingerprint, [other_text.hash]) == {other_text.hash: other}
