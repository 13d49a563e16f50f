"""Limits of a YAML file: they hold while it is read, so that no file takes long to refuse."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml

from rmcheck.documents.nodes import MAX_BYTES, MAX_DEPTH, MAX_VALUES, compose, text_of
from rmcheck.documents.recognise import looks_like_suite
from rmcheck.errors import ProblemsFound

ROOT = Path(__file__).resolve().parents[2]


def refused(text: str) -> str:
    with pytest.raises(ProblemsFound) as caught:
        compose(text, "a.yaml")
    (problem,) = caught.value.problems
    return str(problem)


def test_what_stands_at_a_limit_is_read() -> None:
    node = compose("[" * MAX_DEPTH + "]" * MAX_DEPTH, "a.yaml")
    for _ in range(MAX_DEPTH - 1):
        assert node is not None
        (node,) = node.value
    assert node is not None
    assert node.value == []
    found = compose("[" + "a," * (2 * MAX_VALUES - 1) + "]", "a.yaml")
    assert found is not None
    assert len(found.value) == 2 * MAX_VALUES - 1
    assert compose("#" * MAX_BYTES, "a.yaml") is None


def test_what_passes_a_limit_is_refused_at_its_place() -> None:
    # The 33rd bracket; the 20,000th item behind "[" and 19,999 times two characters.
    assert refused("[" * (MAX_DEPTH + 1)).startswith("a.yaml:1:33: nested deeper than 32")
    said = "a.yaml:1:40000: more than 10,000 values"
    assert refused("[" + "a," * (2 * MAX_VALUES) + "]").startswith(said)
    deepest = "[" * MAX_DEPTH + "a" + "]" * MAX_DEPTH
    assert refused(deepest).startswith("a.yaml:1:33: nested deeper than 32")
    assert refused("#" * (MAX_BYTES + 1)) == "a.yaml: larger than 100,000 bytes; split it"
    assert refused("é" * (MAX_BYTES // 2 + 1)) == "a.yaml: larger than 100,000 bytes; split it"


def test_of_a_large_file_only_the_beginning_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    with path.open("wb") as file:
        file.write(b"rmcheck: 1\n")
        file.truncate(10_000_000_000)  # a hole: it takes no room on the disk
    started = time.process_time()
    assert looks_like_suite(path)
    with pytest.raises(ProblemsFound, match="larger than 100,000 bytes"):
        text_of(path, "a.yaml")
    assert time.process_time() - started < 1


@pytest.mark.parametrize("line", ["\n", " \n", " ", "{", "\t", "checks", "rmcheck "])
def test_asking_whether_a_file_is_a_suite_takes_no_time(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(line * 100_000)
    started = time.process_time()
    assert not looks_like_suite(path)
    assert time.process_time() - started < 1


def tree(node: yaml.Node | None, seen: dict[int, int]) -> object:
    """Tags, values and places of a node and of what is below it."""
    if node is None or id(node) in seen:
        return node and seen[id(node)]
    seen[id(node)] = len(seen)
    place = (node.tag, node.start_mark.line, node.start_mark.column)
    if isinstance(node, yaml.MappingNode):
        return place, [(tree(key, seen), tree(value, seen)) for key, value in node.value]
    if isinstance(node, yaml.SequenceNode):
        return place, [tree(value, seen) for value in node.value]
    return place, node.value


ODD = [
    "a: &x [1, *x]\nb: *x\n",
    "a:\n  - é: \U0001f600 b\n    c: |\n      text\n\n  - ''\n",
    "{a: ~, b: [], 'c': !!str 1}\n",
    "---\r\na: >-\r\n  folded\r\n  text\r\n...\r\n",
    "\ufeffa: 1\n",
    "a: 'b\tc'\n",
    "# nothing\n",
    "{a: , b: [], c: }\n",
    "a: b?\n",
    "a: [!!str c, d]\n",
    "a: >-  # folded\n  b\n",
]


@pytest.mark.parametrize(
    "text", [*ODD, *(path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("suites/*")))]
)
def test_libyaml_and_its_stand_in_read_the_same_at_the_same_places(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast = tree(compose(text, "a.yaml"), {})
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    assert fast == tree(compose(text, "a.yaml"), {})


@pytest.mark.skipif(not yaml.__with_libyaml__, reason="PyYAML was built without libyaml")
def test_a_good_suite_is_left_to_libyaml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml.SafeLoader, "get_single_node", lambda _: pytest.fail("slow"))
    assert compose("rmcheck: 1\nname: a\n", "a.yaml") is not None
