"""The life of a baseline as a person lives it: pytest, `rmcheck bless`, pytest again."""

from __future__ import annotations

import re

from plugin.projects import Project, jsonl, pairs, scores

TEMPLATED = """
import pytest
from rmcheck.record.run import SourceRecord

class Model:
    spec = "recipe:fake"
    fingerprint = None
    scores_new_text = True

    def score(self, dialogues):
        import numpy
        return numpy.array([float(d.response.rsplit("[", 1)[1][:-1]) for d in dialogues])

    def describe(self):
        return SourceRecord(spec=self.spec, template={template!r}, max_length=64, pooling="last")

@pytest.fixture(scope="session")
def reward_model():
    return Model()
"""


def test_a_run_of_one_suite_leaves_the_others_as_they_were(project: Project) -> None:
    project.model()
    for name in ("chat", "code"):
        project.suite(name, "win_rate", "no_regression", rows=pairs(40, name=name))
    project.run().assert_outcomes(passed=2, skipped=2)
    said = project.cli("bless")
    assert (said.code, len(said.out)) == (0, 1)
    project.suite("art", "win_rate", rows=pairs(40, name="art"))
    project.run("suites/code.yaml", "suites/art.yaml").assert_outcomes(passed=3)
    said = project.cli("bless")
    assert said.out == [
        "reports/latest is now the baseline 'main' (fixtures/baselines/main); commit that folder",
        "  replaced: code",
        "  added: art",
        "  kept: chat",
    ]
    project.run().assert_outcomes(passed=5)
    assert {check["state"] for check in project.checks().values()} == {None, "identical"}


def test_a_part_of_a_suite_is_not_taken_for_the_whole(project: Project) -> None:
    project.model()
    odd = {"check": "win_rate", "name": "odd", "min": 0.5, "where": {"tags": ["odd"]}}
    project.suite("chat", odd, "no_regression", rows=pairs(60))
    project.run().assert_outcomes(passed=1, skipped=1)
    assert project.cli("bless").code == 0
    project.run("-k", "odd").assert_outcomes(passed=1, deselected=1)
    assert "chat::no_regression) was not selected, and may fail" in project.cli("bless").err[0]
    said = project.cli("bless", "--red")
    assert (said.code, said.err) == (
        4,
        [
            "rmcheck bless: chat: this run scored 30 of 60 pairs and the baseline 'main' has 60; "
            "run the whole suite, then bless it, or bless this run under another name"
        ],
    )
    assert project.cli("bless", "odd-only", "--red").code == 0


def test_latest_is_the_last_that_was_blessed(project: Project) -> None:
    project.model()
    project.suite("chat", "win_rate", "no_regression", rows=pairs(40))
    project.run()
    assert project.cli("bless", "zulu").code == 0
    assert project.cli("bless", "alpha").code == 0
    project.run("--rm-baseline", "latest").assert_outcomes(passed=2)
    assert project.record()["baseline"]["name"] == "alpha"
    assert "the same as in alpha" in project.checks()["chat::no_regression"]["message"]
    assert "the same as in alpha" in project.cli("compare", "reports/latest", "latest").out[0]
    said = project.cli("bless", "latest")
    assert (said.code, said.err) == (
        4,
        [
            "rmcheck bless: 'latest' means the baseline blessed last; choose another name",
        ],
    )


def test_the_list_of_baselines(project: Project) -> None:
    said = project.cli("bless", "--list")
    assert (said.code, said.out) == (
        0,
        ["fixtures/baselines: no baselines yet; run `rmcheck bless` to keep the last run as one"],
    )
    project.model()
    project.suite("chat", "win_rate", rows=pairs(40))
    project.suite("code", "win_rate", rows=pairs(30, name="c"))
    project.run()
    for name in ("zulu", "alpha"):
        project.cli("bless", name)
    said = project.cli("bless", "--list")
    assert said.code == 0
    first, second = said.out
    when = r"\d{4}-\d\d-\d\d \d\d:\d\d"
    assert re.fullmatch(
        rf"alpha \(latest\): {when}, py:read, 70 pairs in 2 suites: chat, code", first
    )
    assert re.fullmatch(rf"zulu: {when}, py:read, 70 pairs in 2 suites: chat, code", second)


