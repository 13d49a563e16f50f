"""The code in a text: its blocks, and what Python makes of them."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from functools import lru_cache
from typing import NamedTuple

_FENCED = re.compile(
    r"^[ \t]*(?P<fence>`{3,}+|~{3,}+)(?P<info>[^\n`]*)\n(?P<code>.*?)^[ \t]*(?P=fence)[ \t\r]*$",
    re.MULTILINE | re.DOTALL,
)
_OPENING = re.compile(
    r"\s*(?:(?:async )?def \w+\(|class \w+[(:]|import \w|from [\w.]+ import |@\w|\w+ = |for \w|#)"
)
_PYTHON = ("python", "py", "python3")
_STATEMENTS = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.For,
    ast.While, ast.Assign, ast.AugAssign, ast.With, ast.Return,
)  # fmt: skip


class Block(NamedTuple):
    """A block of code: its place in the text, and what its fence says about it."""

    start: int
    end: int
    code: str
    info: str
    tag: int
    """Where the language's tag is, or would be."""


class Token(NamedTuple):
    """A token of Python code and its place in the code."""

    kind: int
    text: str
    start: int
    end: int


@lru_cache(maxsize=1024)
def blocks(text: str) -> tuple[Block, ...]:
    """The fenced blocks of a text; a text that is a Python program by itself is one block."""
    if "```" in text or "~~~" in text:
        return tuple(
            Block(found.start("code"), found.end("code"), found["code"], found["info"].strip(),
                  found.start("info"))
            for found in _FENCED.finditer(text)
        )  # fmt: skip
    return (Block(0, len(text), text, "python", 0),) if is_program(text) else ()


def python_blocks(text: str) -> list[tuple[Block, ast.Module]]:
    """The blocks that are Python, by their tag or without one, and parse, with their trees."""
    found = []
    for block in blocks(text):
        if block.info.lower() in ("", *_PYTHON):
            parsed = tree(block.code)
            if parsed is not None and (block.info or _has_statement(parsed)):
                found.append((block, parsed))
    return found


@lru_cache(maxsize=1024)
def is_program(text: str) -> bool:
    """Whether a whole text is a Python program, not prose that happens to parse."""
    if not _OPENING.match(text):
        return False
    parsed = tree(text)
    return parsed is not None and _has_statement(parsed)


def _has_statement(parsed: ast.Module) -> bool:
    return any(isinstance(each, _STATEMENTS) for each in parsed.body)


@lru_cache(maxsize=1024)
def tree(code: str) -> ast.Module | None:
    """The syntax tree of Python code; None if it does not parse."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of strange escapes in strings
        try:
            return ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def tokens(code: str) -> list[Token]:
    """The tokens of Python code; none where it cannot be split into tokens."""
    starts = [0]
    for line in code.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    try:
        return [
            Token(each.exact_type, each.string, starts[each.start[0] - 1] + each.start[1],
                  starts[each.end[0] - 1] + each.end[1])
            for each in tokenize.generate_tokens(io.StringIO(code, newline="\n").readline)
            if each.string.strip()
        ]  # fmt: skip
    except (tokenize.TokenError, SyntaxError, IndexError):
        return []
