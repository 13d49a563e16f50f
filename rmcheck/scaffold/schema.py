"""JSON Schema of the files that rmcheck reads and writes, from the models that read and write them.

Draft 7, which every editor's YAML support reads. Kinds of checks are distinguished by the key
`check` with `if`/`then`, not with `oneOf`, so that errors name the right kind and editors complete
its keys.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from rmcheck import checks
from rmcheck.checks import Check, Slice
from rmcheck.record.pin import PinRow
from rmcheck.record.run import RunRecord
from rmcheck.registry import BrokenEntryPoint, summary
from rmcheck.slices.conditions import Range, TextIs
from rmcheck.sources.ensemble_file import EnsembleFile, RecipeMember
from rmcheck.sources.judge_file import JudgeFile
from rmcheck.sources.recipe_source_file import RecipeSourceFile
from rmcheck.sources.served_file import ServedFile
from rmcheck.sources.source_file import SourceFile
from rmcheck.suite.check_keys import check_model
from rmcheck.suite.header import RESERVED, DataMapping, Header
from rmcheck.training.folds import Folds
from rmcheck.training.recipe import FILE_KEYS, Recipe
from rmcheck.training.recipe_file import RecipeFile
from rmcheck.training.settings import EarlyStopping, LabelNoise, Lora, Optimisation
from rmcheck.training.sweep_file import SearchRange, SweepFile

DRAFT = "http://json-schema.org/draft-07/schema#"

Schema = dict[str, Any]

_DESCRIBED = (
    Slice, TextIs, Range, DataMapping, Lora, LabelNoise, Optimisation, EarlyStopping, Folds,
    SearchRange, RecipeMember,
)  # fmt: skip
"""Nested models whose docstrings describe their keys."""


@dataclass(frozen=True)
class Published:
    """A schema that rmcheck publishes: its file name in `schemas/`, and its builder."""

    file: str
    make: Callable[[], Schema]


def suite_schema() -> Schema:
    """The schema of a suite, with every check kind that is registered here and can be used."""
    builder = _Builder("suite", "A suite of rmcheck: requirements on a reward model.")
    suite = builder.model(Header)
    keys = suite["properties"]
    keys["tags"]["items"]["not"] = {"enum": sorted(RESERVED)}
    keys["data"]["if"] = {"type": "object"}
    keys["data"]["then"] = {"oneOf": [{"required": ["path"]}, {"required": ["dataset"]}]}
    kinds, _ = usable_checks()
    for kind, found in kinds.items():
        builder.definitions[kind] = _check(builder, kind, found)
    keys["checks"]["items"] = {
        "type": "object",
        "required": ["check"],
        "properties": {
            "check": {
                "description": "The kind of the check; `rmcheck list` prints all.",
                "enum": list(kinds),
                "enumDescriptions": [summary(found) for found in kinds.values()],
            }
        },
        "allOf": [
            {
                "if": {"properties": {"check": {"const": kind}}, "required": ["check"]},
                "then": {"$ref": f"#/definitions/{kind}"},
            }
            for kind in kinds
        ],
    }
    return builder.whole(suite)


def usable_checks() -> tuple[dict[str, type[Check]], list[BrokenEntryPoint]]:
    """The kinds that a suite can use, and the errors of broken kinds of other packages."""
    kinds, broken = checks.KINDS.sound()
    for kind, found in list(kinds.items()):
        try:
            check_model(found)
        except BrokenEntryPoint as error:
            del kinds[kind]
            broken.append(error)
    return kinds, broken


def _check(builder: _Builder, kind: str, found: type[Check]) -> Schema:
    schema = builder.model(check_model(found), checks.described(found))
    schema["properties"]["check"] = {"const": kind}
    # The statement itself, without the list of keys.
    schema["description"] = checks.manual(kind).partition("\n\nParameters\n")[0]
    return schema


def recipe_schema() -> Schema:
    """The schema of a recipe."""
    builder = _Builder("recipe", "A recipe of rmcheck: how a reward model is trained.")
    described = {FILE_KEYS.get(key, key): text for key, text in checks.described(Recipe).items()}
    described["recipe"] = "The format's version, 1."
    return builder.whole(builder.model(RecipeFile, described))


def sweep_schema() -> Schema:
    """The schema of a sweep file."""
    builder = _Builder("sweep", "A sweep of rmcheck: settings of a recipe that are tried.")
    return builder.whole(builder.model(SweepFile))


def source_schema() -> Schema:
    """The schema of a source file: of a judge, an ensemble, a recipe, a served model, or files."""
    builder = _Builder("source", "A source file of rmcheck: a model and how it is read.")
    kinds: dict[str, type[BaseModel]] = {
        "judge": JudgeFile,
        "ensemble": EnsembleFile,
        "recipe": RecipeSourceFile,
    }
    for kind, model in kinds.items():
        builder.definitions[kind] = builder.model(model)
    builder.definitions["served"] = builder.model(ServedFile)
    builder.definitions["model"] = builder.model(SourceFile)
    whole: Schema = {
        "if": {"required": ["url"]},
        "then": {"$ref": "#/definitions/served"},
        "else": {"$ref": "#/definitions/model"},
    }
    for kind in reversed(kinds):
        whole = {
            "if": {"required": ["kind"], "properties": {"kind": {"const": kind}}},
            "then": {"$ref": f"#/definitions/{kind}"},
            "else": whole,
        }
    return builder.whole({"type": "object", **whole})


def results_schema() -> Schema:
    """The schema of results.json."""
    builder = _Builder("results", "results.json of rmcheck: one run of pytest over suites.")
    return builder.whole(builder.model(RunRecord, mode="serialization"))


def pin_schema() -> Schema:
    """The schema of a line of a pin file."""
    builder = _Builder("pin", "A line of a pin file of rmcheck: a text that broke a promise once.")
    return builder.whole(builder.model(PinRow, checks.described(PinRow)))


SCHEMAS: Mapping[str, Published] = {
    "suite": Published("rmcheck.schema.json", suite_schema),
    "recipe": Published("recipe.schema.json", recipe_schema),
    "sweep": Published("sweep.schema.json", sweep_schema),
    "source": Published("source.schema.json", source_schema),
    "results": Published("results.schema.json", results_schema),
    "pin": Published("pin.schema.json", pin_schema),
}
"""What `rmcheck schema` prints, by name."""


def rendered(schema: Schema) -> str:
    """The text of a schema's file."""
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


