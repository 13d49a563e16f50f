"""Well-known data sets: rows as their cards show them, and the pairs they must become."""

from __future__ import annotations

from typing import Any

import pytest

from rmcheck.data import Message, PreferencePair
from rmcheck.data.hub import from_rows

CHAT = [{"role": "user", "content": "Why?"}]


def reply(text: str) -> list[dict[str, str]]:
    return [*CHAT, {"role": "assistant", "content": text}]


def pairs_from_rows(
    name: str, rows: list[dict[str, Any]], columns: dict[str, str] | None = None
) -> list[PreferencePair]:
    items = [item for _, item in from_rows(name, rows, columns).items]
    return [item for item in items if isinstance(item, PreferencePair)]


def parts(pair: PreferencePair) -> tuple[Any, ...]:
    return pair.prompt, pair.chosen, pair.rejected, pair.tags


@pytest.mark.parametrize(
    ("name", "row", "expected"),
    [
        (
            "Dahoas/synthetic-instruct-gptj-pairwise",
            {"prompt": "Why?", "chosen": "Because.", "rejected": "No."},
            [("Why?", "Because.", "No.", ())],
        ),
        (
            "Anthropic/hh-rlhf",
            {
                "chosen": "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Why?\n\nAssistant: Because.",
                "rejected": "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Why?\n\nAssistant: No.",
            },
            [
                (
                    (Message("user", "Hi"), Message("assistant", "Hello"), Message("user", "Why?")),
                    "Because.",
                    "No.",
                    (),
                )
            ],
        ),
        (
            "openai/summarize_from_feedback",
            {
                "info": {"post": " A long story. ", "article": None},
                "summaries": [{"text": " Short."}, {"text": " Wrong."}],
                "choice": 1,
            },
            [("A long story.\n\nTL;DR:", "Wrong.", "Short.", ())],
        ),
        (
            "openai/summarize_from_feedback",
            {
                "info": {"post": None, "article": "News."},
                "summaries": [{"text": "Short."}, {"text": "Wrong."}],
                "choice": 0,
            },
            [("News.\n\nTL;DR:", "Short.", "Wrong.", ())],
        ),
        (
            "allenai/reward-bench",
            {"prompt": "Why?", "chosen": "Because.", "rejected": "No.", "subset": "refusals"},
            [("Why?", "Because.", "No.", ("subset:refusals",))],
        ),
        (
            "allenai/reward-bench-2",
            {"prompt": "Why?", "chosen": ["a", "b"], "rejected": ["x", "y"], "subset": "Ties"},
            [("Why?", good, bad, ("subset:Ties",)) for good in "ab" for bad in "xy"],
        ),
        (
            "trl-lib/ultrafeedback_binarized",
            {"chosen": reply("Because."), "rejected": reply("No."), "score_chosen": 8.0},
            [((Message("user", "Why?"),), "Because.", "No.", ())],
        ),
        (
            "somebody/else",
            {"prompt": CHAT, "chosen": reply("Because."), "rejected": reply("No.")},
            [((Message("user", "Why?"),), "Because.", "No.", ())],
        ),
        (
            "somebody/else",
            {
                "chosen": "\n\nHuman: Why?\n\nAssistant: So.",
                "rejected": "\n\nHuman: Why?\n\nAssistant: x",
            },
            [("Why?", "So.", "x", ())],
        ),
    ],
)
def test_rows_become_pairs(name: str, row: dict[str, Any], expected: list[Any]) -> None:
    found = pairs_from_rows(name, [row])
    assert [parts(pair) for pair in found] == expected
    # One prompt is one group, and different pairs have different ids.
    assert len({pair.group for pair in found}) == 1
    assert len({pair.id for pair in found}) == len(expected)


def test_an_id_stands_for_the_row_wherever_it_stands() -> None:
    rows = [{"prompt": f"q{i}", "chosen": "a", "rejected": "b"} for i in range(3)]
    ids = [pair.id for pair in pairs_from_rows("x", rows)]
    assert [pair.id for pair in pairs_from_rows("x", rows[::-1])] == ids[::-1]
    assert len(set(ids)) == 3


