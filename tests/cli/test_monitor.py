"""`rmcheck monitor`: lines, files, exit codes, and mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest
from monitor.logs import rows, write
from plugin.projects import Project, pairs


@pytest.fixture
def steady(project: Project) -> Path:
    return write(project.root / "steady.jsonl", rows(900))


def test_a_steady_log_and_one_that_changed(project: Project, steady: Path) -> None:
    said = project.cli("monitor", "steady.jsonl", "--reference", "400")
    assert (said.code, said.err) == (0, [])
    assert said.out[0] == "columns: prompt=prompt, response=response, score=score, time=time"
    assert said.out[1].startswith("900 rows up to 2023-11-15")
    assert said.out[1].endswith("reference: the first 400 of them")
    assert [line.partition(":")[0] for line in said.out[2:6]] == [
        "scores", "ties", "length", "prompts",
    ]  # fmt: skip
    write(project.root / "later.jsonl", rows(900, seed=1, shift=1.0))
    ask = ["monitor", "later.jsonl", "--baseline", "steady.jsonl"]
    said = project.cli(*ask, "--html", "out/page.html", "--prometheus", "out/rm.prom")
    assert said.code == 1
    (line,) = [line for line in said.out if line.startswith("CHANGED")]
    assert line.startswith("CHANGED scores: the distribution of the scores changed, seen at row ")
    assert said.out[-2:] == ["wrote out/page.html", "wrote out/rm.prom"]
    assert "Changed: scores" in (project.root / "out/page.html").read_text(encoding="utf-8")
    assert 'changed{aspect="scores"} 1' in (project.root / "out/rm.prom").read_text()


def test_against_a_run_of_the_gate(project: Project) -> None:
    project.model()
    project.suite("chat", "win_rate", rows=pairs(500))
    project.run()
    write(project.root / "log.jsonl", rows(300, shift=9.0))
    said = project.cli("monitor", "log.jsonl", "--baseline", "reports/latest")
    assert said.code == 1
    assert "reference: 1,000 other rows" in said.out[1]
    assert any(line.startswith("CHANGED prompts") for line in said.out)
    assert project.cli("bless").code == 0
    assert project.cli("monitor", "log.jsonl", "--baseline", "main").out == said.out
    # Without the texts of the suite's data, scores are still compared.
    (project.root / "data/chat.jsonl").unlink()
    said = project.cli("monitor", "log.jsonl", "--baseline", "main")
    assert "length: not watched: the baseline has no responses" in said.out


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["none.jsonl"], "none.jsonl: file not found"),
        (["steady.jsonl", "--alpha", "2"], "--alpha 2: expected a number between 0 and 1"),
        (["steady.jsonl", "--reference", "5"], "--reference 5: expected at least 400"),
        (["steady.jsonl", "--baseline", "x"], "--baseline x: not a log, a run folder or a known"),
        (["steady.jsonl", "--columns", "score"], "--columns score: expected PART=COLUMN"),
        (["steady.jsonl", "--columns", "scor=a"], "--columns scor=a: did you mean 'score'"),
        (["steady.jsonl", "--columns", "score=a", "score=b"], "score given twice"),
        (["steady.jsonl", "--columns", "score=rewrd"], "column score=rewrd: "),
        (["steady.jsonl"], "the log has 900 prompts; expected more than the reference of 2,000"),
        (["steady.jsonl", "--baseline", "steady.jsonl", "--reference", "500"], "exclude each"),
        (["steady.jsonl", "--baseline", "./steady.jsonl"], "./steady.jsonl: is the log itself"),
        (["steady.jsonl", "./steady.jsonl"], "steady.jsonl: given more than once"),
        (
            ["steady.jsonl", "--html", "out", "--prometheus", "./out"],
            "--html and --prometheus name the same file, out; name two files",
        ),
    ],
)  # fmt: skip
def test_mistakes(project: Project, steady: Path, more: list[str], told: str) -> None:
    said = project.cli("monitor", *more)
    assert said.code == 4
    assert len(said.err) == 1
    assert told in said.err[0]


@pytest.mark.parametrize("option", ["--html", "--prometheus"])
def test_what_others_wrote_is_not_overwritten(project: Project, steady: Path, option: str) -> None:
    before = steady.read_bytes()
    said = project.cli("monitor", "steady.jsonl", "--reference", "400", option, "steady.jsonl")
    assert said.code == 4
    assert said.err == [
        f"rmcheck monitor: {option} steady.jsonl: already exists and was not written by this "
        "command; choose another path"
    ]
    assert steady.read_bytes() == before
    (project.root / "folder").mkdir()
    said = project.cli("monitor", "steady.jsonl", option, "folder")
    assert said.err == [f"rmcheck monitor: {option} folder: is a folder; give a file"]
    for _ in range(2):  # its own file, it replaces
        said = project.cli("monitor", "steady.jsonl", "--reference", "400", option, "out")
        assert (said.code, said.out[-1]) == (0, "wrote out")


def test_a_folder_is_not_a_log(project: Project) -> None:
    (project.root / "logs").mkdir()
    (line,) = project.cli("monitor", "logs").err
    assert line == "rmcheck monitor: logs: is a folder; name the files in it, in the order of time"
