"""YAML whose every value knows its line and column, and models validated with those places."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from rmcheck.errors import Problem, ProblemsFound, did_you_mean

MAX_BYTES = 1_000_000
MAX_VALUES = 50_000

Path_ = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Located:
    """A parsed YAML document: plain values, and where each of them (and each key) stands.

    `places` and `keys` map a path such as ``("checks", 0, "min")`` to (line, column), from 1.
    """

    path: str
    value: Any
    places: Mapping[Path_, tuple[int, int]]
    keys: Mapping[Path_, tuple[int, int]]

    def place(self, where: Path_, *, key: bool = False) -> tuple[int, int]:
        """The place of a value (or of its key); of the nearest parent when it is not there."""
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
        Takes the mistakes that leave a document to go on with: a key that stands twice (the first
        counts), a value that cannot be read (it becomes None). Without it they raise.

    Raises
    ------
    ProblemsFound
        When it is not YAML, names a key twice, is larger than 1 MB, or its aliases unfold into
        more than 50,000 values.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise ProblemsFound([Problem(path, 0, 0, f"larger than {MAX_BYTES:,} bytes")])
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        said = ", ".join(part for part in (error.problem, error.context) if part)
        said += _REMEDIES.get(error.problem or "", "")
        raise ProblemsFound([Problem(path, line, column, f"not valid YAML: {said}")]) from None
    except yaml.reader.ReaderError as error:
        line, column = _position(text[: error.position])
        said = f"the character U+{ord(text[error.position]):04X} is not allowed; remove it"
        raise ProblemsFound([Problem(path, line, column, f"not valid YAML: {said}")]) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        said = "nested too deep" if isinstance(error, RecursionError) else _one_line(error)
        raise ProblemsFound([Problem(path, 1, 1, f"not valid YAML: {said}")]) from None
    walk = _Walk(path)
    try:
        value = walk.value(node, ()) if node is not None else None
    except RecursionError:
        raise ProblemsFound([Problem(path, 1, 1, "not valid YAML: nested too deep")]) from None
    if walk.problems and noted is None:
        raise ProblemsFound(walk.problems)
    if noted is not None:
        noted.extend(walk.problems)
    return Located(path, value, walk.places, walk.keys)


def _position(before: str) -> tuple[int, int]:
    """Line and column, from 1, of the character behind the text `before`."""
    return (before.count("\n") + 1, len(before) - before.rfind("\n"))


_REMEDIES = {
    "mapping values are not allowed here": "; put text that holds ': ' in quotes",
    "could not find expected ':'": "; a key needs a colon and a space behind it",
    "found character '\\t' that cannot start any token": "; indent with spaces, not tabs",
}


class _Walk:
    """Turns a node tree into plain values and remembers places; gathers problems on its way."""

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
            self._stop(node, f"more than {MAX_VALUES:,} values (do its aliases repeat themselves?)")
        if id(node) in self._open:
            self._stop(node, "an alias that contains itself")
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
                self._note(
                    key_node, "'<<' (merging mappings) is not known here; write the keys out"
                )
                continue
            key = self._scalar(key_node) if isinstance(key_node, yaml.ScalarNode) else None
            if not isinstance(key, str):
                self._note(key_node, "a key must be plain text (quote it: 'on', '1')")
                continue
            if key in result:
                first = self.keys[(*where, key)][0]
                self._note(key_node, f"key '{key}' stands twice (first at line {first})")
                continue
            self.keys[(*where, key)] = _place(key_node)
            result[key] = self.value(value_node, (*where, key))
        return result

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        said = f"cannot be read: {node.value[:40]!r}; quote it if it is text"
        if not node.tag.startswith("tag:yaml.org,2002:"):
            self._note(node, f"the tag {node.tag[:40]!r} is not known here; remove it")
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
        return value

    def _note(self, node: yaml.Node, message: str) -> None:
        self.problems.append(Problem(self.path, *_place(node), message))

    def _stop(self, node: yaml.Node, message: str) -> None:
        raise ProblemsFound([*self.problems, Problem(self.path, *_place(node), message)])


def _place(node: yaml.Node) -> tuple[int, int]:
    return (node.start_mark.line + 1, node.start_mark.column + 1)


def read(path: Path, shown: str | None = None, noted: list[Problem] | None = None) -> Located:
    """Parse the YAML file at `path`; `shown` is the path that messages print, `noted` as above."""
    shown = shown or str(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise ProblemsFound([Problem(shown, 0, 0, "no such file")]) from None
    except UnicodeDecodeError as error:
        line, column = _position(error.object[: error.start].decode("utf-8", "replace"))
        said = f"not UTF-8 text (byte 0x{error.object[error.start]:02x}); save the file as UTF-8"
        raise ProblemsFound([Problem(shown, line, column, said)]) from None
    except OSError as error:
        raise ProblemsFound([Problem(shown, 0, 0, f"cannot be read ({error})")]) from None
    return parse(text, shown, noted)


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
    # pydantic would take `yes` for 1 where a number is asked for.
    truths = {
        (
            *where,
            *loc,
        ): f"{prefix}{_dotted(loc)}={str(truth).lower()} is no number, but true or false"
        for loc, truth in _truth_values(value)
        if _asks_for_number(model, loc)
    }
    problems = [located.problem(path, said) for path, said in truths.items()]
    try:
        found = model.model_validate(value)
    except ValidationError as error:
        problems += [
            _problem(model, located, where, prefix, detail)
            for detail in _telling(error.errors(), located, where)
            if _existing(located, where, detail["loc"]) not in truths
        ]
    if problems:
        raise ProblemsFound(problems)
    return found


def _truth_values(value: Any, loc: Path_ = ()) -> Iterator[tuple[Path_, bool]]:
    """Every true and false in a tree of values, with the way to it."""
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


def _telling(
    details: Sequence[ErrorDetails], located: Located, where: Path_
) -> Iterator[ErrorDetails]:
    """The errors, without "is not text" of a union's branch where another branch looked deeper."""
    places = [_existing(located, where, detail["loc"]) for detail in details]
    for place, detail in zip(places, details, strict=True):
        deeper = any(len(other) > len(place) and other[: len(place)] == place for other in places)
        if not (deeper and detail["type"].endswith("_type")):
            yield detail


def _problem(
    model: type[BaseModel], located: Located, where: Path_, prefix: str, detail: ErrorDetails
) -> Problem:
    loc = _existing(located, where, detail["loc"])
    name = str(detail["loc"][-1]) if detail["loc"] else ""
    kind = detail["type"]
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        choices = _fields_at(model, detail["loc"][:-1])
        return located.problem(
            loc, f"{prefix}unknown key '{name}', {did_you_mean(name, choices)}", key=True
        )
    if kind == "missing":
        only = get_args(_annotations(model).get(name)) if len(detail["loc"]) == 1 else ()
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
        kinds = [annotation, *get_args(annotation)]
        nested = [kind for kind in kinds if isinstance(kind, type) and _annotations(kind)]
        if not nested:
            return []
        current = nested[0]
    return _annotations(current)


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
        return f" is too short: at least {context.get('min_length')} in the list"
    if kind == "too_long":
        return f" is too long: at most {context.get('max_length')} in the list"
    if kind == "string_pattern_mismatch":
        return f" does not have the form {context.get('pattern')}"
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
"""What pydantic's kinds of errors mean to a person, by their beginning."""


def _one_line(value: object, width: int = 80) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= width else text[: width - 1] + "…"
