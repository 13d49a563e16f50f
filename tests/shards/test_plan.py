"""The plan: texts of a prompt stay together, every item once, the same wherever it is made."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rmcheck.data import Dialogue, Message, PreferencePair, ResponseSet
from rmcheck.errors import ProblemsFound, UsageError
from rmcheck.shards import plan as plans
from rmcheck.shards.items import ItemStream, packed, texts_of
from tests.shards.projects import project

KEYS = {"source": "py:x:y", "fingerprint": "abc"}


def lines(plan: plans.Plan, shard: int) -> list[dict[str, object]]:
    return [json.loads(line) for line in plan.input(shard).read_text().splitlines()]


def test_every_item_is_in_one_shard_with_all_of_its_prompt(tmp_path: Path) -> None:
    items = list(ItemStream([project(tmp_path) / "d.jsonl"]))
    plan = plans.make(tmp_path / "plan", items, 8, **KEYS)
    assert (plan.items, plan.texts, plan.shards) == (65, 135, 8)
    found = {shard: lines(plan, shard) for shard in range(8)}
    ids = [line["id"] for shard in found.values() for line in shard]
    assert sorted(ids) == sorted(item.id for item in items)
    of_prompt: dict[object, set[int]] = {}
    for shard, entries in found.items():
        for line in entries:
            of_prompt.setdefault(line["prompt"], set()).add(shard)
    assert all(len(shards) == 1 for shards in of_prompt.values())
    assert sum(bool(entries) for entries in found.values()) > 4
    assert plan.sizes == tuple(
        sum(len(texts_of(line)) for line in entries) for entries in found.values()
    )
    # Pairs in the order of the data, then sets: as `rmcheck score` writes them.
    pairs = [item for item in items if isinstance(item, PreferencePair)]
    sets = [item for item in items if isinstance(item, ResponseSet)]
    wanted = [plans.shard_of(item, 8) for item in (*pairs, *sets)]
    assert plan.order.tolist() == wanted


def test_the_plan_is_the_same_in_pieces_and_with_little_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = ItemStream([project(tmp_path) / "d.jsonl"])
    whole = plans.make(tmp_path / "a", stream, 8, **KEYS)
    monkeypatch.setattr(plans, "HELD", 100)
    parts = [plans.make(tmp_path / "b", stream, 8, mine=range(i, 8, 3), **KEYS) for i in range(3)]
    for part in parts:
        assert part.as_data() == whole.as_data()
    for shard in range(8):
        assert parts[0].input(shard).read_bytes() == whole.input(shard).read_bytes()
        assert parts[0].output(shard).name == whole.output(shard).name
    assert plans.read(tmp_path / "b").as_data() == whole.as_data()
    assert np.array_equal(parts[1].order, whole.order)
    assert not list((tmp_path / "b").glob(".*"))


def test_a_shard_is_named_by_its_texts_and_its_source(tmp_path: Path) -> None:
    stream = list(ItemStream([project(tmp_path) / "d.jsonl"]))
    first = plans.make(tmp_path / "a", stream, 8, **KEYS)
    edited = [
        PreferencePair(item.id, item.prompt, "edited", item.rejected, item.group)
        if item.id == "p7" and isinstance(item, PreferencePair)
        else item
        for item in stream
    ]
    second = plans.make(tmp_path / "b", edited, 8, **KEYS)
    changed = [s for s in range(8) if first.output(s).name != second.output(s).name]
    assert changed == [plans.shard_of(edited[7], 8)]
    other = plans.make(tmp_path / "c", stream, 8, source="py:x:y", fingerprint="other")
    assert not {other.output(s).name for s in range(8)} & {first.output(s).name for s in range(8)}


@pytest.mark.parametrize("change", ["data", "source", "number of shards"])
def test_a_folder_with_another_plan_is_refused(tmp_path: Path, change: str) -> None:
    stream = list(ItemStream([project(tmp_path) / "d.jsonl"]))
    plans.make(tmp_path / "a", stream, 8, **KEYS)
    plans.make(tmp_path / "a", stream, 8, **KEYS)
    data = stream[1:] if change == "data" else stream
    keys = {**KEYS, "fingerprint": "other"} if change == "source" else KEYS
    shards = 4 if change == "number of shards" else 8
    with pytest.raises(UsageError, match=f"has the plan of another {change}; choose another"):
        plans.make(tmp_path / "a", data, shards, **keys)
    assert plans.make(tmp_path / "a", data, shards, replace=True, **keys).shards == shards


texts = st.text(max_size=20)
prompts = st.one_of(
    texts,
    st.lists(
        st.builds(Message, st.sampled_from(["user", "assistant"]), texts, st.just("")), min_size=1
    ).map(tuple),
)


@settings(max_examples=200, deadline=None)
@given(prompts, texts, texts, st.lists(texts, min_size=2, max_size=4))
def test_what_is_packed_is_what_is_unpacked(
    prompt: object, one: str, two: str, several: list[str]
) -> None:
    pair = PreferencePair("a/b", prompt, one, two, "g")  # type: ignore[arg-type]
    group = ResponseSet("s", prompt, tuple(several), (0,), "g")  # type: ignore[arg-type]
    alone = Dialogue(prompt, one, "k/chosen", "origin")  # type: ignore[arg-type]
    for item, wanted in (
        (pair, pair.dialogues()), (group, group.dialogues()), (alone, (alone,)),
    ):  # fmt: skip
        line = packed(item)  # type: ignore[arg-type]
        assert line.count("\n") == 1
        got = texts_of(json.loads(line))
        assert [(d.prompt, d.response, d.key, d.origin, d.hash) for d in got] == [
            (d.prompt, d.response, d.key, d.origin, d.hash) for d in wanted
        ]


def test_mistakes_of_the_data_are_told_as_by_every_command(tmp_path: Path) -> None:
    path = project(tmp_path) / "d.jsonl"
    path.write_text(
        path.read_text() + '{"id": "p3", "prompt": "x", "chosen": 1, "rejected": "r"}\n'
    )
    with pytest.raises(ProblemsFound, match=r"d\.jsonl:66:\d+: chosen"):
        plans.make(tmp_path / "a", ItemStream([path], tmp_path), 4, **KEYS)
    assert not (tmp_path / "a" / plans.PLAN).exists()
    rows = path.read_text().splitlines()
    path.write_text("\n".join([*rows[:65], rows[0]]) + "\n")
    with pytest.raises(ProblemsFound, match="duplicate id 'p0'"):
        plans.make(tmp_path / "a", ItemStream([path], tmp_path), 4, **KEYS)


def test_another_layout_is_read_whole(tmp_path: Path) -> None:
    rows = [{"chosen": f"\n\nHuman: q{i}\n\nAssistant: yes {i}",
             "rejected": f"\n\nHuman: q{i}\n\nAssistant: no {i}"} for i in range(5)]  # fmt: skip
    path = tmp_path / "hh.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    stream = ItemStream([path], tmp_path)
    assert len(list(stream)) == 5
    assert "hh" in stream.said[0]
