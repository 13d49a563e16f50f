"""The keys of a check: their types are those of the fields of its kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, create_model

from rmcheck import checks as registry
from rmcheck.checks import Check
from rmcheck.suite.header import Name

_STRICTNESS = ConfigDict(strict=False, allow_inf_nan=False)
_MODELS: dict[type[Check], type[BaseModel]] = {}
_TYPES: dict[type[Check], Mapping[str, tuple[Any, bool]]] = {}
_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}


def check_model(kind: type[Check]) -> type[BaseModel]:
    """The pydantic model of a check kind: its dataclass fields, and the key `check`.

    Raises
    ------
    BrokenEntryPoint
        When another package's kind has a key of a type that YAML cannot give.
    """
    if kind not in _MODELS:
        try:
            _MODELS[kind] = _with_keys(kind)
        except Exception as error:  # names that are not there, types that pydantic does not know
            if kind.kind in registry.KINDS.ours:
                raise
            raise registry.KINDS.broken(kind.kind, error) from error
    return _MODELS[kind]


def plain_values(kind: type[Check], entry: Mapping[str, Any]) -> dict[str, Any] | None:
    """What `check_model` makes of the keys of a check without mistakes, in a tenth of the time.

    A model of all keys of a kind takes milliseconds to build, and a check gives few of them. None
    for anything that the model must look at, as it finds each mistake, and for true and false,
    which pydantic would take for numbers.

    Parameters
    ----------
    entry
        The keys that the check gives, without `check`.
    """
    try:
        known = _types(kind)
        required = {name for name, (_, needed) in known.items() if needed}
        if not required <= entry.keys() <= known.keys() or _has_truth(list(entry.values())):
            return None
        return {
            name: _adapter(known[name][0]).validate_python(entry[name])
            for name in known
            if name in entry
        }
    except (ValidationError, RecursionError):
        return None
    except Exception:  # types of another package; the model says what is wrong with them
        if kind.kind in registry.KINDS.ours:
            raise
        return None


def _with_keys(kind: type[Check]) -> type[BaseModel]:
    columns: dict[str, Any] = {"check": (str, ...)}
    declared = {entry.name: entry for entry in fields(kind)}
    for name, (hint, needed) in _types(kind).items():
        columns[name] = (hint, ... if needed else declared[name].default)
    config = ConfigDict(extra="forbid", **_STRICTNESS)
    return create_model(kind.__name__, __config__=config, **columns)


def _types(kind: type[Check]) -> Mapping[str, tuple[Any, bool]]:
    """The type of each key, and whether it must be given."""
    if kind not in _TYPES:
        _TYPES[kind] = _declared(kind)
    return _TYPES[kind]


def _declared(kind: type[Check]) -> Mapping[str, tuple[Any, bool]]:
    hints = get_type_hints(kind, include_extras=True)
    hints["name"] = Name | None  # it becomes a part of pytest's node id
    declared = {entry.name: entry for entry in fields(kind)}
    named = kind.keys()
    return {name: (hints[name], declared[name].default is MISSING) for name in named}


def _adapter(hint: Any) -> TypeAdapter[Any]:
    """What validates a type, built once; kinds share most of theirs."""
    if hint not in _ADAPTERS:
        _ADAPTERS[hint] = TypeAdapter(hint, config=_STRICTNESS)
    return _ADAPTERS[hint]


def _has_truth(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(map(_has_truth, value.values() if isinstance(value, dict) else value))
    return isinstance(value, bool)