class _Builder:
    """Gathers what models say into one document; nested models become its definitions."""

    def __init__(self, name: str, description: str) -> None:
        self.definitions: dict[str, Schema] = {}
        self._head = {
            "$schema": DRAFT,
            "$id": f"urn:rmcheck:schema:{name}:1",
            "title": f"rmcheck {name}",
            "description": description,
        }

    def whole(self, schema: Schema) -> Schema:
        """The document: its head, the schema of its top, and the definitions that it uses."""
        body = {key: value for key, value in schema.items() if key != "description"}
        text = json.dumps([body, self.definitions])
        used = {
            name: found
            for name, found in self.definitions.items()
            if f'"#/definitions/{name}"' in text
        }
        return self._head | body | ({"definitions": used} if used else {})

    def model(
        self,
        model: type[BaseModel],
        described: Mapping[str, str] | None = None,
        *,
        mode: Any = "validation",
    ) -> Schema:
        """The schema of one model, its keys described by its docstring (or by `described`)."""
        schema = model.model_json_schema(ref_template="#/definitions/{model}", mode=mode)
        nested = schema.pop("$defs", {})
        self.definitions |= nested
        for kind in _DESCRIBED:
            _describe(nested.get(kind.__name__, {}), checks.described(kind))
        for name in nested:
            self.definitions[name] = self._plain(self.definitions[name])
        plain = self._plain(schema)
        _describe(plain, checks.described(model) if described is None else described)
        return plain

    def _plain(self, schema: Schema) -> Schema:
        """Without pydantic's titles, unions merged, so that errors name the value and its rule."""
        plain = {
            key: self._walk(key, value)
            for key, value in schema.items()
            if not (key == "title" and isinstance(value, str))
            and not (key == "default" and value is None)
        }
        if "description" in plain:
            plain["description"] = inspect.cleandoc(plain["description"]).split("\n\nParam")[0]
        branches = plain.pop("anyOf", None)
        return plain if branches is None else self._merged(branches) | plain

    def _walk(self, key: str, value: Any) -> Any:
        if key == "properties":
            return {name: self._plain(inner) for name, inner in value.items()}
        if key in ("items", "additionalProperties") and isinstance(value, dict):
            return self._plain(value)
        if key in ("anyOf", "prefixItems"):
            return [self._plain(branch) for branch in value]
        return value

    def _merged(self, branches: list[Schema]) -> Schema:
        """One schema for a union of types: each keyword speaks of one type only, but `enum`.

        A word or a number (`auto`) stays a union, since a fixed value speaks of all types. A
        single reference beside null becomes a definition of its own.
        """
        references = [branch["$ref"] for branch in branches if "$ref" in branch]
        if references and len(branches) == 2 and {"type": "null"} in branches:
            (name,) = [reference.rpartition("/")[2] for reference in references]
            found = self._plain(self.definitions[name])  # it may not be its turn yet
            self.definitions[f"{name}_or_null"] = {**found, "type": ["object", "null"]}
            return {"$ref": f"#/definitions/{name}_or_null"}
        others = [branch for branch in branches if branch != {"type": "null"}]
        fixed = ["const" in branch for branch in others]
        if any(fixed) and not all(fixed):
            return {"anyOf": branches}
        merged: Schema = {}
        types: list[str] = []
        for branch in branches:
            reference = branch.get("$ref", "").rpartition("/")[2]
            full = self._plain(self.definitions[reference]) if reference else dict(branch)
            types.append(full.pop("type"))
            merged |= full
        if "enum" in merged and "null" in types:
            merged["enum"] = [*merged["enum"], None]
        return {"type": types, **merged}


def _describe(schema: Schema, texts: Mapping[str, str]) -> None:
    """Add the descriptions of keys from docstrings."""
    keys = schema.get("properties", {})
    for name, text in texts.items():
        if name not in keys:
            continue
        if "$ref" in keys[name]:  # draft 7 ignores other keywords next to a reference
            keys[name] = {"allOf": [{"$ref": keys[name].pop("$ref")}], **keys[name]}
        keys[name]["description"] = text
