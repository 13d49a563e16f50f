"""`rmcheck bisect` on the command line."""

from __future__ import annotations

import json

import pytest
from plugin.projects import Project, jsonl, pairs, scores

ROWS = pairs(80)


def steps(project: Project, *wrong: int) -> list[str]:
    """Score files steps/step-N.jsonl that get so many pairs wrong."""
    names = []
    for number, count in enumerate(wrong, start=1):
        names.append(f"steps/step-{100 * number}.jsonl")
        project.write(names[-1], jsonl(scores(pairs(80, wrong=range(count)))))
    project.write("pairs.jsonl", jsonl(ROWS))
    return names


def test_a_folder_of_score_files_against_its_first_step(project: Project) -> None:
    steps(project, 4, 4, 5, 3, 25, 26, 24, 25, 30)
    said = project.cli("bisect", "steps", "--data", "pairs.jsonl", "--html", "out/b.html")
    assert said.code == 1, said
    assert said.out[0] == "steps: 9 steps by number"
    assert said.out[1] == "baseline: steps/step-100.jsonl, the first step (no main yet)"
    table = said.out[3:11]
    assert [line.split()[0] for line in table] == [f"steps/step-{n}00.jsonl" for n in range(2, 10)]
    assert table[3].endswith("<- first worse step")
    assert sum(line.endswith("not scored") for line in table) == 4
    assert said.out[12] == (
        "steps/step-500.jsonl is the first step that is worse than steps/step-100.jsonl"
    )
    assert said.out[13] == "4 of 8 steps compared (a search needs 4 at most)"
    page = (project.root / "out/b.html").read_text("utf-8")
    assert 'id="found-title">steps/step-500.jsonl is the first' in page
    assert "first worse step" in page
    assert "<svg" in page


def test_nothing_is_worse_and_all_finds_what_recovered(project: Project) -> None:
    names = steps(project, 4, 4, 40, 4, 5)
    said = project.cli("bisect", *names, "--data", "pairs.jsonl")
    assert said.code == 0
    assert (
        "is not worse than steps/step-100.jsonl; the steps before it were not scored"
        in (said.out[-2])
    )
    every = project.cli("bisect", *names, "--data", "pairs.jsonl", "--all")
    assert every.code == 1
    assert every.out[-3].startswith("steps/step-300.jsonl is the first step that is worse than")
    assert every.out[-2].startswith("not monotone: steps/step-400.jsonl, steps/step-500.jsonl are")
    assert "4 of 4 steps compared" in every.out[-1]


def test_the_blessed_baseline_is_the_default(project: Project) -> None:
    names = steps(project, 3, 30)
    project.suite("chat", "win_rate", rows=ROWS)
    project.write("good.jsonl", jsonl(scores(ROWS)))
    project.run("--rm", "scores:good.jsonl").assert_outcomes(passed=1)
    project.cli("bless")
    said = project.cli("bisect", *names)
    assert said.code == 1
    assert "steps/step-200.jsonl is the first step that is worse than main" in said.out
    other = project.cli("bisect", *names, "--baseline", names[1])
    assert other.code == 0
    assert f"the last step, {names[1]}, is not worse than {names[1]}" in other.out[-2]


def test_a_second_search_scores_nothing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write("pairs.jsonl", jsonl(ROWS))
    for number in range(1, 9):
        project.write(
            f"model_{number}.py",
            "import json\n"
            "def reward(dialogues):\n"
            f"    open('calls.jsonl', 'a').write(json.dumps([{number}, len(dialogues)]) + '\\n')\n"
            "    return [\n"
            f"        (-1 if {number} > 5 and sum(map(ord, prompt)) % 2 else 1)\n"
            "        * float(response.rsplit('[', 1)[1][:-1])\n"
            "        for prompt, response in dialogues\n"
            "    ]\n",
        )
    specs = [f"py:model_{number}.py:reward" for number in range(1, 9)]
    first = project.cli("bisect", *specs, "--data", "pairs.jsonl")
    assert first.code == 1, first
    assert "py:model_6.py:reward is the first step that is worse than py:model_1.py:reward" in (
        first.out
    )
    calls = [json.loads(line) for line in (project.root / "calls.jsonl").read_text().splitlines()]
    assert len({number for number, _ in calls}) == 5  # the baseline, and 4 of 7 steps
    assert sum(count for _, count in calls) == 5 * 160
    again = project.cli("bisect", *specs, "--data", "pairs.jsonl")
    assert again.out == first.out
    assert len((project.root / "calls.jsonl").read_text().splitlines()) == len(calls)


