"""Odd rows: an error, a row left out and counted, or a pair whose every character is in the row."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.conversations import asked
from data.published import ROWS, name, rows
from rmcheck.data import PreferencePair, ResponseSet
from rmcheck.data.layouts import LAYOUTS
from rmcheck.data.reading import Reading, read_layout
from rmcheck.data.rows import Row

ADDED = ("\n\nTL;DR:",)
"""What a layout writes by itself: the cue after a post. White space between parts is free."""

_texts = st.one_of(
    st.sampled_from(
        ["", " ", "Why?", "No.", "Human:", "\n\nAssistant:", "model_a", "0", "1", "nan"]
    ),
    st.sampled_from(["\n\nHuman: Hi\n\nAssistant: x", "[1]", '["a"]', "\ud7ff\u2028\x00"]),
    st.just('[{"role": "user", "content": "q"}]'),
    st.text(max_size=12),
)
_turns = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system", "human", "tool", "", None, 3])},
    optional={
        "content": st.one_of(
            _texts,
            st.none(),
            st.just([{"type": "image"}]),
            st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": _texts}), max_size=2),
        ),
        "name": _texts,
        "tool_calls": st.sampled_from([None, [], [{"name": "f"}]]),
    },
)
_values = st.one_of(
    st.none(),
    _texts,
    st.booleans(),
    st.integers(-2, 4),
    st.floats(),
    st.lists(_texts, max_size=4),
    st.lists(_turns, max_size=4),
    _turns,
    st.dictionaries(_texts, _texts, max_size=2),
)


def characters(value: Any) -> str:
    """Every text of a row, one after the other; and again with what texts that are JSON hold."""
    return "\x1f".join([*strings(value, inside=False), *strings(value, inside=True)])


def strings(value: Any, *, inside: bool) -> list[str]:
    found: list[str] = []

    def walk(one: Any) -> None:
        if isinstance(one, str):
            found.append(one)
            if not inside:
                return
            try:
                inner = json.loads(one)
            except (ValueError, RecursionError):
                return
            if isinstance(inner, list | dict):
                walk(inner)
        elif isinstance(one, dict):
            for key in (key for key in one if key not in ("role", "type")):
                walk(one[key])
        elif isinstance(one, list | tuple):
            for each in one:
                walk(each)

    walk(value)
    return found


def squeezed(text: str) -> str:
    """A text without white space, and without the marks between its own parts."""
    return "".join(text.split()).replace("\x1f", "")


def texts_of(item: PreferencePair | ResponseSet) -> Iterator[str]:
    if isinstance(item.prompt, str):
        yield item.prompt
    else:
        yield from (turn.content for turn in item.prompt)
    if isinstance(item, PreferencePair):
        yield from (item.chosen, item.rejected)
    else:
        yield from item.responses


def check_faithful(found: Reading, given_rows: list[dict[str, Any]]) -> None:
    """Every text of every item is in its row (or in the rows that belong together)."""
    layout = LAYOUTS[found.note.layout]
    for line, item in found.items:
        own = given_rows if layout.together else [given_rows[line - 1]]
        held = squeezed(characters(own))
        for text in texts_of(item):
            for added in ADDED:
                text = text.removesuffix(added)
            assert squeezed(text) in held, (item, own)
        if isinstance(item, PreferencePair) and not layout.together:
            row = own[0]
            for side, text in (("chosen", item.chosen), ("rejected", item.rejected)):
                if side in row and "chosen" in row:
                    assert squeezed(text) in squeezed(characters(row[side])), (side, item, row)
    # No row disappears: it gave something, was left out with a reason, or belongs to another.
    if layout.together is None:
        told = {line for line, _ in found.items}
        assert len(told) + sum(found.note.reasons.values()) >= len(given_rows)
    for side, other in sides(found, given_rows):
        assert side == other


def sides(found: Reading, given_rows: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """The start of both sides, where a row has whole conversations on both."""
    for line, item in found.items:
        row = given_rows[line - 1]
        both = (row.get("chosen"), row.get("rejected"))
        if isinstance(item, PreferencePair) and all(isinstance(side, list) for side in both):
            if not all(isinstance(turn, dict) for side in both for turn in side or [0]):
                continue
            before = [squeezed(characters([t.get("content") for t in side[:-1]])) for side in both]
            yield before[0], before[1]


def read(given_rows: list[dict[str, Any]], layout: str | None = None) -> Reading:
    return read_layout(
        [Row("d.jsonl", line, row) for line, row in enumerate(given_rows, start=1)],
        "d.jsonl",
        {},
        layout,
    )


@st.composite
def odd_rows(draw: st.DrawFn) -> tuple[str, list[dict[str, Any]]]:
    """The rows of a layout with values changed, removed or exchanged at any depth."""
    case = draw(st.sampled_from(sorted(ROWS)))
    found = copy.deepcopy(rows(case))
    for _ in range(draw(st.integers(1, 3))):
        row = draw(st.sampled_from(found))
        change(draw, row)
    return case, found


def change(draw: st.DrawFn, value: Any) -> None:
    if isinstance(value, dict) and value:
        key = draw(st.sampled_from(sorted(value)))
    elif isinstance(value, list) and value:
        key = draw(st.integers(0, len(value) - 1))
    else:
        return
    inner = value[key]
    if isinstance(inner, dict | list) and inner and draw(st.booleans()):
        change(draw, inner)
    elif isinstance(value, dict) and draw(st.integers(0, 4)) == 0:
        del value[key]
    else:
        value[key] = copy.deepcopy(draw(_values))  # a later change must not reach the strategy


def examine(case: str, changed: list[dict[str, Any]]) -> None:
    whole = rows(case) * 25 + changed
    before = repr(changed)
    for layout in (None, name(case)):
        for given_rows in (changed, whole):
            found = read(given_rows, layout)
            assert repr(changed) == before  # rows are read, not changed
            if found.problems:
                assert all(str(problem) for problem in found.problems)
            elif found.note.layout != "ours":
                check_faithful(found, given_rows)


@pytest.mark.parametrize("label", [float("inf"), float("-inf"), float("nan"), 1e300, 10**400])
@pytest.mark.parametrize("case", sorted(case for case in ROWS if "label" in rows(case)[0]))
def test_a_label_that_is_no_finite_number_is_told(case: str, label: float) -> None:
    found = read([{**row, "label": label} for row in rows(case)], name(case))
    assert found.problems or not list(found.items)


@pytest.mark.ci
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(odd=odd_rows())
def test_odd_rows_are_told_or_read_faithfully(odd: tuple[str, list[dict[str, Any]]]) -> None:
    examine(*odd)


@pytest.mark.slow
@settings(max_examples=20000, deadline=None, suppress_health_check=list(HealthCheck))
@given(odd=odd_rows())
def test_five_thousand_odd_rows_are_told_or_read_faithfully(
    odd: tuple[str, list[dict[str, Any]]],
) -> None:
    examine(*odd)


def test_the_property_sees_a_text_that_is_not_in_the_row() -> None:
    row = {"prompt": "Why?", "chosen": asked("Why?", "So."), "rejected": asked("Why?", "x")}
    found = read([row])
    check_faithful(found, [row])
    for other in (
        {**row, "rejected": asked("Why?", "y")},
        {**row, "chosen": row["rejected"], "rejected": row["chosen"]},
    ):
        with pytest.raises(AssertionError):
            check_faithful(found, [other])
