"""Counterexamples: the worst first, long texts cut around the change, a command to repeat."""

from __future__ import annotations

import subprocess

from rmcheck.checks.counterexamples import (
    LONGEST,
    MOST,
    MOST_EACH,
    Break,
    counterexample,
    file_of,
    repeat_line,
    shortened,
    worst,
)
from rmcheck.data import Dialogue, PreferencePair
from rmcheck.data.file_note import FileNote
from rmcheck.data.preferences import PreferenceData
from rmcheck.wording import escaped


def broken(change: str, size: float, key: str = "p/chosen") -> Break:
    return Break(
        change=change, size=size, promise="kept", before=Dialogue("q", "a", key),
        after=Dialogue("q", "b"), before_score=1.0, after_score=1.0 - size,
    )  # fmt: skip


def test_the_worst_come_first_and_no_change_takes_all_places() -> None:
    breaks = [broken("typos", size) for size in (5.0, 9.0, 7.0, 8.0)]
    breaks += [broken(f"change {i}", i / 10) for i in range(12)]
    shown = worst(breaks, lambda one: f"repeat {one.change}")
    assert len(shown) == MOST
    assert [each.after_score for each in shown[:MOST_EACH]] == [-8.0, -7.0, -6.0]
    assert [each.repeat for each in shown].count("repeat typos") == MOST_EACH
    assert shown[MOST_EACH].title == "change 11: p/chosen"


def test_long_texts_keep_the_place_where_they_differ() -> None:
    before = "a" * 50_000 + "here it was" + "c" * 50_000
    after = before.replace("here it was", "there it is")
    found = shortened(before, after)
    for text, word in zip(found, ("here it was", "there it is"), strict=True):
        assert word in text
        assert len(text) < LONGEST + 80
        assert text.startswith("… (")
        assert text.endswith(" more characters)")
    assert shortened("x" * LONGEST, "y") == ("x" * LONGEST, "y")


def test_a_text_that_only_grew_at_its_end_shows_the_end() -> None:
    before = "a" * 9_000
    found = shortened(before, f"{before} and more")
    assert found[1].endswith(" and more")


def test_a_prompt_is_shown_twice_only_where_it_changed() -> None:
    same = counterexample("t", "p", Dialogue("q", "a", "k"), Dialogue("q", "b"), (1.0, 2.0))
    assert (same.prompt, same.after_prompt, same.key) == ("q", None, "k")
    other = counterexample("t", "p", Dialogue("q", "a", "k"), Dialogue("Q", "a"), (1.0, 2.0))
    assert (other.prompt, other.after_prompt) == ("q", "Q")


def test_a_command_names_the_file_that_the_pair_is_in() -> None:
    pairs = tuple(PreferencePair(f"p{i}", "q", "a", "b", "g") for i in range(5))
    notes = (FileNote("x.jsonl", rows=3, reasons={"bad": 1}), FileNote("y.jsonl", rows=3))
    data = PreferenceData(pairs, (), ("x.jsonl", "y.jsonl"), notes)
    assert [file_of(data, f"p{i}") for i in range(5)] == ["x.jsonl"] * 2 + ["y.jsonl"] * 3
    assert file_of(data, "p9") == ""
    assert file_of(PreferenceData(pairs, (), ("x.jsonl", "y.jsonl")), "p1") == ""
    line = repeat_line("typos", data, "p4/rejected", seed=3, strength=0.5, source="recipe:tiny")
    assert line == (
        "rmcheck perturb typos --data y.jsonl --id p4 --side rejected --seed 3 --strength 0.5 "
        "--rm recipe:tiny"
    )
    assert repeat_line("typos", data, "set-1/3", seed=0, strength=0.5, source="m") == ""


def test_a_command_with_control_characters_means_the_same_to_a_shell() -> None:
    name = "a\\b'c\x1b[31m\n\u202e é"
    data = PreferenceData((PreferencePair(name, "q", "a", "b", "g"),), (), ("x.jsonl",))
    line = repeat_line("typos", data, f"{name}/chosen", seed=0, strength=1, source="m")
    assert escaped(line) == line
    words = line.replace("rmcheck", "printf '%s|'", 1)
    said = subprocess.run(
        ["bash", "-c", words], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"}
    )
    assert said.stdout.decode().split("|")[5] == name
