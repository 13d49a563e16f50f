"""Variants of a pair: what a row may say of them, and what they become."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from builders import write_jsonl

from rmcheck import cli
from rmcheck.data import Dialogue, Message, PreferencePair, Variant, variants_hash
from rmcheck.data.preferences import load
from rmcheck.errors import ProblemsFound

ROW: dict[str, Any] = {"id": "a", "prompt": "Why?", "chosen": "Because.", "rejected": "No."}
BACK = {"name": "back", "promise": "preserves", "chosen": "For a reason.", "rejected": "No."}
ASKED = {
    "name": "asked",
    "promise": "preserves",
    "prompt": [{"role": "user", "content": "Why so?"}],
}


def read(folder: Path, *variants: Any) -> PreferencePair:
    path = folder / "d.jsonl"
    write_jsonl(path, [{**ROW, "variants": list(variants)}])
    (pair,) = load([path], root=folder).pairs
    return pair


def test_variants_become_dialogues_beside_the_pair(tmp_path: Path) -> None:
    pair = read(tmp_path, BACK, ASKED)
    turns = (Message("user", "Why so?"),)
    assert pair.variants == (
        Variant("back", "preserves", "For a reason.", "No."),
        Variant("asked", "preserves", prompt=turns),
    )
    chosen, rejected = pair.varied(pair.variants[0])
    assert chosen == Dialogue("Why?", "For a reason.")
    assert (chosen.key, chosen.origin) == ("a/chosen~back", pair.hash)
    assert rejected is None  # the same text as before
    assert pair.varied(pair.variants[1]) == (Dialogue(turns, "Because."), Dialogue(turns, "No."))


def test_scores_of_the_pair_do_not_depend_on_its_variants(tmp_path: Path) -> None:
    plain, varied = read(tmp_path), read(tmp_path, BACK)
    assert plain.hash == varied.hash
    other = read(tmp_path, {**BACK, "chosen": "For another reason."})
    hashes = [variants_hash([pair]) for pair in (plain, varied, other)]
    assert hashes[0] == ""
    assert len(set(hashes)) == 3
    assert variants_hash([varied, plain]) == variants_hash([plain, varied])


MISTAKES: list[tuple[Any, list[str]]] = [
    ("x", ['variants: expected a list [{"name": text', "got 'x'"]),
    (["x"], ["variants[0]: expected an object", "got 'x'"]),
    ([{"promise": "preserves", "chosen": "b"}], ["variants[0].name: expected a text", "got None"]),
    ([{**BACK, "promise": "keeps"}], ["variants[0].promise: expected preserves, degrades, tempts"]),
    ([{"name": "x", "promise": "tempts"}], ["variants[0]: expected at least one of chosen"]),
    ([{**BACK, "chosen": 5}], ["variants[0].chosen: expected text, got int '5'"]),
    ([{**BACK, "choosen": "b"}], ["variants[0]: unknown key 'choosen', did you mean 'chosen'?"]),
    ([BACK, BACK], ["variants[1].name: duplicate name 'back'; use another name"]),
    ([{**ASKED, "prompt": ["hi"]}], ['variants[0].prompt: expected a list of objects {"role"']),
]


@pytest.mark.parametrize(("variants", "said"), MISTAKES)
def test_a_mistake_is_told_at_its_place(tmp_path: Path, variants: Any, said: list[str]) -> None:
    path = tmp_path / "d.jsonl"
    write_jsonl(path, [{**ROW, "variants": variants}])
    with pytest.raises(ProblemsFound) as caught:
        load([path], root=tmp_path)
    (line,) = str(caught.value).splitlines()
    assert line.startswith("d.jsonl:1:1: ")
    assert all(part in line for part in said), line


def test_a_table_has_variants_as_json_text(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    cell = json.dumps([BACK]).replace('"', '""')
    path.write_text(f'id,prompt,chosen,rejected,variants\na,Why?,Because.,No.,"{cell}"\n')
    (pair,) = load([path], root=tmp_path).pairs
    assert [each.name for each in pair.variants] == ["back"]


def test_variants_are_kept_by_the_command_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = read(tmp_path, BACK, ASKED)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["data", "d.jsonl", "-o", "own.jsonl"]) == 0
    assert "\nvariants: back 1, asked 1\n" in capsys.readouterr().out
    assert load([tmp_path / "own.jsonl"]).pairs[0].variants == pair.variants
