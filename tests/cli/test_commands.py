"""Every command and its mistakes: what it prints, what it leaves, and its exit code."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from plugin.projects import Project, Row, Said, jsonl, made_once, pairs, scores

import rmcheck


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first test leaves the project for the others."""
    return tmp_path_factory.mktemp("kept") / "gate"


@pytest.fixture
def gate(project: Project, kept: Path) -> Project:
    """A project after its first run: ten of sixty pairs are wrong, and all scores are on file."""
    return made_once(project, kept, first_run)


def first_run(project: Project) -> None:
    rows = pairs(60, wrong=range(10))
    project.write("scores.jsonl", jsonl(scores(rows)))
    project.suite("chat", "win_rate", "no_regression", rows=rows)
    project.run("--rm", "scores:scores.jsonl").assert_outcomes(passed=1, skipped=1)


def mistake(said: Said) -> str:
    """The one line of a command that ended with a user's mistake."""
    assert said.code == 4, said
    assert said.out == []
    assert len(said.err) == 1, said
    assert "Traceback" not in said.err[0]
    return said.err[0]


def swapped(rows: list[Row], numbers: range) -> list[Row]:
    """Rows of scores with the two scores of some pairs exchanged."""
    ids = {f"p-{number:03d}" for number in numbers}
    return [
        {**row, "chosen": row["rejected"], "rejected": row["chosen"]} if row["id"] in ids else row
        for row in rows
    ]


@pytest.mark.ci
def test_the_installed_script_tells_its_version_and_commands() -> None:
    script = Path(sys.executable).with_name("rmcheck")
    said = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert said.stdout == f"rmcheck {rmcheck.__version__}\n"
    said = subprocess.run([script, "--help"], capture_output=True, text=True, check=True)
    for command in ("train", "score", "bless", "report", "compare", "list", "try", "cache"):
        assert f"    {command}" in said.stdout


@pytest.mark.parametrize("command", ["train", "score", "bless", "report", "compare", "list", "try"])
def test_each_command_explains_itself(project: Project, command: str) -> None:
    said = project.cli(command, "--help")
    assert said.code == 0
    assert said.out[0].startswith(f"usage: rmcheck {command}")


def actions(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.Action]]:
    """Every option and argument of a command and of the commands below it."""
    for action in parser._actions:
        yield parser.prog, action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from actions(command)


def test_every_option_and_argument_says_what_it_is() -> None:
    found = list(actions(rmcheck.cli.parser()))
    assert len(found) > 60
    parents = (argparse._SubParsersAction,)
    unsaid = [
        f"{prog} {action.dest}"
        for prog, action in found
        if not isinstance(action, parents)
        and (not action.help or (action.help == "default %(default)s" and not action.choices))
    ]
    assert not unsaid
    for _, action in found:
        if isinstance(action, parents):
            assert all(command.description for command in action.choices.values())


