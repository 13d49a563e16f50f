"""Transformations of the code in a response: comments, imports, tags, and errors."""

from __future__ import annotations

import ast
import random
import re
import tokenize
from collections.abc import Iterator

from rmcheck.perturb.places import Place, rewritten
from rmcheck.perturb.programs import Block, Token, blocks, python_blocks, tokens, tree
from rmcheck.perturb.prose import outside_code
from rmcheck.perturb.transformation import text_transformation

_DIRECTIVE = re.compile(r"#!|#.*(?:type:|noqa|pragma|pylint|fmt:|-\*-|coding[:=])")
_FIRST_LETTER = re.compile(r"#+\s*([^\W\d_])(?=[a-z]*(?:\s|$))")
_OPERATORS = {
    "+": "-", "-": "+", "*": "+", "/": "*", "//": "*", "%": "*", "<": ">", ">": "<", "<=": ">=",
    ">=": "<=", "==": "!=", "!=": "==", "+=": "-=", "-=": "+=", "*=": "+=", "and": "or",
    "or": "and",
}  # fmt: skip
_SIGNS = {"+": "-", "-": "+", "−": "+", "*": "+", "×": "+", "/": "×", "÷": "×"}
_SUM = re.compile(r"(?<=\d) ([-+*/×÷−]) (?=\d[^\n=]{0,60}=)")
_BRACKETS = "()[]{}"


@text_transformation("preserves", "response", "code", "markdown", idempotent=True)
def code_tag_removed(text: str, rng: random.Random, strength: float) -> str | None:
    """A code block without the tag that names its language."""
    found = [
        Place(block.tag, block.tag + len(block.info), "")
        for block in blocks(text)
        if block.info and text.startswith(block.info, block.tag)
    ]
    # A text that is a program by itself has no fence to take the tag from.
    found = [place for place in found if place.start]
    return rewritten(text, found, rng, strength)


@text_transformation("preserves", "response", "code", "markdown", idempotent=True)
def code_tag_added(text: str, rng: random.Random, strength: float) -> str | None:
    """The tag `python` on a block of Python code that has none."""
    found = [
        Place(block.tag, block.tag, "python")
        for block, _ in python_blocks(text)
        if not block.info and text.startswith("\n", block.tag)
    ]
    return rewritten(text, found, rng, strength)


@text_transformation("preserves", "response", "code")
def comment_case(text: str, rng: random.Random, strength: float) -> str | None:
    """The first letter of comments in Python code as a capital, or no longer as one."""
    found = []
    for block, _ in python_blocks(text):
        for token in tokens(block.code) if "#" in block.code else ():
            if token.kind != tokenize.COMMENT or _DIRECTIVE.match(token.text):
                continue
            letter = _FIRST_LETTER.match(token.text)
            if letter:
                at = block.start + token.start + letter.start(1)
                found.append(Place(at, at + 1, letter[1].swapcase()))
    return rewritten(text, [place for place in found if len(place.after) == 1], rng, strength)


@text_transformation("preserves", "response", "code")
def import_order(text: str, rng: random.Random, strength: float) -> str | None:
    """Independent imports of Python code in another order."""
    found = []
    for block, parsed in python_blocks(text):
        lines = block.code.split("\n")
        for first, last in _imports(parsed, lines):
            before = lines[first:last]
            after = [*before[1:], before[0]]
            start = block.start + sum(len(line) + 1 for line in lines[:first])
            found.append(Place(start, start + len("\n".join(before)), "\n".join(after)))
    return rewritten(text, found, rng, strength)


def _imports(parsed: ast.Module, lines: list[str]) -> Iterator[tuple[int, int]]:
    """Runs of lines, each one import that binds names which no other of the run binds."""
    run: list[int] = []
    bound: set[str] = set()
    for node in [*parsed.body, None]:
        names = _bound(node)
        # Only the statement on its line: none after a semicolon, none over several lines.
        line = node.lineno - 1 if node else -1
        alone = node is not None and node.end_lineno == node.lineno and ";" not in lines[line]
        if names and alone and not names & bound and (not run or line == run[-1] + 1):
            run.append(line)
            bound |= names
            continue
        if len(run) > 1:
            yield run[0], run[-1] + 1
        run, bound = ([line], names) if names and alone else ([], set())


def _bound(node: ast.stmt | None) -> set[str]:
    """The names that an import binds; none for another statement, and where it says `*`."""
    if not isinstance(node, ast.Import | ast.ImportFrom):
        return set()
    if isinstance(node, ast.ImportFrom) and node.module == "__future__":
        return set()
    names = {each.asname or each.name.split(".")[0] for each in node.names}
    return set() if "*" in names else names


@text_transformation("degrades", "response", "degrade", "code")
def code_broken(text: str, rng: random.Random, strength: float) -> str | None:
    """Code with a bracket or a colon missing, so that it does not parse; strength has no effect."""
    found = [each for each in (_broken(block, rng) for block in blocks(text)) if each]
    return rewritten(text, found, rng, 0.01)


def _broken(block: Block, rng: random.Random) -> Place | None:
    if tree(block.code) is not None:
        marks = [each for each in tokens(block.code) if each.text in ":()[]{}"]
        for token in rng.sample(marks, len(marks))[:20]:
            if tree(block.code[: token.start] + block.code[token.end :]) is None:
                return Place(block.start + token.start, block.start + token.end, "")
        return None
    # Other languages: brackets that were balanced no longer are.
    counts = [block.code.count(bracket) for bracket in _BRACKETS]
    if not block.info or counts[0::2] != counts[1::2] or not any(counts):
        return None
    at = rng.choice([at for at, sign in enumerate(block.code) if sign in _BRACKETS])
    return Place(block.start + at, block.start + at + 1, "")


@text_transformation("degrades", "response", "degrade", "code", "numbers")
def operator_changed(text: str, rng: random.Random, strength: float) -> str | None:
    """An operator changed in Python code, which still parses, or in a sum; one at least."""
    found = []
    for block, _ in python_blocks(text):
        for token in tokens(block.code):
            if token.text in _OPERATORS and _parses(block.code, token):
                start = block.start + token.start
                end = block.start + token.end
                found.append(Place(start, end, _OPERATORS[token.text]))
    taken = {(place.start, place.end) for place in found}
    for span in outside_code(text):
        found.extend(
            Place(*match.span(1), _SIGNS[match[1]])
            for match in _SUM.finditer(text, *span)
            if match.span(1) not in taken
        )
    found.sort()
    after = rewritten(text, found, rng, strength)
    if after is not None and all(tree(block.code) for block, _ in python_blocks(text)):
        return after
    return None


def _parses(code: str, token: Token) -> bool:
    return tree(code[: token.start] + _OPERATORS[token.text] + code[token.end :]) is not None
