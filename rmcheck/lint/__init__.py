"""The linter: finds errors in preference data, and checks that have too few data to decide."""

from rmcheck.lint.finding import KINDS, Finding, Kind, Place
from rmcheck.lint.linter import lint
from rmcheck.lint.report import LintReport
from rmcheck.lint.text import render

__all__ = ["KINDS", "Finding", "Kind", "LintReport", "Place", "lint", "render"]
