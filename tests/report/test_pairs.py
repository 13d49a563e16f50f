"""What became of each pair, the order of reading, and the packed data of the page."""

import base64
import gzip
import json
import random
from typing import Any

import pytest

from rmcheck.record.scores import PairScore
from rmcheck.report import PairTexts, TextsOf
from rmcheck.report.page.pairs import STATES, Pair, distinct, pack, pairs

from . import builder as build

Scores = tuple[float, float]


def unpack(text: str) -> Any:
    return json.loads(gzip.decompress(base64.b64decode(text)))


def one(now: Scores, before: Scores | None = None) -> Pair:
    scores = [build.score("a", *now)]
    earlier = None if before is None else [build.score("a", *before)]
    return pairs(scores, earlier)[0]


@pytest.mark.parametrize(
    ("now", "before", "state"),
    [
        ((1, 0), None, "right"),
        ((0, 1), None, "wrong"),
        ((1, 1), None, "wrong"),  # a tie is not a win
        ((1, 0), (1, 0), "kept"),
        ((0, 1), (1, 0), "newly_wrong"),
        ((1, 1), (1, 0), "newly_wrong"),  # half a win lost
        ((1, 0), (0, 1), "newly_right"),
        ((1, 1), (0, 1), "newly_right"),
        ((0, 1), (0, 1), "both_wrong"),
        ((1, 1), (2, 2), "both_wrong"),
    ],
)
def test_states(now: Scores, before: Scores | None, state: str) -> None:
    assert one(now, before).state == state


def test_an_edited_pair_has_no_baseline() -> None:
    now = [build.score("a", 1, 0, content="new text")]
    earlier = [build.score("a", 0, 1, content="old text")]
    pair = pairs(now, earlier)[0]
    assert pair.baseline is None
    assert pair.state == "right"


def test_a_renamed_pair_keeps_its_baseline() -> None:
    now = [build.score("b", 1, 0, content="same")]
    assert pairs(now, [build.score("a", 0, 1, content="same")])[0].state == "newly_right"


def test_states_and_order_of_many_pairs_are_those_of_the_rule_for_one() -> None:
    """The rule pair by pair; few different scores, so that states and margins are often equal."""
    draw = random.Random(0)

    def scored(count: int) -> list[PairScore]:
        return [
            build.score(
                f"p{draw.randrange(10**6)}",
                draw.choice([-1.0, 0.0, 0.5, 1.0, 1e308, -1e308]),
                draw.choice([-1.0, 0.0, 0.5, 1.0, 1e308, -1e308]),
                suite=draw.choice(["one", "two", "three"]),
                content=f"text {draw.randrange(400)}",
            )
            for _ in range(count)
        ]

    def won(row: PairScore) -> int:
        return (row.chosen > row.rejected) - (row.chosen < row.rejected)

    now, before = scored(900), scored(600)
    known: dict[tuple[str, str], Any] = {}
    for row in before:
        known.setdefault((row.suite, row.hash), row)
    expected = []
    for row in now:
        old = known.get((row.suite, row.hash))
        if old is None:
            rank, state = (3, "right") if won(row) == 1 else (1, "wrong")
        elif won(row) < won(old):
            rank, state = 0, "newly_wrong"
        elif won(row) > won(old):
            rank, state = 2, "newly_right"
        else:
            rank, state = (3, "kept") if won(row) == 1 else (1, "both_wrong")
        scores = old and (old.chosen, old.rejected)
        expected.append((rank, row.chosen - row.rejected, row.suite, row.id, state, scores))
    expected.sort(key=lambda each: each[:4])
    found = pairs(now, before)
    assert {pair.state for pair in found} == set(STATES)
    assert [(pair.margin, pair.suite, pair.id, pair.state, pair.baseline) for pair in found] == [
        each[1:] for each in expected
    ]
    assert {type(score) for pair in found for score in (pair.chosen, pair.rejected)} == {float}


def test_order_newly_wrong_first_and_worst_margin_first() -> None:
    now = [
        build.score("kept", 5, 0),
        build.score("newly-right", 1, 0),
        build.score("both-wrong", -9, 0),
        build.score("newly-wrong-a-little", -1, 0),
        build.score("newly-wrong-a-lot", -4, 0),
        build.score("not-in-the-baseline", -3, 0),
    ]
    before = [
        build.score("kept", 5, 0),
        build.score("newly-right", -1, 0),
        build.score("both-wrong", -9, 0),
        build.score("newly-wrong-a-little", 1, 0),
        build.score("newly-wrong-a-lot", 1, 0),
    ]
    assert [pair.id for pair in pairs(now, before)] == [
        "newly-wrong-a-lot",
        "newly-wrong-a-little",
        "both-wrong",
        "not-in-the-baseline",
        "newly-right",
        "kept",
    ]


@pytest.mark.parametrize(("texts_of", "carried"), [("failing", 2), ("all", 3), ("none", 0)])
def test_whose_texts_are_carried(texts_of: TextsOf, carried: int) -> None:
    now = [build.score("a", 1, 0), build.score("b", 0, 1), build.score("c", 1, 0)]
    before = [build.score("a", 1, 0), build.score("b", 1, 0), build.score("c", 0, 1)]
    texts = {f"h-{name}": PairTexts(f"prompt {name}", "good", "bad") for name in "abc"}
    packed = pack(pairs(now, before), texts, texts_of, {})
    rows = unpack(packed.rows)["rows"]
    assert packed.with_text == carried
    assert sum(row[-1] >= 0 for row in rows) == carried
    prompts = [text[0] for chunk in packed.chunks for text in unpack(chunk)]
    assert (
        prompts
        == {
            "failing": ["prompt b", "prompt c"],
            "all": ["prompt b", "prompt c", "prompt a"],
            "none": [],
        }[texts_of]
    )


