"""The report: a run record and its scores as one HTML file, a Markdown summary, terminal lines.

The renderers live in `rmcheck.report.html`, `.markdown` and `.terminal`; importing this package
loads none of them, so a gate that only prints its ten lines never imports a template engine.
"""

from rmcheck.report.input import PairTexts, ReportInput, TextsOf

__all__ = ["PairTexts", "ReportInput", "TextsOf"]
