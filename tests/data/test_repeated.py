"""Answers that repeat their prompt: read without it where all do, refused where some do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rmcheck.data import PreferencePair
from rmcheck.data.preferences import load
from rmcheck.errors import ProblemsFound
from rmcheck.shards.items import ItemStream

PROMPTS = [f"What is the capital of country {number}?" for number in range(5)]
PLAIN = [{"prompt": one, "chosen": "Paris.", "rejected": "No idea."} for one in PROMPTS]
DOUBLE = [
    {"prompt": one, "chosen": f"{one} Paris.", "rejected": f"{one}\n\nNo idea."} for one in PROMPTS
]


def written(path: Path, rows: list[dict[str, Any]], *, ids: bool) -> Path:
    named = [{"id": f"p{number}", **row} if ids else row for number, row in enumerate(rows)]
    path.write_text("".join(json.dumps(row) + "\n" for row in named), encoding="utf-8")
    return path


def texts(pairs: tuple[PreferencePair, ...]) -> list[tuple[Any, str, str]]:
    return [(pair.prompt, pair.chosen, pair.rejected) for pair in pairs]


@pytest.mark.parametrize("ids", [False, True])
def test_a_prompt_that_all_answers_repeat_is_read_once(ids: bool, tmp_path: Path) -> None:
    path = written(tmp_path / "d.jsonl", DOUBLE, ids=ids)
    data = load([path])
    assert texts(data.pairs) == [(one, "Paris.", "No idea.") for one in PROMPTS]
    assert data.notes[0].layout == "trl-repeated"
    assert not ids or [pair.id for pair in data.pairs] == ["p0", "p1", "p2", "p3", "p4"]
    # Other texts than those of the file as it stands.
    assert data.hash != load([path], layout="ours" if ids else "trl").hash


@pytest.mark.parametrize("ids", [False, True])
def test_a_file_in_which_some_answers_repeat_it_is_refused_by_line(
    ids: bool, tmp_path: Path
) -> None:
    path = written(tmp_path / "d.jsonl", [*PLAIN[:3], *DOUBLE[3:]], ids=ids)
    with pytest.raises(ProblemsFound) as caught:
        load([path], root=tmp_path)
    rows = [(each.line, each.message) for each in caught.value.problems if each.line]
    said = (
        "chosen and rejected begin with the prompt, which would be scored twice; remove it from "
        "them, or name the layout to score them as they are"
    )
    assert rows == [(4, said), (5, said)]
    named = load([path], layout="ours" if ids else "trl")
    assert texts(named.pairs)[3] == (
        PROMPTS[3],
        f"{PROMPTS[3]} Paris.",
        f"{PROMPTS[3]}\n\nNo idea.",
    )


def test_the_items_of_a_shard_are_those_of_the_file(tmp_path: Path) -> None:
    path = written(tmp_path / "d.jsonl", DOUBLE, ids=True)
    assert tuple(ItemStream([path])) == load([path]).pairs
    mixed = written(tmp_path / "m.jsonl", [*PLAIN[:4], DOUBLE[4]], ids=True)
    with pytest.raises(ProblemsFound, match=r"m\.jsonl:5:1: chosen and rejected begin with"):
        list(ItemStream([mixed], root=tmp_path))


def test_short_prompts_may_begin_answers_by_chance(tmp_path: Path) -> None:
    short = [{"prompt": "The sky is", "chosen": "The sky is blue.", "rejected": "The sky is red."}]
    path = written(tmp_path / "d.jsonl", short, ids=False)
    with pytest.raises(ProblemsFound, match=r"name 'layout: trl-repeated' if they repeat .*trl'"):
        load([path])
    assert texts(load([path], layout="trl-repeated").pairs) == [("The sky is", "blue.", "red.")]
    assert load([path], layout="trl").pairs[0].chosen == "The sky is blue."
    # Beside prompts that are not repeated, they are answers that begin alike.
    more = load([written(tmp_path / "d.jsonl", [*short, *PLAIN], ids=False)])
    assert more.pairs[0].chosen == "The sky is blue."


@pytest.mark.parametrize(
    ("chosen", "rejected"),
    [
        ("What is the capital of France? Paris.", "Paris."),  # a quote on one side alone
        ("What is the capital of Francex", "What is the capital of Francey"),
    ],
)
def test_a_quote_on_one_side_and_a_longer_word_are_no_prompt(
    chosen: str, rejected: str, tmp_path: Path
) -> None:
    row = {"prompt": "What is the capital of France", "chosen": chosen, "rejected": rejected}
    data = load([written(tmp_path / "d.jsonl", [row], ids=False)])
    assert texts(data.pairs) == [(row["prompt"], chosen, rejected)]
    assert data.notes[0].layout == "trl"


def test_transcripts_beside_their_prompt_are_those_of_hh(tmp_path: Path) -> None:
    asked = "\n\nHuman: Why is the sky blue?"
    row = {
        "prompt": asked,
        "chosen": f"{asked}\n\nAssistant: So.",
        "rejected": f"{asked}\n\nAssistant: No.",
    }
    with pytest.raises(ProblemsFound, match="name 'layout: hh'"):
        load([written(tmp_path / "d.jsonl", [row], ids=False)])
    whole = {**row, "prompt": f"{asked}\n\nAssistant:"}
    data = load([written(tmp_path / "d.jsonl", [whole], ids=False)])
    assert texts(data.pairs) == [("Why is the sky blue?", "So.", "No.")]


def test_variants_of_our_own_layout_are_never_dropped(tmp_path: Path) -> None:
    rows = [{**row, "objectives": {"safety": "rejected"}} for row in DOUBLE]
    with pytest.raises(ProblemsFound, match="begin with the prompt"):
        load([written(tmp_path / "d.jsonl", rows, ids=True)])
