"""YAML values with their lines and columns, and models validated with those places."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from rmcheck.documents.nodes import MAX_DEPTH, MAX_VALUES, compose, text_of
from rmcheck.errors import MORE, MOST_PROBLEMS, Problem, ProblemsFound, did_you_mean, first_of

MAX_BITS = 64

Path_ = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Located:
    """A parsed YAML document: plain values, and the place of each value and key.

    `places` and `keys` map a path such as ``("checks", 0, "min")`` to (line, column), from 1.
    """

    path: str
    value: Any
    places: Mapping[Path_, tuple[int, int]]
    keys: Mapping[Path_, tuple[int, int]]

    def place(self, where: Path_, *, key: bool = False) -> tuple[int, int]:
        """The place of a value (or of its key); of the nearest parent when it is missing."""
        table = self.keys if key else self.places
        for length in range(len(where), -1, -1):
            found = table.get(where[:length]) or self.places.get(where[:length])
            if found:
                return found
        return (1, 1)

    def problem(self, where: Path_, message: str, *, key: bool = False) -> Problem:
        """A problem at the place of the value `where`."""
        line, column = self.place(where, key=key)
        return Problem(self.path, line, column, message)


def parse(text: str, path: str, noted: list[Problem] | None = None) -> Located:
    """Parse one YAML document.

    Parameters
    ----------
    noted
        Collects the mistakes after which reading can continue: a duplicate key (the first one
        counts), an unreadable value (it becomes None). Without it they raise.

    Raises
    ------
    ProblemsFound
        If it is not YAML, has a duplicate key, or exceeds a limit of `rmcheck.documents.nodes`.
        The limits also apply to expanded aliases.
    """
    node = compose(text, path)
    walk = _Walk(path)
    value = walk.value(node, ()) if node is not None else None
    if walk.problems and noted is None:
        raise ProblemsFound(walk.problems)
    if noted is not None:
        noted.extend(walk.problems)
    return Located(path, value, walk.places, walk.keys)


class _Walk:
    """Turns a node tree into plain values and remembers places; collects problems."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.places: dict[Path_, tuple[int, int]] = {}
        self.keys: dict[Path_, tuple[int, int]] = {}
        self.problems: list[Problem] = []
        self._scalars = yaml.constructor.SafeConstructor()
        self._open: set[int] = set()
        self._count = 0

    def value(self, node: yaml.Node, where: Path_) -> Any:
        self._count += 1
        if self._count > MAX_VALUES:
            self._stop(node, f"more than {MAX_VALUES:,} values (check for aliases that repeat)")
        if id(node) in self._open:
            self._stop(node, "this alias contains itself")
        if len(where) > MAX_DEPTH:
            self._stop(node, f"nested deeper than {MAX_DEPTH} (check for nested aliases)")
        self.places[where] = _place(node)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, where)
            return [self.value(child, (*where, i)) for i, child in enumerate(node.value)]
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, where: Path_) -> dict[Any, Any]:
        result: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                self._note(key_node, "'<<' (merging mappings) is not supported; write the keys out")
                continue
            key = self._scalar(key_node) if isinstance(key_node, yaml.ScalarNode) else None
            if not isinstance(key, str):
                self._note(key_node, "a key must be plain text (quote it: 'on', '1')")
                continue
            if key in result:
                first = self.keys[(*where, key)][0]
                said = f"duplicate key '{_one_line(key)}' (first on line {first})"
                self._note(key_node, said)
                continue
            self.keys[(*where, key)] = _place(key_node)
            result[key] = self.value(value_node, (*where, key))
        return result

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        said = f"invalid value: {node.value[:40]!r}; quote it if it is text"
        if not node.tag.startswith("tag:yaml.org,2002:"):
            self._note(node, f"the tag {node.tag[:40]!r} is not supported; remove it")
            return None
        try:
            value = self._scalars.construct_object(node)
        except (yaml.YAMLError, ArithmeticError, AttributeError, LookupError, ValueError):
            self._note(node, said)  # PyYAML lets errors of all kinds out: `!!int ''`, `!!bool x`
            return None
        if isinstance(value, bytes | date):
            return node.value
        if value is not None and not isinstance(value, bool | int | float | str):
            self._note(node, said)
            return None
        if isinstance(value, int) and value.bit_length() > MAX_BITS:
            self._note(node, f"number too large: {node.value[:40]!r}; use at most 64 bits")
            return None
        return value

    def _note(self, node: yaml.Node, message: str) -> None:
        if len(self.problems) >= MOST_PROBLEMS:
            self._stop(node, MORE)
        self.problems.append(Problem(self.path, *_place(node), message))

    def _stop(self, node: yaml.Node, message: str) -> None:
        raise ProblemsFound([*self.problems, Problem(self.path, *_place(node), message)])


