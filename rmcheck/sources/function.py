"""A plain function as a reward source: what a conftest may return from `reward_model`."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import Dialogue, prompt_text
from rmcheck.errors import RmcheckError, SourceError
from rmcheck.reward_source import Source, completed
from rmcheck.scoring.rewards import checked

Scores = Callable[[list[tuple[str, str]]], Sequence[float]]


class FunctionSource(Source):
    """Wraps a function from a list of (prompt, response) texts to as many numbers.

    Parameters
    ----------
    function
        Called once with all texts that have no score yet.
    fingerprint
        A name that changes whenever the scores could; None (default) keeps scores for one
        session only.
    """

    def __init__(
        self, function: Scores, *, spec: str | None = None, fingerprint: str | None = None
    ) -> None:
        self._function = function
        self._spec = spec or f"py:{getattr(function, '__name__', type(function).__name__)}"
        self._fingerprint = fingerprint

    @property
    def spec(self) -> str:
        """`py:` and the function's name."""
        return self._spec

    @property
    def fingerprint(self) -> str | None:
        """As given; None when the function declared none."""
        return self._fingerprint

    def score(self, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
        """Call the function; shape (n,).

        Raises
        ------
        SourceError
            If it raises, or returns the wrong number of scores, a value that is not a number, or
            a NaN.
        """
        texts = [(prompt_text(dialogue.prompt), dialogue.response) for dialogue in dialogues]
        try:
            scores = self._function(texts)
        except RmcheckError:
            raise
        except (Exception, SystemExit) as error:  # a user's code may raise anything, or exit
            last = traceback.extract_tb(error.__traceback__)[-1]
            raise SourceError(
                f"{self._spec}: raised {type(error).__name__}: {error} "
                f"({last.filename}:{last.lineno}); expected a function from a list of (prompt, "
                "response) to a list of as many numbers"
            ) from error
        return checked(scores, dialogues, self._spec)


def as_source(candidate: object) -> Source:
    """The value of a `reward_model` fixture as a source: completed, or a wrapped function.

    Raises
    ------
    SourceError
        For any other value; says what a `reward_model` fixture may return.
    """
    if callable(candidate) and not isinstance(candidate, type) and not hasattr(candidate, "score"):
        return FunctionSource(candidate)
    try:
        return completed(candidate)
    except SourceError as error:
        raise SourceError(
            f"reward_model returned a wrong value: {error}. A fixture may also return "
            "rmcheck.source(SPEC), or a function from [(prompt, response), …] to as many scores"
        ) from None
