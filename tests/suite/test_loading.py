"""Suite files: what a good one becomes, and where its data come from."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from builders import make_pairs, row, write_jsonl, write_suite

from rmcheck import checks as registry
from rmcheck.checks import Slice
from rmcheck.checks.label_noise import LabelNoise
from rmcheck.checks.no_regression import NoRegression
from rmcheck.checks.win_rate import WinRate
from rmcheck.errors import ProblemsFound
from rmcheck.suite import load_suite, looks_like_suite

from .written import ONE, TOP, told, write


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
    assert [(one.id, one.gate, one.line) for one in suite.bound] == [
        ("chat::win_rate", "advisory", 9),
        ("chat::short_ones", "required", 11),
        ("chat::label_noise", "advisory", 17),
        ("chat::no_regression", "required", 19),
        ("chat::advised", "advisory", 20),
    ]
    assert [one.check for one in suite.bound if one.required] == [suite.checks[1], suite.checks[3]]
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


def test_missing_suites_and_empty_data(tmp_path: Path) -> None:
    with pytest.raises(ProblemsFound, match=r"suites/gone\.yaml: no such file"):
        load_suite(tmp_path / "suites/gone.yaml", tmp_path)
    path = write(tmp_path, TOP + ONE)
    (tmp_path / "suites/chat.jsonl").write_text("\n \n")
    with pytest.raises(
        ProblemsFound, match=r"suites/chat\.jsonl: file is empty; add one JSON object"
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
        ("rmchek: 1\nchekcs: []", True),
        ("name: chat\ndta: a.jsonl", True),
        ("name: x\non: push", False),
        ("name: x\nservices: {}", False),
        ("kind: ConfigMap\ndata: {}\nmetadata: {}", False),
        ("repos: []\nfail_fast: true", False),
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


REQUIRED = {
    "min": 0.7,
    "with_source": "scores:other.jsonl",
    "benchmark": "rm-bench",
    "objectives": ("helpful", "harmless"),
}


@pytest.mark.parametrize("kind", registry.kinds())
def test_every_key_of_a_kind_can_be_written_in_yaml(tmp_path: Path, kind: str) -> None:
    # The oracle is the dataclass: each of its fields, written as JSON (which is YAML), comes back.
    found = registry.find(kind)
    assert found is not None
    needed = {
        each.name for each in dataclasses.fields(found) if each.default is dataclasses.MISSING
    }
    given = {key: value for key, value in REQUIRED.items() if key in needed}
    where = None if kind in ("best_of_n", "ties", "selection", "benchmark") else Slice(tags=("a",))
    check = found(**given, name="mine", gate="advisory", where=where)
    values = {key: value for key, value in dataclasses.asdict(check).items() if value is not None}
    if where:
        values["where"] = {"tags": ["a"]}
    assert needed <= set(values) <= set(found.keys())
    text = TOP + "checks:\n  - " + json.dumps({"check": kind, **values}) + "\n"
    (loaded,) = load_suite(write(tmp_path, text), tmp_path).checks
    assert loaded == check


def test_a_slice_may_leave_out_a_tag_that_is_gone(tmp_path: Path) -> None:
    text = TOP + ONE + "    where: {without_tags: [cleaned_up_since]}\n"
    assert load_suite(write(tmp_path, text), tmp_path).checks[0].where


def tagged(root: Path, tags: list[list[str]]) -> None:
    """Data of a pair for each list of tags."""
    rows = [
        {**row(pair), "tags": own} for pair, own in zip(make_pairs(len(tags)), tags, strict=True)
    ]
    write_jsonl(root / "suites" / "chat.jsonl", rows)


def rewritten(root: Path, text: str) -> Path:
    """The suite file alone, its data as they are."""
    path = root / "suites" / "chat.yaml"
    path.write_text(text)
    return path


def test_a_sample_of_the_data_may_lack_a_tag(tmp_path: Path) -> None:
    write(tmp_path, "")
    tagged(tmp_path, [["rare"], *[["short"]] * 60])
    text = TOP.replace("chat.jsonl", "{path: chat.jsonl, limit: 3, seed: 1}") + ONE
    suite = load_suite(rewritten(tmp_path, text + "    where: {tags: [rare]}\n"), tmp_path)
    assert [pair.tags for pair in suite.data.pairs] == [("short",)] * 3
    with pytest.raises(ProblemsFound, match="no pair has the tag 'raer', did you mean 'rare'"):
        load_suite(rewritten(tmp_path, text + "    where: {tags: [raer]}\n"), tmp_path)


def test_a_tag_left_out_may_be_missing_unless_it_is_misspelt(tmp_path: Path) -> None:
    write(tmp_path, "")
    tagged(tmp_path, [["v1", "short"]] * 20)
    for tag in ("v2", "v10", "long", "short2"):
        text = TOP + ONE + f"    where: {{without_tags: [{tag}]}}\n"
        assert load_suite(rewritten(tmp_path, text), tmp_path).checks
    text = TOP + ONE + "    where: {without_tags: [shrot]}\n"
    with pytest.raises(ProblemsFound, match="did you mean 'short'"):
        load_suite(rewritten(tmp_path, text), tmp_path)
