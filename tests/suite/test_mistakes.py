"""What is said of every kind of broken suite file: one line a mistake, at its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import write_jsonl

from .written import ONE, TOP, told


@pytest.mark.parametrize(
    ("text", "said"),
    [
        # The top level.
        (TOP + "colour: red\n" + ONE, "4:1: unknown key 'colour', allowed: checks, data,"),
        (TOP + "gte: required\n" + ONE, "4:1: unknown key 'gte', did you mean 'gate'? (allowed:"),
        (
            TOP + "gate: requird\n" + ONE,
            "4:7: gate='requird' is not allowed, did you mean 'required'?",
        ),
        (TOP + "tags: helpful\n" + ONE, "4:7: tags='helpful' is not a list, such as [a, b]"),
        (TOP + "tags: {a: no}\n" + ONE, "4:7: tags={'a': False} is not a list, such as [a, b]"),
        (
            TOP + "tags: [a, b-c]\n" + ONE,
            "4:11: tags[1]='b-c' does not match the pattern ^[A-Za-z_]",
        ),
        (TOP + "description: 5\n" + ONE, "4:14: description=5 is not text"),
        (TOP + "name: other\n" + ONE, "4:1: duplicate key 'name' (first on line 2)"),
        (TOP.replace("1", "2") + ONE, "1:10: rmcheck=2 is not allowed: it must be 1"),
        (TOP.replace("1", "'1'") + ONE, "1:10: rmcheck='1' is not allowed: it must be 1"),
        (TOP.replace("1", "yes") + ONE, "1:10: rmcheck: expected a number, got true"),
        (
            TOP.replace("rmcheck: 1\n", "") + ONE,
            "1:1: the key 'rmcheck' is missing; add 'rmcheck: 1'",
        ),
        (TOP.replace("name: chat\n", "") + ONE, "1:1: the key 'name' is missing"),
        (
            TOP.replace("name: chat", "name: a b") + ONE,
            "2:7: name='a b' does not match the pattern",
        ),
        (TOP, "1:1: the key 'checks' is missing"),
        (TOP + "checks: []\n", "4:9: checks=[] is too short: the list needs at least 1"),
        (TOP + "checks:\n", "4:8: checks=None is not a list, such as [a, b]"),
        (TOP + "checks: {a: 1}\n", "4:9: checks={'a': 1} is not a list, such as [a, b]"),
        (TOP + "checks: [win_rate]\n", "4:10: checks[0]='win_rate' is not a mapping"),
        (
            "",
            "1:1: file is empty; a suite starts with 'rmcheck: 1'; write one, remove the file, or",
        ),
        ("#\n---\n", "1:1: file is empty; a suite starts with 'rmcheck: 1'"),
        (
            "- rmcheck: 1\n",
            "1:1: not a suite: expected a mapping that starts with 'rmcheck: 1', got a list",
        ),
        (
            "jobs: {}\nrun: x\n",
            "1:1: not a suite (keys found: jobs, run); start it with 'rmcheck: 1' and fix the "
            "keys, or exclude it with rmcheck_files = !suites/chat.yaml",
        ),
        # One check.
        (
            TOP + "checks:\n  - check: win_rat\n",
            "5:12: unknown check 'win_rat', did you mean 'win_rate'?",
        ),
        (TOP + "checks:\n  - check: 7\n", "5:12: unknown check '7', allowed: "),
        (
            TOP + "checks:\n  - min: 0.7\n",
            "5:5: the key 'check' (the kind) is missing; allowed: ",
        ),
        (TOP + "checks:\n  - check: win_rate\n", "5:5: check 'win_rate': the key 'min' is missing"),
        (TOP + ONE + "    mn: 3\n", "7:5: check 'win_rate': unknown key 'mn', did you mean 'min'?"),
        (TOP + ONE + "    min: 3\n", "7:5: duplicate key 'min' (first on line 6)"),
        (
            TOP + ONE.replace("0.7", "1.3"),
            "6:10: check 'win_rate': min=1.3 is too large: at most 1",
        ),
        (
            TOP + ONE.replace("0.7", "-0.1"),
            "6:10: check 'win_rate': min=-0.1 is too small: at least 0",
        ),
        (TOP + ONE.replace("0.7", "high"), "6:10: check 'win_rate': min='high' is not a number"),
        (
            TOP + ONE.replace("0.7", "yes"),
            "6:10: check 'win_rate': min: expected a number, got true",
        ),
        (
            TOP + ONE.replace("0.7", ".nan"),
            "6:10: check 'win_rate': min=nan is not a finite number",
        ),
        (
            TOP + ONE.replace("0.7", ".inf"),
            "6:10: check 'win_rate': min=inf is not a finite number",
        ),
        (
            TOP + ONE + "    ties: haf\n",
            "7:11: check 'win_rate': ties='haf' is not allowed, did you mean",
        ),
        (
            TOP + ONE + "    epsilon: 1\n",
            "5:5: check 'win_rate': epsilon has no effect without 'ties: eps",
        ),
        (
            TOP + ONE + "    name: ''\n",
            "7:11: check 'win_rate': name='' does not match the pattern",
        ),
        (
            TOP + ONE + "    name: a::b\n",
            "7:11: check 'win_rate': name='a::b' does not match the pattern",
        ),
        (
            TOP + ONE + "    min_groups: 3\n",
            "7:17: check 'win_rate': min_groups=3 is too small: at least 15",
        ),
        (
            TOP + "checks:\n  - check: label_noise\n    rates: [0.2, 0.9]\n",
            "6:18: check 'label_noise': rates[1]=0.9 is too large: at most 0.5",
        ),
        (
            TOP + "checks:\n  - check: label_noise\n    rates: 0.2\n",
            "6:12: check 'label_noise': rates=0.2 is not a list",
        ),
        (
            TOP + "checks:\n  - check: scale_invariance\n    examples: 2.5\n",
            "6:15: check 'scale_invariance': examples=2.5 is not a whole number",
        ),
        (
            TOP + "checks:\n  - check: score_gap\n    alpha: 0\n",
            "6:12: check 'score_gap': alpha=0 is too small: more than 0",
        ),
        # Its slice.
        (
            TOP + ONE + "    where:\n      tgas: [a]\n",
            "8:7: check 'win_rate': unknown key 'tgas', did you mean 'tags'? (allowed: all_",
        ),
        (
            TOP + ONE + "    where: {tags: a}\n",
            "7:19: check 'win_rate': where.tags='a' is not a list",
        ),
        (
            TOP + ONE + "    where: {tags: []}\n",
            "7:19: check 'win_rate': where.tags=[] is too short",
        ),
        (
            TOP + ONE + "    where: short\n",
            "7:12: check 'win_rate': where='short' is not a mapping",
        ),
        (
            TOP + ONE + "    where: {min_confidence: 2}\n",
            "7:29: check 'win_rate': where.min_confidence=2 is too large: at most 1",
        ),
        (
            TOP + ONE + "    where: {tags: [a, shrot]}\n",
            "7:23: check 'win_rate': where.tags: no pair has the tag 'shrot', did you mean "
            "'short'? (allowed: a, short)",
        ),
        (
            TOP + ONE + "    where: {tags: [zzzz]}\n",
            "7:20: check 'win_rate': where.tags: no pair has the tag 'zzzz', allowed: a, short",
        ),
        (
            TOP + ONE + "    where: {without_tags: [shrot]}\n",
            "7:28: check 'win_rate': where.without_tags: no pair has the tag 'shrot', did you",
        ),
        # Names.
        (
            TOP + ONE + "  - check: win_rate\n    min: 0.6\n",
            "7:5: duplicate check name 'win_rate' (first on line 5); give one of them a 'name:'",
        ),
        # The data.
        (
            TOP.replace("chat.jsonl", "chta.jsonl") + ONE,
            "3:7: no file matches 'chta.jsonl' (looked in suites); the path is relative to",
        ),
        (TOP.replace("chat.jsonl", "no/*.jsonl") + ONE, "3:7: no file matches 'no/*.jsonl'"),
        (TOP.replace("chat.jsonl", "a" * 5000) + ONE, "3:7: no file matches 'aaaa"),
        (TOP.replace("chat.jsonl", '"a\\0b"') + ONE, "3:7: no file matches 'a\\x00b'"),
        (TOP.replace("chat.jsonl", '"a\\ud800"') + ONE, "3:7: no file matches 'a\\ud800'"),
        (TOP.replace("chat.jsonl", ".") + ONE, "3:7: no file matches '.'"),
        (
            TOP.replace("chat.jsonl", "{pth: x}") + ONE,
            "3:8: unknown key 'pth', did you mean 'path'?",
        ),
        (
            TOP.replace("chat.jsonl", "{}") + ONE,
            "3:7: data: expected exactly one of the keys 'path' and 'dataset'",
        ),
        (
            TOP.replace("chat.jsonl", "{path: chat.jsonl, limit: 0}") + ONE,
            "3:33: data.limit=0 is too small: at least 1",
        ),
        (
            TOP.replace("chat.jsonl", "{path: chat.jsonl, limit: 3, seed: -1}") + ONE,
            "3:42: data.seed=-1 is too small: at least 0",
        ),
        (
            TOP.replace("chat.jsonl", "{path: chat.jsonl, columns: {chosn: a}}") + ONE,
            "3:36: unknown key 'chosn' in columns, did you mean 'chosen'?",
        ),
        # Not YAML, or not text.
        (TOP + "checks:\n\t- check: win_rate\n", "5:1: not valid YAML: found character '\\t'"),
        (TOP + "checks: [{check: win_rate\n", "5:1: not valid YAML: expected ',' or '}'"),
        (TOP + "checks: &a [*a]\n", "4:9: this alias contains itself"),
        (TOP + "checks: *a\n", "4:9: not valid YAML: found undefined alias 'a'"),
        ((TOP + "description: café\n").encode("latin-1"), "4:17: not UTF-8 text (byte 0xe9); save"),
        ((TOP + ONE).encode("utf-16"), "1:1: not UTF-8 text"),
    ],
)
def test_one_mistake_is_one_line_at_its_place(tmp_path: Path, text: str, said: str) -> None:
    (line,) = told(tmp_path, text)
    assert line.startswith(f"suites/chat.yaml:{said}")


def test_a_bomb_of_aliases_is_one_error(tmp_path: Path) -> None:
    bomb = "description: &l0 [x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 8)}]\n" for i in range(1, 9))
    (line,) = told(tmp_path, TOP + bomb + ONE)
    assert "more than 10,000 values (check for aliases that repeat)" in line


def test_all_mistakes_of_a_file_and_of_its_data_at_once(tmp_path: Path) -> None:
    text = """\