MISTAKES = {
    "nothing": ([], "the following arguments are required: COMMAND; see rmcheck --help"),
    "no command": (["trian"], "invalid choice: 'trian', did you mean 'train'? (allowed: average, "),
    "no schema": (["schema", "siute"], "invalid choice: 'siute', did you mean 'suite'?"),
    "no option": (["list", "--all"], "unrecognized arguments: --all; see rmcheck list --help"),
    "no option of an action": (
        ["cache", "prune", "--all", "--alll"],
        "unrecognized arguments: --alll; see rmcheck cache prune --help",
    ),
    "train: name": (["train", "tinny"], "did you mean 'tiny'?"),
    "train: file": (["train", "gone.yaml"], "gone.yaml: file not found"),
    "train: own name": (
        ["train", "sampel"],
        "unknown recipe, did you mean 'recipes/sample.yaml'? (allowed: dialogpt, distilbert, ",
    ),
    "train: own file": (
        ["train", "recipes/sampel.yaml"],
        "recipes/sampel.yaml, did you mean 'recipes/sample.yaml'? (allowed: recipes/sample.yaml)",
    ),
    "train: broken": (["train", "broken.yaml"], "broken.yaml:4:1: recipe: unknown key 'sede'"),
    "train: data": (["train", "nodata.yaml"], "no file matches"),
    "score: data": (["score", "gone.jsonl", "-o", "o.jsonl"], "no file matches 'gone.jsonl'"),
    "score: rows": (["score", "broken.jsonl", "-o", "o.jsonl"], "broken.jsonl:1:1: the key 'r"),
    "score: suite": (
        ["score", "suites/chat.yaml", "-o", "o.jsonl"],
        "suites/chat.yaml: expected data, got a suite; pass the file in its key 'data' "
        "(`pytest suites/chat.yaml` runs the suite)",
    ),
    "score: source": (
        ["score", "data/chat.jsonl", "-o", "o.jsonl", "--rm", "score:x"],
        "unknown kind 'score', did you mean 'scores'?",
    ),
    "score: no output": (["score", "data/chat.jsonl"], "-o FILE is missing"),
    "score: over data": (
        ["score", "data/chat.jsonl", "-o", "data/chat.jsonl", "--rm", "scores:data/chat.jsonl"],
        "-o data/chat.jsonl: already exists and is not a score file; choose another path",
    ),
    "score: csv": (["score", "data/chat.jsonl", "-o", "o.csv"], "scores are written as JSON Lines"),
    "score: folder": (
        ["score", "data/chat.jsonl", "-o", "folder.jsonl", "--rm", "scores:scores.jsonl"],
        "folder.jsonl: is a directory",
    ),
    "score: dtype": (
        ["score", "x", "-o", "o.jsonl", "--rm-dtype", "int8"],
        "--rm-dtype='int8': allowed: bfloat16, float16, float32",
    ),
    "score: no score": (
        ["score", "more.jsonl", "-o", "o.jsonl", "--rm", "scores:scores.jsonl"],
        "no scores for any of the 2 ids of the data ('q-000', 'q-001'); ids in the file: 'p-000'",
    ),
    "try: one response": (["try", "Q?", "A."], "expected two or more responses, got 1"),
    "try: none": (["try", "Q?"], "the following arguments are required: response"),
    "try: score file": (
        ["try", "Q?", "A.", "B.", "--rm", "scores:scores.jsonl"],
        "a score file cannot score new text",
    ),
    "bless: no run": (["bless", "--run", "gone"], "gone: not a run folder: it has no results.json"),
    "bless: name": (["bless", "../main"], "baseline name '../main'"),
    "bless: broken": (["bless", "--run", "half"], "cannot be read as JSON"),
    "report: no run": (["report", "gone"], "gone: not a run folder: it has no results.json"),
    "report: broken": (["report", "half"], "results.json: cannot be read as JSON"),
    "report: texts": (["report", "--texts", "some"], "invalid choice: 'some'"),
    "report: version": (["report", "future"], "expected schema_version 1, got 2"),
    "compare: nothing": (["compare"], "name what to compare: a run folder, a baseline, a score"),
    "compare: device": (
        ["compare", "scores:scores.jsonl", "scores:scores.jsonl", "--rm-device", "gpu"],
        "--rm-device='gpu': unknown device; did you mean 'cuda'?",
    ),
    "compare: no main": (["compare", "reports/latest"], "'main' is not a run folder"),
    "compare: unknown": (["compare", "reports/latest", "main"], "'main' is not a run folder"),
    "compare: empty": (["compare", "data", "reports/latest"], "'data' contains neither a run"),
    "compare: max drop": (
        ["compare", "a", "b", "--max-drop", "2"],
        "argument --max-drop: '2' is not a number in [0, 1]",
    ),
    "compare: measure": (
        ["compare", "a", "b", "--measure", "ranks"],
        "argument --measure: invalid choice: 'ranks'",
    ),
    "compare: a ranking counts wins": (
        ["compare", "a", "b", "c", "--measure", "log_loss"],
        "--measure log_loss compares two; 3 were given",
    ),
    "compare: words": (["compare", "a", "b", "--max-drop", "x"], "'x' is not a number in [0, 1]"),
    "compare: no suites": (
        ["compare", "scores:scores.jsonl", "reports/latest", "--suites", "gone"],
        "there are no suites to score; set --suites",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_line_and_code_4(gate: Project, case: str) -> None:
    arguments, told = MISTAKES[case]
    gate.write("base/config.json", "{}")
    gate.write("broken.yaml", "recipe: 1\nbase: base\ndata: data/chat.jsonl\nsede: 1\n")
    gate.write("nodata.yaml", "recipe: 1\nbase: base\ndata: data/gone.jsonl\n")
    gate.write("recipes/sample.yaml", "recipe: 1\nbase: base\ndata: data/gone.jsonl\n")
    gate.write("broken.jsonl", '{"id": "a", "prompt": "", "chosen": "x"}\n')
    gate.write("more.jsonl", jsonl(pairs(2, name="q")))
    gate.write("half/results.json", '{"schema_version": 1,')
    gate.write("future/results.json", '{"schema_version": 2}')
    (gate.root / "folder.jsonl").mkdir()
    line = mistake(gate.cli(*arguments))
    assert told in line
    assert line.startswith("rmcheck")


def test_list_names_checks_sources_and_recipes(project: Project) -> None:
    project.write("recipes/sample.yaml", "recipe: 1\n")
    said = project.cli("list")
    assert said.code == 0
    for name, line in (
        ("win_rate", "The share of pairs whose chosen response scores higher"),
        ("no_regression", "The candidate's win rate has not fallen"),
        ("scores", "A file of scores"),
        ("tiny", "The shipped tiny GPT-2"),
        ("recipes/sample.yaml", "of this project"),
    ):
        assert any(entry.split()[:1] == [name] and line in entry for entry in said.out), name
    assert all(len(entry) < 130 for entry in said.out)


def test_score_writes_a_score_file_that_the_gate_takes(gate: Project) -> None:
    said = gate.cli("score", "data/*.jsonl", "-o", "out/mine.jsonl", "--rm", "scores:scores.jsonl")
    assert said.code == 0
    # 50 of 60 are right.
    assert said.out[1] == "chosen scores higher in 50 of 60 pairs (0.833)"
    assert said.out[0].startswith("wrote 60 rows to out/mine.jsonl")
    written = [json.loads(line) for line in (gate.root / "out/mine.jsonl").open()]
    given = {row["id"]: row for row in scores(pairs(60, wrong=range(10)))}
    assert {row["id"]: (row["chosen"], row["rejected"]) for row in written} == {
        name: (row["chosen"], row["rejected"]) for name, row in given.items()
    }
    before = gate.checks()["chat::win_rate"]["estimate"]
    gate.run("--rm", "scores:out/mine.jsonl").assert_outcomes(passed=1, skipped=1)
    assert gate.checks()["chat::win_rate"]["estimate"] == before


def test_bless_keeps_a_run_and_says_where(gate: Project) -> None:
    said = gate.cli("bless")
    assert said.code == 0
    assert said.out[0] == (
        "reports/latest is now the baseline 'main' (fixtures/baselines/main); commit that folder"
    )
    kept = gate.root / "fixtures/baselines/main"
    assert sorted(path.name for path in kept.iterdir()) == ["results.json", "scores.jsonl"]
    assert gate.rows("fixtures/baselines/main") == gate.rows()
    # Once more, from another folder, under another name.
    (gate.root / "reports/latest").rename(gate.root / "reports/spring")
    assert gate.cli("bless", "v1.2", "--run", "reports/spring").code == 0
    assert (gate.root / "fixtures/baselines/v1.2/results.json").is_file()


def test_bless_refuses_a_run_that_was_stopped(gate: Project) -> None:
    record = {**gate.record(), "incomplete": True}
    gate.write("reports/latest/results.json", json.dumps(record))
    said = "is incomplete (the run stopped before all checks were decided); run the gate"
    assert said in mistake(gate.cli("bless"))


def test_report_gives_the_same_bytes_again(gate: Project) -> None:
    assert gate.cli("bless").code == 0
    gate.write("worse.jsonl", jsonl(swapped(gate.rows(), range(20, 32))))
    gate.run("--rm", "scores:worse.jsonl")
    folder = gate.root / "reports/latest"
    names = ("index.html", "summary.md")
    before = {name: (folder / name).read_bytes() for name in names}
    for name in names:
        (folder / name).unlink()
    said = gate.cli("report")
    assert (said.code, said.out) == (0, [f"reports/latest/{name}" for name in names])
    assert {name: (folder / name).read_bytes() for name in names} == before
    assert gate.cli("report", "--texts", "none").code == 0
    assert (folder / "index.html").read_bytes() != before["index.html"]
    assert b"question 25?" not in (folder / "index.html").read_bytes()


def test_report_finds_the_project_from_any_folder(
    gate: Project, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    gate.ini("rm_baselines = kept")
    assert gate.cli("bless").code == 0
    gate.write("worse.jsonl", jsonl(swapped(gate.rows(), range(20, 32))))
    gate.run("--rm", "scores:worse.jsonl")
    page = gate.root / "reports/latest/index.html"
    before = page.read_bytes()
    assert b"question 25?" in before
    for here, run in ((gate.root / "suites", "../reports/latest"), (gate.root.parent, page.parent)):
        page.unlink()
        monkeypatch.chdir(here)
        assert gate.cli("report", str(run)).code == 0
        assert page.read_bytes() == before
    # A run folder that was fetched from elsewhere belongs to the project one stands in.
    fetched = tmp_path_factory.mktemp("artefact") / "run"
    shutil.copytree(page.parent, fetched)
    monkeypatch.chdir(gate.root / "suites")
    assert gate.cli("report", str(fetched)).code == 0
    assert b"question 25?" in (fetched / "index.html").read_bytes()


def test_compare_shares_alpha_as_the_gate_does(project: Project) -> None:
    project.model()
    three = [{"check": "no_regression", "name": f"n{number}"} for number in range(3)]
    extra = {"check": "no_regression", "name": "extra", "gate": "advisory"}
    project.suite("chat", *three, extra, rows=pairs(40))
    project.run()
    assert project.cli("bless").code == 0
    project.write("worse.jsonl", jsonl(swapped(project.rows(), range(20, 26))))
    project.run("--rm", "scores:worse.jsonl").assert_outcomes(passed=4)
    # p = 2 · 2⁻⁶ = 0.031: a regression at 0.05, and none at 0.05 / 3.
    said = project.cli("compare", "reports/latest", "main")
    message = project.checks()["chat::n1"]["message"].replace("n1", "no_regression")
    assert said.out == [
        f"chat: {message.removeprefix('no_regression ')}",
        "alpha is divided by 3 comparisons: the required comparisons of reports/latest",
    ]
    assert said.code == 0
    # A score file counts nothing but the suites that are compared.
    assert project.cli("compare", "scores:worse.jsonl", "main").code == 1


def test_compare_speaks_as_the_gate_does(gate: Project) -> None:
    assert gate.cli("bless").code == 0
    said = gate.cli("compare", "reports/latest", "main")
    assert (said.code, said.out) == (
        0,
        [
            "chat: identical: every score is the same as in main (n=60)",
            "no verdict changes (1 compared)",
        ],
    )
    gate.write("worse.jsonl", jsonl(swapped(gate.rows(), range(20, 32))))
    gate.run("--rm", "scores:worse.jsonl").assert_outcomes(failed=2)
    gate_said = gate.checks()["chat::no_regression"]["message"]
    assert "fell 20.0 points" in gate_said
    said = gate.cli("compare", "reports/latest", "main")
    assert said.code == 1
    assert said.out[0] == f"chat: {gate_said.removeprefix('no_regression ')}"
    # Twelve of 60 pairs were turned around; the win rate fell below its threshold.
    assert said.out[1].startswith("       12 of 60 pairs flip, 20.0 % [")
    assert ": 12 newly wrong, 0 newly right; Kendall's τ of margins " in said.out[1]
    assert said.out[2:] == [
        "1 of 1 verdict changes:",
        "  chat::win_rate: inconclusive (failed), was passed (required)",
    ]
    # A source is scored on the suites' pairs, judged by their checks, and compared alike.
    assert gate.cli("compare", "scores:worse.jsonl", "main").out == said.out
    # The other way round it is better: twelve pairs newly right.
    said = gate.cli("compare", "main", "reports/latest")
    assert said.code == 0
    assert said.out[0].startswith("chat: improved: win rate rose 20.0 points")
    # A drop of 20 points is tolerated where the user says so.
    assert gate.cli("compare", "reports/latest", "main", "--max-drop", "0.5").code == 0


def test_compare_needs_a_suite_that_both_have(gate: Project) -> None:
    (gate.root / "reports/latest").rename(gate.root / "reports/chat")
    gate.suite("code", "win_rate", rows=pairs(30, name="c"))
    gate.write("code.jsonl", jsonl(scores(pairs(30, name="c"))))
    gate.run("--rm", "scores:code.jsonl", "-k", "code").assert_outcomes(passed=1, deselected=2)
    line = mistake(gate.cli("compare", "reports/latest", "reports/chat"))
    assert "have no suite in common (code / chat); if one ran only some suites, run" in line


def test_compare_names_the_suites_that_one_side_alone_has(gate: Project) -> None:
    gate.suite("code", "win_rate", rows=pairs(30, name="c"))
    gate.suite("art", "win_rate", rows=pairs(30, name="a"))
    gate.model()
    gate.run()
    assert gate.cli("bless").code == 0
    gate.run("suites/chat.yaml")
    said = gate.cli("compare", "reports/latest", "main")
    assert (said.code, len(said.out)) == (0, 3)
    assert said.out[0].startswith("chat: ")
    assert said.out[1] == (
        "not compared (only in main): art, code; reports/latest may be a run of some suites only; "
        "run `pytest suites/` to run all"
    )
    assert said.out[2] == "no verdict changes (1 compared)"
    # The other way round, against a baseline that lacks them; a score file gives no reason.
    assert gate.cli("bless", "part").code == 0
    assert gate.cli("compare", "main", "part").out[1] == (
        "not compared (only in main): art, code; run `rmcheck bless` to add the suites of the last "
        "run to part"
    )
    gate.write("chat.jsonl", jsonl(gate.rows()))
    assert gate.cli("compare", "scores:chat.jsonl", "main").out[1] == (
        "not compared (only in main): art, code"
    )


def test_a_folder_that_cannot_be_written_to_is_told(gate: Project) -> None:
    gate.write("fixtures/baselines", "a file where a folder should be")
    assert "fixtures/baselines" in mistake(gate.cli("bless"))
