"""Whatever a suite file or its data hold: a suite, or problems with places; no other exception."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from builders import make_pairs, row
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rmcheck import checks as registry
from rmcheck.errors import ProblemsFound
from rmcheck.suite import Suite, load_suite

QUICK, LONG = 100, 3000

GOOD = b"""\
rmcheck: 1
name: chat
description: "Everyday: questions"
data: {path: 'chat.jsonl', limit: 12, seed: 3, columns: {chosen: chosen}}
tags: [helpful, short]
gate: required
checks:
  - check: win_rate
    min: 0.7
  - check: win_rate
    name: short
    where: {tags: [short], without_tags: [x], min_confidence: 0.6, shorter: chosen}
    min: 60e-2
    ties: epsilon
    epsilon: 0.1
  - {check: score_gap, alpha: 0.01, min_effect: 0.3, test: wilcoxon}
  - &noise {check: label_noise, rates: [0.1, 0.2], seeds: 2, max_drop: 0.1}
  - {check: scale_invariance, examples: 200, precision: bfloat16}
  - {check: no_regression, max_drop: 0.02, require: non_inferior, gate: advisory}
"""
ROWS = "\n".join(json.dumps(row(pair)) for pair in make_pairs(15, tags=["short"])).encode()

TOKENS = [
    b"\t", b"\n", b"\r\n", b"\x00", b"\xef\xbb\xbf", b"\xff\xfe", b"\xed\xa0\x80", b"\xe2\x80\xa8",
    b": ", b" - ", b"- ", b"? ", b"# ", b"---\n", b"...\n", b"%YAML 9.9\n", b"{", b"}", b"[", b"]",
    b"'", b'"', b"|\n", b">-\n", b"&a ", b"*a ", b"*noise", b"<<: *noise\n", b"!!binary ",
    b"!!int ", b"!!bool ", b"!!float ", b"!!timestamp ", b"!!set ", b"!!omap ", b"!!null ", b"!x ",
    b"~", b".nan", b".inf", b"-.inf", b"yes", b"0x", b"1_0", b"1:30", b"2024-02-30", b"1e999",
    b"9" * 400, b"-1",
    b"*.jsonl", b'"\\ud800"', b'"\\0"', b"null", b"[[[[", b"\\ud83d", b"NaN", b"1e400", b'"id": ',
]  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, good: bytes) -> bytes:
    """`good` after a few insertions, deletions, replacements, repetitions and moves."""
    data = good
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        stop = min(len(data), start + draw(st.integers(0, 20)))
        # No slash: a mutated path shall not search the whole machine.
        new = draw(st.sampled_from(TOKENS) | st.binary(max_size=4)).replace(b"/", b"")
        kind = draw(st.sampled_from(["insert", "delete", "replace", "repeat", "move", "cut"]))
        piece = data[start:stop]
        data = {
            "insert": data[:start] + new + data[start:],
            "delete": data[:start] + data[stop:],
            "replace": data[:start] + new + data[stop:],
            "repeat": data[:stop] + piece + data[stop:],
            "move": data[:start] + data[stop:] + piece,
            "cut": data[:start],
        }[kind]
    return data


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(
        [*registry.kinds(), "half", "chat.jsonl", "required", "10" * 3000, "\x00", ""]
    )
    | st.text(st.characters(exclude_characters="/"), max_size=5)
    | st.dates()
    | st.binary(max_size=3)
)
keys = st.sampled_from(
    ["check", "min", "name", "where", "gate", "tags", "ties", "epsilon", "rates", "seeds", "alpha",
     "path", "limit", "seed", "columns", "chosen", "shorter", "test", "examples", "max_drop"]
) | st.text(max_size=3)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys | scalars, inner, max_size=4),
    max_leaves=8,
)


@st.composite
def misshapen(draw: st.DrawFn) -> Any:
    """The good suite with a few values, at any depth, replaced, added or taken away."""
    tree = yaml.safe_load(GOOD)
    for _ in range(draw(st.integers(1, 4))):
        node: Any = tree
        while True:
            steps = list(node) if isinstance(node, dict) else list(range(len(node)))
            step = draw(st.sampled_from(steps)) if steps else None
            inner = node[step] if step is not None else None
            if not isinstance(inner, dict | list) or draw(st.integers(0, 3)) == 0:
                break
            node = inner
        kind = draw(st.sampled_from(["replace", "add", "remove"]))
        if kind == "add" and isinstance(node, dict):
            node[draw(keys)] = draw(values)
        elif kind == "add" or step is None:
            node.append(draw(values)) if isinstance(node, list) else None
        elif kind == "replace":
            node[step] = draw(values)
        else:
            del node[step]
    return tree


def load(root: Path, suite: bytes, data: bytes) -> Suite | None:
    """What every input must come to: a suite that is whole, or problems that have places."""
    (root / "chat.yaml").write_bytes(suite)
    (root / "chat.jsonl").write_bytes(data)
    try:
        found = load_suite(root / "chat.yaml", root)
    except ProblemsFound as told:
        problems = told.problems
    else:
        assert found.checks
        assert found.data.pairs or found.data.sets
        assert len({check.label for check in found.checks}) == len(found.checks)
        assert len(found.lines) == len(found.checks)
        return found
    assert problems
    lines = {"chat.yaml": lines_of(suite), "chat.jsonl": data.count(b"\n") + 1}
    for problem in problems:
        assert problem.message
        assert 0 <= problem.line <= lines[problem.path]
        str(problem).encode("utf-8")
    return None


def lines_of(suite: bytes) -> int:
    """How many lines YAML sees at most: U+0085, U+2028 and U+2029 end one as well."""
    text = suite.decode("utf-8", "replace")
    return 1 + sum(text.count(end) for end in "\n\r\x85\u2028\u2029")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def fuzz(examples: int) -> settings:
    quiet = [HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(max_examples=examples, deadline=None, suppress_health_check=quiet)


def test_the_good_suite_is_good(root: Path) -> None:
    suite = load(root, GOOD, ROWS)
    assert suite is not None
    assert len(suite.checks) == 6
    assert len(suite.data.pairs) == 12


def check_bytes(root: Path, suite: bytes) -> None:
    load(root, suite, ROWS)


def check_structure(root: Path, tree: Any) -> None:
    try:
        text = yaml.safe_dump(tree, allow_unicode=True)
    except (yaml.YAMLError, ValueError):
        return  # pyyaml itself cannot write an integer of 6,000 digits
    load(root, text.encode("utf-8", "surrogatepass"), ROWS)


def check_data(root: Path, data: bytes) -> None:
    load(root, GOOD, data)


@fuzz(QUICK)
@given(suite=mutated(GOOD))
def test_mutated_bytes(root: Path, suite: bytes) -> None:
    check_bytes(root, suite)


@fuzz(QUICK)
@given(tree=misshapen())
def test_mutated_structure(root: Path, tree: Any) -> None:
    check_structure(root, tree)


@fuzz(QUICK)
@given(data=mutated(ROWS))
def test_mutated_data(root: Path, data: bytes) -> None:
    check_data(root, data)


@pytest.mark.slow
@fuzz(LONG)
@given(suite=mutated(GOOD))
def test_mutated_bytes_long(root: Path, suite: bytes) -> None:
    check_bytes(root, suite)


@pytest.mark.slow
@fuzz(LONG)
@given(tree=misshapen())
def test_mutated_structure_long(root: Path, tree: Any) -> None:
    check_structure(root, tree)


@pytest.mark.slow
@fuzz(LONG)
@given(data=mutated(ROWS))
def test_mutated_data_long(root: Path, data: bytes) -> None:
    check_data(root, data)