rmcheck: 1
name: chat
name: again
data: bad.jsonl
gte: required
checks:
  - check: win_rate
    min: 1.3
    where: {tgas: [a]}
  - check: score_gp
  - check: score_gap
    alpha: .nan
  - check: no_regression
  - check: no_regression
"""
    write_jsonl(tmp_path / "suites/bad.jsonl", [{"id": "a", "prompt": "p", "chosen": "c"}, {}])
    assert [line.split(" ")[0] for line in told(tmp_path, text)] == [
        "suites/bad.jsonl:1:1:",  # no rejected
        "suites/bad.jsonl:2:1:",  # no prompt,
        "suites/bad.jsonl:2:1:",  # id,
        "suites/bad.jsonl:2:1:",  # chosen
        "suites/bad.jsonl:2:1:",  # nor rejected
        "suites/chat.yaml:3:1:",
        "suites/chat.yaml:5:1:",
        "suites/chat.yaml:8:10:",
        "suites/chat.yaml:9:13:",
        "suites/chat.yaml:10:12:",
        "suites/chat.yaml:12:12:",
        "suites/chat.yaml:14:5:",
    ]


def test_what_cannot_be_read_is_told_once(tmp_path: Path) -> None:
    # `min: !x 3` counts as None afterwards; "None is not a number" would be an echo.
    (line,) = told(tmp_path, TOP + ONE.replace("0.7", "!x 3"))
    assert line == "suites/chat.yaml:6:10: the tag '!x' is not supported; remove it"


def test_of_very_many_mistakes_the_first_are_told(tmp_path: Path) -> None:
    many = "".join(f"  - {{check: win_rte, name: n{i}}}\n" for i in range(500))
    lines = told(tmp_path, TOP + "checks:\n" + many)
    assert len(lines) == 51
    assert lines[49].startswith("suites/chat.yaml:54:13: unknown check 'win_rte', did you mean")
    assert lines[50] == ("suites/chat.yaml:55:13: more errors follow; fix the ones above first")
    keys = "".join(f"k{i}: 1\n" for i in range(500))
    assert len(told(tmp_path, TOP + keys + ONE)) == 51
    assert len(told(tmp_path, TOP + "tags: [" + "!x a, " * 500 + "]\n" + ONE)) == 51


def test_a_key_or_path_of_any_length_is_told_in_a_line_to_read(tmp_path: Path) -> None:
    for text in (
        TOP + "k" * 900 + ": 1\n" + ONE,
        TOP.replace("chat.jsonl", "a" * 5000) + ONE,
        TOP + "checks:\n  - check: " + "x" * 5000 + "\n",
        TOP.replace("chat", "x" * 5000, 1) + ONE,
    ):
        (line,) = told(tmp_path, text)
        assert len(line) < 400
