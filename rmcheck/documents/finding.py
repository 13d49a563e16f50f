"""Which files are suites: in a project that has one, every file that the globs match.

Such a file is a suite or an error, so no suite is silently left out. A project without any suite
may have a folder `suites` for another purpose. pytest and every command use this module. It is
imported in every pytest run, so it imports nothing heavy.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

INI_FILES = "rmcheck_files"
"""The key of pytest's ini file for the globs."""

YAML = (".yaml", ".yml")
"""The suffixes of YAML files: suites and recipes."""

DEFAULT_FILES = (*(f"suites/**/*{suffix}" for suffix in YAML), "**/*.rmcheck.yaml")


_NEARLY = re.compile(r"(?P<stem>.*)\.(ya?ml[.~\s].*|ya?ml~|json\s*)", re.IGNORECASE | re.DOTALL)
"""Names under which a suite would not be found: `a.yaml.txt`, `a.yaml ` (a blank), `a.json`."""


def is_yaml(path: Path) -> bool:
    """Whether the name of a file is that of a YAML file, in upper or lower case."""
    return path.suffix.lower() in YAML


def intended(path: Path) -> Path | None:
    """The path that a file with nearly a YAML file's name should have; None for other names.

    >>> intended(Path("suites/a.yaml.txt")), intended(Path("suites/a.txt"))
    (PosixPath('suites/a.yaml'), None)
    """
    match = None if is_yaml(path) else _NEARLY.fullmatch(path.name)
    return path.with_name(f"{match['stem']}.yaml") if match and match["stem"] else None


def is_misnamed(path: Path, globs: Sequence[str]) -> bool:
    """Whether a file has a suite's contents and only nearly the name that the globs match.

    Not a copy or a backup beside the suite itself.
    """
    proper = intended(path)
    if proper is None or proper.exists() or not matches(proper, globs) or left_out(path, globs):
        return False
    from rmcheck.documents.recognise import has_no_other_keys

    return has_no_other_keys(path)


def entries_below(folder: Path) -> Iterator[Path]:
    """All files below a folder, in order: hidden ones, broken links and loops of links, too.

    Also folders with a YAML file's name and folders that cannot be read.
    """
    seen: set[str] = set()
    unread: list[Path] = []
    walk = os.walk(
        folder, followlinks=True, onerror=lambda error: unread.append(Path(error.filename))
    )
    for base, folders, files in walk:
        place = os.path.realpath(base)
        if place in seen:
            folders.clear()
            continue
        seen.add(place)
        folders.sort()
        yield from (Path(base, name) for name in sorted(files))
        yield from (Path(base, name) for name in folders if is_yaml(Path(name)))
    yield from unread


def candidates(paths: Iterable[Path], globs: Sequence[str]) -> list[Path]:
    """Those of the paths that are suites or errors in a project that has a suite."""
    return [
        path
        for path in paths
        if (is_yaml(path) and matches(path, globs)) or is_misnamed(path, globs)
    ]


def has_suite(paths: Iterable[Path], globs: Sequence[str]) -> bool:
    """Whether one of the candidates among the paths is meant to be a suite."""
    from rmcheck.documents.recognise import looks_like_suite

    return any(looks_like_suite(path) for path in candidates(paths, globs))


def suites_below(folder: Path, globs: Sequence[str]) -> list[Path]:
    """The suites below a folder, as a gate of that folder finds them, sorted.

    Files that are not suites are among them where one is: reading them says what is wrong.
    """
    found = candidates(entries_below(folder), globs)
    beside = [entry for top, deep in tops(found) for entry in _entries(top, deep)]
    return sorted(found) if has_suite([*found, *beside], globs) else []


def tops(paths: Iterable[Path]) -> set[tuple[Path, bool]]:
    """The folders with the suites that belong together, and whether their sub-folders count.

    The outermost parent folder named `suites`; without one a file's own folder alone.
    """
    found: set[tuple[Path, bool]] = set()
    for path in paths:
        named = [folder for folder in path.parents if folder.name == "suites"]
        found.add((named[-1], True) if named else (path.parent, False))
    return found


def suite_files(paths: Iterable[Path], globs: Sequence[str]) -> set[Path]:
    """The files in the same suite folders as the files `paths`, including `paths`.

    Each folder is searched once.
    """
    found = {entry for top, deep in tops(paths) for entry in _entries(top, deep)}
    return {Path(os.path.realpath(file)) for file in candidates(found, globs)}


def _entries(folder: Path, deep: bool) -> Iterable[Path]:
    return entries_below(folder) if deep else folder.glob("*")


def matches(path: Path, globs: Sequence[str]) -> bool:
    """Whether the path, from the root folder or from anywhere above it, fits one of the globs.

    `globs` is the value of `rmcheck_files`; without one that includes files the default ones apply.
    """
    shown = _lower_suffix(_rooted(path))
    finding = [glob for glob in globs if not glob.startswith("!")] or DEFAULT_FILES
    return any(_glob(glob).search(shown) for glob in finding) and not left_out(path, globs)


def left_out(path: Path, globs: Sequence[str]) -> bool:
    """Whether a glob with an exclamation mark excludes the path."""
    shown = {_rooted(path), _lower_suffix(_rooted(path))}
    excluding = [_glob(glob) for glob in globs if glob.startswith("!")]
    return any(glob.search(each) for glob in excluding for each in shown)


def _rooted(path: Path) -> str:
    return f"/{path.as_posix().lstrip('/')}"


def _lower_suffix(shown: str) -> str:
    """The path with `.yaml` for `.YAML`: suites are found by names in any case."""
    stem, dot, suffix = shown.rpartition(".")
    return f"{stem}.{suffix.lower()}" if dot and f".{suffix.lower()}" in YAML else shown


@cache
def _glob(pattern: str) -> re.Pattern[str]:
    """A glob as a regular expression; `*` stays within a folder, `**` is any depth.

    As in a `.gitignore`, a glob that begins with `!` also covers everything below a folder.
    """
    steps = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    plain = pattern.removeprefix("!").removeprefix("./").strip("/")
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^/\]]+\])", plain)
    found = "".join(
        steps.get(part) or (_class(part) if part.startswith("[") else re.escape(part))
        for part in parts
    )
    return re.compile(f"/{found}{'(?:/.*)?' if pattern.startswith('!') else ''}$")


def _class(part: str) -> str:
    """A glob's `[abc]` or `[!abc]` as a regular expression's; an unclosed bracket is literal."""
    if not part.endswith("]"):
        return re.escape(part)
    inner = part[1:-1]
    negated = inner.startswith("!")
    return f"[{'^' if negated else ''}{re.escape(inner[negated:]).replace(chr(92) + '-', '-')}]"
