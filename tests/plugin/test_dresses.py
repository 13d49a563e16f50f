"""Below the suite globs every file is a suite or an error, however it is dressed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from .projects import Project, pairs, text_of

SUITE = """rmcheck: 1
name: second
data: ../data/second.jsonl
checks:
  - check: win_rate
    min: 0.7
"""
"""A suite that the model of the project fails, so that a run without it is wrongly green."""

FLOW = (
    "{rmcheck: 1, name: second, data: ../data/second.jsonl, checks: [{check: win_rate, min: 0.7}]}"
)
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
MERGED = "base: &base\n  rmcheck: 1\n  name: second\n<<: *base\ndata: ../data/second.jsonl\n"
Dress = Callable[[Path], None]


def text(content: str, name: str = "second.yaml", encoding: str = "utf-8") -> Dress:
    return raw(content.encode(encoding), name)


def raw(content: bytes, name: str = "second.yaml") -> Dress:
    def write(folder: Path) -> None:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)

    return write


def link(target: str, name: str = "second.yaml") -> Dress:
    return lambda folder: (folder / name).symlink_to(target)


def below(folder: str) -> Dress:
    return text(
        SUITE.replace("../data", f"{'../' * (folder.count('/') + 2)}data"), f"{folder}/second.yaml"
    )


def unreadable(folder: Path) -> None:
    text(SUITE)(folder)
    (folder / "second.yaml").chmod(0)


DRESSES: dict[str, Dress] = {
    "flow style": text(FLOW),
    "document mark": text("---\n" + SUITE),
    "document mark with flow style": text(f"--- {FLOW}\n"),
    "carriage returns": text(SUITE.replace("\n", "\r")),
    "NEL": text(SUITE.replace("\n", "\x85")),
    "U+2028": text(SUITE.replace("\n", "\u2028")),
    "UTF-16 without a mark": text(SUITE, encoding="utf-16-le"),
    "UTF-16, big endian": text(SUITE, encoding="utf-16-be"),
    "UTF-32": text(SUITE, encoding="utf-32"),
    "full-width colons": text(
        SUITE.replace(":", "："),
    ),
    "zero bytes": raw(b"\0" * 100),
    "zeros before the text": raw(b"\0\0\0" + SUITE.encode()),
    "Git LFS pointer": text(POINTER),
    "HTML error page": text("<!DOCTYPE html>\n<html><body>404 Not Found</body></html>\n"),
    "broken link": link("gone.yaml"),
    "loop of links": link("second.yaml"),
    "upper-case suffix": text(SUITE, "second.YAML"),
    "capital suffix": text(SUITE, "second.Yml"),
    "blank behind the name": text(SUITE, "second.yaml "),
    ".yaml.txt": text(SUITE, "second.yaml.txt"),
    "JSON in a .json file": text(json.dumps(yaml.safe_load(SUITE)), "second.json"),
    "JSON in a .yaml file": text(json.dumps(yaml.safe_load(SUITE))),
    "tabs": text(SUITE.replace("  ", "\t")),
    "byte order mark": text("\ufeff" + SUITE),
    "merge keys": text(MERGED),
    "anchors": text(SUITE.replace("1\n", "&one 1\n", 1)),
    "a list at the top": text("- " + SUITE.replace("\n", "\n  ")),
    "text at the top": text("just a sentence\n"),
    "a tag at the top": text("!suite\n" + SUITE),
    "empty": text(""),
    "two documents": text("a: 1\n---\n" + SUITE),
    "keys of others": text("services: {web: {image: nginx}}\n"),
    "a recipe": text("recipe: 1\nbase: ../models/tiny\n"),
    "broken YAML": text("broken: [unclosed\n"),
    "folder build": below("build"),
    "folder dist": below("dist"),
    "folder venv": below("venv"),
    "folder .x": below(".x"),
    "folder node_modules": below("node_modules"),
    "folder below a hidden one": below(".x/y"),
    "folder named like a suite": text("", "second.yaml/readme.md"),
    "very large": text("# " + "x" * 5_000_000 + "\n" + SUITE),
}
if os.name == "posix" and os.geteuid() != 0:
    DRESSES["unreadable"] = unreadable


def project_of(project: Project, dress: Dress) -> None:
    """One good suite, and one that the model fails in some dress."""
    project.model()
    project.suite("good", "win_rate", rows=pairs())
    project.data("second", pairs(wrong=range(25), name="s"))
    dress(project.root / "suites")


SOME = ("flow style", "NEL", "broken link", "loop of links", "upper-case suffix", ".yaml.txt",
        "folder build", "folder named like a suite")  # fmt: skip
ASKED = [*((name, ()) for name in DRESSES), *((name, ("suites/",)) for name in SOME)]


@pytest.mark.parametrize(("name", "arguments"), ASKED)
def test_no_suite_vanishes_in_any_dress(
    project: Project, name: str, arguments: tuple[str, ...]
) -> None:
    project_of(project, DRESSES[name])
    result = project.run(*arguments)
    assert result.ret in (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED)
    assert "second" in text_of(result)
    assert "INTERNALERROR" not in text_of(result)
    assert "Traceback" not in text_of(result)


@pytest.mark.parametrize("name", SOME)
def test_a_dressed_suite_that_is_named_is_no_success(project: Project, name: str) -> None:
    project_of(project, DRESSES[name])
    found = next((project.root / "suites").rglob("second*"))
    result = project.run(str(found.relative_to(project.root)))
    assert result.ret not in (pytest.ExitCode.OK, pytest.ExitCode.INTERNAL_ERROR)
    assert "Traceback" not in text_of(result)


@pytest.mark.slow
def test_with_workers_every_dress_is_told(project: Project) -> None:
    project.model()
    project.suite("good", "win_rate", rows=pairs())
    project.data("second", pairs(wrong=range(25), name="s"))
    names = {}
    for number, (name, dress) in enumerate(DRESSES.items()):
        if name.startswith("folder"):
            continue
        target = project.root / f"suites/d{number}"
        target.mkdir()
        dress(target)
        names[f"suites/d{number}/second"] = name
    below("build")(project.root / "suites")
    result = project.subprocess("-n", "2", "suites/")
    assert result.ret == pytest.ExitCode.TESTS_FAILED  # as pytest-xdist has it
    told = text_of(result)
    # Those that are suites take each other's name, or miss their data one folder too deep.
    assert [name for place, name in names.items() if place not in told] == []


@pytest.mark.ci
def test_an_exclamation_mark_leaves_each_dress_out(project: Project) -> None:
    project.model()
    project.suite("good", "win_rate", rows=pairs())
    for name in ("flow style", "loop of links", "upper-case suffix", ".yaml.txt", "folder build"):
        DRESSES[name](project.root / "suites")
        assert project.run().ret != 0
        project.ini("rmcheck_files = !suites/second* !suites/build")
        project.run().assert_outcomes(passed=1)
        project.ini()
        for path in [*(project.root / "suites").glob("second*")]:
            path.unlink()


@pytest.mark.parametrize(
    "name",
    ["broken link", "loop of links", "Git LFS pointer", "keys of others", "text at the top"],
)
def test_a_folder_without_any_suite_is_somebody_else_s(project: Project, name: str) -> None:
    (project.root / "suites").mkdir()
    DRESSES[name](project.root / "suites")
    project.write("test_one.py", "def test_one(): pass\n")
    project.run().assert_outcomes(passed=1)


def test_a_recipe_says_how_it_is_left_out(project: Project) -> None:
    project_of(project, DRESSES["a recipe"])
    result = project.run()
    assert "or exclude it with rmcheck_files = !suites/second.yaml" in text_of(result)
    project.ini("rmcheck_files = !suites/second.yaml")
    project.run().assert_outcomes(passed=1)


def test_a_copy_beside_the_suite_is_left_alone(project: Project) -> None:
    project.model()
    project.suite("good", "win_rate", rows=pairs())
    project.write("suites/good.yaml.orig", SUITE)
    project.write("suites/notes.json", '{"title": "not a suite"}')
    project.run().assert_outcomes(passed=1)


def test_what_ignore_names_stays_out(project: Project) -> None:
    project_of(project, DRESSES["keys of others"])
    project.run("--ignore=suites/second.yaml").assert_outcomes(passed=1)
