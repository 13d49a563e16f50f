"""What `rmcheck doctor` shows of a judge: what it is asked, and what comes back."""

from __future__ import annotations

from collections.abc import Sequence

from rmcheck.cli.output import tell
from rmcheck.remote.judge.tokens import BLANKS, Token
from rmcheck.remote.profile import Input
from rmcheck.sources.judge import Judge
from rmcheck.sources.served_probes import QUESTIONS
from rmcheck.spec import redacted

QUESTIONED = 3
"""Requests with two answers each."""
LISTED = 4
"""Tokens that are shown with their probabilities."""


def show_judge(source: Judge) -> int:
    """Print the question for one sample, and the answers to a few."""
    chat = source.chat
    pairs = [
        (prompt, better, worse)
        for (prompt, better), (_, worse) in zip(QUESTIONS[::2], QUESTIONS[1::2], strict=True)
    ][:QUESTIONED]
    asked = [
        given
        for prompt, better, worse in pairs
        for given in (
            Input(prompt, better, second=worse),
            Input(prompt, worse, second=better),
        )
    ]
    _ = source.known  # asks the server who it is, and whether there are log-probabilities
    tell(f"reading of {redacted(source.spec)}: {source.describe().reading}")
    tell("", f"what is asked (the first of {len(asked)} questions):")
    tell(*(f"  | {line}".rstrip() for line in chat.prompt.written(asked[0]).splitlines()))
    tell("", f"what came back, read as {chat.read_as}:")
    for given in asked:
        (value,) = source.ask([given], batch=1)
        tell(f"  {value:>8.3f}  {_named(given, chat.prompt.mode)}  {_said(source)}")
    for remark in source.remarks:
        tell(f"note: {remark}")
    return 0


def _named(given: Input, mode: str) -> str:
    responses = (given.response,) if mode == "score" else (given.response, given.second)
    return " against ".join(f"'{_clip(response)}'" for response in responses)


def _said(source: Judge) -> str:
    """The answer's text, and the most probable tokens at its place."""
    heard = source.chat.heard
    if heard is None:
        return ""
    # The last token that begins the answer: a model that thinks first has others before it.
    begins = (
        token
        for token in reversed(heard.tokens or ())
        if token.text.strip(BLANKS) and heard.content.startswith(token.text.strip(BLANKS))
    )
    place = next(begins, None)
    said = f"answer {heard.content!r}{f' ({_listed(place)})' if place else ''}"
    return source.settings.secret.removed(said)


def _listed(token: Token) -> str:
    top: Sequence[tuple[str, float]] = sorted(token.top.items(), key=lambda each: -each[1])
    return ", ".join(f"{text!r} {probability:.1%}" for text, probability in top[:LISTED])


def _clip(text: str, width: int = 40) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
