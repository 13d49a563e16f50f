"""The log-probabilities of an answer, as OpenAI's chat completions give them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rmcheck.remote.profile import WrongAnswer, kind

BLANKS = " \t\r\n▁Ġ"
"""What tokens begin or end with that stand for a letter after a blank; the last two are how
SentencePiece and byte-level BPE write one, which some servers do not decode."""
ROUNDING = 0.01
"""How far above 0 rounding may take a log-probability."""


@dataclass(frozen=True)
class Token:
    """A token of an answer, and the probabilities of the tokens that could have been in its place.

    `top` has the most probable ones, with the blanks that they have.
    """

    text: str
    top: Mapping[str, float]

    def mass(self, *words: str) -> float:
        """The probability of the tokens that are one of the words, whatever blanks are around."""
        return sum(p for text, p in self.top.items() if text.strip(BLANKS) in words)


def content_of(choice: Any) -> str:
    """The text of an answer.

    Raises
    ------
    WrongAnswer
        If it has none.
    """
    message = choice.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, str) and content.strip():
        return content.strip()
    if choice.get("finish_reason") == "length":
        raise WrongAnswer(
            "the answer ended at max_tokens before any text; a model that thinks first needs more: "
            "max_tokens=2000"
        )
    raise WrongAnswer(f"expected a text at choices[0].message.content, got {content!r:.40}")


def choice_of(answer: Any) -> dict[str, Any]:
    """The first choice of a chat completion.

    Raises
    ------
    WrongAnswer
        If it is not one.
    """
    rows = answer.get("choices") if isinstance(answer, dict) else None
    if not isinstance(rows, list) or len(rows) != 1 or not isinstance(rows[0], dict):
        raise WrongAnswer(f"expected one choice at 'choices', got {kind(answer)}")
    return rows[0]


def tokens_of(choice: Mapping[str, Any]) -> list[Token] | None:
    """The tokens of an answer; None if the server gave no probabilities of alternatives.

    Raises
    ------
    WrongAnswer
        If a log-probability is not a number that one can be.
    """
    given = choice.get("logprobs")
    rows = given.get("content") if isinstance(given, dict) else None
    if not isinstance(rows, list) or not rows:
        return None
    found = []
    for row in rows:
        if not isinstance(row, dict) or not isinstance(row.get("token"), str):
            raise WrongAnswer(f"expected a token at logprobs.content, got {kind(row)}")
        listed = row.get("top_logprobs")
        if not isinstance(listed, list) or not listed:
            return None
        found.append(Token(row["token"], _top(row, listed)))
    return found


def _top(row: Mapping[str, Any], listed: Sequence[Any]) -> Mapping[str, float]:
    top: dict[str, float] = {}
    for each in listed:
        if not isinstance(each, dict) or not isinstance(each.get("token"), str):
            raise WrongAnswer(f"expected a token at top_logprobs, got {kind(each)}")
        text = each["token"]
        top[text] = top.get(text, 0.0) + _probability(each.get("logprob"))
    if row["token"] not in top:  # the one that was drawn need not be among the most probable
        top[row["token"]] = _probability(row.get("logprob"))
    if sum(top.values()) > 1 + 2 * ROUNDING:
        raise WrongAnswer(f"probabilities of one token add up to {sum(top.values()):.3g}")
    return top


def _probability(value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or math.isnan(value) or value > ROUNDING:
        raise WrongAnswer(f"expected a log-probability of at most 0, got {value!r:.40}")
    return min(1.0, math.exp(value))


def place_of(tokens: Sequence[Token], words: Sequence[str]) -> int:
    """Where the answer, which is written as these tokens, begins; the last such place.

    A model that thinks first may have the same word in its thoughts.

    Raises
    ------
    WrongAnswer
        If it is not among the tokens.
    """
    for place in range(len(tokens) - len(words), -1, -1):
        if all(
            token.text.strip(BLANKS) == word
            for token, word in zip(tokens[place:], words, strict=False)
        ):
            return place
    raise WrongAnswer(f"the log-probabilities are of other tokens than the answer {words[0]!r}")
