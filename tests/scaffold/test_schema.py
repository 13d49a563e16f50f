"""The published schemas: current, valid by themselves, and of one mind with the loader."""

from __future__ import annotations

import dataclasses
import importlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator
from plugin.test_broken_suites import BROKEN, GOOD

from rmcheck import checks
from rmcheck.checks import Check
from rmcheck.errors import ProblemsFound
from rmcheck.scaffold.project import template
from rmcheck.scaffold.schema import SCHEMAS, recipe_schema, rendered, suite_schema
from rmcheck.suite.loading import load_suite
from rmcheck.training.recipe import LabelNoise, Lora, Optimisation, Recipe

ROOT = Path(__file__).parents[2]
PUBLISHED = sorted((ROOT / "schemas").glob("*.json"))
SUITES = sorted((ROOT / "suites").glob("*.yaml"))
BEYOND = {"duplicate check", "no data", "bad data row", "duplicate key", "not YAML"}
"""Mistakes that no schema sees: of names among each other, of the data, of YAML itself."""


def validator(name: str = "suite") -> Draft7Validator:
    return Draft7Validator(SCHEMAS[name].make())


def mistakes(document: Any, name: str = "suite") -> list[str]:
    """What the schema says of a document, `place: message`."""
    found = validator(name).iter_errors(document)
    return sorted(f"{error.json_path}: {error.message}" for error in found)


def test_the_published_schemas_are_what_the_models_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs/build"))
    schemas = importlib.import_module("schemas")
    assert {path.name for path in PUBLISHED} == {each.file for each in SCHEMAS.values()}
    for path, text in schemas.files().items():
        assert path.read_text(encoding="utf-8") == text, "run python docs/build/schemas.py"


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.name)
def test_a_published_schema_is_a_schema(path: Path) -> None:
    schema = json.loads(path.read_text(encoding="utf-8"))
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert schema["$id"].startswith("urn:rmcheck:schema:")
    Draft7Validator.check_schema(schema)
    # Every definition is referred to, and every reference leads somewhere.
    text = json.dumps(schema)
    for name in schema.get("definitions", {}):
        assert f'"#/definitions/{name}"' in text, name
    for reference in _references(schema):
        assert reference.removeprefix("#/definitions/") in schema["definitions"]


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in _references(value)]
    if isinstance(node, list):
        return [found for value in node for found in _references(value)]
    return []


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.name)
def test_our_suites_are_valid(path: Path) -> None:
    assert mistakes(yaml.safe_load(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("name", ["conversation", "safety", "overall", "domain"])
def test_the_suites_that_projects_begin_with_are_valid(name: str) -> None:
    assert mistakes(yaml.safe_load(template(f"{name}.yaml"))) == []


def test_recipes_are_valid() -> None:
    recipes = [path.read_text(encoding="utf-8") for path in (ROOT / "fixtures/recipes").iterdir()]
    for text in [*recipes, template("sample.yaml")]:
        assert mistakes(yaml.safe_load(text), "recipe") == []
    broken = yaml.safe_load(template("sample.yaml")) | {"pooling": "max", "loora": {}}
    assert mistakes(broken, "recipe") == [
        "$.pooling: 'max' is not one of ['last', 'mean']",
        "$: Additional properties are not allowed ('loora' was unexpected)",
    ]


@pytest.mark.parametrize("folder", ["fixtures/baselines/main", "reports/sample"])
def test_records_are_valid(folder: str) -> None:
    record = json.loads((ROOT / folder / "results.json").read_text(encoding="utf-8"))
    assert mistakes(record, "results") == []
    record["suites"][0]["checks"][0]["outcome"] = "green"
    assert mistakes(record, "results") == [
        "$.suites[0].checks[0].outcome: 'green' is not one of ['pass', 'fail', 'error', 'skipped']"
    ]


@pytest.mark.parametrize("case", sorted(set(BROKEN) - BEYOND))
def test_what_the_loader_refuses_the_schema_refuses(case: str) -> None:
    documents = list(yaml.safe_load_all(BROKEN[case][0]))
    assert len(documents) == 2 or mistakes(documents[0])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"mim": 0.7, "min": None},
            "$.checks[0]: Additional properties are not allowed ('mim' was unexpected)",
        ),
        ({"min": 1.3}, "$.checks[0].min: 1.3 is greater than the maximum of 1"),
        ({"ties": "none"}, "$.checks[0].ties: 'none' is not one of ['half', 'loss', 'epsilon']"),
        ({"gate": "soft"}, "$.checks[0].gate: 'soft' is not one of ['required', 'advisory', None]"),
        ({"where": {"shorter": "x"}}, "$.checks[0].where.shorter: 'x' is not one of"),
        ({"where": []}, "$.checks[0].where: [] is not of type 'object', 'null'"),
        ({"check": "win_rat"}, "$.checks[0].check: 'win_rat' is not one of ['win_rate',"),
    ],
)
def test_a_mistake_is_told_at_its_value(change: dict[str, Any], said: str) -> None:
    suite = yaml.safe_load(GOOD)
    suite["checks"][0] |= change
    told = mistakes(suite)
    assert any(line.startswith(said) for line in told), told
    # Of the kind that was meant, and of no other.
    assert all("under any of the given schemas" not in line for line in told)


