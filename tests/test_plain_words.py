"""Messages, help texts, docstrings and pages say things the way well-known tools do."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

BANNED = {
    r"\bis no (?!longer\b|more\b|less\b|fewer\b|need\b)": "is not a ...",
    r"\bthat is none\b|\bis none\b(?! of)": "is not one",
    r"\bmend(s|ed|ing)?\b": "fix",
    r"\b(tell|tells|told) of\b": "name, report",
    r"\bcr(y|ies|ied) wolf\b": "raise a false alarm",
    r"\b(take|takes|took|taken) the place\b": "replace, overwrite",
    r"\bstands? (twice|there|beside|in|on|at|with|alone|behind)\b": "is, is given, appears",
    r"\blies? (below|beside|in|on|at|within|above|outside|there|here|between)\b": "is",
    r"\bholds (nothing|none|no)\b": "is empty, has no ...",
    r"\btoo close to call\b": "inconclusive",
    r"\bmay be merged\b": "safe to merge",
    r"\bmeet you\b": "common problems",
    r"\bfrom here on\b": "follow",
    r"\bpass(es|ed)? over\b": "skip",
    r"\bthat there (is|are)\b": "leave it out",
    r"\bnever worth\b": "errors are ignored",
    r"\bwhat (it|they) (has|have) not\b": "what is missing",
    r"\b(deaf|hear again)\b": "ignore SIGINT",
    r"\btell(s)? (no|one) \w+ from another\b": "scores them the same",
    r"\bcannot be had\b|\bto be had\b": "is not available",
    r"\bwherefrom\b|\bwhereof\b|\bthereof\b": "from which, of which",
    r"\bheld against\b": "compared with",
    r"\b(go|goes|going|gone|went|ends?|turns?) (red|green)\b": "fail, pass",
    r"\bby (its|their) nature\b": "leave it out, or say why",
    r"\bat hand\b": "available",
    r"\bof (yours|one's own)\b": "your own",
    r"\b(one|a|an) (JSON object|line|row|pair|item|dialogue|dot) a "
    r"(check|file|line|pair|row|response|suite)\b": "one ... per ...",
    r"\bwithout end\b": "too much, endlessly",
    r"\b(in|into) the place of\b|\btakes? their place\b": "instead of, replaces",
    r"\bturned round\b": "inverted, flipped",
    r"\breads? nothing\b(?! after)": "do not read the texts",
    r"\bin force\b": "used",
    r"\b(says?|said|tells?) nothing of\b": "says nothing about",
    r"\bmeans what it says\b": "say what is measured",
    r"\bstill says\b": "still contains",
    r"\band (the|its|their) like\b": "such as, similar",
    r"\bwill do\b|\bdoes without\b": "is enough, is not needed",
}
"""Idioms that make a reader stop, and what to write."""

PAGES = sorted(
    {
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("suites/*.yaml"),
        *ROOT.glob("fixtures/recipes/*.yaml"),
        *(ROOT / "rmcheck/scaffold/files").rglob("*.*"),
        *(ROOT / "rmcheck/report/page/templates").glob("*.j2"),
        *(ROOT / "rmcheck/report/page/templates").glob("*.js"),
    }
    - {ROOT / "CHANGELOG.md"}
)
MODULES = sorted((ROOT / "rmcheck").rglob("*.py"))


def strings(source: str) -> Iterator[tuple[int, str]]:
    """Every text of a module with its line: messages, help texts and docstrings; no names."""
    tree = ast.parse(source)
    inside = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in node.values
    }
    for node in ast.walk(tree):
        if id(node) in inside:
            continue
        if isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "X" for part in node.values)
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def found(text: str) -> list[str]:
    """The banned idioms of a text, each with what to write."""
    plain = " ".join(text.split())
    return [
        f"{match.group()!r} (write: {better})"
        for idiom, better in BANNED.items()
        for match in re.finditer(idiom, plain, re.IGNORECASE)
    ]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_texts_of_a_module(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    told = [f"line {line}: {each}" for line, text in strings(source) for each in found(text)]
    comments = [
        f"line {number}: {each}"
        for number, line in enumerate(source.splitlines(), start=1)
        if "#" in line
        for each in found(line.partition("#")[2])
    ]
    assert not [*told, *comments]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_texts_of_a_page(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    told = [
        f"line {number}: {each}"
        for number, line in enumerate(text.splitlines(), start=1)
        for each in found(line)
    ]
    assert not told


def test_an_idiom_is_found_across_the_lines_of_a_message() -> None:
    told = list(strings('raise ValueError(f"{path} is "\n    "no suite; mend it")'))
    assert [each for _, text in told for each in found(text)] == [
        "'is no ' (write: is not a ...)",
        "'mend' (write: fix)",
    ]
