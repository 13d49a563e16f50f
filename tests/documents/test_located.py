"""YAML with places: every value and key is found where it stands, every mistake is told there."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import yaml
from annotated_types import Ge, Le, MinLen
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from rmcheck.documents import located
from rmcheck.errors import Problem, ProblemsFound


def problems(text: str) -> list[Problem]:
    with pytest.raises(ProblemsFound) as caught:
        located.parse(text, "a.yaml")
    return list(caught.value.problems)


def places(text: str) -> list[tuple[int, int]]:
    return [(problem.line, problem.column) for problem in problems(text)]


def test_values_and_keys_know_their_places() -> None:
    document = located.parse("name: chat\nchecks:\n  - check: win_rate\n    min: 0.7\n", "a.yaml")
    assert document.value == {"name": "chat", "checks": [{"check": "win_rate", "min": 0.7}]}
    # Counted by hand, from 1.
    assert document.place(("name",)) == (1, 7)
    assert document.place(("name",), key=True) == (1, 1)
    assert document.place(("checks", 0)) == (3, 5)
    assert document.place(("checks", 0, "min")) == (4, 10)
    assert document.place(("checks", 0, "min"), key=True) == (4, 5)


def test_what_is_not_there_is_placed_at_its_nearest_parent() -> None:
    document = located.parse("a:\n  b: 1\n", "a.yaml")
    assert document.place(("a", "zzz")) == (2, 3)
    assert document.place(("a", "b", 7)) == (2, 6)
    assert located.parse("", "a.yaml").place(("a",)) == (1, 1)


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("a: [1", (1, 6), "expected ',' or ']'"),
        ("a: 1\n\tb: 2", (2, 1), "indent with spaces, not tabs"),
        ("a: b: c", (1, 5), "put text that contains ': ' in quotes"),
        ("a: 'x", (1, 6), "found unexpected end of stream"),
        ("a: *nowhere", (1, 4), "undefined alias 'nowhere'"),
        ("a: 1\n---\nb: 2", (2, 1), "another document"),
        ("a: 1\na: 2", (2, 1), "duplicate key 'a' (first on line 1)"),
        ("a:\n  - b: 1\n    b: 2", (3, 5), "duplicate key 'b' (first on line 2)"),
        ("x: 1\na: &a [*a]", (2, 4), "this alias contains itself"),
        ("on: 1", (1, 1), "a key must be plain text"),
        ("1: 1", (1, 1), "a key must be plain text"),
        ("? [a]\n: 1", (1, 3), "a key must be plain text"),
        ("a: &x {b: 1}\nc:\n  <<: *x", (3, 3), "write the keys out"),
        ("a: !!bool maybe", (1, 4), "invalid value: 'maybe'"),
        ("a: !!int ''", (1, 4), "invalid value: ''"),
        ("a: !!timestamp soon", (1, 4), "invalid value: 'soon'"),
        ("a: !!set x", (1, 4), "invalid value: 'x'"),
        ("a: 2024-13-45", (1, 4), "invalid value: '2024-13-45'; quote it"),
        ("a: " + "9" * 5000, (1, 4), "invalid value: '9999"),
        ("a: !python/object:os.system x", (1, 4), "the tag '!python/object:os.system'"),
        ("a: !!python/name:os.system ''", (1, 4), "invalid value"),
        ("a: 1\nb: 'x\x01y'", (2, 6), "the character U+0001 is not allowed"),
        ("a: " + "[" * 5000, (1, 35), "nested deeper than 32"),
        ("a: 0x" + "f" * 17, (1, 4), "number too large: '0xfffff"),
    ],
)
def test_what_is_wrong_is_told_at_its_place(text: str, place: tuple[int, int], said: str) -> None:
    (problem,) = problems(text)
    assert (problem.line, problem.column) == place
    assert said in problem.message


def test_mistakes_that_leave_a_document_are_told_all_at_once() -> None:
    text = "a: 1\na: 2\non: 3\nb: !foo 4\nc: {d: 1, d: 2}\n"
    assert places(text) == [(2, 1), (3, 1), (4, 4), (5, 11)]
    noted: list[Problem] = []
    document = located.parse(text, "a.yaml", noted)
    assert [(problem.line, problem.column) for problem in noted] == places(text)
    assert document.value == {"a": 1, "b": None, "c": {"d": 1}}


def test_aliases_may_repeat_but_not_explode() -> None:
    assert located.parse("a: &x [1, 2]\nb: *x\n", "a.yaml").value == {"a": [1, 2], "b": [1, 2]}
    # Nine levels of ten aliases each unfold to 10⁹ values; one level less than 10,000 is let be.
    lines = ["l0: &l0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 10)}]" for i in range(1, 9)]
    started = time.monotonic()
    (problem,) = problems("\n".join(lines))
    assert "more than 10,000 values" in problem.message
    assert time.monotonic() - started < 20
    assert located.parse("\n".join(lines[:3]), "a.yaml").value["l2"][9][9] == ["x"] * 10


def test_a_large_text_is_refused_before_it_is_parsed() -> None:
    (problem,) = problems("# " + "x" * 1_000_000)
    assert (problem.line, problem.message) == (0, "larger than 100,000 bytes; split it")


def test_files_that_are_no_text(tmp_path: Path) -> None:
    def told(content: bytes) -> str:
        path = tmp_path / "a.yaml"
        path.write_bytes(content)
        with pytest.raises(ProblemsFound) as caught:
            located.read(path, "a.yaml")
        return str(caught.value)

    # é is the one byte 0xe9 in Latin-1; UTF-16 begins with 0xff 0xfe.
    assert told("a: 1\nb: é".encode("latin-1")).startswith("a.yaml:2:4: not UTF-8 text (byte 0xe9)")
    assert told("a: 1".encode("utf-16")).startswith("a.yaml:1:1: not UTF-8 text (byte 0xff)")
    with pytest.raises(ProblemsFound, match=r"gone\.yaml: no such file"):
        located.read(tmp_path / "gone.yaml")
    with pytest.raises(ProblemsFound, match="cannot be read"):
        located.read(tmp_path)


def test_a_byte_order_mark_and_windows_lines_are_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes("\ufeffa: 1\r\nb: x\r\n".encode())
    document = located.read(path)
    assert document.value == {"a": 1, "b": "x"}
    assert document.place(("b",)) == (2, 4)


plain = (
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text("abz ~0.:-#'\"", max_size=6)
)
plain |= st.floats(allow_nan=False, allow_infinity=False, width=32)
trees = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abc_", min_size=1), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(trees, st.booleans())
def test_values_are_those_that_pyyaml_reads(tree: Any, flow: bool) -> None:
    text = yaml.safe_dump(tree, default_flow_style=flow)
    assert located.parse(text, "a.yaml").value == yaml.safe_load(text) == tree


@given(st.dictionaries(st.text("abc_", min_size=1), st.lists(plain, min_size=1), min_size=1))
def test_the_text_at_a_place_is_the_value(tree: dict[str, list[Any]]) -> None:
    # JSON with short texts is YAML, so the oracle is what json writes for each scalar.
    text = json.dumps(tree, indent=2)
    document, lines = located.parse(text, "a.yaml"), text.split("\n")
    for key, values in tree.items():
        line, column = document.place((key,), key=True)
        assert lines[line - 1][column - 1 :].startswith(json.dumps(key))
        for index, value in enumerate(values):
            line, column = document.place((key, index))
            assert lines[line - 1][column - 1 :].startswith(json.dumps(value))


@dataclass(frozen=True, kw_only=True)
class Inner:
    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    tags: Annotated[tuple[str, ...], MinLen(1)] | None = None
    share: Annotated[float, Ge(0), Le(1)] = 0.5


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    version: Literal[1]
    kind: Literal["half", "loss"] = "half"
    share: Annotated[float, Ge(0), Le(1)] = 0.5
    count: int = 1
    sure: bool = False
    rates: tuple[float, ...] = ()
    where: Inner | None = None
    data: str | Inner = ""


def wrong(text: str) -> list[str]:
    with pytest.raises(ProblemsFound) as caught:
        located.validate(Outer, located.parse(text, "a"))
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("share: 1.3", "2:8: share=1.3 is too large: at most 1"),
        ("share: -1", "2:8: share=-1 is too small: at least 0"),
        ("share: .nan", "2:8: share=nan is not a finite number"),
        ("share: much", "2:8: share='much' is not a number"),
        ("share: yes", "2:8: share: expected a number, got true"),
        ("count: 1.5", "2:8: count=1.5 is not a whole number"),
        ("count: off", "2:8: count: expected a number, got false"),
        ("rates: [0.1, on]", "2:14: rates[1]: expected a number, got true"),
        ("rates: 0.1", "2:8: rates=0.1 is not a list, such as [a, b]"),
        ("kind: haf", "2:7: kind='haf' is not allowed, did you mean 'half'? (allowed: half, loss)"),
        ("where: [a]", "2:8: where=['a'] is not a mapping of keys to values"),
        ("where: {tags: []}", "2:15: where.tags=[] is too short: the list needs at least 1"),
        ("where: {share: 2}", "2:16: where.share=2 is too large: at most 1"),
        ("where: {share: true}", "2:16: where.share: expected a number, got true"),
        (
            "where:\n  tgas: [a]",
            "3:3: unknown key 'tgas', did you mean 'tags'? (allowed: share, tags)",
        ),
        ("data: {share: 7}", "2:15: data.share=7 is too large: at most 1"),
        (
            "data:\n  shre: 7",
            "3:3: unknown key 'shre', did you mean 'share'? (allowed: share, tags)",
        ),
    ],
)
def test_a_wrong_value_is_shown_with_what_is_allowed(text: str, said: str) -> None:
    (found,) = wrong("version: 1\n" + text)
    assert found in (f"a:{said}", f"a:{said}.0")  # bounds print as 1 or 1.0


def test_true_and_false_stay_what_they_are_where_they_are_asked_for() -> None:
    assert located.validate(Outer, located.parse("version: 1\nsure: yes", "a")).sure is True


def test_text_that_yaml_does_not_take_for_a_number_still_is_one() -> None:
    # YAML 1.1 reads 1e-3 as text: it wants 1.0e-3.
    assert located.parse("count: 1e-3", "a").value == {"count": "1e-3"}
    assert located.validate(Outer, located.parse("version: 1\nshare: 1e-3", "a")).share == 0.001


def test_all_mistakes_at_once_in_their_order() -> None:
    text = "version: 2\nshare: 7\ncolour: red\nwhere:\n  tags: x\n  extra: 1\n"
    assert [line.split(" ")[0] for line in wrong(text)] == [
        "a:1:10:", "a:2:8:", "a:3:1:", "a:5:9:", "a:6:3:",
    ]  # fmt: skip
    assert wrong("share: 0.5") == ["a:1:1: the key 'version' is missing; add 'version: 1'"]


def test_a_label_begins_each_message_and_a_part_can_be_validated() -> None:
    document = located.parse("list:\n  - {version: 1, shre: 0}\n", "a")
    with pytest.raises(ProblemsFound) as caught:
        located.validate(Outer, document, ("list", 0), "check 'x'")
    assert str(caught.value).startswith(
        "a:2:18: check 'x': unknown key 'shre', did you mean 'share'?"
    )
