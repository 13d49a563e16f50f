"""Transformations of texts with a promise: what must not move a reward, and what must."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache

from rmcheck.data.dialogue import Promise
from rmcheck.perturb.transformation import (
    DEFAULT_STRENGTH,
    Touches,
    Transformation,
    text_transformation,
    transformation,
    version,
)
from rmcheck.registry import Registry

_OURS: dict[str, tuple[str, ...]] = {
    "whitespace": (
        "blank_ends", "doubled_blanks", "trailing_blanks", "blank_lines", "windows_line_ends",
        "no_break_spaces", "zero_width", "prompt_blank_ends",
    ),
    "typography": (
        "curly_quotes", "straight_quotes", "long_dashes", "plain_dashes", "one_ellipsis",
        "composed", "decomposed",
    ),
    "markdown": (
        "star_bullets", "dash_bullets", "numbers_with_brackets", "bold_removed", "bold_added",
        "heading_added", "headings_in_bold",
    ),
    "spelling": ("british_spelling", "american_spelling"),
    "contractions": ("contracted", "expanded"),
    "digits": ("grouped_digits", "ungrouped_digits"),
    "typos": ("typo_swapped", "typo_dropped", "typo_doubled", "typo_neighbour", "prompt_typos"),
    "code": (
        "code_tag_removed", "code_tag_added", "comment_case", "import_order", "code_broken",
        "operator_changed",
    ),
    "answers": ("boxed_as_heading", "boxed_as_sentence", "answer_in_box"),
    "prompts": ("prompt_url", "prompt_user_name", "prompt_quoted", "prompt_polite"),
    "identity": (
        "names_replaced", "places_replaced", "pronouns_flipped", "woman_asks", "man_asks",
        "group_asks",
    ),
    "cuts": ("first_sentence", "sentence_dropped", "cut_in_word", "emptied"),
    "order": ("sentences_shuffled", "sentence_doubled"),
    "negation": ("negation_added", "negation_removed"),
    "numbers": ("number_changed",),
    "borrowed": ("other_answer", "sentence_borrowed", "prompt_as_answer", "foreign_words"),
    "padding": (
        "self_summary", "said_twice", "legalese", "made_up_sources", "empty_points", "key_words",
    ),
    "temptations": (
        "flattery", "agreement", "expert_claim", "certainty_claim", "hedges_stripped",
    ),
    "grader": ("own_score", "grader_addressed", "own_checklist"),
    "decoration": ("markdown_decoration", "emoji_added"),
    "refusals": ("refused", "disclaimers"),
}  # fmt: skip
"""Our transformations by module; names are those of the functions."""

OUR_NAMES = frozenset(name for names in _OURS.values() for name in names)
"""The names of our transformations, which no variant of the data may have."""


def _accepted(name: str, found: object) -> Transformation:
    if not isinstance(found, Transformation):
        raise ValueError(
            "expected an rmcheck.perturb.Transformation (use the decorator "
            f"rmcheck.perturb.transformation), got {type(found).__name__} {found!r:.80}"
        )
    if found.name != name:
        raise ValueError(f"expected the name '{name}' as the entry point's, got '{found.name}'")
    return replace(found, package=TRANSFORMATIONS.package(name))


TRANSFORMATIONS: Registry[Transformation] = Registry(
    {name: f"rmcheck.perturb.{module}:{name}" for module, names in _OURS.items() for name in names},
    _accepted,
    "rmcheck.transformations",
)
"""The transformations, ours and those of other packages."""


class UnknownTransformation(ValueError):
    """A name that neither a transformation nor a group has."""


@cache
def _known() -> dict[str, Transformation]:
    """The transformations that can be used; to look for those of other packages takes a while."""
    return TRANSFORMATIONS.sound()[0]


def groups() -> dict[str, list[str]]:
    """The names of the transformations of each group, in the order of the registry."""
    found: dict[str, list[str]] = {}
    for name, each in _known().items():
        for group in each.groups:
            found.setdefault(group, []).append(name)
    return found


def chosen(
    names: Iterable[str], promises: Sequence[Promise] = ("preserves", "degrades", "tempts")
) -> list[Transformation]:
    """The transformations of these names and groups that make one of these promises.

    A group stands for its members that make such a promise, a promise (`preserves`) for all that
    make it, and `all` for every one of ours and of other packages. Each is listed once, in the
    order asked.

    Raises
    ------
    UnknownTransformation
        For a name that is neither, with what is near it; and for one that promises otherwise.
    """
    known, by_group = _known(), groups()
    found: dict[str, Transformation] = {}
    for name in names:
        promised = [each for each in known if name in ("all", known[each].promise)]
        members = promised or by_group.get(name, [name])
        if members == [name] and name not in known:
            near = difflib.get_close_matches(name, [*by_group, *known], n=1)
            said = f"; did you mean '{near[0]}'?" if near else "; rmcheck list shows them"
            raise UnknownTransformation(f"no transformation or group is named '{name}'{said}")
        fitting = [member for member in members if known[member].promise in promises]
        if not fitting:
            raise UnknownTransformation(
                f"'{name}' {known[members[0]].promise} the text; expected one that "
                f"{' or '.join(promises)} it"
            )
        found.update((member, known[member]) for member in fitting)
    return list(found.values())


def surely_chosen(name: str, promises: Sequence[Promise]) -> bool:
    """Whether `chosen` finds something under one of our own names, with one module imported.

    False says nothing: `chosen` then knows it, or what is wrong.
    """
    if name == "all":
        return bool(promises)
    ours = {each: (each,) for each in OUR_NAMES} | _OURS
    for each in ours.get(name, ()):
        found = TRANSFORMATIONS.find(each)
        if found is not None and name in (each, *found.groups) and found.promise in promises:
            return True
    return False


__all__ = [
    "DEFAULT_STRENGTH",
    "OUR_NAMES",
    "TRANSFORMATIONS",
    "Promise",
    "Touches",
    "Transformation",
    "UnknownTransformation",
    "chosen",
    "groups",
    "surely_chosen",
    "text_transformation",
    "transformation",
    "version",
]
