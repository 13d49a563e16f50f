"""Requests are written while others are under way, and what fails there is told."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence

import pytest

from rmcheck.errors import SourceError
from rmcheck.remote.answers import Answers
from rmcheck.remote.batch import Traffic
from rmcheck.remote.client import Client, Terms
from rmcheck.remote.connection import Reply
from rmcheck.remote.profile import Asking, Input
from rmcheck.remote.profiles.vllm import Vllm
from rmcheck.remote.run import ask_all


class Waiting:
    """A link that answers after some rounds of the loop, and counts what is under way."""

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once
        self.most = self.under_way = 0
        self.sent: list[int] = []

    async def ask(self, method: str, path: str, headers: object, body: bytes = b"") -> Reply:
        texts = json.loads(body)["input"]
        self.sent += [int(text) for text in texts]
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        for _ in range(5):
            await asyncio.sleep(0)
        self.under_way -= 1
        rows = [{"index": n, "probs": [float(text)]} for n, text in enumerate(texts)]
        return Reply(200, {}, json.dumps({"data": rows}).encode())

    async def close(self) -> None:
        pass


def run(link: Waiting, count: int, refused: int | None = None) -> tuple[dict[int, float], int]:
    """The rewards of `count` texts, and by how many texts writing was ahead of sending."""
    found: dict[int, float] = {}
    ahead = 0

    def prepare(members: Sequence[int]) -> list[Input]:
        nonlocal ahead
        if refused in members:
            raise SourceError("refused by the template")
        ahead = max(ahead, members[-1] + 1 - len(link.sent))
        return [Input("", "", text=str(member)) for member in members]

    terms = Terms("spec", "http://here", bound=link.at_once, batch=2)
    profile = Vllm()
    client = Client(link, profile, Asking("m"), Answers(profile, "", "spec"), terms, Traffic())

    def deliver(members: list[int], rewards: list[float]) -> None:
        found.update(zip(members, rewards, strict=True))

    told = pytest.raises(SourceError, match=r"^refused by the template$")
    with contextlib.nullcontext() if refused is None else told:
        asyncio.run(ask_all(client, count, prepare, str, deliver))
    return found, ahead


@pytest.mark.parametrize("at_once", [1, 4, 16])
def test_a_bounded_number_of_requests_is_written_ahead(at_once: int) -> None:
    link = Waiting(at_once)
    found, ahead = run(link, 301)
    assert found == {n: float(n) for n in range(301)}
    assert sorted(link.sent) == list(range(301))  # each once
    assert link.most == at_once
    assert 2 <= ahead <= 2 * at_once + 2  # two texts in a request


def test_a_text_that_cannot_be_written_ends_the_run_with_its_error() -> None:
    link = Waiting(4)
    found, _ = run(link, 100, refused=50)
    assert found == {n: float(n) for n in link.sent}  # what was sent is kept
    assert 10 <= len(found) < 50
