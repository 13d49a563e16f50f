"""The lines at the end of a pytest run."""

from typing import Any

import pytest

from rmcheck.record.run import RunRecord, SourceRecord
from rmcheck.report import terminal
from rmcheck.report.sentence import sentence

from . import builder as build


def run(**fields: Any) -> RunRecord:
    return build.record(
        build.suite(build.check(), build.weak("score_gap"), build.regressed()),
        training=[build.training()],
        **fields,
    )


def test_the_first_line_is_the_sentence_of_the_page() -> None:
    record = run()
    for verbosity in (-1, 0, 1):
        first = terminal.lines(record, verbosity=verbosity, report_path=None)[0]
        assert first == str(sentence(record))


def test_what_stands_in_the_summary() -> None:
    lines = terminal.lines(run(baseline=None), verbosity=0, report_path="reports/latest/index.html")
    assert lines[1].startswith("  REGRESSED conversation::no_regression - win rate fell 4.1 points")
    assert lines[2].startswith("  INCONCLUSIVE conversation::score_gap - ")
    assert lines[3:] == [
        "3 checks: 1 regressed, 1 inconclusive, 1 passed",
        "scores: 300 texts, 280 from the cache, 20 computed",
        "training: tiny, 40 steps in 41.0 s, loss 0.4, win rate on held-out pairs 0.75",
        "report: reports/latest/index.html",
        "no baseline yet: `rmcheck bless main --red` keeps this run as one, although 1 required "
        "check failed",
    ]


def test_the_models_and_the_baseline_are_named() -> None:
    assert terminal.title(run()) == "reward model: recipe:tiny, against main"
    own = build.suite(build.check(), source=SourceRecord(spec="hf:checkpoints/a\x1b[2J"))
    record = build.record(own, build.suite(build.check(), name="code"), baseline=None)
    assert terminal.title(record) == "reward models: recipe:tiny and hf:checkpoints/a\\x1b[2J"


def test_a_training_of_an_earlier_run_is_told_from_one_of_this_run() -> None:
    now, earlier = build.training(), build.training().model_copy(update={"reused": True})
    assert terminal.training([earlier]).startswith(
        "training: tiny, 40 steps in 41.0 s in an earlier run, loss 0.4"
    )
    assert terminal.training([now, earlier]) == (
        "training: tiny, 80 steps in 1 min 22 s added up (1 in earlier runs)"
    )
    assert "earlier" not in terminal.training([now, now])


def test_a_run_that_passes_is_offered_as_a_baseline() -> None:
    soft = build.failed(gate="advisory")
    record = build.record(build.suite(build.weak(), build.skipped(), soft), baseline=None)
    lines = terminal.lines(record, verbosity=0, report_path=None)
    assert lines[-1] == "no baseline yet: `rmcheck bless main` keeps this run as one"


def test_a_run_that_cannot_be_blessed_is_not_offered_as_a_baseline() -> None:
    stopped = run(baseline=None, incomplete=True)
    broken = build.record(build.suite(build.check(), build.errored()), baseline=None)
    for record in (stopped, broken, run()):
        lines = terminal.lines(record, verbosity=0, report_path=None)
        assert not any("rmcheck bless" in line for line in lines)


def test_at_most_ten_lines_however_many_fail() -> None:
    record = build.record(
        build.suite(*(build.failed(f"check_{index}") for index in range(30))),
        training=[build.training()],
        baseline=None,
    )
    lines = terminal.lines(record, verbosity=0, report_path="r/index.html")
    assert len(lines) == 10
    assert any("and 27 more checks to look at" in line for line in lines)


def test_the_held_out_win_rate_has_n_and_interval() -> None:
    known = build.training().model_copy(update={"held_out_pairs": 64})
    line = terminal.training([known])
    assert line.endswith("win rate on held-out pairs 0.75 [0.63, 0.84] (wilson 95%, n=64)")
    # A record of version 0.1 does not know n.
    assert terminal.training([build.training()]).endswith("win rate on held-out pairs 0.75")


def test_quiet_is_two_lines() -> None:
    lines = terminal.lines(run(), verbosity=-1, report_path="r/index.html")
    assert lines[1:] == ["report: r/index.html"]
    assert len(terminal.lines(run(), verbosity=-2, report_path=None)) == 1


def test_verbose_has_a_line_for_every_check_and_links_to_those_to_look_at() -> None:
    lines = terminal.lines(run(), verbosity=1, report_path="r/index.html")
    assert any(line.startswith("  passed conversation::win_rate") for line in lines)
    assert any(line.endswith("; r/index.html#check=conversation::no_regression") for line in lines)


def test_data_cannot_move_the_cursor() -> None:
    record = build.record(
        build.suite(build.failed(message="\x1b[2Jgone\r\n\x07 \u202ebad", suite="a\x1b]0;t\x07"))
    )
    for line in terminal.lines(record, verbosity=1, report_path="x\x1b[0m/index.html"):
        assert line.isprintable()
        assert not any(ord(character) < 32 or ord(character) == 127 for character in line)
        assert "\u202e" not in line


@pytest.mark.parametrize("given", ["--rm-report out", "--rm-report=out"])
def test_the_invitation_names_the_folder_of_the_run(given: str) -> None:
    lines = terminal.lines(
        build.record(build.suite(build.check()), baseline=None, command=f"pytest {given} suites"),
        verbosity=0,
        report_path=None,
    )
    assert lines[-1] == "no baseline yet: `rmcheck bless main --run out` keeps this run as one"


def test_a_run_without_pairs_is_no_baseline() -> None:
    suite = build.suite(build.check())
    suite = suite.model_copy(update={"data": suite.data.model_copy(update={"pairs": 0})})
    lines = terminal.lines(build.record(suite, baseline=None), verbosity=0, report_path=None)
    assert "bless" not in "".join(lines)
