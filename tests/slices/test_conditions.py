"""Conditions on texts, by hand, and as `where:` of a suite with its mistakes at their places."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import write_jsonl

from rmcheck.checks import Slice
from rmcheck.data import PreferencePair
from rmcheck.data.dialogue import Message
from rmcheck.errors import ProblemsFound
from rmcheck.slices.conditions import Range, TextIs
from rmcheck.slices.marks import code, markdown, refusal
from rmcheck.slices.question import question
from rmcheck.slices.script import language, script
from rmcheck.suite import load_suite

PAIR = PreferencePair(
    id="a",
    prompt=(Message("system", "Be brief."), Message("user", "How do I undo a commit in git?")),
    chosen="Run `git reset --soft HEAD~1`.",
    rejected="Run the command that undoes it. I'm sorry, but I can't help with more.",
    group="a",
    tags=("git", "short"),
)


@pytest.mark.parametrize(
    ("where", "holds"),
    [
        (Slice(all_tags=("git", "short")), True),
        (Slice(all_tags=("git", "long")), False),
        (Slice(prompt=TextIs(words=Range(min=10, max=10))), True),  # roles are not counted
        (Slice(prompt=TextIs(words=Range(min=11))), False),
        (Slice(prompt=TextIs(question="how", language="english", script="latin")), True),
        (Slice(prompt=TextIs(has=("undo a commit", "git"))), True),
        (Slice(prompt=TextIs(has=("undo commit",))), False),  # not one after the other
        (Slice(prompt=TextIs(about=("commit", "git", "branch"))), True),
        (Slice(prompt=TextIs(about=("commit", "branch", "merge"))), False),  # one of them
        (Slice(prompt=TextIs(about=("Commit", "GIT"))), True),  # case does not count
        (Slice(prompt=TextIs(about=("a commit", "branch", "in git"))), True),
        (Slice(chosen=TextIs(numbers=True, refusal=False)), True),
        (Slice(rejected=TextIs(refusal=True, markdown=False)), True),
        (Slice(rejected=TextIs(refusal=False)), False),
        (Slice(length_ratio=Range(max=0.43)), True),  # 6 words to 14: 0.4286, taken as 0.43
        (Slice(length_ratio=Range(max=0.42)), False),
        (Slice(same_start=Range(min=1, max=1)), True),  # "run"
        (Slice(same_start=Range(min=2)), False),
        (Slice(turns=Range(min=2)), True),
        (Slice(prompt=TextIs(question="how"), tags=("long",)), False),  # every key must hold
    ],
)
def test_conditions_by_hand(where: Slice, holds: bool) -> None:
    assert where.holds(PAIR) is holds


@pytest.mark.parametrize(
    ("text", "of", "value"),
    [
        ("for (int i = 0; i < 3; i++) {", code, True),
        ("x = [n for n in nums]\nprint(x)", code, False),  # prose may have brackets, too
        ("Use sorted(xs) and return it:\nreturn xs", code, False),
        ("const total = 3", code, True),
        ("**Note** this", markdown, True),
        ("a * b * c", markdown, False),
        ("| a | b |\n|---|---|\n", markdown, True),
        ("I won’t do that.", refusal, True),
        ("He could not come.", refusal, False),
        ("Tell me why it rains. Is it cold?", question, "yes_no"),
        ("Since when is that a word?", question, "when"),
        ("Help!", question, "none"),
        ("¿Dónde está?", question, "other"),
        ("Il gatto è sul tavolo e non si muove più", language, "italian"),
        ("De kat is op het dak en wij ook", language, "dutch"),
        ("O gato não está em casa, mas você está", language, "portuguese"),
        ("El perro está en la calle pero no muy lejos", language, "spanish"),
        ("Le chat est dans la maison et il dort", language, "french"),
        ("ok", language, "other"),
        ("これは漢字です", script, "kana"),
        ("Ελληνικά", script, "greek"),
        ("한국어 text", script, "latin"),  # four letters of seven
    ],
)
def test_what_a_text_is(text: str, of, value: object) -> None:  # type: ignore[no-untyped-def]
    assert of(text) == value


def load(tmp_path: Path, where: str) -> Slice:
    pair = {"id": "a", "prompt": "Why?", "chosen": "So.", "rejected": "No.", "tags": ["git"]}
    write_jsonl(tmp_path / "chat.jsonl", [pair])
    path = tmp_path / "chat.yaml"
    head = "rmcheck: 1\nname: chat\ndata: chat.jsonl\nchecks:\n  - check: win_rate\n    min: 0.5\n"
    path.write_text(f"{head}    where: {where}\n", encoding="utf-8")
    found = load_suite(path, tmp_path).checks[0].where
    assert found is not None
    return found


def test_a_suite_says_it_as_python_does(tmp_path: Path) -> None:
    text = "{prompt: {question: why, has: [why]}, length_ratio: {min: 1}, all_tags: [git]}"
    assert load(tmp_path, text) == Slice(
        prompt=TextIs(question="why", has=("why",)), length_ratio=Range(min=1), all_tags=("git",)
    )


@pytest.mark.parametrize(
    ("where", "column", "said"),
    [
        ("{promt: {code: true}}", 13, "unknown key 'promt', did you mean 'prompt'"),
        ("{prompt: {quesion: how}}", 22, "unknown key 'quesion', did you mean 'question'"),
        ("{prompt: {question: whi}}", 32, "where.prompt.question='whi' is not allowed, did you "),
        ("{prompt: {words: 40}}", 29, "where.prompt.words=40 is not a mapping of keys to values"),
        ("{prompt: {words: {min: many}}}", 35, "where.prompt.words.min='many' is not a number"),
        ("{chosen: {code: maybe}}", 28, "where.chosen.code='maybe' is not true or false"),
        ("{prompt: {has: refund}}", 27, "where.prompt.has='refund' is not a list, such as [a, b]"),
        ("{prompt: {has: ['!?']}}", 21, "has: '!?' has no word; give a word or a phrase"),
        ("{prompt: {about: [bread]}}", 21, "about: expected 2 or more words, got ['bread']"),
        ("{prompt: {about: [Bread, bread]}}", 21, "about: expected 2 or more words"),
        ("{prompt: {}}", 21, "expected one or more keys, as in {code: true}"),
        ("{prompt: {words: {min: -1}}}", 29, "min=-1 is negative; use 0 or more"),
        ("{turns: {}}", 20, "expected min, max or both, as in {min: 40}"),
        ("{turns: {min: 3, max: 2}}", 20, "min=3 is larger than max=2; exchange them"),
        ("{all_tags: [gti]}", 24, "where.all_tags: no pair has the tag 'gti', did you mean 'git'"),
    ],
)
def test_a_mistake_is_told_at_its_place(tmp_path: Path, where: str, column: int, said: str) -> None:
    with pytest.raises(ProblemsFound) as caught:
        load(tmp_path, where)
    (problem,) = caught.value.problems
    assert said in problem.message
    assert (problem.line, problem.column) == (7, column)
