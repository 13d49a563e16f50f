"""The steps of a training, in order: checkpoints, runs or score files with a number at the end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rmcheck.compare.comparison import MODEL_FILES
from rmcheck.errors import UsageError
from rmcheck.record.run import RESULTS
from rmcheck.sources.layout import without_options
from rmcheck.sources.score_file import SUFFIXES
from rmcheck.wording import listed

_NUMBERED = re.compile(r"(.*?)(\d+)")


@dataclass(frozen=True)
class Series:
    """What was given, as specs in the order of training; `remark` says what was made of it."""

    specs: tuple[str, ...]
    remark: str = ""


def series(given: Sequence[str], here: Path) -> Series:
    """The steps that a command line names.

    Parameters
    ----------
    given
        Specs, run folders and score files, or one folder with numbered ones in it.
    here
        Where relative paths start.

    Returns
    -------
    The entries of the folder by their numbers, the model of the folder itself last; or what was
    given: in its order, or by number where only the number at the end tells them apart, because a
    shell puts checkpoint-1000 before checkpoint-200.

    Raises
    ------
    UsageError
        For a folder without such entries, and for fewer than two steps.
    """
    if len(given) == 1 and (here / given[0]).is_dir():
        found = _inside(given[0], here)
    else:
        found = _sorted(given)
    twice = sorted({spec for spec in found.specs if found.specs.count(spec) > 1})
    if twice:
        raise UsageError(f"{listed(twice)} is given more than once")
    if len(found.specs) < 2:
        raise UsageError(
            f"{listed(list(given))}: one step; name two or more checkpoints, runs or score files, "
            "in the order of training, or the folder that contains them"
        )
    return found


def _inside(folder: str, here: Path) -> Series:
    entries = sorted(path for path in (here / folder).iterdir() if _is_step(path))
    families: dict[str, list[tuple[int, str]]] = {}
    for path in entries:
        matched = _NUMBERED.fullmatch(_stem(path.name))
        if matched:
            place = str(Path(folder) / path.name)
            families.setdefault(matched[1] + path.name[matched.end() :], []).append(
                (int(matched[2]), place)
            )
    if not families:
        raise UsageError(
            f"{folder}: no numbered checkpoints in this folder (checkpoint-100, step-200.jsonl, "
            "…); name the steps one by one, in the order of training"
        )
    if len(families) > 1:
        names = [f"{prefix}N ({len(each)})" for prefix, each in sorted(families.items())]
        raise UsageError(
            f"{folder}: several series in this folder: {listed(names)}; name the steps of one of "
            f"them: {folder}/{next(iter(sorted(families)))}*"
        )
    (steps,) = families.values()
    specs = [place for _, place in sorted(steps)]
    last = ""
    if _is_model(here / folder):
        specs.append(folder)
        last = ", and the model of the folder itself as the last"
    return Series(tuple(specs), f"{folder}: {len(steps)} steps by number{last}")


def _sorted(given: Sequence[str]) -> Series:
    """By number, where everything but the number at the end is the same in all."""
    split = [
        _NUMBERED.fullmatch(_stem(without_options(spec, lambda _: False)[0])) for spec in given
    ]
    numbers = [int(each[2]) for each in split if each]
    prefixes = {each[1] for each in split if each}
    if len(numbers) < len(given) or len(prefixes) > 1 or len(given) < 2:
        return Series(tuple(given))
    ordered = [spec for _, spec in sorted(zip(numbers, given, strict=True))]
    remark = "" if ordered == list(given) else "steps sorted by the number at their end"
    return Series(tuple(ordered), remark)


def _stem(name: str) -> str:
    """A name without the suffix of a score file, and without slashes at its end."""
    plain = name.rstrip("/").removesuffix(".gz")
    return next((plain.removesuffix(end) for end in SUFFIXES if plain.endswith(end)), plain)


def _is_model(path: Path) -> bool:
    return any((path / name).is_file() for name in MODEL_FILES)


def _is_step(path: Path) -> bool:
    if path.is_dir():
        return _is_model(path) or (path / RESULTS).is_file()
    return path.name.removesuffix(".gz").endswith(SUFFIXES)
