"""The verdict sentence in each situation, and the groups behind it."""

from typing import Any

import pytest

from rmcheck.record.run import CheckRecord, SuiteRecord
from rmcheck.report.sentence import Sentence, grouped, invitation, sentence

from . import builder as build


def said(*suites: SuiteRecord, **fields: Any) -> Sentence:
    return sentence(build.record(*suites, **fields))


def test_all_held() -> None:
    verdict = said(build.suite(build.check(), build.check("score_gap")))
    assert verdict.answer == "yes"
    assert str(verdict) == "Safe to merge: both required checks pass."


def test_a_regression_says_where_and_how_much_in_plain_words() -> None:
    verdict = said(build.suite(build.check(), build.regressed()))
    assert verdict.answer == "no"
    assert str(verdict) == (
        "Do not merge: in conversation it picks the better answer less often than main, "
        "about 4.1 fewer in every 100 pairs."
    )


def test_regressions_in_several_suites_name_the_suites() -> None:
    verdict = said(
        build.suite(build.regressed()),
        build.suite(build.regressed("coding"), name="coding"),
    )
    assert "in conversation and coding it picks the better answer less often" in str(verdict)
    assert "100 pairs" not in str(verdict)


def test_a_regression_comes_before_a_failure() -> None:
    verdict = said(build.suite(build.failed(), build.regressed()))
    reason = verdict.reason
    assert reason.index("less often than main") < reason.index("1 more required check fails")
    assert "conversation::win_rate" in reason


def test_failures_are_named_and_past_three_counted() -> None:
    names = [f"check_{index}" for index in range(5)]
    verdict = said(build.suite(*(build.failed(name) for name in names)))
    assert "5 required checks fail" in verdict.reason
    assert "check_2 and 2 more" in verdict.reason
    assert "check_3" not in verdict.reason


def test_a_weak_verdict_may_be_merged_but_is_said() -> None:
    verdict = said(build.suite(build.check("score_gap"), build.weak()))
    assert verdict.answer == "weak"
    assert str(verdict) == (
        "Safe to merge: both required checks pass, but 1 is inconclusive (conversation::win_rate)."
    )


def test_a_weak_failure_is_a_failure() -> None:
    check = build.failed(decision="inconclusive", weak=True)
    assert sentence(build.record(build.suite(check))).answer == "no"
    assert grouped(build.record(build.suite(check))).failures[0].check is check


def test_an_error_leaves_the_answer_open() -> None:
    verdict = said(build.suite(build.check("score_gap"), build.errored()))
    assert verdict.answer == "unknown"
    assert str(verdict) == "Cannot say: 1 check could not be run (conversation::win_rate)."


def test_an_error_beside_a_failure_is_still_a_no() -> None:
    verdict = said(build.suite(build.failed("score_gap"), build.errored()))
    assert verdict.answer == "no"
    assert "1 check could not be run" in verdict.reason


def test_an_advisory_error_does_not_stop_a_run_that_passed() -> None:
    verdict = said(build.suite(build.check(), build.errored("score_gap", gate="advisory")))
    assert verdict.answer == "yes"
    assert "1 advisory check could not be run" in verdict.reason


def test_an_advisory_failure_never_stops_the_merge() -> None:
    verdict = said(build.suite(build.check(), build.failed("score_gap", gate="advisory")))
    assert verdict.answer == "yes"
    assert "1 advisory check failed" in verdict.reason


def test_an_incomplete_run_cannot_say() -> None:
    verdict = said(build.suite(build.check()), incomplete=True)
    assert verdict.answer == "unknown"
    assert "stopped before all checks were decided; 1 check passed until then" in verdict.reason


def test_an_incomplete_run_with_a_failure_is_a_no() -> None:
    verdict = said(build.suite(build.failed()), incomplete=True)
    assert verdict.answer == "no"
    assert "stopped before" in verdict.reason


def test_only_skipped_checks_decide_nothing() -> None:
    verdict = said(build.suite(build.skipped(), build.skipped("label_noise")))
    assert verdict.answer == "unknown"
    assert str(verdict) == (
        "Cannot say: no required check was decided, 2 checks skipped (conversation::no_regression "
        "and conversation::label_noise)."
    )


