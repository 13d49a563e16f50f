"""Keys without mistakes are read without a model, to the values that the model gives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
import yaml
from annotated_types import Ge
from pydantic import ValidationError

from rmcheck import checks
from rmcheck.checks import Check
from rmcheck.suite.check_keys import check_model, plain_values

ROOT = Path(__file__).resolve().parents[2]

SHIPPED = [
    (path.stem, entry)
    for path in sorted((ROOT / "suites").glob("*.yaml"))
    for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["checks"]
]


def of_model(kind: type[Check], entry: dict[str, Any]) -> dict[str, Any]:
    """What the model of all keys makes of an entry."""
    model = check_model(kind).model_validate({"check": kind.kind, **entry})
    return {name: getattr(model, name) for name in type(model).model_fields if name in entry}


def both(entry: dict[str, Any]) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    given = {name: value for name, value in entry.items() if name != "check"}
    kind = checks.find(entry["check"])
    assert kind is not None
    return plain_values(kind, given), of_model(kind, given)


@pytest.mark.parametrize(("suite", "entry"), SHIPPED)
def test_the_shipped_checks_have_the_values_of_the_model(suite: str, entry: dict[str, Any]) -> None:
    plain, expected = both(entry)
    assert plain == expected
    assert list(plain or {}) == list(expected)  # an error names them in this order
    assert repr(plain) == repr(expected)  # 1 and 1.0 are equal


@pytest.mark.parametrize(
    "entry",
    [
        {"check": "win_rate", "min": 1, "where": {"tags": ["a"], "min_confidence": 1}},
        {"check": "win_rate", "min": 0.5, "where": None, "name": None},
        {"check": "win_rate", "min": "0.5"},
        {"check": "invariance", "transformations": ["typos"], "max_flips": 0.1, "seed": 3},
        {"check": "scale_invariance"},
        {"check": "no_regression", "max_drop": 0, "gate": "advisory"},
    ],
    ids=lambda entry: entry["check"],
)
def test_values_are_converted_as_in_the_model(entry: dict[str, Any]) -> None:
    plain, expected = both(entry)
    assert repr(plain) == repr(expected)


@pytest.mark.parametrize(
    "given",
    [
        {"min": 1.5},
        {"min": "much"},
        {"min": float("nan")},
        {"min": True},
        {"min": 0.5, "mins": 0.5},
        {"min": 0.5, "name": "a b"},
        {"min": 0.5, "gate": "sometimes"},
        {"min": 0.5, "where": {"tag": ["a"]}},
        {"min": 0.5, "where": {"min_confidence": True}},
    ],
    ids=str,
)
def test_mistakes_are_left_to_the_model(given: dict[str, Any]) -> None:
    kind = checks.find("win_rate")
    assert kind is not None
    assert plain_values(kind, given) is None
    if True not in given.values() and "min_confidence" not in str(given):
        with pytest.raises(ValidationError):  # which says where
            of_model(kind, given)


@dataclass(frozen=True, kw_only=True)
class Needy(Check):
    """A key that must be given."""

    kind: ClassVar[str] = "needy"
    most: Annotated[int, Ge(1)]


@dataclass(frozen=True, kw_only=True)
class Odd(Check):
    """A key of a type that is not there."""

    kind: ClassVar[str] = "odd"
    most: "NotThere | None" = None  # type: ignore[name-defined]  # noqa: F821, UP037


def test_a_missing_key_is_left_to_the_model() -> None:
    assert plain_values(Needy, {}) is None
    assert plain_values(Needy, {"most": 3}) == {"most": 3}


def test_a_broken_kind_of_another_package_is_left_to_the_model() -> None:
    assert plain_values(Odd, {"most": 3}) is None
