"""Any other server: a JSON body with placeholders, and paths to the numbers of the answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from rmcheck.errors import UsageError
from rmcheck.remote.json_path import JsonPath
from rmcheck.remote.profile import (
    ONE,
    Asking,
    Form,
    Input,
    Outputs,
    Profile,
    WrongAnswer,
    in_order,
)

ONE_TEXT: Mapping[str, Callable[[Input], Any]] = {
    "text": lambda each: each.text,
    "prompt": lambda each: each.prompt_text,
    "response": lambda each: each.response,
    "messages": lambda each: each.messages,
}
"""Placeholders for one dialogue."""
ALL_TEXTS: Mapping[str, Callable[[Input], Any]] = {
    "texts": lambda each: each.text,
    "prompts": lambda each: each.prompt_text,
    "responses": lambda each: each.response,
    "conversations": lambda each: each.messages,
}
"""Placeholders for the list of all dialogues of a request."""


class Generic(Profile):
    """Any other server: `body`, a JSON text with placeholders, and `answer`, a path to the numbers.

    Notes
    -----
    Requests go to the URL itself. A value that is a placeholder as a whole (`"{texts}"`) becomes
    the list, or the conversation; within a text, `{text}`, `{prompt}` and `{response}` are put in.
    `index` is a path to the places of the numbers in the request; without it they are in order.
    """

    path: ClassVar[str] = ""
    keys: ClassVar[tuple[str, ...]] = ("body", "answer", "index")

    @classmethod
    def made(cls, spec: str, settings: Mapping[str, Any]) -> Generic:
        """With the body and the paths that the user gave."""
        return cls(spec, settings.get("body"), settings.get("answer"), settings.get("index"))

    def __init__(
        self, spec: str = "", body: Any = None, answer: str | None = None, index: str | None = None
    ) -> None:
        if body is None or answer is None:
            lacking = " and ".join(
                name for name, value in (("body", body), ("answer", answer)) if value is None
            )
            raise UsageError(
                f'{spec}: profile generic needs {lacking}: body={{"input": "{{texts}}"}}, '
                "answer=$.scores[*]"
            )
        self._template = _parsed(body, spec)
        used = {name for name in (*ONE_TEXT, *ALL_TEXTS) if f"{{{name}}}" in json.dumps(body)}
        if not used:
            names = ", ".join(f"{{{name}}}" for name in (*ONE_TEXT, *ALL_TEXTS))
            raise UsageError(f"{spec}: body: expected a placeholder for the text ({names})")
        if used & set(ONE_TEXT) and used & set(ALL_TEXTS):
            raise UsageError(
                f"{spec}: body: {{texts}} is for a list of all texts of a request and {{text}} for "
                "a single one; use one of the two"
            )
        self._lists = bool(used & set(ALL_TEXTS))
        # Without a text that is formatted here, the server formats prompt and response.
        self.forms = ("text",) if used & {"text", "texts"} else ("messages",)
        self._answer = JsonPath(answer, f"{spec}: answer")
        self._index = JsonPath(index, f"{spec}: index") if index else None

    @property
    def said(self) -> tuple[object, ...]:
        """What of it belongs to a fingerprint."""
        return (self._template, str(self._answer), str(self._index or ""))

    def at_once(self, form: Form) -> int:
        """One text in a request, unless the body has a list."""
        return self.batch if self._lists else 1

    def body(self, inputs: Sequence[Input], asking: Asking) -> Any:
        """The body with the texts, and the model's name, put in."""
        whole: dict[str, Any] = {"model": asking.model}
        if self._lists:
            whole |= {name: [of(each) for each in inputs] for name, of in ALL_TEXTS.items()}
        else:
            whole |= {name: of(inputs[0]) for name, of in ONE_TEXT.items()}
        return _filled(self._template, whole)

    def read(self, answer: Any, count: int) -> Sequence[Outputs]:
        """The numbers at the path, matched by the index where there is one."""
        values = in_order(self._answer.values(answer), count)
        if self._index is not None:
            places = in_order(self._index.values(answer), count)
            if sorted(map(str, places)) != sorted(map(str, range(count))):
                raise WrongAnswer(f"expected each index from 0 to {count - 1} once")
            values = [values[places.index(place)] for place in range(count)]
        return [{ONE: value} for value in values]


def _parsed(body: Any, spec: str) -> Any:
    if not isinstance(body, str):
        return body
    try:
        return json.loads(body)
    except ValueError as error:
        raise UsageError(
            f"{spec}: body: not JSON ({error}); put keys and texts in quotes"
        ) from None


def _filled(value: Any, known: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(inner, known) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, known) for inner in value]
    if not isinstance(value, str):
        return value
    for name, content in known.items():
        if value == f"{{{name}}}":
            return content
    # In one pass, so that a placeholder within a text that is put in stays as it is.
    parts = value.split("{")
    return parts[0] + "".join(_part(part, known) for part in parts[1:])


def _part(part: str, known: Mapping[str, Any]) -> str:
    name, closed, rest = part.partition("}")
    if closed and isinstance(known.get(name), str):
        return f"{known[name]}{rest}"
    return f"{{{part}"
