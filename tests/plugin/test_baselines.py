"""From the first run over a blessed baseline to a regression: the gate's life."""

from __future__ import annotations

import re

import pytest
from scipy.stats import binomtest

from .forked import Call, Server
from .projects import Project, Row, jsonl, pairs, scores, text_of


def swapped(rows: list[Row], numbers: range) -> list[Row]:
    """Rows of scores.jsonl with the two scores of some pairs exchanged."""
    ids = {f"p-{number:03d}" for number in numbers}
    return [
        {**row, "chosen": row["rejected"], "rejected": row["chosen"]} if row["id"] in ids else row
        for row in rows
    ]


def blessed(project: Project, count: int = 60, *, name: str = "main") -> list[Row]:
    """A project whose first run, ten pairs of it wrong, is the baseline; gives its scores."""
    project.model()
    project.suite("chat", "no_regression", rows=pairs(count, wrong=range(10)))
    result = project.run()
    result.assert_outcomes(skipped=1)
    assert project.cli("bless", *([name] if name != "main" else [])).code == 0
    (project.root / "conftest.py").unlink()
    return project.rows()


def test_the_blessed_scores_are_identical(project: Project) -> None:
    blessed(project)
    project.model()
    project.run().assert_outcomes(passed=1)
    check = project.checks()["chat::no_regression"]
    assert check["state"] == "identical"
    assert check["message"] == (
        "no_regression identical: every score is the same as in main (n=60)"
    )
    assert project.record()["baseline"]["name"] == "main"


