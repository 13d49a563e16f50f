"""How a judge is asked: one question in a request to an OpenAI-style chat endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rmcheck.remote.judge.answer import Grades, Letters, Reader, Tally
from rmcheck.remote.judge.prompt import JudgePrompt
from rmcheck.remote.judge.tokens import Token, choice_of, content_of, tokens_of
from rmcheck.remote.profile import (
    ONE,
    Ask,
    Asking,
    Form,
    Identity,
    Input,
    Outputs,
    Profile,
    WrongAnswer,
    models_of,
)

JUDGE_FORMAT = 1
"""How a judge is asked and its answer is read; add 1 with every change that changes scores."""
TOPS = (20, 5)
"""How many alternatives of a token are asked for: as many as OpenAI and vLLM give, or, where that
is refused, as many as Text Generation Inference does."""
MAX_TOKENS = 8
READ_AS = {
    ("score", True): "expected grade",
    ("score", False): "grade",
    ("pairwise", True): "log-odds",
    ("pairwise", False): "votes",
}
"""What the score of an answer is, by mode and by whether there are log-probabilities."""


@dataclass(frozen=True)
class Heard:
    """An answer as it came: its text, and its tokens if there are log-probabilities."""

    content: str
    tokens: Sequence[Token] | None


class Chat(Profile):
    """A language model as judge, behind chat completions (`/v1/chat/completions`).

    Parameters
    ----------
    prompt
        What it is asked.
    max_tokens
        The most tokens of an answer.
    logprobs
        Whether answers have log-probabilities; None: not known yet. Until it is, an answer is read
        as 1 if it has some, else as 0.

    Notes
    -----
    From OpenAI's reference of chat completions, which vLLM (0.33), SGLang (0.5) and llama.cpp's
    server follow: `logprobs` with `top_logprobs` up to 20, one answer (`n` is 1 by default),
    temperature 0.
    """

    path: ClassVar[str] = "/v1/chat/completions"
    forms: tuple[Form, ...] = ("messages",)
    batch: ClassVar[int] = 1
    named: ClassVar[bool] = True

    def __init__(
        self, prompt: JudgePrompt, max_tokens: int = MAX_TOKENS, logprobs: bool | None = None
    ) -> None:
        self.prompt = prompt
        self.max_tokens = max_tokens
        self.logprobs = logprobs
        self.top = TOPS[0]
        self.tally = Tally()
        self.heard: Heard | None = None
        self._reader: Reader = (Grades if prompt.mode == "score" else Letters)(self.tally)

    @property
    def read_as(self) -> str:
        """What a score is; empty until it is known."""
        return "" if self.logprobs is None else READ_AS[self.prompt.mode, self.logprobs]

    @property
    def said(self) -> tuple[object, ...]:
        """What of it belongs to a fingerprint."""
        prompt = self.prompt
        top = self.top if self.logprobs else 0
        return (JUDGE_FORMAT, prompt.mode, prompt.hash, self.read_as, self.max_tokens, top)

    def body(self, inputs: Sequence[Input], asking: Asking) -> Any:
        """One question."""
        asked = self.prompt.written(inputs[0])
        body = {
            "model": asking.model,
            "messages": [{"role": "user", "content": asked}],
            "temperature": 0,
            "max_tokens": self.max_tokens,
            "stream": False,
        }
        if self.logprobs is not False:
            body |= {"logprobs": True, "top_logprobs": self.top}
        return body

    def read(self, answer: Any, count: int) -> Sequence[Outputs]:
        """The value of the answer."""
        choice = choice_of(answer)
        if self.logprobs is None:
            content_of(choice)
            return [{ONE: float(tokens_of(choice) is not None)}]
        content = content_of(choice)
        if not self.logprobs:
            self.heard = Heard(content, None)
            return [{ONE: self._reader.plain(content)}]
        tokens = tokens_of(choice)
        if tokens is None:
            raise WrongAnswer("expected log-probabilities as in other answers, got none")
        self.heard = Heard(content, tokens)
        return [{ONE: self._reader.weighed(content, tokens)}]

    async def who(self, ask: Ask) -> Identity:
        """`/v1/models`: the names."""
        models, _ = await models_of(ask)
        return Identity(models)