def test_columns_cover_the_rest() -> None:
    row = {"question": "Why?", "good": "Because.", "bad": "No."}
    columns = {"prompt": "question", "chosen": "good", "rejected": "bad"}
    (pair,) = pairs_from_rows("x", [row], columns)
    assert parts(pair) == ("Why?", "Because.", "No.", ())
    with pytest.raises(ValueError, match=r"x: layout not recognised; .*map the keys"):
        pairs_from_rows("x", [row], {})
    said = r"x: columns: the data have no 'best' \(for chosen\); other keys found: good"
    with pytest.raises(ValueError, match=said):
        pairs_from_rows("x", [row], {**columns, "chosen": "best"})


def test_a_row_that_does_not_fit_is_named() -> None:
    good = {"chosen": "\n\nHuman: a\n\nAssistant: b", "rejected": "\n\nHuman: a\n\nAssistant: c"}
    with pytest.raises(ValueError, match=r"hh-rlhf: 1 row of 2 is not .*\(row 1: .*Assistant"):
        pairs_from_rows("Anthropic/hh-rlhf", [good, {**good, "chosen": "no turns"}])


HH = "Anthropic/hh-rlhf"
GOOD: dict[str, dict[str, Any]] = {
    HH: {"chosen": "\n\nHuman: a\n\nAssistant: b", "rejected": "\n\nHuman: a\n\nAssistant: c"},
    "x": {"chosen": reply("b"), "rejected": reply("c")},
}
OTHER = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "c"}]
NOT_PAIRS: dict[str, tuple[str, dict[str, Any], str]] = {
    "transcripts of two conversations": (
        HH,
        {"rejected": "\n\nHuman: other\n\nAssistant: c"},
        "chosen and rejected continue different conversations",
    ),
    "a transcript that ends with the human": (
        HH,
        {"rejected": "\n\nHuman: a\n\nAssistant: c\n\nHuman: no"},
        "rejected ends with a turn of the human",
    ),
    "no transcript": (HH, {"chosen": None}, "chosen is null"),
    "messages of two conversations": (
        "x",
        {"rejected": OTHER},
        "chosen and rejected continue different conversations",
    ),
    "messages that end with the user": (
        "x",
        {"chosen": CHAT, "rejected": CHAT},
        "chosen ends with a turn of 'user'",
    ),
    "an answer without text": ("x", {"rejected": reply(None)}, "rejected[1].content is null"),  # type: ignore[arg-type]
    "a turn without text": (
        "x",
        {side: [{"role": "user", "content": None}, *reply("b")[1:]] for side in GOOD["x"]},
        "chosen[0].content is null",
    ),
    "parts in place of a text": (
        "x",
        {"chosen": [*CHAT, {"role": "assistant", "content": [{"type": "image"}]}]},
        "chosen[1].content: a part of type 'image', and only text can be scored",
    ),
    "no messages": ("x", {"chosen": []}, "chosen: expected messages, got an empty list"),
    "a null response": (
        "x",
        {"prompt": "a", "chosen": "b", "rejected": None},
        "rejected is null",
    ),
    "a prompt of another conversation": (
        "x",
        {"prompt": "Who?"},
        "the prompt and the messages before the answer are different conversations",
    ),
}


@pytest.mark.parametrize("case", NOT_PAIRS)
def test_a_row_without_a_pair_is_left_out_with_its_reason_and_never_read_otherwise(
    case: str,
) -> None:
    name, change, reason = NOT_PAIRS[case]
    rows = [GOOD[name]] * 30
    rows[7] = {**GOOD[name], **change}
    reading = from_rows(name, rows)
    # 28 of the others have the same texts as the first one.
    assert reading.note.reasons == {"the same texts as an earlier row": 28, reason: 1}
    assert reading.note.examples[reason] == (7,)
    assert len(reading.items) == 1


def test_a_data_set_with_many_such_rows_is_refused() -> None:
    rows = [{**GOOD["x"], "rejected": OTHER}] * 4 + [GOOD["x"]] * 60
    said = r"4 rows of 64 are not pairs .* \(row 0: .*; row 1: .*; row 2: .* and 1 more\)"
    with pytest.raises(ValueError, match=said):
        pairs_from_rows("x", rows)


def test_a_prompt_of_its_own_comes_before_the_turns_of_both_sides() -> None:
    earlier = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    (pair,) = pairs_from_rows("x", [{"prompt": earlier, **GOOD["x"]}])
    assert [turn.content for turn in pair.prompt] == ["Hi", "Hello", "Why?"]  # type: ignore[union-attr]
    (pair,) = pairs_from_rows("x", [{"prompt": "Why?", **GOOD["x"]}])
    assert pair.prompt == "Why?"
