"""The first screen of a red run: what broke, by how much, how sure, and which pairs."""

from __future__ import annotations

from typing import Any

import pytest

from rmcheck.checks import about, kinds
from rmcheck.record.run import CheckRecord, TableRecord
from rmcheck.record.scores import PairScore
from rmcheck.report import PairTexts, ReportInput
from rmcheck.report.glossary import certainty, reading
from rmcheck.report.page import html
from rmcheck.report.page.brief import brief
from rmcheck.report.page.pairs import Pair, pairs
from rmcheck.report.page.view import View, view

from . import builder as build
from .page import Page


def lines(check: CheckRecord, *named: Pair) -> dict[str, str]:
    return {fact.label: fact.value for fact in brief(check, "main", named)}


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def some_pairs(*tags: str) -> tuple[Pair, ...]:
    now = [build.score(f"p{index}", 0, 1, tags=[tag]) for index, tag in enumerate(tags)]
    return pairs(now, None)


def test_a_regression_in_three_lines() -> None:
    found = lines(build.regressed(), *some_pairs("refusal", "refusal", "rude"))
    assert list(found) == ["How much", "How sure", "Where"]
    assert found["How much"] == "It picks the better answer in 4.1 fewer of 100 pairs than main."
    assert plain(found["How sure"]) == (
        "95 % interval: between 6 and 2.2 fewer; chance alone: p = 0.003, adjusted."
    )
    assert found["Where"] == "3 pairs newly wrong, most often tagged 'refusal' (2)."


def test_a_regression_over_seeds_counts_what_most_trainings_say() -> None:
    compared = build.regressed(criterion={"max_drop": 0.02, "seeds": [0, 1, 2]})
    assert lines(compared, *some_pairs("rude"))["Where"] == (
        "1 pair newly wrong in most trainings, most often tagged 'rude' (1)."
    )


def test_a_page_over_seeds_says_which_training_its_pairs_are_of() -> None:
    def lead(**more: Any) -> str:
        run = build.record(build.suite(build.regressed(**more)))
        now, before = [build.score("a", 0, 1)], [build.score("a", 1, 0)]
        page = Page(html.render(ReportInput(run, now, (run, before))))
        return page.one("section", id="against").text

    said = "the scores of the first of 3 trainings; checks over seeds count what most of them say."
    assert said in lead(criterion={"seeds": [0, 1, 2]})
    assert "trainings" not in lead()
    assert "trainings" not in lead(criterion={"seeds": 3})


def test_a_failed_threshold() -> None:
    found = lines(build.failed(estimate=build.estimate(0.58, 0.501, 0.656)))
    assert found == {
        "How much": "It picks the better answer in 58 of 100 pairs; at least 70 are required.",
        "How sure": "95 % interval: between 50 and 66 of 100.",
    }


@pytest.mark.parametrize(("result", "said"), [("broken", True), ("not shown", False)])
def test_the_p_of_a_change_is_said_only_where_a_change_breaks_its_promise(
    result: str, said: bool
) -> None:
    table = TableRecord(title="Changes", columns=["change", "result"], rows=[["a", result]])
    failed = build.failed("invariance", adjusted_p=1.0, evidence=build.evidence(tables=[table]))
    assert ("chance alone" in certainty(failed)) is said


def test_a_kind_that_has_no_reading_is_told_by_its_message() -> None:
    assert lines(build.failed("calibration")) == {"What": build.failed("calibration").message}
    assert lines(build.errored()) == {"What": "score is NaN"}


def test_what_the_data_could_have_seen_is_said_where_they_do_not_decide() -> None:
    weak = build.regressed(outcome="pass", state="inconclusive", weak=True, detectable=0.17)
    assert lines(weak)["Detectable"] == "a change of 17 points or more, in 4 of 5 runs."
    assert "Detectable" not in lines(build.regressed(detectable=0.17))


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (-0.06, -0.022, "between 6 and 2.2 fewer"),
        (-0.01, 0.03, "between 1 fewer and 3 more"),
        (0.01, 0.03, "between 1 and 3 more"),
        (-0.02, 0.0, "between 2 fewer and 0"),
    ],
)
def test_the_interval_of_a_change_in_words(low: float, high: float, said: str) -> None:
    estimate = build.estimate((low + high) / 2, low, high)
    check = build.regressed(estimate=estimate, p_value=None, adjusted_p=None)
    assert certainty(check) == f"95 % interval: {said}."


