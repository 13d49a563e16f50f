"""A red run says in which part of the data it got worse, and gives the check to copy."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from plugin.projects import Project, Row, jsonl, pairs, scores
from rmcheck.shipped import shipped
from rmcheck.suite import load_suite

TAG = "buggy_code"
"""A tag of the shipped coding pairs, about a quarter of them."""


def rows_of(name: str) -> list[Row]:
    text = shipped("preferences", f"{name}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def scored(rows: list[Row], wrong: set[str]) -> list[Row]:
    """Scores by id: right for all pairs but these."""
    return [
        {"id": row["id"], "chosen": 0.0 if row["id"] in wrong else 1.0, "rejected": 0.5}
        for row in rows
    ]


@pytest.fixture
def worse(project: Project) -> Project:
    """Two suites, a baseline that is right but for every 15th pair, and a run that lost a tag."""
    everything: list[Row] = []
    for name in ("coding", "conversation"):
        rows = rows_of(name)
        project.suite(name, "no_regression", rows=rows)
        everything += rows
    noise = {row["id"] for row in everything[::15]}
    lost = {row["id"] for row in everything if TAG in row["tags"]}
    project.write("good.jsonl", jsonl(scored(everything, noise)))
    project.write("bad.jsonl", jsonl(scored(everything, noise | lost)))
    project.run("--rm", "scores:good.jsonl")
    assert project.cli("bless").code == 0
    return project


def test_report_summary_and_terminal_say_where(worse: Project) -> None:
    said = worse.run("--rm", "scores:bad.jsonl").stdout.str()
    line = next(line for line in said.splitlines() if line.startswith("where: "))
    assert line.startswith("where: the newly wrong pairs are mostly these (")
    assert line.endswith(f"): tagged '{TAG}'; rmcheck slices")
    page = (worse.root / "reports/latest/index.html").read_text(encoding="utf-8")
    summary = (worse.root / "reports/latest/summary.md").read_text(encoding="utf-8")
    assert "Where it got worse" in page
    assert "### Where it got worse" in summary
    for text in (page, summary):
        assert f"tags: [{TAG}]" in text
        assert "name: slice_tags_buggy_code" in text
    again = worse.cli("report")
    assert again.code == 0
    assert (worse.root / "reports/latest/index.html").read_text(encoding="utf-8") == page
    # The check selects just these pairs.
    start = next(k for k, line in enumerate(summary.splitlines()) if "- check: no_reg" in line)
    check = [line[4:] for line in summary.splitlines()[start : start + 4]]
    head = "rmcheck: 1\nname: copied\ndata: ../data/coding.jsonl\nchecks:\n"
    path = worse.write("suites/copied.yaml", head + "\n".join(check) + "\n")
    suite = load_suite(path, worse.root)
    tagged = [pair.id for pair in suite.data.pairs if TAG in pair.tags]
    assert [pair.id for pair in suite.checks[0].select(suite.data)] == tagged
    # Without texts, no word of a text is shown as a condition.
    assert worse.cli("report", "--texts", "none").code == 0
    page = (worse.root / "reports/latest/index.html").read_text(encoding="utf-8")
    assert f"tags: [{TAG}]" in page


@pytest.mark.ci
def test_the_command_finds_it_too(worse: Project) -> None:
    worse.run("--rm", "scores:bad.jsonl")
    said = worse.cli("slices")
    assert said.code == 0, said
    assert said.out[0].startswith("396 pairs of 255 prompts: ")
    assert said.out[0].endswith(" newly wrong against main, 0 newly right")
    assert f"1. tagged '{TAG}'" in said.out
    assert f"         tags: [{TAG}]" in said.out
    # Score files on data, and as JSON, which lists the pairs.
    found = worse.cli(
        "slices", "bad.jsonl", "--baseline", "good.jsonl", "--data", "data/coding.jsonl",
        "--format", "json",
    )  # fmt: skip
    assert found.code == 0, found
    told = json.loads("\n".join(found.out))
    first = told["slices"][0]
    assert first["where"] == {"tags": [TAG]}
    assert set(first["ids"]) == {row["id"] for row in rows_of("coding") if TAG in row["tags"]}
    assert first["inside"]["newly_wrong"] + first["elsewhere"]["newly_wrong"] == told["newly_wrong"]
    # A model that lost nothing has no slice, and that is not an error.
    same = worse.cli("slices", "good.jsonl", "--baseline", "good.jsonl")
    assert same.code == 0, same
    assert any(line.startswith("no slice is confirmed: ") for line in same.out)


@pytest.mark.ci
def test_the_selftest_knows_slices(worse: Project) -> None:
    worse.run("--rm", "scores:bad.jsonl")
    said = worse.cli("selftest", "--slices", "--runs", "20")
    assert said.code == 0, said
    assert said.out[-1].startswith("slices: equal models have one in ")
    assert said.out[-1].endswith("; at most 5 % should")
    told = json.loads(
        "\n".join(worse.cli("selftest", "--slices", "--runs", "20", "--format", "json").out)
    )
    assert told["slices"]["value"] <= 0.2  # 5 or more of 20 at 5 % would have p = 0.003
    lacking = worse.cli("selftest", "--slices", "--baselines", "none")
    assert lacking.code == 4
    assert "--slices needs a baseline" in lacking.err[-1]


def test_mistakes_of_the_command(worse: Project) -> None:
    other = [{**row, "id": f"x-{row['id']}"} for row in rows_of("safety")[:30]]
    worse.data("other", other)
    worse.write("other.jsonl", jsonl(scored(other, set())))
    said = worse.cli("slices", "other.jsonl", "--baseline", "main", "--data", "data/other.jsonl")
    assert said.code == 4
    assert said.err == [
        "rmcheck slices: scores:other.jsonl and main have no pair in common; run the same suites "
        "with both"
    ]
    said = worse.cli("slices", "--baseline", "mian")
    assert said.code == 4
    assert "'mian' is not a run folder, a known baseline (main)" in said.err[0]


@pytest.mark.ci
def test_a_green_run_does_not_search(worse: Project) -> None:
    program = (
        "import sys, pytest\n"
        "code = pytest.main(['-q', '--rm', 'scores:good.jsonl', '-p', 'no:cacheprovider'])\n"
        "print('searched', sorted(m for m in sys.modules if m in "
        "('rmcheck.slices.search', 'rmcheck.report.where', 'sklearn')))\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(worse.root), capture_output=True,
        encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "searched []" in done.stdout
    assert "where:" not in done.stdout


def test_pairs_of_one_side_alone_are_told(project: Project) -> None:
    whole = pairs(60)
    project.write("pairs.jsonl", jsonl(whole))
    for name, count in (("old", 60), ("new", 45)):
        project.write(f"{name}.jsonl", jsonl(scores(pairs(count))))
    said = project.cli("slices", "new.jsonl", "--baseline", "old.jsonl", "--data", "pairs.jsonl")
    assert said.code == 0, said
    assert said.out[0].startswith("45 pairs of 45 prompts: 0 newly wrong")
    assert said.out[-1] == "note: left out 15 pairs that only scores:old.jsonl has"


def test_two_baselines_are_searched_with_the_texts_of_the_suites(project: Project) -> None:
    project.suite("chat", "win_rate", rows=pairs(40))
    project.write("old.jsonl", jsonl(scores(pairs(40))))
    project.run("--rm", "scores:old.jsonl")
    assert project.cli("bless").code == 0
    said = project.cli("slices", "main", "--baseline", "main")
    assert said.code == 0, said
    assert said.out[0].startswith("40 pairs of 40 prompts: 0 newly wrong against main")
    (project.root / "old").mkdir()
    for name in ("suites", "data"):
        (project.root / name).rename(project.root / "old" / name)
    lacking = project.cli("slices", "main", "--baseline", "main")
    assert "none of their texts was found; set --suites or --data" in lacking.err[-1]
    given = project.cli("slices", "main", "--baseline", "main", "--suites", "old/suites")
    assert given.out == said.out