def test_no_check_at_all() -> None:
    assert str(said(build.suite())) == "Cannot say: the run has no checks."
    assert str(said()) == "Cannot say: the run has no checks."


def test_an_error_before_the_first_check_is_told_as_one() -> None:
    verdict = said(outcome="error")
    assert str(verdict) == "Cannot say: an error ended the run before any check began."


def test_other_suites_that_were_not_run_leave_the_answer_open() -> None:
    verdict = said(build.suite(build.check()), unasked=["suites/b.yaml", "suites/c.yaml"])
    assert verdict.answer == "unknown"
    assert str(verdict) == (
        "Cannot say: the one required check passes; 2 other suites were not run (suites/b.yaml "
        "and suites/c.yaml)."
    )
    failed = said(build.suite(build.failed()), unasked=["suites/b.yaml"])
    assert failed.answer == "no"


def test_only_advisory_checks_decide_nothing() -> None:
    verdict = said(build.suite(build.check(gate="advisory")))
    assert verdict.answer == "unknown"


def test_without_a_baseline_it_says_so() -> None:
    verdict = said(build.suite(build.check(), build.skipped()), baseline=None)
    assert verdict.answer == "yes"
    assert "1 was skipped" in verdict.reason
    assert "no baseline yet" in verdict.reason


def test_a_required_check_that_was_skipped_leaves_the_answer_open() -> None:
    skipped = build.skipped("label_noise")
    verdict = said(build.suite(build.check(), skipped))
    assert str(verdict) == (
        "Cannot say: the one required check that could be decided passes; 1 was skipped "
        f"({skipped.id})."
    )
    assert verdict.answer == "unknown"
    advised = skipped.model_copy(update={"gate": "advisory"})
    assert said(build.suite(build.check(), advised)).answer == "yes"


def test_a_run_that_was_to_have_no_baseline_is_not_called_good() -> None:
    compared = build.skipped("no_regression")
    verdict = said(build.suite(build.check(), compared), baseline=None, uncompared=True)
    assert verdict.answer == "unknown"
    assert "it was not compared with a baseline, because rm_baseline is 'none'" in verdict.reason
    assert "no baseline yet" not in verdict.reason
    assert said(build.suite(build.check()), baseline=None, uncompared=True).answer == "yes"
    asked = build.record(build.suite(build.check()), baseline=None, uncompared=True)
    assert invitation(asked) is None
    assert invitation(build.record(build.suite(build.check()), baseline=None)) is not None


def test_a_run_that_collected_no_suite_names_them() -> None:
    verdict = said(outcome="error", unasked=["suites/chat.yaml"])
    assert str(verdict) == "Cannot say: no check was run; 1 suite was not run (suites/chat.yaml)."


def test_a_run_without_any_selected_check_names_them() -> None:
    verdict = said(outcome="error", left_out=["chat::win_rate", "chat::score_gap"])
    assert str(verdict) == (
        "Cannot say: no check was run; 2 required checks of the suites were not selected "
        "(chat::win_rate and chat::score_gap)."
    )


def test_a_run_recorded_as_failed_without_a_failing_check_is_not_called_good() -> None:
    assert said(build.suite(build.check()), outcome="fail").answer == "unknown"


@pytest.mark.parametrize(
    ("check", "group"),
    [
        (build.check(), "passed"),
        (build.weak(), "weak"),
        (build.failed(), "failure"),
        (build.regressed(), "regression"),
        (build.regressed(gate="advisory"), "advisory"),
        (build.errored(), "error"),
        (build.skipped(), "skipped"),
    ],
)
def test_every_check_falls_into_one_group(check: CheckRecord, group: str) -> None:
    groups = grouped(build.record(build.suite(check)))
    assert [each.group for each in groups.all] == [group]


def test_names_cannot_break_the_sentence_into_lines() -> None:
    verdict = said(build.suite(build.failed(), name="a\nb\x1b[31m"))
    assert "\n" not in str(verdict)
    assert "\x1b" not in str(verdict)
