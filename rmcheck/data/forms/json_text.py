"""Rows of JSON: JSON Lines, one array, an object around a list, and columns as lists."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import IO, Any

from rmcheck.data.forms.compression import not_text
from rmcheck.documents.unique_keys import DuplicateKey, unique_keys
from rmcheck.errors import Problem, ProblemsFound
from rmcheck.wording import listed

Values = Mapping[str, Any]
LINES, ARRAY, OBJECT, COLUMNS = "JSON Lines", "a JSON array", "a JSON object", "JSON columns"
AROUND = ("data", "rows", "examples", "instances", "train", "test")
"""The keys of an object whose list are the rows."""
_LISTS = (*AROUND, "validation", "valid", "val", "dev", "eval")
"""Keys whose lists may be rows: one of `AROUND` with another of these is several splits."""
MOST_AROUND = 6
"""Such an object has at most so many keys; one with more is a row."""

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_SPACE = re.compile(r"[ \t\r\n]*")
_NOT_WHOLE = "not one JSON document"


class NotText(ProblemsFound):
    """A file that is not text: what its rows lack is not worth telling."""


def json_rows(
    file: IO[bytes], shown: str, *, name: str = "", form: list[str] | None = None
) -> Iterator[tuple[int, Values]]:
    """(line, object) of each row of a JSON file; after them, raises with all bad rows.

    A file that is one array or one object is read as that, any other line by line.

    Parameters
    ----------
    name
        The file's name without the ending of a compression.
    form
        Gets the form that the file has.

    Raises
    ------
    ProblemsFound
        After all good rows, when there are bad ones.
    """
    form = [] if form is None else form
    first = _first_line(file)
    if _begins_a_document(first, name.endswith(".json")):
        text = _decoded([(1, b"".join([*first, file.read()]))], shown)
        whole = "".join(each for _, each in text)
        try:
            rows = list(_document(whole, form))
        except _NotWhole as error:
            if not error.certain:
                yield from line_rows(enumerate(whole.split("\n"), start=1), shown)
                form.append(LINES)
                return
            raise ProblemsFound([Problem(shown, error.line, error.column, str(error))]) from None
        yield from _sound(rows, shown)
        return
    form.append(LINES)
    yield from line_rows(_decoded(_numbered(first, file), shown), shown)


def _first_line(file: IO[bytes]) -> list[bytes]:
    """The lines of a file up to the first one that is not blank."""
    lines: list[bytes] = []
    for line in file:
        lines.append(line)
        if line.strip(b"\xef\xbb\xbf \t\r\n"):
            break
    return lines


def _numbered(first: Iterable[bytes], file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    number = 0
    for lines in (first, file):
        for line in lines:
            number += 1
            yield number, line


def _decoded(lines: Iterable[tuple[int, bytes]], shown: str) -> Iterator[tuple[int, str]]:
    begin = b""
    for number, line in lines:
        begin = begin or line
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            row = number + error.object[: error.start].count(b"\n")
            said = not_text(begin, shown.rpartition("/")[2]) or (
                f"not UTF-8 text (byte 0x{error.object[error.start]:02x}); save the file as UTF-8"
            )
            raise NotText([Problem(shown, row, 1, said)]) from None
        yield number, text


def _begins_a_document(lines: list[bytes], named_so: bool) -> bool:
    """Whether the first line of a file that is not blank looks like the start of one document."""
    begin = lines[-1].strip(b"\xef\xbb\xbf \t\r\n") if lines else b""
    if begin[:1] not in (b"[", b"{"):
        return False
    if begin[:1] == b"[":
        return True
    try:
        found = json.loads(begin)
    except (ValueError, RecursionError):
        return named_so or len(begin) == 1  # an object whose keys follow on lines of their own
    return isinstance(found, dict) and (named_so or _list_in(found) is not None)


class _NotWhole(ValueError):
    """The text is not one document of rows; `certain` where it cannot be JSON Lines either."""

    def __init__(self, said: str, text: str, at: int, certain: bool) -> None:
        super().__init__(said)
        self.line = text.count("\n", 0, at) + 1
        self.column = at - text.rfind("\n", 0, at)
        self.certain = certain


_Parsed = tuple[int, bool, Any]
"""The line of a value, whether its JSON text has surrogates, and the value."""


def _document(text: str, form: list[str]) -> Iterator[_Parsed]:
    """The rows of a text that is one document, or several."""
    begin = _next(text, 0)
    if text[begin : begin + 1] == "[":
        rows = list(_elements(text, begin))
        odd = rows and not any(isinstance(value, dict) for _, _, value in rows)
        if odd and "\n" not in text.strip():
            raise _NotWhole(_NOT_WHOLE, text, begin, certain=False)
        form.append(ARRAY)
        yield from rows
        return
    found = list(_objects(text, begin))
    if len(found) != 1:  # objects one after the other, each on lines of its own
        form.append(LINES)
        yield from found
        return
    line, suspect, value = found[0]
    _refuse_several(value, text, begin)
    rows_of = _list_in(value)
    if rows_of is not None:
        form.append(OBJECT)
        yield from ((line, suspect, each) for each in rows_of)
        return
    columns = _columns_of(value)
    if columns is None:
        form.append(LINES)
        yield line, suspect, value
        return
    form.append(COLUMNS)
    lists = {key: each for key, each in value.items() if key in columns}
    rest = {key: each for key, each in value.items() if key not in columns}
    for index in range(len(next(iter(lists.values())))):
        yield line, suspect, {**rest, **{key: each[index] for key, each in lists.items()}}


def _next(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _parsed(text: str, at: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, at)
    except json.JSONDecodeError as error:
        lines = text.count("\n", 0, error.pos) > text.count("\n", 0, at) or at > 1
        said = f"invalid JSON: {error.msg}"
        raise _NotWhole(said, text, error.pos, certain=lines) from None
    except DuplicateKey as error:
        raise _NotWhole(str(error), text, at, certain="\n" in text.strip()) from None
    except (ValueError, RecursionError) as error:
        raise _NotWhole(f"invalid JSON: {error}", text, at, certain=False) from None


_DECODER = json.JSONDecoder(object_pairs_hook=unique_keys)
_SCAN: Callable[[str, int], tuple[Any, int]] = _DECODER.scan_once  # type: ignore[attr-defined]


def _elements(text: str, at: int) -> Iterator[_Parsed]:
    """The elements of an array, one at a time, so that each keeps its line."""
    at, line, counted = _next(text, at + 1), 1, 0
    while text[at : at + 1] != "]":
        value, end = _parsed(text, at)
        line += text.count("\n", counted, at)
        counted = at
        yield line, _SURROGATE.search(text, at, end) is not None, value
        at = _next(text, end)
        if text[at : at + 1] == ",":
            at = _next(text, at + 1)
        elif text[at : at + 1] != "]":
            said = "invalid JSON: expected ',' or ']' after a row of the array"
            raise _NotWhole(said, text, at, certain="\n" in text.strip())
    rest = _next(text, at + 1)
    if rest < len(text):
        certain = "\n" not in text[at:rest]
        raise _NotWhole("invalid JSON: text after the array", text, rest, certain=certain)


def _objects(text: str, at: int) -> Iterator[_Parsed]:
    line, counted = 1, 0
    while at < len(text):
        value, end = _parsed(text, at)
        line += text.count("\n", counted, at)
        counted = at
        yield line, _SURROGATE.search(text, at, end) is not None, value
        at = _next(text, end)


def _list_in(value: Any) -> list[Any] | None:
    """The rows of an object that holds them in a list: `{"data": [...]}`."""
    if not isinstance(value, dict) or len(value) > MOST_AROUND:
        return None
    return next((value[key] for key in AROUND if _is_rows(value.get(key))), None)


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _refuse_several(value: Any, text: str, at: int) -> None:
    """Raise for an object with several lists of rows, such as its splits: which one is meant?"""
    if _list_in(value) is None:
        return
    several = [f"'{key}' ({len(value[key]):,})" for key in _LISTS if _is_rows(value.get(key))]
    if len(several) > 1:
        said = f"several lists of rows: {listed(several)}; write each into a file of its own"
        raise _NotWhole(said, text, at, certain=True)


def _columns_of(value: Any) -> list[str] | None:
    """The keys of an object whose values are columns: lists of one length, two or more of them."""
    if not isinstance(value, dict):
        return None
    lists = {key: len(each) for key, each in value.items() if isinstance(each, list)}
    several = len(lists) > 1 and len(set(lists.values())) == 1
    return list(lists) if several and len(value) - len(lists) < len(lists) else None


def _sound(rows: Iterable[_Parsed], shown: str) -> Iterator[tuple[int, Values]]:
    bad: list[Problem] = []
    for line, suspect, value in rows:
        problem = _unsound(suspect, value)
        if problem:
            bad.append(Problem(shown, line, 1, problem))
        else:
            yield line, value
    if bad:
        raise ProblemsFound(bad)


def _unsound(suspect: bool, value: Any) -> str:
    if suspect and not _encodable(value):
        return "unpaired surrogate (\\ud800 to \\udfff); fix the text"
    if not isinstance(value, dict):
        return f"a row must be a JSON object, got {type(value).__name__}"
    return ""


def line_rows(lines: Iterable[tuple[int, str]], shown: str) -> Iterator[tuple[int, Values]]:
    """(line, object) of each line of JSON Lines; after them, raises with all bad lines.

    Raises
    ------
    ProblemsFound
        After all good rows, when there are bad ones.
    """
    bad: list[Problem] = []
    for number, text in lines:
        line = text.rstrip("\n")
        if line[:1] == "{" and "\\u" not in line:  # most rows: an object, and nothing to look into
            try:
                values, end = _SCAN(line, 0)
            except (ValueError, RecursionError, StopIteration):
                end = -1  # told below
            if end == len(line):
                yield number, values
                continue
        if not line.strip():
            continue
        try:
            values = json.loads(line, object_pairs_hook=unique_keys)
        except DuplicateKey as error:
            bad.append(Problem(shown, number, 1, str(error)))
            continue
        except (ValueError, RecursionError) as error:
            said = f"invalid JSON: {_why(line, error)}; write one object per line"
            bad.append(Problem(shown, number, getattr(error, "colno", 1), said))
            continue
        problem = _unsound(_SURROGATE.search(line) is not None, values)
        if problem:
            bad.append(Problem(shown, number, 1, problem))
            continue
        yield number, values
    if bad:
        raise ProblemsFound(bad)


def _why(line: str, error: Exception) -> str:
    """What is wrong with a line; Python names a trailing comma only from 3.13 on."""
    if isinstance(error, json.JSONDecodeError):
        before, behind = line[: error.pos].rstrip(), line[error.pos :].strip()
        if error.msg == "Extra data" and behind == ",":
            return "extra comma after the object; remove it"
        if error.msg.startswith("Illegal trailing comma") or (
            before.endswith(",") and behind[:1] in ("}", "]")
        ):
            return "a trailing comma; remove it"
    return getattr(error, "msg", str(error))


def _encodable(values: object) -> bool:
    try:
        json.dumps(values, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
