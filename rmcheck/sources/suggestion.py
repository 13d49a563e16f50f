"""Suggestions for a `--rm` without a kind: the spec or the command that was probably meant."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from rmcheck.data.layouts.shape import MESSAGE, MESSAGES, TRANSCRIPT, kinds_of
from rmcheck.data.rows import read_rows
from rmcheck.documents.finding import is_yaml
from rmcheck.documents.recognise import looks_like_recipe, looks_like_source, looks_like_suite
from rmcheck.errors import ProblemsFound
from rmcheck.scoring.files import nearest_path
from rmcheck.sources.score_columns import is_long

ROWS = 3
"""Rows of a file that are read to tell preference data from scores."""


def suggestion(spec: str, root: Path, kinds: Collection[str]) -> str:
    """The remedy for the spec `spec`, whose paths are relative to `root`.

    An existing file is suggested as what it contains; a misspelt path as the nearest existing one.
    """
    if not spec or spec in kinds:
        return "did you mean 'recipe:tiny'?"
    path = root / spec
    if path.is_file():
        return _of_file(spec, path)
    if spec.isidentifier():
        return f"did you mean 'recipe:{spec}'?"
    near = nearest_path(path) or nearest_path(path, files=True)
    if near is None:
        return f"did you mean 'hf:{spec}'?"
    shown = near.relative_to(root).as_posix() if near.is_relative_to(root) else str(near)
    return f"did you mean 'hf:{shown}'?" if near.is_dir() else _of_file(shown, near)


def _of_file(spec: str, path: Path) -> str:
    if not is_yaml(path):
        if is_preference_data(path):
            return (
                f"{spec} is preference data; name it in a suite (data: …), or score it with "
                f"`rmcheck score {spec} -o FILE --rm SPEC`"
            )
        return f"did you mean 'scores:{spec}'?"
    if looks_like_source(path):
        return f"did you mean 'source:{spec}'?"
    if looks_like_suite(path) and not looks_like_recipe(path):
        return f"{spec} is a suite; run it with `pytest {spec}`"
    return f"did you mean 'recipe:{spec}'?"


def is_preference_data(path: Path) -> bool:
    """Whether the first rows of a file have prompts; a score file has none."""
    try:
        rows = [row.values for _, row in zip(range(ROWS), read_rows(path, str(path)), strict=False)]
    except ProblemsFound:
        return False
    return any(_is_data(values) for values in rows)


def _is_data(values: Mapping[str, Any]) -> bool:
    texts = (TRANSCRIPT, MESSAGES, MESSAGE)
    whole = any(kind in texts for kind in kinds_of(values.get("chosen")))
    return whole or ("prompt" in values and not is_long(values))
