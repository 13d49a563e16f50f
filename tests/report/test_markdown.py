"""summary.md: what it says, how long it gets, and that data stay data."""

import re
from typing import Any

from rmcheck.record.run import SourceRecord, SuiteRecord
from rmcheck.report import ReportInput, markdown
from rmcheck.report.sentence import sentence

from . import builder as build


def summary(*suites: SuiteRecord, **fields: Any) -> str:
    return markdown.render(ReportInput(build.record(*suites, **fields), []))


def unescaped(text: str) -> str:
    """What a reader of the rendered Markdown sees of escaped text."""
    return re.sub(r"\\(.)", r"\1", text).replace("\u200b", "")


def test_the_marker_comes_first_then_the_sentence() -> None:
    report = build.report()
    text = markdown.render(report)
    assert text.startswith("<!-- rmcheck -->\n")
    assert str(sentence(report.record)) in unescaped(text)


def test_gravest_first_then_the_table() -> None:
    text = summary(
        build.suite(
            build.check(),
            build.weak("score_gap"),
            build.failed("label_noise"),
            build.errored("calibration"),
            build.regressed(),
        )
    )
    places = [
        text.index(part)
        for part in (
            "### Regressions",
            "### Failures",
            "### Errors",
            "### Inconclusive",
            "| check | verdict |",
        )
    ]
    assert places == sorted(places)
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert [row.split("`")[1].split("::")[1] for row in rows] == [
        "no_regression",
        "label_noise",
        "calibration",
        "score_gap",
        "win_rate",
    ]


def test_every_row_of_the_table_has_five_cells_whatever_the_names_hold() -> None:
    hostile = "a|b`c\nd*e_[x](http://h) @me <img src=x> \\| ||"
    text = summary(
        build.suite(
            build.failed(hostile, suite="s|`s", message=hostile, criterion={hostile: hostile}),
            name="s|`s",
        )
    )
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 3
    for row in rows:
        assert len(re.findall(r"(?<!\\)\|", row)) == 6


def test_data_are_no_markup_no_link_and_no_mention() -> None:
    text = markdown.escape(
        "*b* _i_ `c` [t](http://h) ![i](https://h/p.png) <b> @team #12 www.h.org | ~s~ $x$ &amp;"
    )
    for character in "*_`[]<>|~$&":
        assert re.search(rf"(?<!\\){re.escape(character)}", text) is None
    assert "@team" not in text
    assert "#12" not in text
    assert "//" not in text
    assert "www.h" not in text


def test_a_code_span_stays_one() -> None:
    assert markdown.code("plain") == "`plain`"
    assert markdown.code("a`b``c") == "``` a`b``c ```"
    assert "\n" not in markdown.code("a\nb")
    assert markdown.code("") == "` `"


def test_the_text_stays_under_its_bound() -> None:
    suites = [
        build.suite(
            *(
                build.failed(f"check_{index}_" + "ü" * 200, f"suite_{each}", message="ß|" * 2000)
                for index in range(100)
            ),
            name=f"suite_{each}",
        )
        for each in range(30)
    ]
    text = summary(*suites, command="x" * 100_000, training=[build.training()] * 40)
    assert len(text.encode("utf-8")) < 60_000
    assert re.search(r"… and 2,\d+ checks more|… and \d,\d+ checks? more", text)
    assert "more\n" in text


def test_no_baseline_names_the_command_and_a_baseline_its_name() -> None:
    assert "`rmcheck bless main`" in summary(build.suite(build.check()), baseline=None)
    assert "against `main`" in summary(build.suite(build.check()))


def test_every_model_under_test_is_named() -> None:
    own = build.suite(build.check(), source=SourceRecord(spec="hf:b", fingerprint="77aa"))
    assert "Candidate `recipe:tiny` (`9f3c5a77`) and `hf:b` (`77aa`), against `main`" in summary(
        build.suite(build.check()), own
    )


def test_a_red_run_is_offered_as_a_baseline_with_a_caveat() -> None:
    red = summary(build.suite(build.failed(), build.failed("score_gap")), baseline=None)
    assert (
        "`rmcheck bless main --red` keeps this run as one, although 2 required checks failed" in red
    )


def test_incomplete_is_said() -> None:
    text = summary(build.suite(build.check()), incomplete=True, baseline=None)
    assert "**Incomplete**" in text
    assert "rmcheck bless" not in text


def test_same_input_same_text() -> None:
    assert markdown.render(build.report()) == markdown.render(build.report())
