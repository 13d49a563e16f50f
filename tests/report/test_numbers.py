"""Numbers and texts as the report writes them: the examples in the docstrings, and the edges."""

import doctest
import math
from types import ModuleType

import pytest

from rmcheck.report import facts, numbers, text
from rmcheck.report.charts import axis
from rmcheck.report.page import identity


@pytest.mark.parametrize(
    "module", [axis, facts, identity, numbers, text], ids=lambda module: module.__name__
)
def test_the_examples_in_the_docstrings(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted
    assert result.failed == 0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.0, -0.0, 1e-300, -1e300])
def test_every_float_has_a_short_form(value: float) -> None:
    for form in (numbers.number, numbers.rate, numbers.score, numbers.margin, numbers.p_value):
        assert 0 < len(form(value)) < 12 or form is numbers.rate
        assert "nan" not in form(value)
        assert "-" not in form(value)


def test_cleaned_text_can_be_written_and_keeps_its_lines() -> None:
    assert text.clean("a\r\nb\tc\x00\ud800") == "a\nb\tc\\x00\\ud800"
    text.clean("".join(map(chr, range(0x11000)))).encode("utf-8")


def test_fitted_text_fits() -> None:
    for words in ("iiii" * 40, "WWWW" * 40, "漢字" * 40, ""):
        assert text.width(text.fitted(words, 13, 100), 13) <= 100