def test_nulls_and_mappings_are_taken_as_the_loader_takes_them(tmp_path: Path) -> None:
    (tmp_path / "d.jsonl").write_text(
        "".join(
            json.dumps({"id": f"{i}", "prompt": f"{i}?", "chosen": "yes", "rejected": "no"}) + "\n"
            for i in range(20)
        )
    )
    for number, (data, check, good) in enumerate(
        [
            ("d.jsonl", {"where": None, "gate": None, "name": None}, True),
            ({"path": "d.jsonl", "limit": None}, {}, True),
            ({"path": "d.jsonl", "dataset": "x/y"}, {}, False),
            ({"path": "d.jsonl", "limit": 0}, {}, False),
            ("d.jsonl", {"where": {"tags": []}}, False),
            ("d.jsonl", {"min_groups": 14}, False),
        ]
    ):
        document = {
            "rmcheck": 1, "name": "s", "data": data, "tags": ["a"],
            "checks": [{"check": "win_rate", "min": 0.5, **check}],
        }  # fmt: skip
        path = tmp_path / f"s{number}.yaml"
        path.write_text(yaml.safe_dump(document))
        assert (mistakes(document) == []) is good, document
        if good:
            assert load_suite(path, tmp_path).checks
        else:
            with pytest.raises(ProblemsFound):
                load_suite(path, tmp_path)


def test_a_number_or_a_word_takes_both() -> None:
    recipe = {"recipe": 1, "base": "b", "data": "d"}
    for taken in (2, "auto"):
        distil = {"teacher": "recipe:tiny", "scale": taken}
        assert not mistakes(
            {**recipe, "distil": distil, "training": {"processes": taken}}, "recipe"
        )
    (said,) = mistakes({**recipe, "training": {"processes": "many"}}, "recipe")
    assert said.startswith("$.training.processes: 'many' is not valid")


def test_pytests_own_markers_are_no_tags() -> None:
    suite = yaml.safe_load(GOOD) | {"tags": ["skip"]}
    assert mistakes(suite)[0].startswith("$.tags[0]: 'skip' should not be valid")


@pytest.mark.parametrize("kind", checks.kinds())
def test_every_key_of_a_kind_is_there_and_described(kind: str) -> None:
    found = checks.find(kind)
    assert found is not None
    definition = suite_schema()["definitions"][kind]
    assert set(definition["properties"]) == {"check", *found.keys()}
    for name, schema in definition["properties"].items():
        assert name == "check" or schema["description"], name
    assert definition["description"].startswith(checks.manual(kind).splitlines()[0])
    assert "Parameters" not in definition["description"]


def test_every_key_of_a_recipe_is_there_and_described() -> None:
    schema = recipe_schema()
    fields = {field.name for field in dataclasses.fields(Recipe)}
    keys = fields - {"path", "optimisation", "loss_settings", "start"}
    assert set(schema["properties"]) == {"recipe", "training", "from", *keys}
    for kind in (Lora, LabelNoise, Optimisation):
        keys = schema["definitions"][kind.__name__]["properties"]
        assert set(keys) == {field.name for field in dataclasses.fields(kind)}
        schema["properties"] |= {f"{kind.__name__}.{name}": key for name, key in keys.items()}
    assert [name for name, key in schema["properties"].items() if not key["description"]] == []


def test_texts_are_the_same_each_time() -> None:
    for each in SCHEMAS.values():
        assert rendered(each.make()) == rendered(each.make())


def test_parameters_are_read_from_docstrings() -> None:
    class Kind:
        """A line.

        Parameters
        ----------
        one
            First
            and on.
        two
            Second.
        """

    assert checks.described(Kind) == {"one": "First and on.", "two": "Second."}
    assert checks.described(int) == {}
    assert set(checks.described(Check)) == {"name", "where", "objective", "gate"}
