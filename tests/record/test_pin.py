"""Pin files: read with located mistakes, added to without a change of what is there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from rmcheck.checks.adversarial.claim import Claim
from rmcheck.checks.pinned import claim_of, row_of
from rmcheck.data import Dialogue, Message
from rmcheck.errors import ProblemsFound, UsageError
from rmcheck.record.pin import PinRow, add, named, read
from rmcheck.record.pin_changes import changes
from rmcheck.scaffold.schema import SCHEMAS
from rmcheck.verdict import PinResult


def pin(after: str = "An  answer.", **keys: object) -> PinRow:
    return named(promise="preserves", prompt="Q?", before="An answer.", after=after, **keys)


def test_what_is_added_is_read_again_and_matches_the_schema(tmp_path: Path) -> None:
    path = tmp_path / "below" / "pins.jsonl"
    rows = [pin(), pin("AN ANSWER.", key="p/chosen", note="loud", above="Other.")]
    assert add(path, rows) == rows
    assert read(path) == rows
    validator = Draft7Validator(SCHEMAS["pin"].make())
    for line in path.read_text(encoding="utf-8").splitlines():
        validator.validate(json.loads(line))
    assert list(path.parent.iterdir()) == [path]


def test_the_same_content_is_added_once_whatever_its_note(tmp_path: Path) -> None:
    path = tmp_path / "pins.jsonl"
    add(path, [pin()])
    assert add(path, [pin(note="again"), pin(key="p/chosen")]) == []
    assert len(read(path)) == 1


def test_what_is_there_stays_byte_by_byte(tmp_path: Path) -> None:
    path = tmp_path / "pins.jsonl"
    old = '\n{ "id": "mine",  "promise": "tempts", "prompt": "Q", "before": "a", "after": "b" }'
    path.write_text(old, encoding="utf-8")
    add(path, [pin()])
    assert path.read_text(encoding="utf-8") == f"{old}\n{pin().line()}"
    assert [row.id for row in read(path)] == ["mine", pin().id]


def test_an_id_that_is_taken_gives_way_to_the_content(tmp_path: Path) -> None:
    path = tmp_path / "pins.jsonl"
    add(path, [pin().model_copy(update={"id": "mine"})])
    other = pin("other").model_copy(update={"id": "mine"})
    (new,) = add(path, [other])
    assert new.id == other.content


def test_a_link_is_written_through(tmp_path: Path) -> None:
    target, link = tmp_path / "kept.jsonl", tmp_path / "pins.jsonl"
    link.symlink_to(target)
    with pytest.raises(UsageError, match=r"pins\.jsonl: the link's target does not exist"):
        add(link, [pin()])
    target.write_text("", encoding="utf-8")
    add(link, [pin()])
    assert link.is_symlink()
    assert read(target) == [pin()]


def test_a_file_with_mistakes_is_not_added_to(tmp_path: Path) -> None:
    path = tmp_path / "pins.jsonl"
    path.write_text("{}\n", encoding="utf-8")
    with pytest.raises(ProblemsFound, match=r"pins.jsonl:1:1: the key 'id' is missing"):
        add(path, [pin()])
    assert path.read_text(encoding="utf-8") == "{}\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[]", r"expected a JSON object, got \[\]"),
        ('"text"', 'expected a JSON object, got "text"'),
        (json.dumps({**pin().model_dump(), "after": "\ud800"}), "unpaired surrogate"),
        (json.dumps({**pin().model_dump(), "after": "An answer."}), "nothing is tested"),
        (json.dumps({**pin().model_dump(), "before": 3}), "before: .*string, got 3"),
        (json.dumps({**pin().model_dump(), "prompt": [{"role": "user"}]}), "content' is missing"),
        ('{"a": NaN}', "missing"),
    ],
)
def test_mistakes_say_what_was_got(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "pins.jsonl"
    path.write_text(line, encoding="utf-8")
    with pytest.raises(ProblemsFound, match=rf"pins.jsonl:1:1: .*{said}"):
        read(path)


def test_bytes_that_are_not_text_are_named(tmp_path: Path) -> None:
    path = tmp_path / "pins.jsonl"
    path.write_bytes(b'{"id": "\xff"}')
    with pytest.raises(ProblemsFound, match="expected UTF-8, got byte 0xff"):
        read(path)


def test_a_claim_becomes_a_row_and_the_same_claim_again() -> None:
    turns = (Message("user", "Hi", '{"name": "Ann"}'), Message("assistant", "Yes?"))
    asked, other = (*turns, Message("user", "Why?")), (*turns, Message("user", "Why ?"))
    claim = Claim("preserves", Dialogue(asked, "So."), Dialogue(other, "So!"), above="No.")
    again = claim_of(PinRow.model_validate(row_of(claim, "a note")))
    assert again == claim
    assert again.before.prompt == asked
    # Before, after, and the other response under both prompts.
    assert len(again.texts()) == 4


def test_what_became_of_pins() -> None:
    now = [
        PinResult(id="back", state="broken"),
        PinResult(id="still", state="broken"),
        PinResult(id="fixed", state="holds"),
        PinResult(id="new", state="broken"),
        PinResult(id="quiet", state="holds"),
    ]
    before = {
        "back": "holds",
        "still": "broken",
        "fixed": "broken",
        "quiet": "holds",
        "gone": "holds",
    }
    found = changes(now, before)  # type: ignore[arg-type]
    assert str(found) == (
        "1 back again: back, 1 still broken: still, 1 fixed: fixed, 1 new (1 broken): new, "
        "1 removed: gone"
    )
    assert str(changes([PinResult(id="quiet", state="holds")], {"quiet": "holds"})) == ""
