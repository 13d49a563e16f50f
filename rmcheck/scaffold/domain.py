"""The two files of a new domain: a commented suite, and a data file to fill in."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from pydantic import TypeAdapter, ValidationError

from rmcheck.data.preferences import PLACEHOLDER, expand
from rmcheck.documents import finding, located
from rmcheck.errors import ProblemsFound, UsageError
from rmcheck.scaffold.draft import Draft
from rmcheck.scaffold.project import SCHEMA, template
from rmcheck.scaffold.schema import rendered, suite_schema
from rmcheck.scaffold.student import Student
from rmcheck.suite.header import Name

DATA = "data"


@dataclass(frozen=True)
class Domain:
    """A new domain: its files, as paths below the project's root.

    `pooled` has the existing suites whose data pattern matches the new file.
    """

    suite: str
    data: str
    pooled: tuple[str, ...] = ()


def new_domain(
    name: str,
    *,
    root: Path,
    suites: str = "suites",
    data: str | None = None,
    globs: Sequence[str] = (),
    form: str | None = None,
    student: Student | None = None,
) -> Domain:
    """Write a suite and a data file for the domain `name`.

    The data file has two example pairs that show every key; too few for any check to pass. With
    data that exist, only the suite is written.

    Parameters
    ----------
    suites
        The folder of suites below `root`.
    data
        The folder for the data; by default the one that most suites use, else `data`. Or data
        that exist: a file, or a folder that is data.
    globs
        The globs of the project's suites (`rmcheck_files`); empty: the default ones.
    form
        The suite's text, in which SCHEMA, DOMAIN and DATA are replaced; without DATA, no data file
        is written. By default that of a commented suite.
    student
        The model that the suite is for, if it is not that of the run, or has a teacher.

    Raises
    ------
    UsageError
        If the name is invalid or already used, or a file exists.
    """
    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError:
        raise UsageError(
            f"invalid suite name {name!r}: use letters, digits, '_', '-' and '.', start with a "
            "letter or digit, at most 80 characters"
        ) from None
    folder = root / suites
    others = _data_of(folder, globs)
    if name in others:
        shown = others[name].path.relative_to(folder).as_posix()
        raise UsageError(
            f"{suites}/{shown}: a suite named '{name}' already exists; choose another name"
        )
    form = template("domain.yaml") if form is None else form
    exists = "DATA" not in form or (data is not None and bool(expand(data, root)))
    data = data or _usual_folder(root, others.values())
    rows = PurePosixPath(data) if exists else PurePosixPath(data) / f"{name}.jsonl"
    made = Domain(f"{PurePosixPath(suites)}/{name}.yaml", str(rows))
    text = (
        form.replace("SCHEMA", SCHEMA)
        .replace("DOMAIN", name)
        .replace("DATA", Path(os.path.relpath(root / made.data, folder)).as_posix())
    )
    text = text if student is None else student.added(text)
    files = {made.suite: text} if exists else {made.suite: text, made.data: _stub(name)}
    draft = Draft(root, files)
    if draft.taken():
        raise UsageError(
            f"{', '.join(draft.taken())} already exists; choose another name, or move the file"
        )
    draft.write()
    Draft(root, {f"{PurePosixPath(suites)}/{SCHEMA}": rendered(suite_schema())}).write()
    new = (root / made.data).resolve()
    pooled = sorted(other.path for other in others.values() if not exists and other.has(new))
    return replace(made, pooled=tuple(path.relative_to(root).as_posix() for path in pooled))


def _stub(name: str) -> str:
    """Two example rows: one with every key, one with the required keys."""
    rows: list[dict[str, object]] = [
        {
            "id": f"{name}-001",
            "prompt": f"{PLACEHOLDER}: what a user asks, or a list of messages",
            "chosen": f"{PLACEHOLDER}: the better response",
            "rejected": f"{PLACEHOLDER}: the worse response",
            "tags": ["what_is_wrong_with_the_rejected_one"],
            "confidence": 0.9,
            "ratings": {"chosen": 5, "rejected": 2},
        },
        {
            "id": f"{name}-002",
            "prompt": f"{PLACEHOLDER}: another question; the other keys are optional",
            "chosen": f"{PLACEHOLDER}: the better response to it",
            "rejected": f"{PLACEHOLDER}: the worse response to it",
        },
    ]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


@dataclass(frozen=True)
class _Other:
    """An existing suite: its file, and the pattern of its data files, if any."""

    path: Path
    data: str | None

    def has(self, file: Path) -> bool:
        """Whether `file`, which exists, is among its data."""
        if self.data is None:
            return False
        with suppress(UsageError):  # a folder of several splits, which the suite's reader tells
            return file in expand(self.data, self.path.parent)
        return False


def _data_of(folder: Path, globs: Sequence[str]) -> dict[str, _Other]:
    """The suites below `folder` by name. Files with errors are skipped; pytest reports them."""
    found: dict[str, _Other] = {}
    for path in finding.suites_below(folder, globs):
        try:
            value = located.read(path).value
        except ProblemsFound:
            continue
        if isinstance(value, dict) and isinstance(value.get("name"), str):
            data = value.get("data")
            data = data.get("path") if isinstance(data, dict) else data
            found[value["name"]] = _Other(path, data if isinstance(data, str) else None)
    return found


def _usual_folder(root: Path, others: Iterable[_Other]) -> str:
    """The folder of most suites' data, if it is in the project."""
    given = [each.path.parent / each.data for each in others if each.data and ":" not in each.data]
    parents = [Path(os.path.abspath(path)).parent for path in given]
    inside = [path for path in parents if path.is_relative_to(root)]
    if not inside:
        return DATA
    most, _ = Counter(inside).most_common(1)[0]
    return most.relative_to(root).as_posix()
