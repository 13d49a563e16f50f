"""`rmcheck compare A B C …` on the command line."""

from __future__ import annotations

import csv
import io

from plugin.projects import Project, Row, jsonl, pairs, scores


def files(project: Project, rows: list[Row]) -> list[str]:
    """Score files of three models on the pairs; the third gets most of them wrong."""
    wrong = {"good.jsonl": range(2), "fair.jsonl": range(5), "bad.jsonl": range(30)}
    for name, lost in wrong.items():
        project.write(name, jsonl(scores(pairs(len(rows), wrong=lost))))
    return list(wrong)


def test_score_files_are_ranked_on_data_without_suites(project: Project) -> None:
    rows = pairs(40)
    project.write("pairs.jsonl", jsonl(rows))
    three = files(project, rows)
    said = project.cli(
        "compare", *three, "--data", "pairs.jsonl", "--html", "out/r.html", "--csv", "out/r.csv"
    )
    assert said.code == 0, said
    assert said.out[0] == "pairs: 40 pairs of 40 different prompts"
    assert [line.split()[1] for line in said.out[2:5]] == ["good", "fair", "bad"]
    assert [line.split()[-1] for line in said.out[2:5]] == ["a", "a", "b"]
    assert said.out[-2:] == ["wrote out/r.html", "wrote out/r.csv"]
    assert (project.root / "out/r.html").read_text("utf-8").startswith("<!doctype html>")
    table = csv.DictReader(io.StringIO((project.root / "out/r.csv").read_text("utf-8")))
    assert [row["model"] for row in table] == ["good", "fair", "bad"]


def test_suites_score_files_and_runs_together(project: Project) -> None:
    rows = pairs(40)
    project.suite("chat", "win_rate", rows=rows)
    three = files(project, rows)
    project.run("--rm", f"scores:{three[0]}")
    said = project.cli("compare", "reports/latest", *three[1:])
    assert said.code == 0, said
    assert said.out[0] == "chat: 40 pairs of 40 different prompts"
    assert [line.split()[1] for line in said.out[2:5]] == ["reports/latest", "fair", "bad"]
    # With --data, a run counts with the pairs of that file, in whatever suite it has scored them.
    project.write("few.jsonl", jsonl(rows[:20]))
    few = project.cli("compare", "reports/latest", *three[1:], "--data", "few.jsonl")
    assert few.out[0] == "few: 20 pairs of 20 different prompts"
    assert len([line for line in few.out if line.startswith("  1")]) == 2
    # Two as before, on score files without a kind; --csv ranks them too.
    two = project.cli("compare", three[2], three[0], "--csv", "two.csv")
    assert two.code == 1
    assert two.out[0].startswith("chat: regressed: win rate fell")
    assert two.out[-1] == "wrote two.csv"


def test_mistakes(project: Project) -> None:
    project.write("pairs.jsonl", jsonl(pairs(40)))
    three = files(project, pairs(40))
    said = project.cli("compare", *three)
    assert said.code == 4
    assert "there are no suites to score; set --suites or --data" in said.err[0]
    twice = project.cli("compare", *three, three[0], "--data", "pairs.jsonl")
    assert twice.code == 4
    assert "scores:good.jsonl is given more than once" in twice.err[0]
    project.write("notes.txt", "x")
    other = project.cli("compare", *three, "notes.txt", "--data", "pairs.jsonl")
    assert other.code == 4
    assert "'notes.txt' is a file, but not a score file (.jsonl" in other.err[0]


def test_a_score_file_that_does_not_exist_is_named(project: Project) -> None:
    project.write("a.jsonl", '{"id": "a", "chosen": 1, "rejected": 0}\n')
    said = project.cli("compare", "a.jsonl", "b.jsonl")
    assert said.code != 0
    assert "'b.jsonl': score file not found" in said.err[-1]
    project.data("p", pairs(20))
    said = project.cli("compare", "a.jsonl,chosn=x", "a.jsonl", "--data", "data/p.jsonl")
    assert "unknown" in said.err[-1]
    assert "chosn" in said.err[-1]


def test_seeds_that_have_no_effect_are_told_or_refused(project: Project) -> None:
    project.write("pairs.jsonl", jsonl(pairs(40)))
    for name, wrong in (("a", 4), ("b", 5), ("c", 6)):
        project.write(f"{name}.jsonl", jsonl(scores(pairs(40, wrong=range(wrong)))))
    said = project.cli("compare", "a.jsonl", "b.jsonl", "--data", "pairs.jsonl", "--seeds", "3")
    assert said.code == 0, said
    assert any(
        line.startswith("seeds: 3 has no effect: scores:a.jsonl is not a recipe")
        for line in said.out
    ), said
    three = project.cli("compare", "a.jsonl", "b.jsonl", "c.jsonl", "--seeds", "3")
    assert three.code == 4
    assert "--seeds 3 compares two recipes; 3 models were given" in three.err[-1]