def test_rows_and_texts_come_back_as_they_went_in() -> None:
    now, before, texts = build.many_pairs(900, suites=("one", "two"), words=120)
    ordered = pairs(now, before)
    packed = pack(ordered, texts, "all", {"one::c": (ordered[3], ordered[1])})
    data = unpack(packed.rows)
    assert len(packed.chunks) > 1
    chunks = [unpack(chunk) for chunk in packed.chunks]
    used = [0] * len(chunks)
    for pair, row in zip(ordered, data["rows"], strict=True):
        assert [data["suites"][suite] for suite in row[0]] == [pair.suite]
        assert row[1] == pair.id
        assert tuple(data["tags"][tag] for tag in row[2]) == pair.tags
        assert row[3] == pytest.approx(pair.chosen, rel=1e-6)
        assert pair.baseline is not None
        assert row[6] == pytest.approx(pair.baseline[1], rel=1e-6)
        assert STATES[row[7]] == pair.state
        # The script finds a text by counting the rows of its chunk.
        found = chunks[row[8]][used[row[8]]]
        used[row[8]] += 1
        assert found == [
            texts[pair.hash].prompt,
            texts[pair.hash].chosen,
            texts[pair.hash].rejected,
        ]
    assert data["checks"] == {"one::c": [1, 3]}


def test_a_pair_of_several_suites_is_listed_once() -> None:
    both = [build.score("a", 0, 1, suite=name) for name in ("all", "coding")]
    other = build.score("b", 1, 0, suite="all")
    edited = build.score("a", 0, 1, suite="safety", content="another text")
    ordered = pairs([*both, other, edited], None)
    once = distinct(ordered)
    # Under the smaller suite; an equal id with another text is another pair.
    assert [(pair.id, pair.suites) for pair in once] == [
        ("a", ("coding", "all")), ("a", ("safety",)), ("b", ("all",)),
    ]  # fmt: skip
    named = {"all::c": [pair for pair in ordered if pair.suite == "all"]}
    data = unpack(pack(once, {}, "none", named).rows)
    assert [[data["suites"][suite] for suite in row[0]] for row in data["rows"]] == [
        ["coding", "all"], ["safety"], ["all"],
    ]  # fmt: skip
    assert data["checks"] == {"all::c": [0, 2]}


def test_the_same_pairs_pack_to_the_same_bytes() -> None:
    now, before, texts = build.many_pairs(50)
    assert pack(pairs(now, before), texts, "all", {}) == pack(pairs(now, before), texts, "all", {})
    packed = base64.b64decode(pack(pairs(now, before), texts, "all", {}).rows)
    assert packed[4:8] == bytes(4)  # the time in the gzip header


def test_a_lone_surrogate_is_escaped_not_fatal() -> None:
    texts = {"h-a": PairTexts("p\ud800", "c", "r")}
    packed = pack(pairs([build.score("a\udfff", 0, 1, content="h-a")], None), texts, "all", {})
    assert unpack(packed.chunks[0])[0][0] == "p\\ud800"
    assert unpack(packed.rows)["rows"][0][1] == "a\\udfff"


def test_of_very_many_pairs_the_first_are_listed_and_those_that_checks_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rmcheck.report.page.pairs.MOST_ROWS", 10)
    scores = [build.score(f"p{row:03}", row, 50.5) for row in range(100)]
    ordered = pairs(scores, None)
    named = {"conversation::win_rate": [ordered[3], ordered[70]]}
    packed = pack(ordered, {}, "failing", named)
    data = unpack(packed.rows)
    assert [row[1] for row in data["rows"]] == [*(f"p{row:03}" for row in range(10)), "p070"]
    assert data["checks"] == {"conversation::win_rate": [3, 10]}
    assert packed.listed == 11
    assert pack(ordered[:10], {}, "failing", {}).listed == 10


def test_texts_of_failing_pairs_end_where_there_is_no_more_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rmcheck.report.page.pairs.MOST_TEXT", 3_000)
    scores = [build.score(f"p{row:03}", row, 500.5) for row in range(400)]
    ordered = pairs(scores, None)
    noise = random.Random(0).choices("abcdefghijklmnopqrstuvwxyz ", k=2_000)
    texts = {pair.hash: PairTexts("Why?", "".join(noise) + pair.id, pair.id) for pair in ordered}
    packed = pack(ordered, texts, "failing", {})
    places = [row[8] for row in unpack(packed.rows)["rows"]]
    assert packed.listed == 400
    assert 0 < packed.with_text < 400
    # The first pairs have theirs, chunk after chunk, and none follows after the last.
    assert places == [*sorted(places[: packed.with_text]), *[-1] * (400 - packed.with_text)]
    assert [len(unpack(chunk)) for chunk in packed.chunks] == [
        places.count(chunk) for chunk in range(len(packed.chunks))
    ]
    assert pack(ordered, texts, "all", {}).with_text == 400