def _place(node: yaml.Node) -> tuple[int, int]:
    return (node.start_mark.line + 1, node.start_mark.column + 1)


def read(path: Path, shown: str | None = None, noted: list[Problem] | None = None) -> Located:
    """Parse the YAML file at `path`; `shown` is the path that messages print, `noted` as above."""
    shown = shown or str(path)
    return parse(text_of(path, shown), shown, noted)


def validate(model: type[Model], located: Located, where: Path_ = (), label: str = "") -> Model:
    """The mapping at `where` as a pydantic model.

    Raises
    ------
    ProblemsFound
        All mistakes at once, each at its place, with the nearest valid name for a misspelt key.
        `label` (such as ``check 'win_rate'``) begins each message.
    """
    value = located.value
    for step in where:
        value = value[step]
    prefix = f"{label}: " if label else ""
    # pydantic would accept `yes` as 1 where a number is expected.
    truths = {
        (*where, *loc): Problem(
            located.path,
            *located.place((*where, *loc)),
            f"{prefix}{_dotted(loc)}: expected a number, got {str(truth).lower()}",
        )
        for loc, truth in _truth_values(value)
        if _asks_for_number(model, loc)
    }
    try:
        found = model.model_validate(value)
    except ValidationError as error:
        told = (
            _problem(model, located, where, prefix, detail)
            for detail in _telling(error.errors(), located, where)
            if _existing(located, where, detail["loc"]) not in truths
        )
        raise ProblemsFound(first_of([*truths.values(), *first_of(told)])) from None
    if truths:
        raise ProblemsFound(first_of(truths.values()))
    return found


def _truth_values(value: Any, loc: Path_ = ()) -> Iterator[tuple[Path_, bool]]:
    """Every true and false in a tree of values, with its path."""
    if isinstance(value, bool):
        yield loc, value
    elif isinstance(value, dict | list):
        for step, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _truth_values(child, (*loc, step))


def _asks_for_number(model: type[BaseModel], loc: Path_) -> bool:
    kinds: set[Any] = {model}
    for step in loc:
        if isinstance(step, str):
            kinds = {leaf for kind in kinds for leaf in _leaves(_annotations(kind).get(step))}
    return bool(kinds & {int, float}) and not kinds & {bool, Any, object}


def _leaves(annotation: Any) -> set[Any]:
    """The plain types inside an annotation: ``tuple[float, ...] | None`` to float and None."""
    inner = get_args(annotation)
    if get_origin(annotation) is Literal:
        return {type(choice) for choice in inner}
    if get_origin(annotation) is Annotated:
        return _leaves(inner[0])  # the others are constraints
    return set().union(*map(_leaves, inner)) if inner else {annotation}


_RANGES = ("greater_than", "less_than")


def _telling(
    details: Sequence[ErrorDetails], located: Located, where: Path_
) -> Iterator[ErrorDetails]:
    """The errors, without those of a list or union where another error is deeper in it.

    A number out of its range is told as that alone, where a word is allowed besides.
    """
    places = [_existing(located, where, detail["loc"]) for detail in details]
    above = {place[:length] for place in set(places) for length in range(len(place))}
    found = list(zip(places, details, strict=True))
    outside = {place for place, detail in found if detail["type"].startswith(_RANGES)}
    for place, detail in found:
        if place in outside and detail["type"] == "literal_error":
            continue
        if not (place in above and detail["type"].endswith(("_type", "too_short"))):
            yield detail


