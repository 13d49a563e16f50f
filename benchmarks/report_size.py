"""The HTML report of a run over 10,000 pairs: its size, the time it takes, the time to read it.

The pairs are the shipped ones, numbered on until there are enough; the scores are drawn at random,
so that a quarter of the pairs are wrong. Chromium, where there is one, says when the page was
ready.

    python benchmarks/report_size.py
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from itertools import cycle
from pathlib import Path

import numpy as np
from results import medians, options, publish, pytest_says, seconds, table, within

from rmcheck.report.page import html
from rmcheck.report.publish import report_input
from rmcheck.shipped import shipped

SUITES = 7
MARGIN = 0.7
"""Mean margin in units of its spread: a quarter of the pairs come out wrong."""


def project(folder: Path, count: int) -> None:
    """Suites of `count` pairs in all, and a score file for them."""
    files = sorted(shipped("preferences").rglob("*.jsonl"))
    rows = [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]
    known = cycle([row for row in rows if "chosen" in row])
    rng = np.random.default_rng(0)
    suites = folder / "suites"
    suites.mkdir()
    with (folder / "scores.jsonl").open("w", encoding="utf-8") as scores:
        for suite in range(SUITES):
            lines = []
            for number in range(suite, count, SUITES):
                name, row = f"pair-{number:05}", next(known)
                prompt = f"{row['prompt']} ({number})"
                lines.append(json.dumps({**row, "id": name, "prompt": prompt, "group": name}))
                rejected = float(rng.normal())
                chosen = rejected + float(rng.normal(MARGIN))
                score = {"id": name, "chosen": chosen, "rejected": rejected}
                scores.write(json.dumps(score) + "\n")
            (suites / f"data{suite}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
            (suites / f"suite{suite}.yaml").write_text(
                f"rmcheck: 1\nname: suite{suite}\ndata: data{suite}.jsonl\nchecks:\n"
                "  - check: win_rate\n    min: 0.6\n  - check: score_gap\n    min_effect: 0.3\n",
                encoding="utf-8",
            )


def page_seconds(page: Path) -> float | None:
    """From the start of loading to the end of it, scripts included; None without a browser."""
    names = ("chromium", "chromium-browser", "google-chrome")
    browser = next((found for found in map(shutil.which, names) if found), None)
    try:
        from selenium import webdriver
    except ImportError:
        return None
    if browser is None:
        return None
    wanted = webdriver.ChromeOptions()
    wanted.binary_location = browser
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        wanted.add_argument(argument)
    driver = webdriver.Chrome(options=wanted)
    try:
        driver.get("about:blank")
        driver.get(page.as_uri())
        spent = driver.execute_script(
            "var t = performance.getEntriesByType('navigation')[0]; return t.loadEventEnd;"
        )
    finally:
        driver.quit()
    return float(spent) / 1000


def main() -> None:
    how = options(__doc__, 5)
    count = 300 if how.quick else 10_000
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        project(folder, count)
        pytest_says(folder, "-q", "suites", "--rm", "scores:scores.jsonl", red=True)
        run = folder / "reports" / "latest"
        page = folder / "page.html"

        def made() -> float:
            found = report_input(run, root=folder, kept=folder / "fixtures/baselines")
            return seconds(lambda: page.write_text(html.render(found), encoding="utf-8"))

        found = report_input(run, root=folder, kept=folder / "fixtures/baselines")
        if len(found.scores) != count:
            sys.exit(f"the run holds {len(found.scores)} pairs, not {count}")
        spent = medians({"made": made}, how.repeats)["made"]
        size = page.stat().st_size / 1e6
        loads = [page_seconds(page) for _ in range(how.repeats)]
        shown = [value for value in loads if value is not None]
    browser = within(float(np.median(shown)), 1.5, "s") if shown else "not measured: no browser"
    rows = [
        ("size", within(size, 5.0, "MB")),
        ("made from the run's record, scores and texts", within(spent, 3.0, "s")),
        ("loaded in Chromium, its script run", browser),
    ]
    body = (
        f"A run over {count:,} pairs in {SUITES} suites, with the texts of the failing pairs. "
        f"Median of {how.repeats}.\n\n{table(('what', 'measured'), rows)}"
    )
    publish("The HTML report", body, how)


if __name__ == "__main__":
    main()
