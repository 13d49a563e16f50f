"""From a YAML file to a `Suite`, with every mistake of the file at its line and column."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from rmcheck import checks as registry
from rmcheck.checks import Check
from rmcheck.data import preferences
from rmcheck.data.dialogue import content_hash
from rmcheck.data.layouts import LAYOUTS
from rmcheck.data.preferences import PreferenceData
from rmcheck.data.row_reader import PAIR_KEYS, SET_KEYS
from rmcheck.documents import finding, located
from rmcheck.documents.located import Located
from rmcheck.documents.recognise import has_suite_keys
from rmcheck.documents.regular import regular_bytes
from rmcheck.errors import (
    MOST_PROBLEMS,
    ExtraMissing,
    Problem,
    ProblemsFound,
    UsageError,
    did_you_mean,
    first_of,
    nearest,
)
from rmcheck.registry import BrokenEntryPoint
from rmcheck.suite.check_keys import check_model, plain_values
from rmcheck.suite.header import DataKey, DataMapping, Header
from rmcheck.suite.suite import Suite


def load_suite(path: Path, root: Path | None = None) -> Suite:
    """Read, validate and bind a suite file to its data.

    Parameters
    ----------
    root
        Messages and records print paths relative to this folder.

    Raises
    ------
    ProblemsFound
        All mistakes of the file and of its data at once.
    """
    shown = path.relative_to(root).as_posix() if root and path.is_relative_to(root) else str(path)
    noted: list[Problem] = []
    _refuse_others(path, shown)
    document = located.read(path, shown, noted)
    if not isinstance(document.value, dict) or not has_suite_keys(document.value):
        raise ProblemsFound(noted or [Problem(shown, 1, 1, _not_a_suite(document))])
    problems: list[Problem] = []
    header: Header | None = None
    try:
        header = located.validate(Header, document)
    except ProblemsFound as found:
        problems.extend(found.problems)
    checks, more = _read_checks(document, path.parent, root)
    problems.extend(more)
    data = PreferenceData()
    try:
        keys = header or located.validate(DataKey, document)
        data, tags = _load_data(keys.data, keys.layout, document, root)
        problems.extend(_unknown_tags(document, checks, tags))
    except ProblemsFound as found:
        problems.extend(problem for problem in found.problems if problem not in problems)
    # An unreadable value counts as None; a second message about that None would be an echo.
    places = {(problem.line, problem.column) for problem in noted}
    problems = [p for p in problems if p.path != shown or (p.line, p.column) not in places]
    if noted or problems or header is None:
        raise ProblemsFound([*noted, *problems])
    return Suite(
        name=header.name,
        path=path,
        shown=shown,
        description=header.description,
        source=header.source,
        tags=header.tags,
        gate=header.gate,
        checks=tuple(_of_objective(check, header.objective) for check in checks.values()),
        lines=tuple(document.place(("checks", index))[0] for index in checks),
        data=data,
        hash=content_hash(document.value)[:16],
        objective=header.objective or "",
    )


def _of_objective(check: Check, objective: str | None) -> Check:
    """The check, of the suite's objective if it names none."""
    if not objective or check.objective or not check.one_objective:
        return check
    return replace(check, objective=objective)


def _refuse_others(path: Path, shown: str) -> None:
    """Name what is not a YAML file by its place, its name or its first bytes.

    Raises
    ------
    ProblemsFound
        With how to fix it.
    """
    said = ""
    proper = finding.intended(path)
    if proper is not None:
        said = f"a suite needs a name that ends in .yaml; rename the file to {proper.name!r}"
    elif path.is_dir():
        said = "is a directory, not a suite file; rename it"
    elif os.path.islink(path) and not path.exists():
        said = f"broken link to {os.readlink(path)!r}; restore its target or remove it"
    else:
        with suppress(OSError):
            start = regular_bytes(path, 200).removeprefix(codecs.BOM_UTF8).lstrip()
            if start.startswith(b"version https://git-lfs"):
                said = "is a Git LFS pointer, not the file itself; run: git lfs pull"
            elif start.lower().startswith((b"<!doctype", b"<html")):
                said = "is an HTML page, not YAML; download the file again"
    if said:
        raise ProblemsFound([Problem(shown, 0, 0, f"{said}, {_excluded(shown)}")])