def test_a_path_with_a_colon_is_a_path(project: Project) -> None:
    steps(project, 4, 4, 25)
    names = []
    for number in (1, 2, 3):
        names.append(f"run:{number}.jsonl")
        (project.root / f"steps/step-{number}00.jsonl").rename(project.root / names[-1])
    said = project.cli("bisect", *names, "--data", "pairs.jsonl")
    assert said.code == 1, said
    assert "run:3.jsonl is the first step that is worse than run:1.jsonl" in "\n".join(said.out)
    (project.root / "lr:3").mkdir()
    for number, name in enumerate(names, start=1):
        (project.root / name).rename(project.root / f"lr:3/step-{number}.jsonl")
    said = project.cli("bisect", "lr:3", "--data", "pairs.jsonl")
    assert "lr:3/step-3.jsonl is the first step that is worse than lr:3/step-1.jsonl" in (
        "\n".join(said.out)
    )
    # Without such a file, what is before the colon is the kind of a source.
    said = project.cli("bisect", "run:1", "run:2", "--data", "pairs.jsonl")
    assert said.code == 4
    assert "run" in said.err[-1]


def test_mistakes(project: Project) -> None:
    steps(project, 1, 2)
    said = project.cli("bisect", "steps")
    assert said.code == 4
    assert "there are no suites to score; set --suites or --data" in said.err[-1]
    said = project.cli("bisect", "nothing-1", "nothing-2", "--data", "pairs.jsonl")
    assert said.code == 4
    assert "'nothing-1' is not a run folder, a known baseline" in said.err[-1]


@pytest.mark.ci
def test_a_folder_of_checkpoints_is_loaded_and_scored(project: Project) -> None:
    from scoring.models import save  # loads torch, which the other tests need not

    for number, seed in ((100, 0), (20, 0), (3, 1)):
        save(project.root / "run" / f"checkpoint-{number}", seed=seed)
    project.write("pairs.jsonl", jsonl(pairs(30)))
    said = project.cli("bisect", "run", "--data", "pairs.jsonl", "--all")
    assert said.code in (0, 1), said
    assert said.out[0] == "run: 3 steps by number"
    assert said.out[1] == "baseline: run/checkpoint-3, the first step (no main yet)"
    assert [line.split()[0] for line in said.out[3:5]] == [
        "run/checkpoint-20",
        "run/checkpoint-100",
    ]
    # The same weights have the same scores, and are compared alike.
    assert said.out[3].split()[1:9] == said.out[4].split()[1:9]


def test_a_step_that_lacks_pairs_of_the_baseline_is_refused(project: Project) -> None:
    names = steps(project, 4, 40)
    whole = (project.root / names[0]).read_text("utf-8").splitlines(keepends=True)
    project.write("steps/step-300.jsonl", "".join(whole[:20]))
    said = project.cli("bisect", "steps", "--data", "pairs.jsonl")
    assert said.code == 4
    assert "expected the 80 pairs of scores:" in said.err[-1]
    assert "got 20 of them; score the same pairs for every step" in said.err[-1]


def test_a_suite_that_steps_lack_is_told_or_refused(project: Project) -> None:
    a = jsonl({"suite": "a", **row} for row in scores(ROWS))
    others = pairs(80, name="q")
    b = jsonl({"suite": "b", **row} for row in scores(others))
    project.suite("a", "win_rate", rows=ROWS)
    project.suite("b", "win_rate", rows=others)
    project.write("s/step-1.jsonl", a + b)
    project.write("s/step-2.jsonl", a + b)
    project.write("s/step-3.jsonl", a)
    said = project.cli("bisect", "s")
    assert said.code == 0
    assert "not compared (only in scores:s/step-1.jsonl): b" in said.out
    every = project.cli("bisect", "s", "--all")
    assert every.code == 4
    assert "s/step-3.jsonl: no scores of b, which scores:s/step-2.jsonl has" in every.err[-1]
