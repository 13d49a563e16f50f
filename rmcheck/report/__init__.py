"""The report: a run record and its scores as one HTML file, a Markdown summary, terminal lines.

The renderers live in `report.page.html`, `report.markdown` and `report.terminal`; importing this
package loads none of them, so a gate that only prints its ten lines imports no template engine.
"""

from rmcheck.report.input import PairTexts, ReportInput, TextsByHash, TextsOf

__all__ = ["PairTexts", "ReportInput", "TextsByHash", "TextsOf"]
