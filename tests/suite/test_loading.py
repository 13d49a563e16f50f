"""Suite files: what a good one becomes, and what is said of every kind of broken one."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from builders import make_pairs, row, write_jsonl, write_suite

from rmcheck import checks as registry
from rmcheck.checks.check import Slice
from rmcheck.checks.label_noise import LabelNoise
from rmcheck.checks.no_regression import NoRegression
from rmcheck.checks.win_rate import WinRate
from rmcheck.errors import ProblemsFound
from rmcheck.suite import load_suite, looks_like_suite

TOP = "rmcheck: 1\nname: chat\ndata: chat.jsonl\n"
ONE = "checks:\n  - check: win_rate\n    min: 0.7\n"


def write(root: Path, text: str | bytes) -> Path:
    path = write_suite(root, "")
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def told(root: Path, text: str | bytes) -> list[str]:
    with pytest.raises(ProblemsFound) as caught:
        load_suite(write(root, text), root)
    return str(caught.value).splitlines()


def test_a_suite_is_what_its_file_says(tmp_path: Path) -> None:
    text = """\
rmcheck: 1
name: chat
description: Everyday questions.
source: recipe:tiny
data: chat.jsonl
tags: [helpful, short]
gate: advisory
checks:
  - check: win_rate
    min: 0.7
  - check: win_rate
    name: short_ones
    where: {tags: [short], shorter: chosen}
    min: 0.6
    on_inconclusive: fail
    gate: required
  - check: label_noise
    rates: [0.1, 0.2]
  - {check: no_regression, gate: required}
  - {check: no_regression, name: advised}
