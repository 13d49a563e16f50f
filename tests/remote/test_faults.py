"""What a server does wrong changes no score, asks for nothing twice, and is told in words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rmcheck.data import Dialogue
from rmcheck.errors import SourceError
from rmcheck.remote.connection import LinkError, Reply
from rmcheck.sources.served import ServedSource

from .imitation import EVERY_FAULT, Fault, Imitation, not_a_number, refusing, reward
from .sources import FakeTime, dialogues, served

INDEXED = ("vllm", "vllm-pooling")
PROFILES = (*INDEXED, "sglang", "tei", "openrlhf", "hf-endpoint", "nim")


def in_turn(*names: str):  # type: ignore[no-untyped-def]
    """Three of ten answers fail, by each fault in turn."""
    faults = [EVERY_FAULT[name] for name in names]

    def fault(number: int) -> Fault | None:
        return faults[(number // 10 * 3 + number % 10) % len(faults)] if number % 10 < 3 else None

    return fault


@pytest.mark.parametrize("profile", PROFILES)
def test_three_of_ten_answers_fail_in_turn(profile: str, tmp_path: Path) -> None:
    # Without an index in the answer, nobody can see that it is in another order.
    faults = [name for name in EVERY_FAULT if name != "wrong order" or profile in INDEXED]
    faults = [name for name in faults if name != "wrong count" or profile != "nim"]
    texts = dialogues(600 if profile != "nim" else 120)
    calm, time = Imitation(profile), FakeTime()
    expected = served(calm, tmp_path, "batch=4" if profile != "nim" else "").score(texts)
    server = Imitation(profile, fault=in_turn(*faults))
    source = served(server, tmp_path, "batch=4" if profile != "nim" else "", time)
    np.testing.assert_array_equal(source.score(texts), expected)
    assert set(server.answered.values()) == {1}  # nothing asked twice that was answered
    assert len(server.answered) == len(texts)
    assert source.requests.retried > 30
    assert time.slept


@pytest.mark.parametrize("name", EVERY_FAULT)
def test_one_fault_alone(name: str, tmp_path: Path) -> None:
    server = Imitation("vllm", fault=lambda number: EVERY_FAULT[name] if number % 3 else None)
    texts = dialogues(100)
    expected = served(Imitation("vllm"), tmp_path).score(texts)
    np.testing.assert_array_equal(served(server, tmp_path, "batch=8").score(texts), expected)
    assert set(server.answered.values()) == {1}


def test_retry_after_is_honoured_by_all(tmp_path: Path) -> None:
    sent: list[float] = []
    time = FakeTime()

    def fault(number: int) -> Fault | None:
        sent.append(time.now())
        return refusing(503, **{"retry-after": "40"}) if number == 1 else None

    served(Imitation("vllm", fault=fault), tmp_path, "batch=2", time).score(dialogues(100))
    first = sent[1]
    # Those that were under way at that moment may follow, no new one within 40 s.
    late = [at for at in sent[9:] if at > first]
    assert late
    assert min(late) >= first + 40


def test_requests_are_halved_on_overload_and_grow_again(tmp_path: Path) -> None:
    from rmcheck.remote.pace import FIRST, Pace

    pace = Pace(64)
    assert pace.limit == FIRST
    for _ in range(24):
        pace.succeeded()
    assert pace.limit == 32  # doubled twice: one more for each answer
    pace.overloaded(sent=5.0, now=6.0)
    pace.overloaded(sent=5.5, now=6.1)  # under way at the reduction: says nothing new
    assert pace.limit == 16
    for _ in range(16):
        pace.succeeded()
    assert 16.9 < pace.limit <= 17  # one more for each round
    pace.overloaded(sent=7.0, now=8.0)
    assert 8.4 < pace.limit < 8.5


def streamed(source: ServedSource, texts: list[Dialogue]) -> tuple[list[int], str]:
    """The texts that got a reward, and the error that followed."""
    found: list[int] = []
    try:
        for members, _ in source.stream(texts):
            found += members.tolist()
    except SourceError as error:
        return found, str(error)
    raise AssertionError("no error")


def failing_for(bad: str, fault: Fault):  # type: ignore[no-untyped-def]
    """A server that fails on every request with a text that has `bad` in it."""

    class Poisoned(Imitation):
        def answer(self, method, path, headers, body):  # type: ignore[no-untyped-def]
            reply = super().answer(method, path, headers, body)
            return fault(reply) if method == "POST" and bad.encode() in body else reply

    return Poisoned("tei")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (refusing(424), "HTTP 424 Failed Dependency: refused with 424"),
        (refusing(422), "HTTP 422 Unprocessable Entity: refused with 422"),
        (refusing(500), "HTTP 500 Internal Server Error: refused with 500"),
        (EVERY_FAULT["HTML page"], "wrong answer (expected JSON, got an HTML page)"),
    ],
)
def test_the_text_that_breaks_a_batch_is_named(fault: Fault, said: str, tmp_path: Path) -> None:
    server = failing_for("It is 58.", fault)
    source = served(server, tmp_path)
    found, error = streamed(source, dialogues(100))
    assert f"pair-57/chosen: {said}" in error
    assert "the next run asks only for the rest" in error
    assert sorted(found) == [place for place in range(100) if place != 57]
    assert source.requests.split >= 5  # 32, 16, 8, 4, 2


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (float("nan"), "NaN"), (float("inf"), "infinite"), (None, "null"), ("high", "'high'"),
        (True, "true"),
    ],
)  # fmt: skip
def test_what_is_not_a_number_is_an_error_that_names_the_pair(
    value: object, said: str, tmp_path: Path
) -> None:
    bad = "It is 4."

    class Odd(Imitation):
        def answer(self, method, path, headers, body):  # type: ignore[no-untyped-def]
            reply = super().answer(method, path, headers, body)
            if method == "GET":
                return reply
            rows = json.loads(reply.body)
            for row, text in zip(rows, json.loads(body)["inputs"], strict=True):
                if text[0].endswith(bad):
                    row[0]["score"] = value
            return Reply(200, {}, json.dumps(rows).encode())

    source = served(Odd("tei"), tmp_path)
    with pytest.raises(SourceError, match=f"pair-3/chosen: the reward is {said}, expected a fin"):
        source.score(dialogues(40))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 422, 418])
def test_other_refusals_are_told_at_once(status: int, tmp_path: Path) -> None:
    time = FakeTime()
    server = Imitation("vllm", fault=lambda _: refusing(status))
    with pytest.raises(SourceError, match=f"HTTP {status} .*refused with {status}"):
        served(server, tmp_path, "", time).score(dialogues(500))
    assert server.requests == 1
    assert time.slept == []


def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    server = Imitation("vllm", fault=lambda _: refusing(307, location="http://elsewhere.test"))
    with pytest.raises(SourceError, match="give the URL that it redirects to"):
        served(server, tmp_path).score(dialogues(2))
    assert server.requests == 1


def dying(after: int):  # type: ignore[no-untyped-def]
    def dead(_: Reply) -> Reply:
        raise LinkError("refused", "connection refused")

    return lambda number: dead if number >= after else None


def test_a_server_that_dies_is_an_error_after_the_budget(tmp_path: Path) -> None:
    time, server = FakeTime(), Imitation("tei", fault=dying(3))
    source = served(server, tmp_path, "batch=10,retry_for=60", time)
    found, said = streamed(source, dialogues(200))
    assert "no usable answer for" in said
    assert "connection refused" in said
    assert "retry_for=" in said
    assert "kept, and the next run asks only for the rest" in said
    assert len(found) == len(set(found)) == 21
    assert set(server.answered.values()) == {1}
    # Many wait at once; none of them for more than the budget.
    assert max(time.slept) <= 60


def test_an_unreachable_server_is_told_at_once(tmp_path: Path) -> None:
    class Gone(Imitation):
        def answer(self, method, path, headers, body):  # type: ignore[no-untyped-def]
            raise LinkError("refused", "connection refused")

    time = FakeTime()
    source = served(Gone("vllm"), tmp_path, "", time)
    for _ in range(2):
        with pytest.raises(SourceError, match=r"connection refused; is the server running\?"):
            source.score(dialogues(1))
    assert time.slept == []
    assert source.describe().fingerprint is None  # the record of a failed run can be written


def test_what_the_server_tells_about_itself_is_asked_again(tmp_path: Path) -> None:
    class Shaky(Imitation):
        asked = 0

        def answer(self, method, path, headers, body):  # type: ignore[no-untyped-def]
            reply = super().answer(method, path, headers, body)
            if method == "GET":
                self.asked += 1
                if self.asked <= 6:
                    return list(EVERY_FAULT.values())[self.asked - 1](reply)
            return reply

    calm, shaky = served(Imitation("tei"), tmp_path), served(Shaky("tei"), tmp_path)
    assert shaky.fingerprint == calm.fingerprint


def test_an_empty_request_asks_nothing(tmp_path: Path) -> None:
    server = Imitation("vllm")
    assert served(server, tmp_path).score([]).shape == (0,)
    assert server.requests == 0


def test_the_first_text_alone_may_be_the_one_that_breaks_the_server(tmp_path: Path) -> None:
    server = failing_for("It is 1.", refusing(500))
    with pytest.raises(SourceError, match=r"pair-0/chosen: HTTP 500"):
        served(server, tmp_path).score(dialogues(50))
    assert len(server.answered) >= 49


def test_a_reward_that_is_always_nan_ends_soon(tmp_path: Path) -> None:
    time, server = FakeTime(), Imitation("vllm", fault=lambda _: not_a_number)
    with pytest.raises(SourceError, match=r"pair-0/chosen: the reward is NaN"):
        served(server, tmp_path, "", time).score(dialogues(500))
    assert server.requests <= 10
    assert sum(time.slept) < 10


def test_stopping_early_leaves_no_thread(tmp_path: Path) -> None:
    import threading

    source = served(Imitation("vllm"), tmp_path, "batch=1")
    pieces = source.stream(dialogues(500))
    next(pieces)
    pieces.close()
    assert "rmcheck-client" not in [thread.name for thread in threading.enumerate()]


def test_it_works_within_a_running_event_loop(tmp_path: Path) -> None:
    import asyncio

    async def notebook() -> float:
        return float(served(Imitation("openrlhf"), tmp_path).score([Dialogue("a", "b")])[0])

    assert asyncio.run(notebook()) == reward("Human: a\n\nAssistant: b")
