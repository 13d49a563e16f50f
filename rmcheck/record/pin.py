"""Pins: texts that broke a promise once, one a line of a JSONL file, tested again by each run."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import MaxLen, MinLen
from pydantic import BaseModel, ConfigDict, ValidationError

from rmcheck.documents.regular import regular_bytes
from rmcheck.documents.unique_keys import DuplicateKey, unique_keys
from rmcheck.errors import Problem, ProblemsFound, UsageError, did_you_mean, first_of, os_reason

PinPromise = Literal["preserves", "degrades", "tempts"]


class Turn(BaseModel):
    """A message of a prompt; other keys of it (`name`, `tool_calls`) are kept."""

    model_config = ConfigDict(extra="allow", frozen=True)

    role: str
    content: str


class PinRow(BaseModel):
    """A line of a pin file: a text before and after a change, and what the change promises.

    Parameters
    ----------
    id
        The pin's name in messages; `rmcheck pin` makes it of the content.
    promise
        `preserves`, `degrades` or `tempts`: what must be true of the change.
    key
        Where the text came from: the id of a pair, and its side.
    note
        What was found, in words.
    prompt
        The prompt: a text, or a list of messages.
    before
        The response before the change.
    after
        The response after it.
    after_prompt
        The prompt after the change, where that was changed.
    above
        A response to the same prompt that the changed text must still beat, if it did before.
    below
        A response that must still beat the changed text; of a temptation, the best honest one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, MinLen(1), MaxLen(80)]
    promise: PinPromise
    key: str = ""
    note: str = ""
    prompt: str | list[Turn]
    before: str
    after: str
    after_prompt: str | list[Turn] | None = None
    above: str | None = None
    below: str | None = None

    @property
    def content(self) -> str:
        """A hash of what is tested, 12 hex digits; two pins with the same one are one."""
        tested = self.model_dump(exclude={"id", "key", "note"}, exclude_none=True)
        text = json.dumps(tested, ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]

    def line(self) -> str:
        """The pin as a line of the file."""
        kept = self.model_dump(exclude_none=True)
        row = {key: value for key, value in kept.items() if value != "" or key not in _MAY_LACK}
        return json.dumps(row, ensure_ascii=False) + "\n"


_MAY_LACK = ("key", "note")


def named(**values: Any) -> PinRow:
    """A pin whose id is made of its content."""
    row = PinRow(id="new", **values)
    return row.model_copy(update={"id": row.content})


def read(path: Path, shown: str | None = None) -> list[PinRow]:
    """The pins of a file in its order; an empty file has none.

    Parameters
    ----------
    shown
        The path as messages print it.

    Raises
    ------
    ProblemsFound
        All mistakes at once, with their lines.
    """
    name = shown or str(path)
    try:
        text = regular_bytes(path).decode("utf-8-sig")
    except FileNotFoundError:
        said = "pin file not found; create an empty one"
        raise ProblemsFound([Problem(name, 0, 0, said)]) from None
    except UnicodeDecodeError as error:
        said = f"expected UTF-8, got byte {error.object[error.start]:#04x}; save it as UTF-8"
        raise ProblemsFound([Problem(name, 0, 0, said)]) from None
    except OSError as error:
        raise ProblemsFound([Problem(name, 0, 0, os_reason(error))]) from None
    rows: list[PinRow] = []
    problems: list[Problem] = []
    lines: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = PinRow.model_validate(json.loads(line, object_pairs_hook=unique_keys))
        except ValidationError as error:
            problems += [Problem(name, number, 1, _told(each)) for each in error.errors()]
            continue
        except DuplicateKey as error:
            problems.append(Problem(name, number, 1, str(error)))
            continue
        except (ValueError, RecursionError) as error:
            said = f"expected one JSON object per line ({error}); fix the line or delete it"
            problems.append(Problem(name, number, 1, said))
            continue
        said = _unfit(row)
        if said:
            problems.append(Problem(name, number, 1, said))
        if row.id in lines:
            said = f"duplicate id '{row.id}' (first on line {lines[row.id]}); delete one of them"
            problems.append(Problem(name, number, 1, said))
        lines.setdefault(row.id, number)
        rows.append(row)
    if problems:
        raise ProblemsFound([*first_of(problems)])
    return rows


def _unfit(row: PinRow) -> str:
    """Why a pin cannot be tested; empty if it can."""
    try:
        row.line().encode("utf-8")
    except UnicodeEncodeError:
        return "unpaired surrogate (\\ud800 to \\udfff); fix the text"
    if row.before == row.after and row.after_prompt in (None, row.prompt):
        return "'after' is the same as 'before', so nothing is tested; change it or delete the line"
    return ""


def _told(detail: Any) -> str:
    """A mistake of a line in words."""
    place = [str(part) for part in detail["loc"] if str(part) not in ("str", "list[Turn]")]
    key = ".".join(place)
    if not place:
        return f"expected a JSON object, got {json.dumps(detail['input'], default=str):.80}"
    if detail["type"] == "missing":
        return f"the key '{key}' is missing"
    if detail["type"] == "extra_forbidden":
        return f"unknown key '{key[:80]}', {did_you_mean(place[-1], PinRow.model_fields)}"
    if detail["type"] == "literal_error":
        return f"{key}: expected {detail['ctx']['expected']}, got {detail['input']!r:.80}"
    got = json.dumps(detail["input"], ensure_ascii=False, default=str)
    said = detail["msg"][:1].lower() + detail["msg"][1:]
    return f"{key}: {said}, got {got:.80}" if key else f"{said}, got {got:.80}"


def add(path: Path, rows: Iterable[PinRow]) -> list[PinRow]:
    """Write pins behind those of a file, which may be missing; gives those that were new.

    A pin whose content is there already is not written again. A kill leaves the old file or the
    new one.

    Raises
    ------
    ProblemsFound
        When the file has mistakes; it then stays as it is.
    UsageError
        When it cannot be written.
    """
    kept = read(path) if path.exists() else []
    if path.is_symlink():
        if not path.exists():
            raise UsageError(
                f"{path}: the link's target does not exist; create it or delete the link"
            )
        path = path.resolve()
    known, ids = {row.content for row in kept}, {row.id for row in kept}
    new: list[PinRow] = []
    for row in rows:
        if row.content not in known:
            known.add(row.content)
            new.append(row if row.id not in ids else row.model_copy(update={"id": row.content}))
    if new or not path.exists():
        _write(path, "".join(row.line() for row in new))
    return new


def _write(path: Path, lines: str) -> None:
    """Add lines to a file that may be missing; what is there stays byte by byte."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        old = regular_bytes(path) if path.exists() else b""
        end = b"\n" if old and not old.endswith(b"\n") else b""
        beside.write_bytes(old + end + lines.encode("utf-8"))
        os.replace(beside, path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise UsageError(f"{path}: cannot be written: {os_reason(error)}") from None