def _not_a_suite(document: Located) -> str:
    """Why a document is not a suite, and how to fix it."""
    out = _excluded(document.path)
    if document.value is None:
        return f"file is empty; a suite starts with 'rmcheck: 1'; write one, remove the file, {out}"
    if not isinstance(document.value, dict):
        kind = "a list" if isinstance(document.value, list) else "a single value"
        begins = "expected a mapping that starts with 'rmcheck: 1'"
        return f"not a suite: {begins}, got {kind}; fix it, {out}"
    shown = ", ".join(key[:20] for key in list(document.value)[:5]) or "none"
    if "recipe" in document.value:
        return f"is a recipe, not a suite; move it to another folder, {out}"
    return f"not a suite (keys found: {shown}); start it with 'rmcheck: 1' and fix the keys, {out}"


def _excluded(shown: str) -> str:
    return f"or exclude it with rmcheck_files = !{shown}"


def count_comparisons(path: Path) -> int:
    """How many required checks of a suite file compare with a baseline; its data stay unread.

    Returns 0 for a file with mistakes, which stops the run that collects it.
    """
    try:
        document = located.read(path)
        header = located.validate(Header, document)
        checks, _ = _read_checks(document, path.parent)
    except ProblemsFound:
        return 0
    required = (check.gate or header.gate for check in checks.values() if check.compares)
    return sum(gate == "required" for gate in required)


def _read_checks(
    document: Located, folder: Path, root: Path | None = None
) -> tuple[dict[int, Check], list[Problem]]:
    """The checks by their index in the file, and the mistakes in the others."""
    entries = document.value.get("checks")
    if not isinstance(entries, list):
        return {}, []  # the header's validation reports it
    built: dict[int, Check] = {}
    problems: list[Problem] = []
    labels: dict[str, int] = {}
    for index, entry in enumerate(entries):
        where = ("checks", index)
        line = document.place(where)[0]
        if not isinstance(entry, dict):
            continue
        if len(problems) > MOST_PROBLEMS:
            break
        try:
            check = _read_check(document, index, folder, root)
        except ProblemsFound as found:
            problems.extend(found.problems)
            continue
        if check.label in labels:
            problems.append(
                document.problem(
                    where,
                    f"duplicate check name '{check.label}' (first on line {labels[check.label]}); "
                    "give one of them a 'name:'",
                )
            )
            continue
        labels[check.label] = line
        built[index] = check
    return built, first_of(problems)


def _read_check(document: Located, index: int, folder: Path, root: Path | None) -> Check:
    where = ("checks", index)
    entry = dict(document.value["checks"][index])
    kind = entry.pop("check", None)
    if kind is None:
        said = f"the key 'check' (the kind) is missing; {did_you_mean('', registry.kinds())}"
        raise ProblemsFound([document.problem(where, said)])
    try:
        found = registry.find(kind) if isinstance(kind, str) else None
        values = None if found is None else plain_values(found, entry)
        keys = check_model(found) if found is not None and values is None else None
    except BrokenEntryPoint as error:
        said = f"check '{kind}' cannot be used: {error}"
        raise ProblemsFound([document.problem((*where, "check"), said)]) from None
    if found is None:
        said = f"unknown check '{str(kind)[:80]}', {did_you_mean(str(kind), registry.kinds())}"
        raise ProblemsFound([document.problem((*where, "check"), said)])
    label = f"check '{kind}'"
    if keys is not None:
        model = located.validate(keys, document, where, label)
        values = {name: getattr(model, name) for name in type(model).model_fields if name in entry}
    try:
        return found.build(values or {}).beside(folder, root)
    except ValueError as error:
        raise ProblemsFound([document.problem(where, f"{label}: {error}")]) from None


def _unknown_tags(
    document: Located, checks: Mapping[int, Check], known: set[str] | None
) -> Iterator[Problem]:
    """Tags that a slice names and no pair has; nothing where the tags are not known.

    Excluding a tag that does not exist is harmless, unless it is misspelt.
    """
    if known is None:
        return
    unknown = (
        (index, key, place, tag)
        for index, check in checks.items()
        for key in ("tags", "without_tags", "all_tags")
        for place, tag in enumerate(getattr(check.where, key, None) or ())
        if tag not in known
    )
    # A search for the nearest name takes time, so only the first unknown tags are checked.
    for index, key, place, tag in islice(unknown, MOST_PROBLEMS):
        if key != "without_tags" or _misspelt(tag[:80], known):
            said = f"no pair has the tag '{tag[:80]}', {did_you_mean(tag[:80], known)}"
            where = ("checks", index, "where", key, place)
            yield document.problem(where, f"check '{checks[index].kind}': where.{key}: {said}")


