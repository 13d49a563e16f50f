"""Transformations of other packages: what their functions may do wrong, told in one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rmcheck.data import Dialogue
from rmcheck.errors import RmcheckError

TWICE = 3
"""So many texts a transformation is applied to twice, to see whether it gives one result."""


class TransformationError(RmcheckError):
    """A transformation of another package that cannot be used."""


def guarded(
    apply: Callable[[], Dialogue | None], name: str, package: str, key: str, seen: set[str]
) -> Dialogue | None:
    """The result of another package's function, checked.

    Parameters
    ----------
    apply
        Applies it, with the same random numbers each time.
    name, package
        What the errors name, with `key`, the key of the text.
    seen
        The keys of the texts that it was applied to twice; this one is added.

    Raises
    ------
    TransformationError
        If it raises or exits, gives anything but texts, or gives two results for one text.
    """
    said = f"{package}: transformation '{name}'"
    found = _applied(apply, said, key)
    if found is not None and key not in seen and len(seen) < TWICE:
        if _applied(apply, said, key) != found:
            raise TransformationError(
                f"{said} gave two results for {key}; random choices must use the generator that "
                "it is given"
            )
        seen.add(key)
    return found


def _applied(apply: Callable[[], Dialogue | None], said: str, key: str) -> Dialogue | None:
    try:
        found: Any = apply()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # another package's function raises what it likes, or exits
        raise TransformationError(
            f"{said} failed on {key}: {type(error).__name__}: {error}"
        ) from error
    if found is None:
        return None
    if not isinstance(found, Dialogue):
        raise TransformationError(
            f"{said} gave a {type(found).__name__} for {key}; expected a Dialogue or None"
        )
    prompt = found.prompt
    for text in (
        found.response,
        *([prompt] if not isinstance(prompt, tuple) else [turn.content for turn in prompt]),
    ):
        _check_text(text, said, key)
    return found


def _check_text(text: Any, said: str, key: str) -> None:
    if not isinstance(text, str):
        shown = f"{type(text).__name__} {text!r:.40}"
        raise TransformationError(f"{said} gave {shown} for {key}; expected a text or None")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise TransformationError(
            f"{said} gave a text with half a character, {text[error.start]!r}, for {key}"
        ) from None
