"""The scores of a gate's run as rows of a log, with the texts of the suites that it judged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rmcheck.monitor.log import LogRow
from rmcheck.report.publish import report_input


def rows_of_run(folder: Path, *, root: Path, kept: Path) -> Iterator[LogRow]:
    """Both responses of every pair of a run.

    Without the texts of its suites, one response of each pair, by turns: two scores of one pair
    are not independent, and without a prompt nothing says that they belong together.

    Raises
    ------
    UsageError
        When the run cannot be read.
    """
    report = report_input(folder, root=root, kept=kept)
    texts = [report.texts.get(row.hash) for row in report.scores]
    if all(text is not None for text in texts):
        for row, text in zip(report.scores, texts, strict=True):
            if text is not None:
                yield LogRow(row.chosen, text.prompt, text.chosen)
                yield LogRow(row.rejected, text.prompt, text.rejected)
        return
    for index, row in enumerate(report.scores):
        yield LogRow(row.rejected if index % 2 else row.chosen)