"""
    suite = load_suite(write(tmp_path, text), tmp_path)
    assert (suite.name, suite.shown, suite.source) == ("chat", "suites/chat.yaml", "recipe:tiny")
    assert (suite.description, suite.tags) == ("Everyday questions.", ("helpful", "short"))
    assert suite.lines == (9, 11, 17, 19, 20)
    assert suite.checks == (
        WinRate(min=0.7),
        WinRate(
            name="short_ones",
            where=Slice(tags=("short",), shorter="chosen"),
            min=0.6,
            on_inconclusive="fail",
            gate="required",
        ),
        LabelNoise(rates=(0.1, 0.2)),
        NoRegression(gate="required"),
        NoRegression(name="advised"),
    )
    assert [check.label for check in suite.checks] == [
        "win_rate",
        "short_ones",
        "label_noise",
        "no_regression",
        "advised",
    ]
    # Of the two comparisons one is required by its own gate, the other advisory by the suite's.
    assert suite.comparisons == 1
    assert [pair.id for pair in suite.data.pairs] == [pair.id for pair in make_pairs(40)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        # The top level.
        (TOP + "colour: red\n" + ONE, "4:1: unknown key 'colour', (allowed: checks, data,"),
        (TOP + "gte: required\n" + ONE, "4:1: unknown key 'gte', did you mean 'gate'? (allowed:"),
        (
            TOP + "gate: requird\n" + ONE,
            "4:7: gate='requird' is not allowed, did you mean 'required'?",
        ),
        (TOP + "tags: helpful\n" + ONE, "4:7: tags='helpful' is not a list, such as [a, b]"),
        (TOP + "tags: {a: no}\n" + ONE, "4:7: tags={'a': False} is not a list, such as [a, b]"),
        (TOP + "tags: [a, b-c]\n" + ONE, "4:11: tags[1]='b-c' does not have the form ^[A-Za-z_]"),
        (TOP + "description: 5\n" + ONE, "4:14: description=5 is not text"),
        (TOP + "name: other\n" + ONE, "4:1: key 'name' stands twice (first at line 2)"),
        (TOP.replace("1", "2") + ONE, "1:10: rmcheck=2 is not allowed: it must be 1"),
        (TOP.replace("1", "'1'") + ONE, "1:10: rmcheck='1' is not allowed: it must be 1"),
        (TOP.replace("1", "yes") + ONE, "1:10: rmcheck=true is no number, but true or false"),
        (
            TOP.replace("rmcheck: 1\n", "") + ONE,
            "1:1: the key 'rmcheck' is missing; add 'rmcheck: 1'",
        ),
        (TOP.replace("name: chat\n", "") + ONE, "1:1: the key 'name' is missing"),
        (TOP.replace("name: chat", "name: a b") + ONE, "2:7: name='a b' does not have the form"),
        (TOP, "1:1: the key 'checks' is missing"),
        (TOP + "checks: []\n", "4:9: checks=[] is too short: at least 1 in the list"),
        (TOP + "checks:\n", "4:8: checks=None is not a list, such as [a, b]"),
        (TOP + "checks: {a: 1}\n", "4:9: checks={'a': 1} is not a list, such as [a, b]"),
        (TOP + "checks: [win_rate]\n", "4:10: checks[0]='win_rate' is not a mapping"),
        ("", "1:1: a suite is a mapping that begins 'rmcheck: 1'"),
        ("- rmcheck: 1\n", "1:1: a suite is a mapping that begins 'rmcheck: 1'"),
        # One check.
        (
            TOP + "checks:\n  - check: win_rat\n",
            "5:12: unknown check 'win_rat', did you mean 'win_rate'?",
        ),
        (TOP + "checks:\n  - check: 7\n", "5:12: unknown check '7', (allowed: "),
        (
            TOP + "checks:\n  - min: 0.7\n",
            "5:5: the key 'check' (the kind) is missing (allowed: ",
        ),
        (TOP + "checks:\n  - check: win_rate\n", "5:5: check 'win_rate': the key 'min' is missing"),
        (TOP + ONE + "    mn: 3\n", "7:5: check 'win_rate': unknown key 'mn', did you mean 'min'?"),
        (TOP + ONE + "    min: 3\n", "7:5: key 'min' stands twice (first at line 6)"),
        (
            TOP + ONE.replace("0.7", "1.3"),
            "6:10: check 'win_rate': min=1.3 is too large: at most 1",
        ),
        (
            TOP + ONE.replace("0.7", "-0.1"),
            "6:10: check 'win_rate': min=-0.1 is too small: at least 0",
        ),
        (TOP + ONE.replace("0.7", "high"), "6:10: check 'win_rate': min='high' is not a number"),
        (TOP + ONE.replace("0.7", "yes"), "6:10: check 'win_rate': min=true is no number"),
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
        (TOP + ONE + "    name: ''\n", "7:11: check 'win_rate': name='' does not have the form"),
        (
            TOP + ONE + "    name: a::b\n",
            "7:11: check 'win_rate': name='a::b' does not have the form",
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
            "8:7: check 'win_rate': unknown key 'tgas', did you mean 'tags'? (allowed: max_",
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
        # Names.
        (
            TOP + ONE + "  - check: win_rate\n    min: 0.6\n",
            "7:5: two checks are named 'win_rate' (first at line 5); give one of them a 'name:'",
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
        (TOP.replace("chat.jsonl", "{}") + ONE, "3:7: data needs either 'path' or 'dataset'"),
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
        (TOP + "checks: &a [*a]\n", "4:9: an alias that contains itself"),
        (TOP + "checks: *a\n", "4:9: not valid YAML: found undefined alias 'a'"),
        ((TOP + "description: café\n").encode("latin-1"), "4:17: not UTF-8 text (byte 0xe9); save"),
        ((TOP + ONE).encode("utf-16"), "1:1: not UTF-8 text"),
    ],
)
def test_one_mistake_is_one_line_at_its_place(tmp_path: Path, text: str, said: str) -> None:
    (line,) = told(tmp_path, text)
    assert line.startswith(f"suites/chat.yaml:{said}")


def test_a_bomb_of_aliases_is_told_of(tmp_path: Path) -> None:
    bomb = "description: &l0 [x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 8)}]\n" for i in range(1, 9))
    (line,) = told(tmp_path, TOP + bomb + ONE)
    assert "more than 50,000 values (do its aliases repeat themselves?)" in line


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
    assert line == "suites/chat.yaml:6:10: the tag '!x' is not known here; remove it"


def test_missing_suites_and_empty_data(tmp_path: Path) -> None:
    with pytest.raises(ProblemsFound, match=r"suites/gone\.yaml: no such file"):
        load_suite(tmp_path / "suites/gone.yaml", tmp_path)
    path = write(tmp_path, TOP + ONE)
    (tmp_path / "suites/chat.jsonl").write_text("\n \n")
    with pytest.raises(
        ProblemsFound, match=r"suites/chat\.jsonl: holds no rows; add one JSON object"
    ):
        load_suite(path, tmp_path)


def test_data_named_by_path_glob_and_mapping(tmp_path: Path) -> None:
    pairs = make_pairs(10)
    write_jsonl(tmp_path / "data/a.jsonl", [row(pair) for pair in pairs[:4]])
    write_jsonl(tmp_path / "data/b.jsonl", [row(pair) for pair in pairs[4:]])
    (tmp_path / "data/c.jsonl").mkdir()  # a folder is no data

    def ids(spec: str) -> list[str]:
        path = write(tmp_path, TOP.replace("chat.jsonl", spec) + ONE)
        return [pair.id for pair in load_suite(path, tmp_path).data.pairs]

    every = [pair.id for pair in pairs]
    assert ids("../data/a.jsonl") == every[:4]
    assert ids("'../data/*.jsonl'") == every
    assert ids("'../**/[ab].jsonl'") == every
    assert ids(str(tmp_path / "data/b.jsonl")) == every[4:]
    assert ids("{path: '../data/*.jsonl', limit: 10}") == every
    drawn = ids("{path: '../data/*.jsonl', limit: 3, seed: 5}")
    assert len(set(drawn)) == 3
    assert drawn == sorted(drawn)  # in the file's order
    assert drawn == ids("{path: '../data/*.jsonl', limit: 3, seed: 5}")
    others = {
        tuple(ids(f"{{path: '../data/*.jsonl', limit: 3, seed: {seed}}}")) for seed in range(6)
    }
    assert len(others) > 1


def test_a_folder_whose_name_looks_like_a_glob(tmp_path: Path) -> None:
    root = tmp_path / "run[1]"
    assert len(load_suite(write_suite(root, ONE[8:]), root).data.pairs) == 40
    text = TOP.replace("chat.jsonl", "'*.jsonl'") + ONE
    assert len(load_suite(write(root, text), root).data.pairs) == 40


def test_renamed_columns(tmp_path: Path) -> None:
    rows = [
        {"key": f"k{i}", "q": "?", "a": f"yes {i}", "b": f"no {i}", "chosen": "x"} for i in (1, 2)
    ]
    write_jsonl(tmp_path / "suites/other.jsonl", rows)
    columns = "{id: key, prompt: q, chosen: a, rejected: b}"
    text = TOP.replace("chat.jsonl", f"{{path: other.jsonl, columns: {columns}}}") + ONE
    suite = load_suite(write(tmp_path, text), tmp_path)
    assert [(p.id, p.chosen, p.rejected) for p in suite.data.pairs] == [
        ("k1", "yes 1", "no 1"),
        ("k2", "yes 2", "no 2"),
    ]
    lines = told(tmp_path, text.replace("chosen: a", "chosen: aa"))
    assert lines == [
        f"suites/other.jsonl:{i}:1: the column 'aa' (columns: chosen) is missing" for i in (1, 2)
    ]


def test_the_hash_is_of_the_content_not_of_the_file(tmp_path: Path) -> None:
    def loaded(text: str) -> str:
        return load_suite(write(tmp_path, text), tmp_path).hash

    plain = loaded(TOP + ONE)
    assert loaded("# a remark\n" + TOP + ONE.replace("0.7", "0.70")) == plain
    assert loaded(TOP + ONE.replace("0.7", "0.71")) != plain
    assert loaded(TOP + "gate: advisory\n" + ONE) != plain


def test_paths_are_shown_below_the_root(tmp_path: Path) -> None:
    path = write(tmp_path, TOP + ONE)
    assert load_suite(path, tmp_path).shown == "suites/chat.yaml"
    assert load_suite(path, tmp_path).data.paths == ("suites/chat.jsonl",)
    assert load_suite(path).shown == str(path)
    assert load_suite(path, tmp_path / "elsewhere").shown == str(path)


@pytest.mark.parametrize(
    ("text", "suite"),
    [
        (TOP + ONE, True),
        ("checks: []", True),
        ("rmchek: 1\nchecks: []", True),
        ('"rmcheck": 1', True),
        ("rmcheck : 1", True),
        ("{rmcheck: 1, checks: []}", True),
        ("\ufeffrmcheck: 1", True),
        ("rmcheck: [", True),
        ("name: x\non: push", False),
        ("# rmcheck: 1\nname: x", False),
        ("my_checks: 1\nrmcheck_like: 2", False),
        ("", False),
    ],
)
def test_which_files_mean_to_be_suites(tmp_path: Path, text: str, suite: bool) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text, encoding="utf-8")
    assert looks_like_suite(path) is suite
    assert not looks_like_suite(tmp_path / "gone.yaml")


REQUIRED = {"min": 0.7, "with_source": "scores:other.jsonl"}


@pytest.mark.parametrize("kind", registry.kinds())
def test_every_key_of_a_kind_can_be_written_in_yaml(tmp_path: Path, kind: str) -> None:
    # The oracle is the dataclass: each of its fields, written as JSON (which is YAML), comes back.
    found = registry.find(kind)
    assert found is not None
    needed = {
        each.name for each in dataclasses.fields(found) if each.default is dataclasses.MISSING
    }
    given = {key: value for key, value in REQUIRED.items() if key in needed}
    where = None if kind in ("best_of_n", "ties") else Slice(tags=("a",))
    check = found(**given, name="mine", gate="advisory", where=where)
    values = {key: value for key, value in dataclasses.asdict(check).items() if value is not None}
    if where:
        values["where"] = {"tags": ["a"]}
    assert needed <= set(values) <= set(found.keys())
    text = TOP + "checks:\n  - " + json.dumps({"check": kind, **values}) + "\n"
    (loaded,) = load_suite(write(tmp_path, text), tmp_path).checks
    assert loaded == check
