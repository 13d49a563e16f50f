"""A profile: what one kind of server is sent, and how its answers are read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from rmcheck.data import Prompt, prompt_text
from rmcheck.errors import RmcheckError

Form = Literal["text", "ids", "messages"]
"""What is sent of a dialogue: its text, its token ids, or messages that the server formats."""
BATCH = 32
"""Texts in a request, unless the server or the user says otherwise."""

Outputs = Mapping[str, Any]
"""The numbers of one text by name, as the server gave them; not yet checked."""


class WrongAnswer(RmcheckError):
    """An answer that has not the form that the profile expects."""


@dataclass(frozen=True)
class Input:
    """One dialogue, ready to be sent: `text` or `ids` is filled in as the form asks.

    `second` is the response that `response` is compared with; empty where nothing is compared.
    """

    prompt: Prompt
    response: str
    text: str = ""
    ids: tuple[int, ...] = ()
    second: str = ""

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The conversation, the response as its last turn."""
        turns = (
            [{"role": "user", "content": self.prompt}]
            if isinstance(self.prompt, str)
            else [turn.as_data() for turn in self.prompt]
        )
        return [*turns, {"role": "assistant", "content": self.response}]

    @property
    def prompt_text(self) -> str:
        """The prompt as one text."""
        return prompt_text(self.prompt)


@dataclass(frozen=True)
class Asking:
    """How texts are sent.

    Attributes
    ----------
    model
        The model's name on the server; empty if the server has one only.
    form
        See `Form`.
    special
        Whether the server is to add the tokenizer's special tokens to a text: not where a chat
        template has written them.
    """

    model: str = ""
    form: Form = "text"
    special: bool = True


@dataclass(frozen=True)
class Identity:
    """What a server tells about itself.

    Attributes
    ----------
    models
        The names of its models.
    revision
        The commit or hash of the weights; empty if the server does not tell it.
    max_length
        Tokens at most; None: not told.
    batch, concurrency
        Texts in a request and requests at once, at most; None: not told.
    served
        What is behind the name: a path or a hub id; empty if not told.
    """

    models: tuple[str, ...] = ()
    revision: str = ""
    max_length: int | None = None
    batch: int | None = None
    concurrency: int | None = None
    served: str = ""


Ask = Callable[[str], Awaitable[Any]]
"""GET a path of the server; gives the JSON of the answer, or None if the path does not exist."""


class Profile:
    """What a kind of server is sent, and how its answers are read.

    A profile is a class with a docstring (its first line describes it in `rmcheck list`), the
    attributes below, `body`, `read`, and `who` if the server can tell what it serves. Another
    package registers one by an entry point of the group `rmcheck.profiles`.

    Attributes
    ----------
    path
        Where requests go, below the server's URL.
    forms
        What can be sent of a dialogue, the preferred one first: token ids where the server takes
        them, for they leave nothing to its tokenizer.
    batch
        Texts in a request; 1 for a server that takes one.
    max_bytes
        Bytes of a request at most; None: no limit is known.
    retried
        Statuses after which the server may be asked again, beside the usual ones.
    named
        Whether requests name the model, so that a server with several needs `model=`.
    remarks
        What a user of such a server should know.
    keys
        Settings that only this profile has.
    """

    path: ClassVar[str] = "/"
    forms: tuple[Form, ...] = ("text",)
    batch: ClassVar[int] = BATCH
    max_bytes: ClassVar[int | None] = None
    retried: ClassVar[frozenset[int]] = frozenset()
    named: ClassVar[bool] = False
    remarks: ClassVar[tuple[str, ...]] = ()
    keys: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def made(cls, spec: str, settings: Mapping[str, Any]) -> Profile:  # noqa: ARG003
        """The profile with what the user gave of its own `keys`."""
        return cls()

    @property
    def said(self) -> tuple[object, ...]:
        """What of its settings belongs to a fingerprint."""
        return ()

    def at_once(self, form: Form) -> int:
        """Texts in a request of that form, unless the server or the user says otherwise."""
        return self.batch

    def body(self, inputs: Sequence[Input], asking: Asking) -> Any:
        """The JSON of a request for these texts."""
        raise NotImplementedError

    def read(self, answer: Any, count: int) -> Sequence[Outputs]:
        """The numbers of each of the `count` texts of a request, in their order.

        Raises
        ------
        WrongAnswer
            If the answer has another form, or is for another number of texts.
        """
        raise NotImplementedError

    async def who(self, ask: Ask) -> Identity:
        """What the server tells about itself."""
        return Identity()


