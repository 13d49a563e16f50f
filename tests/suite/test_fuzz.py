"""Whatever a suite file or its data hold: a suite, or problems with places; no other exception."""

from __future__ import annotations

import contextlib
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from builders import make_pairs, row
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rmcheck import checks as registry
from rmcheck.errors import ProblemsFound
from rmcheck.suite import Suite, load_suite, looks_like_suite

QUICK, LONG, LONG_EXPLODING, LONG_DATA = 75, 9500, 1000, 3000
"""Examples of each family; LONG of bytes and of structure and LONG_EXPLODING are 20,000 suites."""

MOST_SECONDS, MOST_BYTES = 1.0, 200e6
"""What one suite may cost: time of the processor (so that a busy machine is no failure), memory."""

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


PIECES = [
    b"a", b"a, ", b"a: b, ", b"k: 1\n", b"- a\n", b"  - check: x\n", b"- {check: ties}\n", b"a-,",
    b"&a x, ", b"!x a, ", b"\n", b" ", b" \n", b"#\n", b"---\n", b"? a\n", b"yes, ", b"\\x41",
    b"gate: required\n", b"  - {check: win_rate, min: 9}\n", b"[], ", b"'", b"a b ", b": ",
    b"<<: {}\n",
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


@st.composite
def exploding(draw: st.DrawFn) -> bytes:
    """The good suite with something in it that is small to write and large to read."""
    times = draw(st.sampled_from([1, 10, 100, 1000, 10_000, 100_000]))
    piece = draw(st.sampled_from(PIECES) | st.sampled_from(TOKENS))
    made = draw(st.sampled_from(["repeat", "nest", "list", "bomb", "chain", "cycle", "number"]))
    if made == "repeat":
        new = piece * times
    elif made == "nest":
        opening, closing = draw(st.sampled_from([(b"[", b"]"), (b"{a: ", b"}"), (b"- ", b"")]))
        new = opening * times + piece + closing * draw(st.sampled_from([0, times]))
    elif made == "list":
        new = b"[" + b", ".join([piece] * times) + b"]"
    elif made == "bomb":
        width = draw(st.integers(1, 50))
        lines = [b"l0: &l0 " + piece.strip()]
        for level in range(1, draw(st.integers(2, 12))):
            below = b", ".join([b"*l%d" % (level - 1)] * width)
            lines.append(b"l%d: &l%d [%b]" % (level, level, below))
        new = b"\n".join([b"", *lines, b""])
    elif made == "chain":
        new = b"\nl0: &l0 [x]\n" + b"".join(
            b"l%d: &l%d [*l%d]\n" % (level, level, level - 1) for level in range(1, times // 10)
        )
    elif made == "cycle":
        new = draw(st.sampled_from([b"&c [*c]", b"&c {a: *c}", b"&c [[&d [*c, *d]]]", b"&c *c"]))
    else:
        head = draw(
            st.sampled_from([b"", b"-", b"0x", b"0b", b"0", b"1e", b"0.", b"1:", b"!!int "])
        )
        new = head + draw(st.sampled_from([b"9", b"1", b"f", b"59:", b"_"])) * times
    new = new[:120_000]
    spots = [match.end() for match in re.finditer(rb": |- |\n|\[|^", GOOD)]
    spot = draw(st.sampled_from(spots))
    end = spot + draw(st.integers(0, 12))
    return GOOD[:spot] + new + GOOD[end:]


def load(root: Path, suite: bytes, data: bytes) -> Suite | None:
    """What every input must come to: a suite that is whole, or problems that have places."""
    (root / "chat.yaml").write_bytes(suite)
    (root / "chat.jsonl").write_bytes(data)
    cost = Cost()
    found = read(root)
    if not cost.is_small():  # a busy machine or a garbage collection is not the suite's fault
        cost = Cost()
        found = read(root)
        assert cost.is_small()
    if isinstance(found, Suite):
        assert found.checks
        assert found.data.pairs or found.data.sets
        assert len({check.label for check in found.checks}) == len(found.checks)
        assert len(found.lines) == len(found.checks)
        return found
    assert found.problems
    assert len(str(found)) < 100_000
    lines = {"chat.yaml": lines_of(suite), "chat.jsonl": data.count(b"\n") + 1}
    for problem in found.problems:
        assert problem.message
        assert 0 <= problem.line <= lines[problem.path]
        str(problem).encode("utf-8")
    return None


def read(root: Path) -> Suite | ProblemsFound:
    """As the plugin does: is it a suite, and what does it say."""
    looks_like_suite(root / "chat.yaml")
    try:
        return load_suite(root / "chat.yaml", root)
    except ProblemsFound as told:
        return told


class Cost:
    """Time and peak memory since it was made; memory where Linux tells the peak."""

    def __init__(self) -> None:
        with contextlib.suppress(OSError):
            CLEAR.write_text("5")  # the peak begins anew
        self._memory = peak()
        self._time = time.process_time()

    def is_small(self) -> bool:
        """Whether both limits were kept."""
        seconds, memory = time.process_time() - self._time, peak() - self._memory
        return seconds < MOST_SECONDS and memory < MOST_BYTES


CLEAR = Path("/proc/self/clear_refs")


def peak() -> int:
    """The most memory in bytes that this process has held, as far as Linux tells it; else 0."""
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    except OSError:
        return 0
    return 1024 * int(found[1]) if found else 0


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
@given(suite=exploding())
def test_exploding(root: Path, suite: bytes) -> None:
    check_bytes(root, suite)


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
@fuzz(LONG_EXPLODING)
@given(suite=exploding())
def test_exploding_long(root: Path, suite: bytes) -> None:
    check_bytes(root, suite)


@pytest.mark.slow
@fuzz(LONG_DATA)
@given(data=mutated(ROWS))
def test_mutated_data_long(root: Path, data: bytes) -> None:
    check_data(root, data)
