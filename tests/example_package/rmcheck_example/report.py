"""The checks of a run as a table: `verdicts.csv`."""

import csv
import io

from rmcheck.report import ReportInput

file_name = "verdicts.csv"


def render(report: ReportInput) -> str:
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(["check", "outcome", "estimate"])
    for suite in report.record.suites:
        for check in suite.checks:
            value = check.estimate.value if check.estimate else ""
            table.writerow([check.id, check.outcome, value])
    return text.getvalue()