def test_pairs_edited_added_and_removed_are_listed_apart(project: Project) -> None:
    project.model()
    rows = pairs(80)
    project.suite("chat", "no_regression", "win_rate", rows=rows)
    project.run()
    project.cli("bless")
    rows[3]["chosen"] = "Rewritten. [9.5]"
    rows[4]["prompt"] = "Another question?"
    added = {**rows[0], "id": "p-new", "prompt": "A new one?"}
    project.data("chat", [*rows[:10], *rows[12:], added])
    project.run("-rA")
    check = project.checks()["chat::no_regression"]
    # 80 pairs less two edited and two removed.
    assert check["message"] == (
        "no_regression identical: every score is the same as in main (n=76); "
        "4 of 80 pairs of main left out (2 edited, 2 removed)"
    )
    assert check["evidence"]["notes"] == [
        "2 pairs left out, edited since main: p-003, p-004",
        "1 pair left out, new since main: p-new",
        "2 pairs of main no longer in the data: p-010, p-011",
    ]
    assert "p-010, p-011" in (project.root / "reports/latest/index.html").read_text()
    # The same two runs, compared without pytest, in the same words.
    said = project.cli("compare", "reports/latest", "main")
    assert said.out == [
        f"chat: {check['message'].removeprefix('no_regression ')}",
        *(f"       {note}" for note in check["evidence"]["notes"]),
        "no verdict changes (1 compared)",
    ]


def test_a_suite_whose_every_pair_was_edited_does_not_slip_through(project: Project) -> None:
    project.model()
    rows = pairs(40)
    project.suite("chat", "no_regression", "win_rate", rows=rows)
    project.run()
    project.cli("bless")
    project.data("chat", [{**row, "prompt": f"Now: {row['prompt']}"} for row in rows])
    project.run().assert_outcomes(failed=1, passed=1)
    check = project.checks()["chat::no_regression"]
    assert check["message"] == (
        "no_regression: undecidable: only 0 pairs of 0 different prompts are the same as in "
        "main; at least 15 prompts are needed (40 new or edited); bless "
        "this run as a new baseline: rmcheck bless --red"
    )


def test_another_template_is_an_error_until_it_is_blessed(project: Project) -> None:
    project.suite("chat", "win_rate", "no_regression", rows=pairs(40))
    project.write("conftest.py", TEMPLATED.format(template="default"))
    project.run().assert_outcomes(passed=1, skipped=1)
    assert project.record()["suites"][0]["source"]["template"] == "default"
    project.cli("bless")
    project.run().assert_outcomes(passed=2)

    project.write("conftest.py", TEMPLATED.format(template="chat"))
    result = project.run()
    result.assert_outcomes(passed=1, errors=1)
    check = project.checks()["chat::no_regression"]
    assert check["outcome"] == "error"
    assert check["message"].startswith(
        "recipe:fake formats texts differently from baseline 'main' (template 'chat', "
        "not 'default')"
    )
    assert "Traceback" not in result.stdout.str()
    said = project.cli("compare", "reports/latest", "main")
    assert said.code == 4
    assert said.err == [
        "rmcheck compare: chat: reports/latest formats texts differently from baseline 'main' ("
        "template 'chat', not 'default'), so scores are not comparable; bless a new baseline: "
        "rmcheck bless"
    ]
    # The scores themselves are sound: they may become the next baseline.
    assert project.cli("bless").code == 0
    project.run().assert_outcomes(passed=2)


def test_scores_from_a_file_are_compared_with_any_baseline(project: Project) -> None:
    rows = pairs(40)
    project.suite("chat", "win_rate", "no_regression", rows=rows)
    project.write("conftest.py", TEMPLATED.format(template="default"))
    project.run()
    project.cli("bless")
    (project.root / "conftest.py").unlink()
    project.write("same.jsonl", jsonl(scores(rows)))
    project.run("--rm", "scores:same.jsonl").assert_outcomes(passed=2)
    assert project.checks()["chat::no_regression"]["state"] == "identical"


def test_a_red_run_is_kept_only_where_that_is_said(project: Project) -> None:
    project.model()
    soft = {"check": "win_rate", "name": "soft", "min": 0.9, "gate": "advisory"}
    project.suite("chat", "win_rate", soft, rows=pairs(30, wrong=range(20)))
    project.run().assert_outcomes(failed=1, xfailed=1)
    said = project.cli("bless")
    assert (said.code, said.out, said.err) == (
        4,
        [],
        [
            "rmcheck bless: reports/latest: 1 required check failed (chat::win_rate), "
            "so later runs would be compared with a worse model; run the gate on a model that "
            "passes and bless that run, or bless this one anyway: --red"
        ],
    )
    assert not (project.root / "fixtures").exists()
    said = project.cli("bless", "--red")
    assert said.code == 0
    assert said.out == [
        "reports/latest is now the baseline 'main' (fixtures/baselines/main); commit that folder",
        "  warning: 1 required check failed (chat::win_rate)",
    ]


def test_a_run_in_which_an_advisory_check_falls_short_is_not_red(project: Project) -> None:
    project.model()
    project.suite("chat", "win_rate", rows=pairs(30, wrong=range(20)), gate="advisory")
    project.run().assert_outcomes(xfailed=1)
    assert project.cli("bless").code == 0
