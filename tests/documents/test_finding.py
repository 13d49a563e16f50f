"""The one finder of suites: what globs find, below a folder and beside a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from rmcheck.documents.finding import is_yaml, left_out, matches, suite_files, suites_below

SUITE = "rmcheck: 1\n"


def write(root: Path, *paths: str, text: str = SUITE) -> None:
    for path in paths:
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def below(root: Path, globs: Sequence[str] = (), folder: str = ".") -> list[str]:
    return [path.relative_to(root).as_posix() for path in suites_below(root / folder, globs)]


def test_the_default_globs_find_suites_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path, "suites/b.yaml", "suites/more/a.yml", "own.rmcheck.yaml", "recipes/r.yaml")
    write(tmp_path, "suites/compose.yaml", text="services: {}\n")
    write(tmp_path, "suites/notes.txt")
    found = ["own.rmcheck.yaml", "suites/b.yaml", "suites/compose.yaml", "suites/more/a.yml"]
    assert below(tmp_path) == found  # reading compose.yaml says what is wrong
    assert below(tmp_path, ["!suites/compose.yaml"]) == [found[0], found[1], found[3]]
    assert below(tmp_path, folder="suites/more") == ["suites/more/a.yml"]
    assert below(tmp_path, folder="recipes") == []


def test_globs_find_and_leave_out(tmp_path: Path) -> None:
    write(tmp_path, "suites/a.yaml", "suites/old/b.yaml", "gates/c.yaml")
    assert below(tmp_path, ["!suites/old"]) == ["suites/a.yaml"]
    assert below(tmp_path, ["gates/*.yaml"]) == ["gates/c.yaml"]
    assert below(tmp_path, ["**/*.yaml", "!suites/a.yaml"]) == ["gates/c.yaml", "suites/old/b.yaml"]


def test_those_that_stand_with_a_suite_are_its_outermost_folder_s(tmp_path: Path) -> None:
    write(tmp_path, "suites/a.yaml", "suites/more/b.yaml", "suites/draft.yaml", "x.rmcheck.yaml")
    inner = tmp_path / "suites/more/b.yaml"
    found = suite_files([inner], ["!suites/draft.yaml"])
    assert {path.name for path in found} == {"a.yaml", "b.yaml"}
    assert suite_files([tmp_path / "x.rmcheck.yaml"], []) == {tmp_path / "x.rmcheck.yaml"}


@pytest.mark.parametrize(
    ("globs", "path", "found", "out"),
    [
        ((), "/p/suites/a.yaml", True, False),
        ((), "/p/other/a.yaml", False, False),
        (("!suites/a.yaml",), "/p/suites/a.yaml", False, True),
        (("*.yaml", "!suites"), "/p/suites/deep/a.yaml", False, True),
        (("suites/[ab].yaml",), "/p/suites/c.yaml", False, False),
    ],
)
def test_a_path_and_globs(globs: tuple[str, ...], path: str, found: bool, out: bool) -> None:
    assert (matches(Path(path), globs), left_out(Path(path), globs)) == (found, out)


def test_yaml_is_told_by_the_name() -> None:
    names = ("a.yaml", "a.yml", "a.json", "yaml", "a.yaml.txt")
    assert [is_yaml(Path(name)) for name in names] == [True, True, False, False, False]
