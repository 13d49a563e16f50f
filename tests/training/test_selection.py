"""`where` in a recipe: which of the data it trains on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from rmcheck.data import PreferencePair, ResponseSet
from rmcheck.data.preferences import PreferenceData
from rmcheck.errors import ProblemsFound, TrainingError
from rmcheck.reward_source import SourceOptions
from rmcheck.scoring.files import FileHashes
from rmcheck.slices.where import Slice
from rmcheck.sources.recipe import create
from rmcheck.sources.recipe_data import data_of
from rmcheck.training.recipe import Recipe
from rmcheck.training.recipe_file import load_recipe
from rmcheck.training.selection import selected

from . import project

TAGS = (("law",), ("law", "long"), ("food",), ())


def pair(number: int, *tags: str) -> PreferencePair:
    name = f"p{number}"
    return PreferencePair(name, f"Why {number}?", "Because it is.", "No.", name, tags)


DATA = PreferenceData(tuple(pair(number, *tags) for number, tags in enumerate(TAGS)))
SETS = PreferenceData(
    (), (ResponseSet("s", "Why?", ("a", "b"), (0,), "s", ("law",)),
         ResponseSet("t", "How?", ("a", "b"), (0,), "t", ("food",))),
)  # fmt: skip


def recipe(where: Slice | None, folder: Path = Path("/r")) -> Recipe:
    return Recipe(name="r", path=folder / "r.yaml", base="base", data=("pairs.jsonl",), where=where)


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        (None, ["p0", "p1", "p2", "p3"]),
        (Slice(tags=("law",)), ["p0", "p1"]),
        (Slice(tags=("law", "food")), ["p0", "p1", "p2"]),
        (Slice(tags=("law",), without_tags=("long",)), ["p0"]),
        (Slice(all_tags=("law", "long")), ["p1"]),
        (Slice(without_tags=("law",)), ["p2", "p3"]),
    ],
)
def test_the_pairs_that_satisfy_it_are_kept_in_order(where: Slice | None, kept: list[str]) -> None:
    assert [pair.id for pair in selected(DATA, recipe(where)).pairs] == kept


def test_response_sets_are_chosen_by_their_tags() -> None:
    found = selected(SETS, recipe(Slice(tags=("law",))))
    assert [each.id for each in found.sets] == ["s"]


@pytest.mark.parametrize(
    ("data", "where", "said"),
    [
        (
            DATA,
            Slice(tags=("lwa",), all_tags=("fod",)),
            "/r/r.yaml: where.tags: nothing in the data has the tag 'lwa', did you mean 'law'? "
            "(allowed: food, law, long); where.all_tags: nothing in the data has the tag 'fod', "
            "did you mean 'food'?",
        ),
        (
            DATA,
            Slice(tags=("food",), without_tags=("food",)),
            "/r/r.yaml: where: 0 of 4 examples of the data satisfy it",
        ),
        (
            SETS,
            Slice(shorter="chosen"),
            "where: shorter: a condition on pairs, but the data have 2 response sets; "
            "use tags, without_tags and all_tags only",
        ),
    ],
)
def test_what_cannot_be_chosen_is_told(data: PreferenceData, where: Slice, said: str) -> None:
    with pytest.raises(TrainingError) as caught:
        selected(data, recipe(where))
    assert said in str(caught.value)


def test_mistakes_of_the_key_stand_at_their_place(tmp_path: Path) -> None:
    text = "recipe: 1\nbase: base\ndata: pairs.jsonl\nwhere: {tag: [law]}\n"
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(ProblemsFound) as caught:
        load_recipe("mine.yaml", tmp_path)
    assert "mine.yaml:4:9: recipe: unknown key 'tag', did you mean 'tags'?" in str(caught.value)


def test_it_is_part_of_the_hash_and_recipes_without_it_keep_theirs(tmp_path: Path) -> None:
    project.made(tmp_path)
    hashes = FileHashes(tmp_path / "cache")
    plain = project.recipe_of(tmp_path)
    law, food = (replace(plain, where=Slice(tags=(tag,))) for tag in ("law", "food"))
    prints = [each.fingerprint(hashes) for each in (plain, law, food)]
    assert len(set(prints)) == 3
    assert replace(law, where=None).fingerprint(hashes) == prints[0]
    assert law.settings(hashes)["where.tags"] == ["law"]
    assert not any(key.startswith("where") for key in plain.settings(hashes))


def test_a_recipe_trains_on_the_selected_pairs_as_on_a_file_of_them(tmp_path: Path) -> None:
    """Two thirds of the pairs have the tag; a file of these alone trains the same weights."""
    project.made(tmp_path)
    path = tmp_path / "pairs.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for number, row in enumerate(rows):
        row["tags"] = ["law"] if number // 3 % 3 else ["food"]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    law = [row for row in rows if row["tags"] == ["law"]]
    (tmp_path / "law.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in law))
    text = (tmp_path / "tiny.yaml").read_text(encoding="utf-8")
    (tmp_path / "by_tag.yaml").write_text(text + "where: {tags: [law]}\n", encoding="utf-8")
    (tmp_path / "by_file.yaml").write_text(text.replace("pairs.jsonl", "law.jsonl"))

    options = SourceOptions(root=tmp_path, cache=tmp_path / "cache", device="cpu")
    by_tag, by_file = (create(f"{name}.yaml", options) for name in ("by_tag", "by_file"))
    assert [pair.id for pair in data_of(by_tag.recipe).pairs] == [row["id"] for row in law]
    texts = [side for pair in project.pairs_in(tmp_path)[:4] for side in pair.dialogues()]
    assert by_tag.score(texts).tolist() == by_file.score(texts).tolist()
    assert by_tag.adapter != by_file.adapter
