"""Suites: one YAML file with the requirements on a reward model and the data to check them on."""

from rmcheck.documents.recognise import looks_like_suite
from rmcheck.suite.loading import count_comparisons, load_suite
from rmcheck.suite.suite import BoundCheck, Suite

__all__ = ["BoundCheck", "Suite", "count_comparisons", "load_suite", "looks_like_suite"]
