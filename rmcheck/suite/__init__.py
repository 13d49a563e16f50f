"""Suites: one YAML file that says what must hold of a reward model on some data."""

from rmcheck.documents.recognise import looks_like_suite
from rmcheck.suite.loading import Suite, count_comparisons, load_suite

__all__ = ["Suite", "count_comparisons", "load_suite", "looks_like_suite"]