def _misspelt(tag: str, known: Iterable[str]) -> bool:
    """Whether a tag is nearly a known one; `v2` is not a misspelt `v1`."""
    near = nearest(tag, known, cutoff=0.8)
    return near is not None and _DIGITS.sub("", near) != _DIGITS.sub("", tag)


_ONE_SOURCE = "expected exactly one of the keys 'path' and 'dataset'"
_DIGITS = re.compile(r"\d+")


def _load_data(
    spec: str | DataMapping, layout: str | None, document: Located, root: Path | None
) -> tuple[PreferenceData, set[str] | None]:
    """A suite's data, and the tags of all pairs that they were drawn from.

    The tags are None where they are not known: only a sample of a hub's data set is loaded, and
    response sets have no tags.
    """
    base = Path(document.path)
    folder = (root / base).parent if root and not base.is_absolute() else base.parent
    mapping = DataMapping(path=spec) if isinstance(spec, str) else spec
    if (mapping.path is None) == (mapping.dataset is None):
        raise ProblemsFound([document.problem(("data",), f"data: {_ONE_SOURCE}")])
    known = (*PAIR_KEYS, *SET_KEYS)
    wrong = [key for key in mapping.columns or () if key not in known]
    if wrong:
        raise ProblemsFound(
            first_of(
                document.problem(
                    ("data", "columns", key),
                    f"unknown key '{key[:80]}' in columns, {did_you_mean(key, set(known))}",
                    key=True,
                )
                for key in wrong
            )
        )
    if layout is not None and layout not in LAYOUTS:
        said = f"unknown layout '{layout[:80]}', {did_you_mean(layout, LAYOUTS)}"
        raise ProblemsFound([document.problem(("layout",), said)])
    if mapping.dataset is not None:
        data = _hub_data(mapping, layout, document)
        return data, None if mapping.limit is not None else _tags(data)
    named = mapping.path or ""
    try:
        paths = preferences.expand(named, folder)
    except UsageError as error:
        raise ProblemsFound([document.problem(("data",), str(error))]) from None
    if not paths:
        raise ProblemsFound(
            [
                document.problem(
                    ("data",),
                    f"no file matches '{named[:200]}' (looked in {_shown(folder, root)}); "
                    "the path is relative to the suite file",
                )
            ]
        )
    data = preferences.load(paths, root=root, columns=mapping.columns, layout=layout)
    tags = _tags(data)
    if mapping.limit is None or mapping.limit >= len(data.pairs):
        return data, tags
    sample = _sample(data.pairs, mapping.limit, mapping.seed)
    return PreferenceData(sample, data.sets, data.paths, data.notes), tags


def _tags(data: PreferenceData) -> set[str] | None:
    return {tag for pair in data.pairs for tag in pair.tags} if data.pairs else None


def _sample(pairs: Sequence[Any], limit: int, seed: int) -> tuple[Any, ...]:
    import numpy as np

    rows = np.random.default_rng(seed).permutation(len(pairs))[:limit]
    return tuple(pairs[row] for row in sorted(rows))


def _hub_data(mapping: DataMapping, layout: str | None, document: Located) -> PreferenceData:
    from rmcheck.data import hub as hub_data

    try:
        return hub_data.load_data(
            mapping.dataset or "",
            subset=mapping.subset,
            split=mapping.split,
            limit=mapping.limit,
            seed=mapping.seed,
            columns=mapping.columns,
            layout=layout,
        )
    except (ValueError, ExtraMissing) as error:
        raise ProblemsFound([document.problem(("data",), str(error))]) from None


def _shown(folder: Path, root: Path | None) -> str:
    folder = folder.resolve()
    if root and folder.is_relative_to(root):
        return folder.relative_to(root).as_posix() or "."
    return str(folder)
