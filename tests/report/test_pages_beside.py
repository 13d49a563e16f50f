"""The pages of `compare A B C` and of `lint --scores` in a real browser."""

from __future__ import annotations

import numpy as np
import pytest

from rmcheck.compare.ranking import RankedTable, explained
from rmcheck.data import PreferencePair
from rmcheck.lint.finding import Place
from rmcheck.lint.labels import Auditor, Doubt, LabelAudit
from rmcheck.lint.pool import PlacedPair
from rmcheck.report.page import labels, ranking
from rmcheck.stats.ranking import rank_models

from .browser import Browser, axe_source

pytestmark = pytest.mark.slow

HOSTILE = "</script><img src=x onerror=\"document.title='broken'\">"


def rankings() -> str:
    """Two tables of eight models with long and with hostile names."""
    rng = np.random.default_rng(2)
    groups = [str(place) for place in range(60)]
    names = [f"organisation/reward-model-{place}b-preview" for place in range(7)] + [HOSTILE]
    tables = []
    for title in ("all suites", HOSTILE):
        wins = {
            name: (rng.random(60) < 0.4 + 0.07 * place).astype(float)
            for place, name in enumerate(names)
        }
        tables.append(RankedTable(title, rank_models(wins, groups), ("3 pairs are left out",)))
    return ranking.render(tables, explained(0.05, 8))


def doubts() -> str:
    """Pairs with long words and with hostile texts."""
    pairs = [
        PreferencePair("a", HOSTILE, "w" * 400, HOSTILE, "a", (HOSTILE, "long")),
        PreferencePair(HOSTILE, "ask\n\nmore", "yes", "no", "b"),
    ]
    auditors = tuple(Auditor(name=name, pairs=9, wrong=2, spread=0.5) for name in ("x", HOSTILE))
    rows = tuple(
        Doubt(pair=PlacedPair(each, Place("data.jsonl", 3)), units=(-1.25, None), against=2,
              median=-1.25)
        for each in pairs
    )  # fmt: skip
    return labels.render(
        LabelAudit(auditors=auditors, doubts=rows, judged=9, unscored=0, most=True, expected=0.4)
    )


@pytest.mark.parametrize("page", [rankings(), doubts()], ids=["ranking", "labels"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("wide", [1280, 360])
def test_a_page_is_whole(browser: Browser, page: str, scheme: str, wide: int) -> None:
    url = browser.open(page, size=(wide, 800), scheme=scheme)
    browser.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert browser.run("return document.documentElement.scrollWidth <= window.innerWidth")
    assert browser.requests() == [url]
    assert browser.complaints() == []
    assert browser.driver.title != "broken"
    assert browser.run("return document.images.length") == 0
    assert browser.axe(axe_source()) == []
    browser.find("#theme").click()
    theme = browser.run("return document.documentElement.getAttribute('data-theme')")
    assert theme == ("light" if scheme == "dark" else "dark")
    assert browser.axe(axe_source()) == []


def test_the_pages_read_without_their_script(browser: Browser) -> None:
    browser.open(rankings(), script=False)
    assert len(browser.driver.find_elements("css selector", "table.glance tbody tr")) == 16
