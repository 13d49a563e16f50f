"""The parts of the adversary: places, chains, claims, edits, the budget."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rmcheck.checks.adversarial.chain import Chain, Move
from rmcheck.checks.adversarial.claim import Claim, Limits
from rmcheck.checks.adversarial.edit import alike, atoms, edited, insertion, tokens, with_texts
from rmcheck.checks.adversarial.ledger import Ledger
from rmcheck.checks.adversarial.novelty import features
from rmcheck.checks.adversarial.parts import parts, stretch
from rmcheck.checks.adversarial.shrinker import _least
from rmcheck.data import Dialogue, Message

from .planted import opening, please, wide

LIMITS = Limits(spread=2.0, max_shift=0.5, margin=0.25)
any_text = st.text(st.sampled_from("ab .\n-*é漢"), max_size=30)


@settings(max_examples=60, deadline=None)
@given(any_text, any_text, any_text)
def test_all_atoms_together_are_the_whole_change(prompt: str, before: str, after: str) -> None:
    assert "".join(tokens(before)) == before
    one, two = Dialogue(prompt, before), Dialogue(after, after)
    found = atoms(one, two)
    assert edited(one, found) == two
    assert edited(one, []) == one
    put_in = insertion(one, Dialogue(prompt, after))
    if put_in is not None:
        assert put_in.only(one, 0, len(put_in.new)).response == after
        assert put_in.only(one, 0, 0) == one


def test_words_that_are_put_in_can_be_left_out_one_by_one() -> None:
    before, after = Dialogue("", "A river."), Dialogue("", "A very wide river.")
    changes = atoms(before, after)
    assert [edited(before, [each]).response for each in changes] == [
        "A very river.",
        "A wide river.",
    ]


def test_turns_of_messages_can_be_changed_and_counted() -> None:
    before = Dialogue((Message("user", "Hi"), Message("user", "Why?")), "So.")
    after = with_texts(before, ["So.", "Hi", "Why then?"])
    assert edited(before, atoms(before, after)) == after
    assert alike(before, after)
    assert not alike(before, Dialogue((Message("user", "Hi"),), "So."))
    assert not alike(before, Dialogue("Hi", "So."))


def test_parts_of_a_text() -> None:
    text = "One two. Three!\nFour\n\nFive."
    assert [text[a:b] for a, b in parts(text, "line")] == ["One two. Three!", "Four", "Five."]
    assert [text[a:b] for a, b in parts(text, "paragraph")] == ["One two. Three!\nFour", "Five."]
    begin, end = stretch(text, "line", 4, 2) or (0, 0)
    assert text[begin:end] == "Four\n\nFive."
    assert stretch("One line", "line", 0, 1) is None
    code = "Text.\n\n```\na = 1\nb = 2\n```\n\nMore."
    lines = [stretch(code, "line", number, 1) for number in range(6)]
    assert [code[a:b] for a, b in filter(None, lines)] == ["Text.", "More."]


def test_a_move_changes_its_part_alone() -> None:
    text = "One more thing. Two big things. Three things here."
    move = Move(wide, unit="sentence", first=1)
    found = move.applied(Dialogue("", text))
    assert found is not None
    assert found.response == "One more thing. Two  big  things. Three things here."
    prompt = Move(please, unit="sentence", first=2).applied(Dialogue(text, "So."))
    assert prompt is not None
    assert prompt.prompt == "One more thing. Two big things.  Three things here.\n"
    messages = Dialogue((Message("user", text), Message("assistant", "Yes")), "So.")
    changed = Move(please, unit="sentence", first=0).applied(messages)
    assert changed is not None
    assert changed.prompt[0].content == (  # type: ignore[union-attr]
        " One more thing.\n Two big things. Three things here."
    )


def test_a_chain_keeps_what_applied_and_its_promise() -> None:
    chain = Chain((Move(wide), Move(opening)))
    assert Chain((Move(wide),)).applied(Dialogue("", "word")) is None
    found = chain.applied(Dialogue("", "word"))
    assert found is not None
    assert found[1].names == ("opening",)
    assert chain.promise == "preserves"
    assert [len(each) for each in Chain(chain.moves * 2).shorter()] == [4, 6, 4]
    assert [len(each.moves) for level in chain.shorter() for each in level] == [1, 1]


def claim(promise: str, **keys: str) -> Claim:
    return Claim(promise, Dialogue("Q", "before"), Dialogue("Q", "after"), **keys)  # type: ignore[arg-type]


def scores(**by_text: float):  # type: ignore[no-untyped-def]
    return lambda dialogue: by_text[dialogue.response]


def test_breaches_are_in_standard_deviations() -> None:
    # The spread is 2: a move of 1.5 is 0.75 SD, 0.25 beyond max_shift.
    assert claim("preserves").breach(scores(before=1, after=-0.5), LIMITS).size == 0.25
    assert claim("preserves").breach(scores(before=1, after=2), LIMITS).size == 0
    assert claim("degrades").breach(scores(before=1, after=2), LIMITS).size == 0.25
    assert claim("degrades").breach(scores(before=1, after=-9), LIMITS).size < 0
    tempted = claim("tempts", below="best").breach(scores(before=0, after=4, best=3), LIMITS)
    assert (tempted.size, tempted.against) == (0.25, 3)


def test_a_lost_win_is_a_breach_however_small_the_move() -> None:
    # 0.3 ahead is 0.15 SD, 0.4 behind is 0.2 SD: 0.1 beyond a clear loss; the move is 0.35 SD.
    lost = claim("preserves", above="other")
    found = lost.breach(scores(before=0.3, after=-0.4, other=0), LIMITS)
    assert found.size == pytest.approx(0.1)
    assert found.said == "a win is lost: 0.20 SD on the wrong side of the rejected response"
    # The other side: a worse response that is ahead after the change.
    won = claim("preserves", below="other")
    assert won.breach(scores(before=-0.3, after=0.4, other=0), LIMITS).size == pytest.approx(0.1)
    # Nearly a tie before, so nothing was lost; and a win that stays one.
    assert lost.breach(scores(before=0.1, after=-0.4, other=0), LIMITS).size < 0
    assert lost.breach(scores(before=0.9, after=0.3, other=0), LIMITS).size < 0


def test_the_ledger_asks_in_one_batch_and_never_twice() -> None:
    asked: list[list[str]] = []

    def score(texts: Sequence[Dialogue]) -> NDArray[np.float64]:
        asked.append([text.response for text in texts])
        return np.array([float(len(text.response)) for text in texts])

    first = Dialogue("Q", "x")
    ledger = Ledger(score, 3, {first: 1.0}, LIMITS)
    claims = [Claim("preserves", first, Dialogue("Q", "x" * size)) for size in (2, 3, 2, 4, 5)]
    found = ledger.judge(claims)
    assert asked == [["xx", "xxx", "xxxx"]]
    assert [each is None for each in found] == [False, False, False, False, True]
    assert (ledger.used, ledger.left, ledger.batches) == (3, 0, 1)
    assert ledger.judge(claims[:2])[1] == found[1]
    assert len(asked) == 1
    fresh = Ledger(score, 3, {first: 1.0}, LIMITS)
    assert [each is None for each in fresh.judge(claims, most=1)] == [
        False,
        True,
        False,
        True,
        True,
    ]


@pytest.mark.parametrize("least", [1, 2, 7, 16])
def test_bisection_finds_the_least_count(least: int) -> None:
    tried: list[int] = []

    def holds(count: int) -> bool:
        tried.append(count)
        return count >= least

    assert _least(16, holds) == least
    assert len(tried) <= 4


def test_what_is_new_in_a_text() -> None:
    before = Dialogue("Q", "One two three four five six seven eight.")
    after = Dialogue("Q", "Wonderful! One two three four five six seven eight.\n- point")
    found = features(before, after)
    assert ("response", ("Wonderful!", "first")) in found
    assert ("response", ("point", "last")) in found
    assert ("response", ("mark", "- ")) in found
    assert ("response", ("sign", "-")) in found
    assert features(before, before) == set()
