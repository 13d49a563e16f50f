"""Limits on the time and the output of a chat template, a program that comes with a model."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

from rmcheck.errors import SourceError

SECONDS = 10.0
"""Time for one prompt; a template takes a millisecond."""
ROOM = 4_000_000
"""Characters that a template may write beyond `TIMES` those that it was given."""
TIMES = 16

_COMPILED = "<template>"
"""The file name that Jinja gives to the code that it makes of a template."""
Tracer = Callable[[FrameType, str, Any], Any]


class _Over(BaseException):
    """A limit of the template is exceeded; a template cannot catch this exception."""


class _Watch:
    """Stops the code of a template in this thread, at the next line, if a limit is exceeded.

    The sandbox of `transformers` blocks access to files and long ranges, but not nested loops. A
    signal would reach only the main thread, and a thread cannot be stopped from outside; a trace
    function is called in the same thread, at each line.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._end = time.monotonic() + SECONDS
        self._before: Any = None

    def __enter__(self) -> None:
        self._before = sys.gettrace()
        sys.settrace(self._called)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        sys.settrace(self._before)

    def _called(self, frame: FrameType, event: str, value: Any) -> Tracer | None:
        self._check()
        return self._within if frame.f_code.co_filename == _COMPILED else None

    def _within(self, frame: FrameType, event: str, value: Any) -> Tracer:
        self._check()
        if event == "return" and isinstance(value, str):  # a template yields what it writes
            self._room -= len(value)
            if self._room < 0:
                raise _Over("writes too much text")
        return self._within

    def _check(self) -> None:
        if time.monotonic() > self._end:
            raise _Over(f"did not finish within {SECONDS:g} s")


def rendered(render: Callable[[], object], template: object, given: int) -> str:
    """Call `render`, which runs a chat template, within the limits.

    Parameters
    ----------
    template
        The template, or several by name; searched for operations that cannot be interrupted.
    given
        Characters of the conversation.

    Raises
    ------
    SourceError
        If it does not finish, writes too much, or fails.
    """
    sources = template.values() if isinstance(template, dict) else [template]
    try:
        for source in sources:
            _refuse_products(source)
        with _Watch(TIMES * given + ROOM):
            text = str(render())
        if len(text) > TIMES * given + ROOM:
            raise _Over("writes too much text")
    except _Over as over:
        raise SourceError(f"the tokenizer's chat template {over}; {_REMEDY}") from None
    except Exception as error:  # Jinja's errors, and whatever the template raises
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise SourceError(f"the tokenizer's chat template fails ({said}); {_REMEDY}") from None
    return text


def _refuse_products(source: object) -> None:
    """Refuse what is one step that cannot be interrupted, and that no template needs.

    These are the operator '**', and a text times a number that Jinja would work out while it
    compiles the template.
    """
    if not isinstance(source, str) or "*" not in source:
        return
    from jinja2 import nodes
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    extensions = ["jinja2.ext.loopcontrols"]
    try:
        tree = ImmutableSandboxedEnvironment(extensions=extensions).parse(source)
    except Exception:  # tags of transformers' own: taken as it reads
        if "**" not in source:
            return
        raise _Over("uses the operator '**', which is not allowed") from None
    if tree.find(nodes.Pow) is not None:
        raise _Over("uses the operator '**', which is not allowed")
    for product in tree.find_all(nodes.Mul):
        _constant(product)


def _constant(node: Any) -> Any:
    """The value of a product of constants; None where it is not one.

    Raises
    ------
    _Over
        For a text or list of more than `ROOM` parts.
    """
    from jinja2 import nodes

    if isinstance(node, nodes.Const):
        return node.value
    if isinstance(node, nodes.List | nodes.Tuple):
        return [None] * len(node.items)
    if not isinstance(node, nodes.Mul):
        return None
    sides = _constant(node.left), _constant(node.right)
    for many, times in (sides, sides[::-1]):
        if isinstance(many, str | list) and isinstance(times, int):
            if len(many) * times > ROOM:
                raise _Over("writes too much text")
            return many * times
    if all(isinstance(side, int | float) for side in sides):
        return sides[0] * sides[1]
    return None


_REMEDY = "use template: default, or correct the template"
