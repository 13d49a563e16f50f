"""From a YAML file to PyYAML's node tree, within limits on size, depth and number of values.

PyYAML's own scanner reads about 150 kB a second and recurses as deep as the text nests, so size,
depth and the number of nodes are limited while it reads. libyaml, which comes with it, is twenty
times as fast; PyYAML's own scanner gives the error messages and works without libyaml.

Two scanners are worth their code because of the time that collecting takes: 100 suites of 10
checks (60 kB) are composed in 0.06 s by libyaml and in 0.33 s by the other. Collecting them adds
0.94 s to an empty run of pytest (benchmarks/gate_overhead.py); the limit is 1 s.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import NoReturn

import yaml

from rmcheck.documents.recognise import MAX_BYTES
from rmcheck.documents.regular import regular_bytes
from rmcheck.errors import Problem, ProblemsFound, os_reason

MAX_VALUES = 10_000
MAX_DEPTH = 32
_READ_OTHERWISE = re.compile(r"[\t\ufeff!?|>]|:[ \r\n]*[,}\]]")
"""Where libyaml and PyYAML's own scanner may differ: columns, tags, `?` in a list, empty values."""


def text_of(path: Path, shown: str) -> str:
    """The text of the YAML file at `path`; at most `MAX_BYTES` of it are read.

    Raises
    ------
    ProblemsFound
        When the file is missing or not UTF-8.
    """
    try:
        raw = regular_bytes(path, MAX_BYTES + 1)
    except FileNotFoundError:
        raise ProblemsFound([Problem(shown, 0, 0, "no such file")]) from None
    except OSError as error:
        said = f"cannot be read: {os_reason(error)}"
        raise ProblemsFound([Problem(shown, 0, 0, said)]) from None
    if len(raw) > MAX_BYTES:
        raise _too_large(shown)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _position(error.object[: error.start].decode("utf-8", "replace"))
        said = f"not UTF-8 text (byte 0x{error.object[error.start]:02x}); save the file as UTF-8"
        raise ProblemsFound([Problem(shown, line, column, said)]) from None


def compose(text: str, path: str) -> yaml.Node | None:
    """The one document of `text`; None where it is empty.

    Raises
    ------
    ProblemsFound
        When it is not YAML, or exceeds the size, depth or number of values of a suite.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise _too_large(path)
    if _reads_alike(text):
        with contextlib.suppress(yaml.YAMLError, ValueError):
            return _composed_by_libyaml(text)
    try:
        loader = _Bounded(text)
        found: yaml.Node | None = loader.get_single_node()
        return found
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
    except (yaml.YAMLError, ValueError) as error:
        said = " ".join(str(error).split())[:80]
        raise ProblemsFound([Problem(path, 1, 1, f"not valid YAML: {said}")]) from None
    except _Refused as refused:
        mark = refused.mark
        said = f"{refused}; split the file"
        raise ProblemsFound([Problem(path, mark.line + 1, mark.column + 1, said)]) from None


def _reads_alike(text: str) -> bool:
    """Whether libyaml is available and reads this text as PyYAML's own scanner does."""
    return yaml.__with_libyaml__ and not _READ_OTHERWISE.search(text)


def _composed_by_libyaml(text: str) -> yaml.Node | None:
    """The document from the fast scanner; what it refuses is read again by the other one.

    Its composer cannot be bounded, so its events are counted first.
    """
    count = depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.NodeEvent):
            count += 1
            if count > 2 * MAX_VALUES or depth == MAX_DEPTH:
                raise yaml.YAMLError("too large")
            depth += isinstance(event, yaml.CollectionStartEvent)
    found: yaml.Node | None = yaml.compose(text, Loader=yaml.CSafeLoader)
    return found


class _Refused(Exception):
    """A limit was exceeded at `mark`."""

    def __init__(self, said: str, mark: yaml.Mark) -> None:
        super().__init__(said)
        self.mark = mark


class _Bounded(yaml.SafeLoader):
    """Composes nodes and counts them."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._count = self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self._count += 1
        self._depth += 1
        # Keys are nodes as well; the walk that follows counts values, alias by alias.
        if self._count > 2 * MAX_VALUES:
            self._refuse(f"more than {MAX_VALUES:,} values")
        if self._depth > MAX_DEPTH:
            self._refuse(f"nested deeper than {MAX_DEPTH}")
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def _refuse(self, said: str) -> NoReturn:
        raise _Refused(said, self.peek_event().start_mark)  # type: ignore[no-untyped-call]


_REMEDIES = {
    "mapping values are not allowed here": "; put text that contains ': ' in quotes",
    "could not find expected ':'": "; put a colon and a space after the key",
    "found character '\\t' that cannot start any token": "; indent with spaces, not tabs",
}


def _position(before: str) -> tuple[int, int]:
    """Line and column, from 1, of the character behind the text `before`."""
    return (before.count("\n") + 1, len(before) - before.rfind("\n"))


def _too_large(path: str) -> ProblemsFound:
    return ProblemsFound([Problem(path, 0, 0, f"larger than {MAX_BYTES:,} bytes; split it")])