def test_twelve_pairs_made_wrong_are_a_regression_that_names_them(project: Project) -> None:
    rows = blessed(project)
    project.write("worse.jsonl", jsonl(swapped(rows, range(20, 32))))
    result = project.run("--rm", "scores:worse.jsonl")
    result.assert_outcomes(failed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    check = project.checks()["chat::no_regression"]
    assert (check["state"], check["outcome"]) == ("regressed", "fail")
    # 50 of 60 were right, now 38. All twelve that changed got worse: exact McNemar, two-sided.
    assert check["estimate"]["value"] == pytest.approx(-12 / 60)
    assert check["p_value"] == pytest.approx(binomtest(12, 12).pvalue)
    assert sorted(check["evidence"]["pairs"]) == [f"p-{number:03d}" for number in range(20, 32)]
    assert any(line.startswith("FAILED suites/chat.yaml::no_reg") for line in result.outlines)
    (line,) = [line for line in result.outlines if line.startswith("no_regression regressed: ")]
    assert re.findall(r"p-\d{3}", line) == check["evidence"]["pairs"][:3]
    assert "; 12 pairs newly wrong (most often tagged 'even', " in line
    assert line.endswith(" and 9 more")
    assert "win rate fell 20.0 points against main" in line
    assert "Do not merge: in chat it picks the better answer less often than main" in text_of(
        result
    )


def test_five_pairs_made_wrong_are_no_regression_yet(project: Project) -> None:
    rows = blessed(project)
    project.write("worse.jsonl", jsonl(swapped(rows, range(20, 25))))
    project.run("--rm", "scores:worse.jsonl").assert_outcomes(passed=1)
    check = project.checks()["chat::no_regression"]
    # Two-sided, 2 · 2^-5 = 0.0625 is above 0.05.
    assert check["p_value"] == pytest.approx(2 * 0.5**5)
    assert (check["state"], check["weak"]) == ("inconclusive", True)
    assert "the smallest drop that 60 pairs catch" in check["message"]


def test_edited_pairs_are_left_out_and_named(project: Project) -> None:
    blessed(project)
    project.model()
    rows = pairs(60, wrong=range(10))
    rows[3]["chosen"] = "Rewritten. [-9.5]"
    rows.append({**rows[0], "id": "p-new", "prompt": "A new one?"})
    project.data("chat", rows)
    project.run().assert_outcomes(passed=1)
    check = project.checks()["chat::no_regression"]
    assert check["state"] == "identical"
    assert "(n=59)" in check["message"]
    assert check["evidence"]["notes"] == [
        "1 pair left out, edited since main: p-003",
        "1 pair left out, new since main: p-new",
    ]


def test_a_baseline_by_name_and_by_spec(project: Project) -> None:
    rows = blessed(project, name="spring")
    project.write("worse.jsonl", jsonl(swapped(rows, range(20, 32))))
    project.model()
    project.run().assert_outcomes(skipped=1)
    project.run("--rm-baseline", "spring").assert_outcomes(passed=1)
    assert project.checks()["chat::no_regression"]["state"] == "identical"
    project.run("--rm-baseline", "scores:worse.jsonl").assert_outcomes(passed=1)
    check = project.checks()["chat::no_regression"]
    assert check["state"] == "improved"
    assert check["estimate"]["value"] == pytest.approx(12 / 60)
    assert "against scores:worse.jsonl" in check["message"]


def test_a_suite_that_the_baseline_does_not_know_is_skipped(project: Project) -> None:
    blessed(project)
    project.model()
    project.suite("fresh", "no_regression", rows=pairs(30, name="f"))
    result = project.run("-rs")
    result.assert_outcomes(passed=1, skipped=1)
    message = project.checks()["fresh::no_regression"]["message"]
    assert message.startswith("main has none of the 30 pairs of fresh")
    assert "rmcheck bless" in message


def test_baselines_may_lie_where_the_ini_file_says(project: Project) -> None:
    project.ini("rm_baselines = kept", "rm_report = out")
    project.model()
    project.suite("chat", "no_regression", rows=pairs(40))
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "rm_baselines = kept" in text_of(result)
    (project.root / "kept").mkdir()
    project.run().assert_outcomes(skipped=1)
    assert project.cli("bless").code == 0
    assert (project.root / "kept/main/results.json").is_file()
    project.run().assert_outcomes(passed=1)
    page = (project.root / "out/index.html").read_bytes()
    assert project.cli("report").code == 0
    assert (project.root / "out/index.html").read_bytes() == page


def test_a_run_with_errors_cannot_be_blessed(project: Project) -> None:
    project.model()
    project.suite("chat", "win_rate", rows=pairs())
    project.suite("more", "win_rate", rows=pairs(name="m"), source="scores:gone.jsonl")
    project.run().assert_outcomes(passed=1, errors=1)
    said = project.cli("bless")
    assert said.code == 4
    assert len(said.err) == 1
    assert "had errors" in said.err[0]


def edited(rows: list[Row], numbers: range) -> list[Row]:
    """A blank behind the prompt of some pairs."""
    return [
        {**row, "prompt": row["prompt"] + " "} if number in numbers else row
        for number, row in enumerate(rows)
    ]


WORSE = range(20, 32)
ATTACKS = {
    "edited": edited(pairs(60, wrong=[*range(10), *WORSE]), WORSE),
    "all edited": edited(pairs(60, wrong=[*range(10), *WORSE]), range(60)),
    "removed": [
        row
        for number, row in enumerate(pairs(60, wrong=[*range(10), *WORSE]))
        if number not in WORSE
    ],
    "edited under new ids": [
        {**row, "id": f"new-{row['id']}"}
        for row in edited(pairs(60, wrong=[*range(10), *WORSE]), range(60))
    ],
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_pairs_that_drop_out_do_not_hide_a_worse_model(project: Project, attack: str) -> None:
    blessed(project)
    project.model()
    project.data("chat", ATTACKS[attack])
    result = project.run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    check = project.checks()["chat::no_regression"]
    count = 60 if attack in ("all edited", "edited under new ids") else 12
    assert (check["outcome"], check["left_out"]) == ("fail", count)
    if count == 12:  # the rest is still compared
        assert (check["state"], check["estimate"]["n"]) == ("identical", 48)
        assert (
            f"; 12 of 60 pairs of main left out (12 {attack}), more than max_left_out 0.05: "
            in (check["message"])
        )
        assert check["message"].endswith(
            "p-020, p-021, p-022 and 9 more; restore the data, or bless this run: "
            "rmcheck bless --red"
        )
    said = f"{count} pairs of main were edited or removed and not compared"
    assert said in text_of(result)
    summary = (project.root / "reports/latest/summary.md").read_text(encoding="utf-8")
    assert said in summary
    assert said in (project.root / "reports/latest/index.html").read_text(encoding="utf-8")
    compared = project.cli("compare", "reports/latest", "main")
    assert compared.code == 1
    assert project.cli("bless").code == 4
    assert project.cli("bless", "--red").code == 0
    project.run().assert_outcomes(passed=1)


@pytest.mark.ci
@pytest.mark.parametrize("source", ["scores:worse.jsonl", "the model of a conftest"])
@pytest.mark.parametrize("kept", ["main", "scores:before.jsonl", "recipe:tiny"])
def test_a_blank_behind_every_prompt_makes_no_worse_model_green(
    project: Project, server: Server, kept: str, source: str
) -> None:
    """Against a run, a score file, and a model, which scores what was edited once more."""
    project.write("before.jsonl", jsonl(blessed(project)))
    worse = pairs(60, wrong=range(40))
    asked = ["suites", "--rm-baseline", kept]
    if source.startswith("scores:"):
        project.write("worse.jsonl", jsonl(scores(worse)))
        asked += ["--rm", source]
    else:
        project.model()
    for rows in (worse, edited(worse, range(60)), edited(worse, WORSE)):
        project.data("chat", rows)
        # Here each recipe is a model that gets every pair right, whatever its texts became.
        ended = server.run(Call(arguments=asked, folder=str(project.root)))
        assert ended.code == pytest.ExitCode.TESTS_FAILED, ended.text
        check = project.checks()["chat::no_regression"]
        assert check["outcome"] == "fail"
        if kept == "recipe:tiny":
            assert (check["state"], check["estimate"]["n"]) == ("regressed", 60)
        elif rows is not worse:
            assert re.search("more than max_left_out 0.05|undecidable: only 0", check["message"])


def test_a_few_pairs_may_drop_out_and_are_counted(project: Project) -> None:
    blessed(project)
    project.model()
    project.data("chat", edited(pairs(60, wrong=range(10)), range(3)))
    result = project.run()
    result.assert_outcomes(passed=1)
    assert "identical" in (message := project.checks()["chat::no_regression"]["message"])
    assert message.endswith("; 3 of 60 pairs of main left out (3 edited)")
    assert "3 pairs of main were edited or removed and not compared" in text_of(result)
    # Two always may; new ones count for nothing.
    project.suite("chat", {"check": "no_regression", "max_left_out": 0.0})
    assert project.run().ret == pytest.ExitCode.TESTS_FAILED
    project.data("chat", [*edited(pairs(60, wrong=range(10)), range(2)), *pairs(50, name="new")])
    project.run().assert_outcomes(passed=1)


def test_a_pair_without_its_tag_drops_out_of_a_slice(project: Project) -> None:
    project.model()
    slice_check = {"check": "no_regression", "where": {"tags": ["even"]}}
    project.suite("chat", slice_check, rows=pairs(60, wrong=range(10)))
    project.run()
    assert project.cli("bless").code == 0
    rows = pairs(60, wrong=[*range(10), *WORSE])
    project.data(
        "chat",
        [{**row, "tags": ["odd"]} if number in WORSE else row for number, row in enumerate(rows)],
    )
    project.run().assert_outcomes(failed=1)
    check = project.checks()["chat::no_regression"]
    assert "6 of 30 pairs of main left out (6 retagged), more than" in check["message"]


def test_pairs_that_leave_a_slice_of_texts_are_counted(project: Project) -> None:
    """A baseline keeps no texts, so whether they were in the slice is not known."""
    project.model()
    rows = pairs(60, wrong=range(10))
    short = {"tags": ["even"], "prompt": {"words": {"max": 5}}}
    project.suite("chat", {"check": "no_regression", "where": short}, rows=rows)
    project.run()
    assert project.cli("bless").code == 0
    worse = pairs(60, wrong=[*range(10), *WORSE])
    longer = [
        {**row, "prompt": f"{row['prompt']} and a few more words"} if number in WORSE else row
        for number, row in enumerate(worse)
    ]
    project.data("chat", [row for number, row in enumerate(longer) if number != 40])
    project.run().assert_outcomes(failed=1)
    check = project.checks()["chat::no_regression"]
    # Of the even ones 6 were made too long for the slice, and 1 was removed.
    assert (check["estimate"]["n"], check["left_out"]) == (23, 7)
    assert (
        "; 7 of 30 pairs of main left out (6 edited, 1 removed; main keeps no texts, so 7 that "
        "`where` may have selected are counted), more than max_left_out 0.05: "
    ) in check["message"]
    # With the texts as they were, only the removed one counts.
    project.data("chat", [row for number, row in enumerate(rows) if number != 40])
    project.run().assert_outcomes(passed=1)
    message = project.checks()["chat::no_regression"]["message"]
    assert "; 1 of 30 pairs of main left out (1 removed; main keeps no texts, so 1 " in message


@pytest.mark.parametrize("fresh", ["made anew", "permuted"])
def test_ids_made_anew_over_the_same_texts_hide_nothing(project: Project, fresh: str) -> None:
    rows = pairs(60, wrong=range(10))
    blessed(project)
    ids = [f"z-{n}" for n in range(60)] if fresh == "made anew" else [row["id"] for row in rows]
    ids = ids[7:] + ids[:7]
    project.data("chat", [{**row, "id": name} for row, name in zip(rows, ids, strict=True)])
    project.model()
    project.run().assert_outcomes(passed=1)
    check = project.checks()["chat::no_regression"]
    assert check["message"] == "no_regression identical: every score is the same as in main (n=60)"
    assert check["evidence"]["notes"] == []
    project.model(change="* (1 - 2 * ('question 2' in response))")
    project.run().assert_outcomes(failed=1)
    check = project.checks()["chat::no_regression"]
    assert (check["state"], check["estimate"]["n"]) == ("regressed", 60)
    assert project.cli("compare", "reports/latest", "main").code == 1