def test_no_change_is_said_as_such() -> None:
    same = build.regressed(state="non_inferior", estimate=build.estimate(0.0, -0.02, 0.02))
    assert reading(same, "main") == "It picks the better answer as often as main does."
    identical = same.model_copy(update={"state": "identical"})
    assert reading(identical, None) == "Every score is the same as in the baseline."


def test_every_kind_of_check_says_what_it_asks() -> None:
    said = {kind: about(kind) for kind in kinds()}
    assert all(said.values())
    assert len(set(said.values())) == len(said)
    assert "another reward source" in said["agreement"]
    assert "ratings" in said["correlation"]
    assert about("gone") == ""


def scored(suite: str, **margins: tuple[float, float]) -> tuple[list[PairScore], list[PairScore]]:
    """Margins now and before of the pairs of a suite; one name is one text, in every suite."""
    now = [build.score(name, two[0], 0, suite=suite) for name, two in margins.items()]
    before = [build.score(name, two[1], 0, suite=suite) for name, two in margins.items()]
    return now, before


def seen(*checks: CheckRecord, **fields: Any) -> View:
    """A run over two suites: `all` holds every text of `chat` and two more."""
    both = {"a": (-1.0, 1.0), "b": (-3.0, 2.0), "c": (-2.0, -1.0), "d": (4.0, 3.0)}
    chat = scored("chat", **both)
    every = scored("all", **both, e=(-9.0, -8.0), f=(-0.5, 0.5))
    of_chat = [check for check in checks if check.id.startswith("chat::")]
    of_all = [check for check in checks if check.id.startswith("all::")]
    run = build.record(
        build.suite(*of_all, name="all"), build.suite(*of_chat, name="chat"), **fields
    )
    texts = {f"h-{name}": PairTexts(f"prompt {name}", "good", "bad") for name in both}
    return view(ReportInput(run, chat[0] + every[0], (run, chat[1] + every[1]), texts), "failing")


def named(found: View) -> list[str]:
    return [f"{each.pair.suite}/{each.pair.id}" for each in found.pairs.first]


def test_the_pairs_that_the_blocking_checks_name_come_first() -> None:
    lost = build.evidence(pictures=[], pairs=["a"])
    assert named(seen(build.regressed("chat", evidence=lost))) == ["chat/a", "chat/b", "chat/c"]
    lost = build.evidence(pictures=[], pairs=["a", "b"])
    found = seen(build.regressed("chat", evidence=lost), build.check("win_rate", "all"))
    # Worst margin first; each text once, under the smaller suite; c was wrong before, too.
    assert named(found) == ["chat/b", "chat/a", "chat/c"]
    assert [each.pair.id for each in found.pairs.worst[:3]] == ["b", "a", "c"]
    assert len({each.pair.hash for each in found.pairs.worst}) == len(found.pairs.worst) == 5


def test_without_named_pairs_those_of_the_suite() -> None:
    assert named(seen(build.failed("calibration", "chat"))) == ["chat/b", "chat/a", "chat/c"]


def test_a_run_that_passes_shows_none() -> None:
    found = seen(build.check("win_rate", "chat"))
    assert found.pairs.first == ()
    assert [each.pair.id for each in found.pairs.worst] == ["b", "a", "f", "e", "c"]


def test_the_page_says_all_four_before_anything_else() -> None:
    report = build.report(200)
    page = Page(html.render(report))
    at = {id(each): place for place, each in enumerate(page.elements)}
    card = page.all("li", class_="card")[0]
    first = page.one("section", class_="first")
    passed = page.one("h2", id="glance-title")
    assert at[id(page.one("h1"))] < at[id(card)] < at[id(first)] < at[id(passed)]
    for label in ("How much", "How sure"):
        assert label in card.text
    made = view(report, "failing").pairs.first
    assert len(made) == 4
    for each in made:
        assert each.pair.id in first.text
        assert each.texts is not None
        assert each.texts.prompt[:40] in first.text
    # Each links to its article further down, which reads with the script off.
    links = [link for link in page.all("a") if link.attributes["href"].startswith("#pair=")]
    assert {link.attributes["href"][1:] for link in links[:4]} <= set(page.ids)