def _problem(
    model: type[BaseModel], located: Located, where: Path_, prefix: str, detail: ErrorDetails
) -> Problem:
    loc = _existing(located, where, detail["loc"])
    name = str(detail["loc"][-1]) if detail["loc"] else ""
    kind = detail["type"]
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        choices = _fields_at(model, detail["loc"][:-1])
        said = f"{prefix}unknown key '{_one_line(name)}', {did_you_mean(name, choices)}"
        return located.problem(loc, said, key=True)
    if kind == "missing":
        asked = _annotations(model).get(name) if len(detail["loc"]) == 1 else None
        only = get_args(asked) if get_origin(asked) is Literal else ()
        remedy = f"; add '{name}: {only[0]}'" if len(only) == 1 else ""
        return located.problem(loc, f"{prefix}the key '{name}' is missing{remedy}")
    dotted = _dotted(loc[len(where) :])
    got = _one_line(repr(detail["input"]))
    said = _allowed(detail)
    head = f"{dotted}={got}" if dotted else got
    return located.problem(loc, f"{prefix}{head}{said}")


def _existing(located: Located, where: Path_, loc: Sequence[str | int]) -> Path_:
    """`loc` without the steps that pydantic adds for unions (they are not in the document)."""
    path: Path_ = where
    for step in loc:
        if (*path, step) in located.places or (*path, step) in located.keys:
            path = (*path, step)
    return path


def _dotted(loc: Sequence[str | int]) -> str:
    text = ""
    for step in loc:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


def _fields_at(model: type[BaseModel], loc: Sequence[str | int]) -> Iterable[str]:
    """The keys that the mapping at `loc` may have: fields of a nested model or dataclass."""
    current: Any = model
    for step in loc:
        if step not in _annotations(current):
            continue  # a list index, or a step that pydantic adds for unions
        annotation = _annotations(current)[str(step)]
        kinds = [annotation, *get_args(annotation), *sorted(_leaves(annotation), key=str)]
        nested = [kind for kind in kinds if isinstance(kind, type) and _annotations(kind)]
        if not nested:
            return []
        current = nested[0]
    return _annotations(current)


@cache
def _annotations(kind: Any) -> dict[str, Any]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return {field.alias or name: field.annotation for name, field in kind.model_fields.items()}
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind)
        return {field.name: hints[field.name] for field in fields(kind)}
    return {}


def _allowed(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    kind = detail["type"]
    if kind in ("greater_than_equal", "greater_than", "less_than_equal", "less_than"):
        bound = next(iter(context.values()))
        words = {
            "greater_than_equal": "is too small: at least",
            "greater_than": "is too small: more than",
            "less_than_equal": "is too large: at most",
            "less_than": "is too large: less than",
        }
        return f" {words[kind]} {bound}"
    if kind == "literal_error":
        expected = str(context.get("expected", ""))
        choices = re.findall(r"'([^']*)'", expected)
        if not choices:
            return f" is not allowed: it must be {expected}"
        return f" is not allowed, {did_you_mean(str(detail['input']), choices)}"
    if kind == "value_error":
        return f": {context.get('error', detail['msg'])}"
    if kind == "too_short":
        return f" is too short: the list needs at least {context.get('min_length')}"
    if kind == "too_long":
        return f" is too long: the list can have at most {context.get('max_length')}"
    if kind == "string_pattern_mismatch":
        return f" does not match the pattern {context.get('pattern')}"
    plain = [said for start, said in _PLAINLY.items() if kind.startswith(start)]
    return f" is not {plain[0]}" if plain else f": {_one_line(detail['msg'])}"


_PLAINLY = {
    "float_": "a number",
    "finite_number": "a finite number",
    "int_": "a whole number",
    "string_type": "text",
    "string_unicode": "text",
    "bool_": "true or false",
    "tuple_type": "a list, such as [a, b]",
    "list_type": "a list, such as [a, b]",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "dataclass_type": "a mapping of keys to values",
}
"""pydantic's kinds of errors in plain words, by their prefix."""


def _one_line(value: object, width: int = 80) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= width else text[: width - 1] + "…"
