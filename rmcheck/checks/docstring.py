"""Read the parameters from the docstring of a class; all pages quote them from there."""

from __future__ import annotations

import inspect


def described(kind: type) -> dict[str, str]:
    """The parameters described in the docstrings of a class and its bases (NumPy style), by name.

    A class that lists a parameter of a base again, without a text, gives it a place among its own.

    >>> class Base:
    ...     '''A line.
    ...
    ...     Parameters
    ...     ----------
    ...     shared
    ...         Of all kinds.
    ...     '''
    >>> class Kind(Base):
    ...     '''A line.
    ...
    ...     Parameters
    ...     ----------
    ...     own
    ...         Of this kind.
    ...     shared
    ...     '''
    >>> described(Kind)
    {'own': 'Of this kind.', 'shared': 'Of all kinds.'}
    """
    found: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        for name, text in _listed(vars(each).get("__doc__") or "").items():
            inherited = found.pop(name, "")
            found[name] = text or inherited
    return found


def _listed(docstring: str) -> dict[str, str]:
    _, _, listed = inspect.cleandoc(docstring).partition("Parameters\n----------\n")
    found: dict[str, str] = {}
    name = ""
    for line in listed.splitlines():
        if line and not line.startswith(" "):
            name = line.strip()
            found[name] = ""
        elif name:
            found[name] = f"{found[name]} {line.strip()}".strip()
    return found
