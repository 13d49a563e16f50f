"""The pages show what is printed today, and link to what is there."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rmcheck import cli
from rmcheck.perturb import TRANSFORMATIONS

BUILD = Path(__file__).parents[1] / "docs/build"
STATES = ("identical", "improved", "non_inferior", "regressed", "inconclusive")


@pytest.fixture
def verdicts(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BUILD))
    return importlib.import_module("verdicts")


@pytest.mark.ci
def test_the_page_on_verdicts_is_current(verdicts: ModuleType) -> None:
    page = verdicts.PAGE.read_text(encoding="utf-8")
    found = verdicts.outputs()
    shown = {block[2]: block[0] for block in verdicts.BLOCK.finditer(page)}
    assert set(shown) == set(found)
    for name, text in found.items():
        assert text.strip()
        assert f"\n{text}```\n" in shown[name], f"run python docs/build/verdicts.py ({name})"
    for state in STATES:
        assert f"no_regression {state}: " in shown[state]
    for name in ("few_prompts", "tied", "constant"):
        assert "undecidable: " in shown[name]
        assert shown[name].count("FAILED") == 1
    assert shown["weak"].count("INCONCLUSIVE") == 1
    assert shown["strict"].count("FAILED") == 1


def test_a_block_is_filled_and_the_text_around_it_stays(verdicts: ModuleType) -> None:
    page = "a\n<!-- output: x -->\n```text\nold\n```\nb\n<!-- output: y -->\n```yaml\n```\nc\n"
    assert verdicts.filled(page, {"x": "1\n2\n", "y": "3\n"}) == (
        "a\n<!-- output: x -->\n```text\n1\n2\n```\nb\n<!-- output: y -->\n```yaml\n3\n```\nc\n"
    )
    with pytest.raises(KeyError):
        verdicts.filled(page, {"x": "1\n"})


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BUILD))
    return importlib.import_module("pages")


@pytest.mark.ci
@pytest.mark.parametrize(
    "name",
    [
        "sources.md",
        "add-a-domain.md",
        "troubleshooting.md",
        "slices.md",
        "plan.md",
        "early-stop.md",
        "bisect.md",
        "over-time.md",
    ],
)
def test_pages_with_output_are_current(pages: ModuleType, name: str) -> None:
    page = (BUILD.parent / name).read_text(encoding="utf-8")
    found = pages.outputs(pages.PAGES[name])
    assert all(text.strip() for text in found.values()), found
    assert "Traceback" not in "".join(found.values())
    assert set(found) == set(re.findall(r"<!-- output: (\S+) -->", page))
    assert pages.filled(page, found) == page, "run python docs/build/pages.py"


def test_what_init_says_stands_on_the_first_page(pages: ModuleType) -> None:
    page = (BUILD.parent / "get-started.md").read_text(encoding="utf-8")

    def said(example: Any) -> dict[str, str]:
        (example.root / "pytest.ini").unlink()
        return {"init": example.rmcheck("init")}

    assert f"\n{pages.outputs(said)['init']}```\n" in page
    # The rest is of one run that trained: the story that it tells must hold together.
    blocks = {block[2]: block[0] for block in pages.BLOCK.finditer(page)}
    assert "Safe to merge" in blocks["green"]
    assert "Do not merge" in blocks["red"]
    assert "REGRESSED overall::no_regression" in blocks["red"]


def test_generated_pages_are_current(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BUILD))
    for path, text in importlib.import_module("tables").pages().items():
        assert path.read_text(encoding="utf-8") == text, "run python docs/build/tables.py"


def test_the_page_on_transformations_is_current(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BUILD))
    made = importlib.import_module("transformations")
    page = made.PAGE.read_text(encoding="utf-8")
    assert page == made.page(), "run python docs/build/transformations.py"
    # Each example shows a text before and after.
    assert set(re.findall(r"^### `(\w+)`$", page, re.MULTILINE)) == set(TRANSFORMATIONS.ours)
    for name, example in re.findall(r"^### `(\w+)`\n.*?```diff\n(.*?)\n```\n", page, re.M | re.S):
        signs = {line[0] for line in example.splitlines()}
        assert signs == {"-", "+"}, name


def test_every_command_and_page_is_named_in_the_readme() -> None:
    readme = (BUILD.parents[1] / "README.md").read_text(encoding="utf-8")
    for page in BUILD.parent.glob("*.md"):
        assert f"(docs/{page.name})" in readme, page.name
    commands = cli.parser()._subparsers
    assert commands is not None
    for name in commands._group_actions[0].choices or ():
        assert re.search(rf"`(rmcheck )?{name}\b", readme), name


def test_what_a_reader_of_the_readme_must_replace_stands_in_capitals() -> None:
    readme = (BUILD.parents[1] / "README.md").read_text(encoding="utf-8")
    assert readme.count("replace what is in CAPITALS") == 1
    given = re.findall(r"--rm \w+:(\S+)", readme)
    assert len(given) == 3
    assert all(word.isupper() for word in given)
    commands = next(line for line in readme.splitlines() if line.startswith("`rmcheck init [DIR]`"))
    for usage in re.findall(r"`([^`]+)`", commands):
        words = usage.removeprefix("rmcheck ").split()[1:] if usage[0] != "-" else []
        assert "=" in usage or all(
            word.strip("[]…").isupper() or word[0] in "-[" for word in words
        ), usage


@pytest.mark.parametrize("name", sorted(path.name for path in BUILD.parent.glob("*.md")))
def test_pages_name_nothing_of_the_machine_and_link_to_what_is_there(name: str) -> None:
    path = BUILD.parent / name
    page = path.read_text(encoding="utf-8")
    assert not re.search(r"/(work|home|root|tmp)/", page)
    for target in re.findall(r"\]\(([^)#]+)\)", page):
        cited = target.startswith("https://")  # a paper, or the code of a benchmark
        assert cited or (path.parent / target).exists(), target
    assert "```text\n```" not in page