ONE = "reward"
"""The name of the number of a server that gives one."""


def of_index(answer: Any, count: int, key: str) -> list[Any]:
    """The values at `key` of the rows of an answer's `data`, in the order of their `index`.

    Raises
    ------
    WrongAnswer
        If an index is missing, given twice or not one of the request's.
    """
    rows = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise WrongAnswer(f"expected a list of rows at 'data', got {kind(answer)}")
    found: dict[int, Any] = {}
    for row in rows:
        index = row.get("index")
        if type(index) is not int or not 0 <= index < count or index in found or key not in row:
            raise WrongAnswer(
                f"expected rows with '{key}' and each 'index' from 0 to {count - 1} once, got "
                f"index {index!r:.40}"
            )
        found[index] = row[key]
    if len(found) != count:
        raise WrongAnswer(f"expected {count} rows, got {len(found)}")
    return [found[index] for index in range(count)]


def in_order(values: Any, count: int) -> list[Any]:
    """A list with a value for each text, from a server that gives no index.

    Raises
    ------
    WrongAnswer
        If it is not a list, or has another length.
    """
    if not isinstance(values, list):
        raise WrongAnswer(f"expected a list, got {kind(values)}")
    if len(values) != count:
        raise WrongAnswer(f"expected {count} values, got {len(values)}")
    return values


def numbered(values: Any) -> Outputs:
    """The outputs of a head, named `reward`, or by their places if there are several.

    >>> numbered([0.5]), numbered([0.5, 2])
    ({'reward': 0.5}, {'0': 0.5, '1': 2})
    """
    if not isinstance(values, list):
        return {ONE: values}
    if len(values) == 1:
        return {ONE: values[0]}
    return {str(place): value for place, value in enumerate(values)}


def labelled(rows: Any) -> Outputs:
    """The outputs of a classifier's pipeline, by label; `reward` if there is one.

    >>> labelled([{"label": "LABEL_0", "score": -1.5}])
    {'reward': -1.5}
    """
    if not isinstance(rows, list) or not rows:
        raise WrongAnswer(f"expected a list of labels with scores, got {kind(rows)}")
    found: dict[str, Any] = {}
    for row in rows:
        label = row.get("label") if isinstance(row, dict) else None
        if not isinstance(label, str) or "score" not in row or label in found:
            raise WrongAnswer(f"expected each label once with a score, got {kind(row)}")
        found[label] = row["score"]
    return {ONE: next(iter(found.values()))} if len(found) == 1 else dict(sorted(found.items()))


def kind(value: Any) -> str:
    """A JSON value for a message: its type, and the keys of an object."""
    if isinstance(value, dict):
        return f"an object with {', '.join(map(repr, list(value)[:5])) or 'no keys'}"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return "null" if value is None else f"{value!r:.40}"


async def models_of(ask: Ask, path: str = "/v1/models") -> tuple[tuple[str, ...], dict[str, Any]]:
    """The names of the models that a server lists as OpenAI's API does, and the first row."""
    answer = await ask(path)
    rows = answer.get("data") if isinstance(answer, dict) else None
    listed = [row for row in rows or () if isinstance(row, dict) and isinstance(row.get("id"), str)]
    return tuple(row["id"] for row in listed), listed[0] if listed else {}


def whole(value: Any) -> int | None:
    """A positive whole number, else None."""
    return value if type(value) is int and value > 0 else None
