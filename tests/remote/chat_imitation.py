"""A chat server of our own with a judge behind it, which misbehaves on demand.

What it thinks of a question are probabilities of whole answers; it says the most probable one, and
gives log-probabilities as OpenAI's chat completions do, of one token for an answer or, with
`splits`, of a token for each digit.
"""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rmcheck.remote.connection import Reply
from rmcheck.remote.retry import Backoff
from rmcheck.reward_source import SourceOptions
from rmcheck.sources.judge import Judge, PairwiseJudge
from rmcheck.sources.judge_settings import from_spec

from .imitation import Imitation, InProcess
from .sources import URL, FakeTime

Thoughts = Mapping[str, float]
"""Probabilities of answers; what is left of 1 is on tokens that nobody lists."""
_CARRIED = re.compile(r"\[(-?\d+\.\d+)\]")
NEITHER = "Paris."
"""In the question by which a client learns whether there are log-probabilities."""


def carried(question: str) -> list[float]:
    """The numbers that the responses in a question carry (see tests/plugin/projects.py)."""
    return [float(number) for number in _CARRIED.findall(question)]


def grading(question: str) -> Thoughts:
    """A grade near 5 plus the number that the response carries, the next one half as likely."""
    if NEITHER in question:
        return {"5": 0.9}
    low = math.floor(min(9.0, max(1.0, 5.0 + carried(question)[0])))
    return {str(low): 0.6, str(low + 1): 0.3}


def comparing(bias: float = 0.0) -> Callable[[str], Thoughts]:
    """Log-odds of A: the difference of the numbers, and so much for the first place."""

    def thoughts(question: str) -> Thoughts:
        if NEITHER in question:
            return {"A": 0.9}
        first, second = carried(question)
        chance = 1 / (1 + math.exp(second - first - bias))
        return {"A": chance, "B": 1 - chance}

    return thoughts


@dataclass
class ChatServer(Imitation):
    """A judge behind chat completions.

    Attributes
    ----------
    thinks
        What it thinks of a question.
    logprobs
        Whether it gives log-probabilities where they are asked for.
    most_tops
        How many alternatives of a token may be asked for; more are refused.
    splits
        Whether a token is written for each digit.
    after_one
        With `splits`: the probability of a 0 after a 1.
    says
        What it says instead of the most probable answer; None: nothing else.
    questions
        What it was asked, in order.
    """

    profile: str = "chat"
    model: str = "judge-1"
    models: tuple[str, ...] = ("judge-1",)
    thinks: Callable[[str], Thoughts] = grading
    logprobs: bool = True
    most_tops: int = 20
    splits: bool = False
    after_one: float = 0.0
    says: Callable[[str], Any] = lambda _: None
    questions: list[str] = field(default_factory=list)

    def _chat(self, path: str, asked: Any, texts: list[str]) -> Reply:
        if path != "/v1/chat/completions":
            return _json({"detail": "Not Found"}, 404)
        if asked.get("top_logprobs", 0) > self.most_tops:
            return _json({"error": {"message": f"top_logprobs: at most {self.most_tops}"}}, 400)
        assert asked["temperature"] == 0
        (turn,) = asked["messages"]
        question = turn["content"]
        self.questions.append(question)
        thoughts = self.thinks(question)
        answer = max(thoughts, key=lambda each: thoughts[each])
        said = self.says(question)
        content = answer if said is None else said
        choice: dict[str, Any] = {
            "index": 0,
            "message": {"role": "assistant", "content": content},
            "finish_reason": "stop" if content else "length",
        }
        if self.logprobs and asked.get("logprobs"):
            choice["logprobs"] = {"content": self._tokens(answer, thoughts)}
        return _json({"object": "chat.completion", "choices": [choice]})

    def _tokens(self, answer: str, thoughts: Thoughts) -> list[Any]:
        if not self.splits:
            return [_token(answer, thoughts)]
        top: dict[str, float] = {}
        for each, chance in thoughts.items():
            top[each[0]] = top.get(each[0], 0.0) + chance
        first = _token(answer[0], top)
        if answer[0] != "1":
            return [first]
        ends = {"0": self.after_one, "</s>": 1 - self.after_one}
        return [first, _token("0" if answer == "10" else "</s>", ends)]


def _token(text: str, top: Thoughts) -> Any:
    listed = [{"token": each, "logprob": _log(chance)} for each, chance in top.items()]
    return {"token": text, "logprob": _log(top[text]), "top_logprobs": listed}


def _log(chance: float) -> float:
    return math.log(chance) if chance else -9999.0


def _json(value: Any, status: int = 200) -> Reply:
    return Reply(status, {"content-type": "application/json"}, json.dumps(value).encode())


def judge(server: ChatServer, root: Path, options: str = "", time: FakeTime | None = None) -> Judge:
    """A judge that is asked in this process."""
    said = f"model=judge-1{',' if options else ''}{options}"
    settings = from_spec(URL, said, f"judge:{URL},{said}", root)
    kind = PairwiseJudge if "mode=pairwise" in options else Judge
    return kind(
        settings,
        SourceOptions(root=root, cache=root / ".rmcheck"),
        clock=(time or FakeTime()).clock,
        backoff=Backoff(random.Random(0)),
        link=InProcess(server),
    )
