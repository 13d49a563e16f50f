"""The linter: what is wrong with preference data, and what a suite cannot decide with them."""

from rmcheck.lint.finding import KINDS, Finding, Kind, Place
from rmcheck.lint.linter import lint
from rmcheck.lint.report import LintReport
from rmcheck.lint.text import render

__all__ = ["KINDS", "Finding", "Kind", "LintReport", "Place", "lint", "render"]
