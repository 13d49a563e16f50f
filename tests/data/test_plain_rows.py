"""A row without anything unusual is read in a short way, with the result of the long one."""

from __future__ import annotations

import json
import random
from typing import Any

from rmcheck.data.dialogue import (
    Dialogue,
    PreferencePair,
    content_hash,
    data_hash,
    prompt_group,
)
from rmcheck.data.row_reader import _Reader, plain_pair
from rmcheck.data.rows import Row

VALUES: dict[str, list[Any]] = {
    "id": ["a", "", 3, None, True],
    "prompt": ["Why?", "", None, [], [{"role": "user", "content": "Hi"}], 5],
    "chosen": ["Yes.", "", None, 1],
    "rejected": ["No.", "", None, ["No."]],
    "group": ["g", "", None, 4],
    "tags": [["a", "b"], [], None, "a", [1], ["a", None]],
    "confidence": [0.7, 3, None],
    "ratings": [{"chosen": 1, "rejected": 0}, None, 7],
    "responses": [["a", "b"], None],
    "chosenn": ["misspelt"],
    "source": ["another column", None],
}


def test_a_plain_row_gives_the_pair_of_the_careful_reader() -> None:
    draw = random.Random(0)
    plain = odd = 0
    for _ in range(6_000):
        values = {
            key: draw.choices(some, [6, *[1] * (len(some) - 1)])[0]
            for key, some in VALUES.items()
            if draw.random() < (0.95 if key in ("id", "prompt", "chosen", "rejected") else 0.15)
        }
        found = plain_pair(values)
        if found is None:
            odd += 1
            continue
        plain += 1
        reader = _Reader(Row("p.jsonl", 1, values), {})
        assert "responses" not in values
        assert reader.pair() == found
        assert reader.problems == []
    assert plain > 500
    assert odd > 500


def test_pairs_of_a_prompt_share_it_and_its_group() -> None:
    def row(name: str, prompt: str) -> Any:
        return json.loads(
            json.dumps({"id": name, "prompt": prompt, "chosen": "c", "rejected": "r"})
        )

    first, second, other = (plain_pair(row(*each)) for each in ("aP", "bP", "cQ"))
    assert first is not None
    assert second is not None
    assert other is not None
    assert first.prompt is second.prompt
    assert first.group is second.group == prompt_group("P")
    assert other.prompt == "Q"
    assert other.group == prompt_group("Q") != first.group


def test_a_hash_of_texts_is_that_of_their_json() -> None:
    import hashlib

    texts = ["", 'a"b', "\\", "\n\t\x00\x1f\x7f", "é日🎉\u2028", "\ud800", "x" * 1_000]
    for first in texts:
        for second in texts:
            text = json.dumps([first, second], ensure_ascii=False, separators=(",", ":"))
            digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
            assert content_hash(first, second) == digest[:32]
            assert Dialogue(first, second).hash == digest[:32]
            pair = PreferencePair("p", first, second, first, "g")
            assert pair.hash == content_hash(first, second, first)
            assert prompt_group(first) == content_hash(first)[:16]
    pairs = [PreferencePair(text, "p", text, "r", "g") for text in reversed(texts)]
    rows = sorted([pair.id, pair.hash] for pair in pairs)
    assert data_hash(pairs) == content_hash(rows)[:16]
    assert data_hash([]) == content_hash([])[:16]
