"""`rmcheck new`: a suite and a stub of data that say what to do, and cannot pass by accident."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from plugin.projects import Project, jsonl, pairs, scores

from rmcheck.scaffold import new_domain


def test_a_domain_is_two_files_and_the_schema(project: Project) -> None:
    said = project.cli("new", "cooking")
    assert (said.code, said.err) == (0, [])
    assert said.out[0] == "created suites/cooking.yaml and data/cooking.jsonl"
    assert "fails with fewer than 15 different prompts" in said.out[2]
    text = (project.root / "suites/cooking.yaml").read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=rmcheck.schema.json\n")
    assert (project.root / "suites/rmcheck.schema.json").is_file()
    suite = yaml.safe_load(text)
    assert (suite["name"], suite["data"]) == ("cooking", "../data/cooking.jsonl")
    rows = [json.loads(line) for line in (project.root / "data/cooking.jsonl").open()]
    assert [row["id"] for row in rows] == ["cooking-001", "cooking-002"]
    assert all({"prompt", "chosen", "rejected"} <= set(row) for row in rows)


def test_the_stub_is_an_error_until_there_are_pairs(project: Project) -> None:
    project.cli("new", "cooking")
    stub = [json.loads(line) for line in (project.root / "data/cooking.jsonl").open()]
    # A model that is right on every pair of the stub.
    right = [{"id": row["id"], "chosen": float(n), "rejected": -1.0} for n, row in enumerate(stub)]
    project.write("right.jsonl", jsonl(right))
    run = ("suites/", "--rm", "scores:right.jsonl")
    result = project.run(*run)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    told = [line for line in result.outlines if "still begins with 'REPLACE THIS'" in line]
    assert len(told) == len(stub)
    assert told[0].startswith("data/cooking.jsonl:1:1: ")

    rows = pairs(30)
    project.data("cooking", rows)
    project.write("right.jsonl", jsonl(scores(rows)))
    assert project.run(*run).ret == 0


def test_data_lie_where_the_other_suites_have_theirs(project: Project, tmp_path: Path) -> None:
    for name in ("a", "b"):
        project.write(f"fixtures/{name}.jsonl", jsonl(pairs(1)))
        project.write(f"suites/more/{name}.yaml", f"rmcheck: 1\nname: {name}\nchecks: []\n"
                      f"data: ../../fixtures/{name}.jsonl\n")  # fmt: skip
    project.write("suites/c.yaml", "rmcheck: 1\nname: c\nchecks: []\ndata: {dataset: x/y}\n")
    project.write("suites/d.yaml", f"rmcheck: 1\nname: d\nchecks: []\ndata: {tmp_path}/../d.jsonl")
    project.write("suites/broken.yaml", "rmcheck: [1\n")
    project.write("suites/other.yaml", "jobs: {}\n")
    made = new_domain("cooking", root=project.root)
    assert made.data == "fixtures/cooking.jsonl"
    suite = yaml.safe_load((project.root / made.suite).read_text(encoding="utf-8"))
    assert suite["data"] == "../fixtures/cooking.jsonl"


def test_suites_that_take_the_new_data_in_are_named(project: Project) -> None:
    project.write("data/a.jsonl", jsonl(pairs(1)))
    for name, data in {
        "overall": "../data/*.jsonl",
        "sampled": "{path: '../data/**/*.jsonl', limit: 9}",
        "alone": "../data/a.jsonl",
        "hub": "{dataset: x/y}",
    }.items():
        project.write(f"suites/{name}.yaml", f"rmcheck: 1\nname: {name}\ndata: {data}\n")
    said = project.cli("new", "cooking", "--data", "data")
    told = [line for line in said.out if "also matches data/cooking.jsonl" in line]
    assert len(told) == 1
    assert told[0].startswith("suites/overall.yaml, suites/sampled.yaml: the `data:` pattern")


def test_the_linter_refuses_the_stub_as_it_was_written(project: Project) -> None:
    project.cli("new", "cooking")
    said = project.cli("lint", "suites/cooking.yaml")
    assert said.code == 1
    told = [line.strip() for line in said.out if "still contains" in line]
    assert [line.partition(" ")[0] for line in told] == [
        "data/cooking.jsonl:1:", "data/cooking.jsonl:2:"
    ]  # fmt: skip


def test_both_folders_can_be_named(project: Project) -> None:
    assert project.cli("new", "a", "--suites", "gates/suites", "--data", "pairs").code == 0
    suite = yaml.safe_load((project.root / "gates/suites/a.yaml").read_text(encoding="utf-8"))
    assert suite["data"] == "../../pairs/a.jsonl"
    said = project.cli("new", "b", "--data", "../elsewhere")
    assert said.err == [
        f"rmcheck new: --data ../elsewhere is outside this project ({project.root})"
    ]


@pytest.mark.parametrize("name", ["", "../x", "a/b", "-x", ".hidden", "a b", "ü", "x" * 81])
def test_a_name_that_no_suite_can_have(project: Project, name: str) -> None:
    before = sorted(project.root.rglob("*"))
    said = project.cli("new", "--", name)
    assert said.code == 4
    assert said.out == []
    assert said.err[0].startswith(f"rmcheck new: invalid suite name {name!r}: use letters")
    assert sorted(project.root.rglob("*")) == before


def test_what_is_there_stops_it(project: Project) -> None:
    project.suite("other", "win_rate", rows=pairs(1), folder="suites/deep")
    said = project.cli("new", "other")
    assert said.err == [
        "rmcheck new: suites/deep/other.yaml: a suite named 'other' already exists; choose "
        "another name"
    ]
    project.write("suites/cooking.yaml", "")
    project.write("data/cooking.jsonl", "")
    said = project.cli("new", "cooking")
    assert said.code == 4
    assert said.err == [
        "rmcheck new: suites/cooking.yaml, data/cooking.jsonl already exists; choose another "
        "name, or move the file"
    ]
    assert (project.root / "suites/cooking.yaml").read_text() == ""
    assert not (project.root / "suites/rmcheck.schema.json").exists()
