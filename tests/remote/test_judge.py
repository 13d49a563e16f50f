"""A language model as judge: what its answers are worth, and what is refused."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from rmcheck.data import Dialogue, Ordered, in_orders
from rmcheck.errors import SourceError, UsageError
from rmcheck.remote.connection import Reply
from rmcheck.sources.judge_settings import from_spec

from .chat_imitation import ChatServer, Thoughts, comparing, judge
from .imitation import EVERY_FAULT, refusing, truncated
from .sources import URL, FakeTime

PAIRWISE = "mode=pairwise"


def answers(count: int, side: str = "chosen") -> list[Dialogue]:
    """Responses that carry numbers from -3 to 3."""
    return [
        Dialogue(f"question {row}", f"answer {row} [{6 * row / count - 3:.4f}]", f"p-{row}/{side}")
        for row in range(count)
    ]


def thinking(**thoughts: float) -> ChatServer:
    """A judge that thinks the same of every response; keys are grades behind a `g`."""
    given = {name.removeprefix("g"): chance for name, chance in thoughts.items()}
    return ChatServer(thinks=lambda _: given)


def score(server: ChatServer, root: Path, options: str = "") -> float:
    return float(judge(server, root, options).score(answers(1))[0])


def test_the_score_is_the_expected_grade(tmp_path: Path) -> None:
    # (6·0.1 + 7·0.6 + 8·0.2) / 0.9 = 6.4 / 0.9; the tenth that is elsewhere is left out.
    assert score(thinking(g6=0.1, g7=0.6, g8=0.2, I=0.1), tmp_path) == pytest.approx(64 / 9)
    assert score(thinking(g10=0.75, g9=0.25), tmp_path) == pytest.approx(9.75)
    # 10 as one token is listed, so a 1 is the grade.
    assert score(thinking(g9=0.5, g10=0.3, g1=0.2), tmp_path) == pytest.approx(7.7)


def test_tokens_with_blanks_are_the_same_answer(tmp_path: Path) -> None:
    server = ChatServer(thinks=lambda _: {" 7": 0.4, "7": 0.1, "▁8": 0.2, "Ġ8": 0.1, "\n6": 0.2})
    assert score(server, tmp_path) == pytest.approx(7 * 0.5 + 8 * 0.3 + 6 * 0.2)


@pytest.mark.parametrize(
    ("thoughts", "after_one", "expected"),
    [
        # It said 10: of the 0.8 on "1", nine tenths go on with a 0.
        ({"10": 0.72, "1": 0.08, "9": 0.2}, 0.9, 10 * 0.72 + 0.08 + 9 * 0.2),
        # It said 1: the token after it ends the answer with 0.95.
        ({"1": 0.8, "2": 0.2}, 0.05, 0.76 + 0.04 * 10 + 0.2 * 2),
        # It said 9, and "1" is the beginning of 10: the others are near it.
        ({"9": 0.6, "8": 0.1, "10": 0.3}, 0.0, 9 * 0.6 + 8 * 0.1 + 10 * 0.3),
        # It said 2, and the others are near 1.
        ({"2": 0.6, "3": 0.1, "1": 0.3}, 0.0, 2 * 0.6 + 3 * 0.1 + 0.3),
    ],
)
def test_ten_as_two_tokens(
    thoughts: Thoughts, after_one: float, expected: float, tmp_path: Path
) -> None:
    server = ChatServer(thinks=lambda _: thoughts, splits=True, after_one=after_one)
    source = judge(server, tmp_path)
    assert source.score(answers(1))[0] == pytest.approx(expected)
    guessed = "the beginning of 10; it counts as the one nearer" in " ".join(source.remarks)
    assert guessed == (after_one == 0.0)


def test_a_thought_before_the_answer_is_not_the_answer(tmp_path: Path) -> None:
    class Thinking(ChatServer):
        def _tokens(self, answer: str, thoughts: Thoughts) -> list[object]:
            first = super()._tokens("3", {"3": 0.9})
            return [*first, *super()._tokens(answer, thoughts)]

    server = Thinking(thinks=lambda _: {"8": 0.5, "3": 0.5})
    assert score(server, tmp_path) == pytest.approx(5.5)
    with pytest.raises(SourceError, match="of other tokens than the answer '4'"):
        score(ChatServer(thinks=lambda _: {"8": 1.0}, says=lambda _: "4"), tmp_path)


def test_most_of_the_probability_has_to_be_on_grades(tmp_path: Path) -> None:
    time = FakeTime()
    server = thinking(g7=0.4, I=0.3, The=0.3)
    with pytest.raises(SourceError, match=r"p-0/chosen: wrong answer \(60% of the probability is"):
        judge(server, tmp_path, time=time).score(answers(1))
    assert sum(time.slept) < 10
    source = judge(thinking(g7=0.6, g8=0.1), tmp_path)
    assert source.score(answers(1))[0] == pytest.approx((4.2 + 0.8) / 0.7)
    assert any(each.startswith("up to 30% of the probability") for each in source.remarks)


def test_fewer_alternatives_are_asked_for_where_many_are_refused(tmp_path: Path) -> None:
    source = judge(ChatServer(most_tops=5), tmp_path, "revision=1")
    assert source.score(answers(1)) == judge(ChatServer(), tmp_path).score(answers(1))
    assert source.chat.read_as == "expected grade"
    assert source.chat.top == 5
    assert source.fingerprint != judge(ChatServer(), tmp_path, "revision=1").fingerprint


def test_probabilities_after_the_choice_are_told(tmp_path: Path) -> None:
    source = judge(ChatServer(thinks=lambda _: {"7": 1.0}), tmp_path)
    source.score(answers(8))
    assert any("all 8 answers have a probability of 1" in each for each in source.remarks)
    source = judge(ChatServer(), tmp_path)
    source.score(answers(8))
    assert not any("a probability of 1" in each for each in source.remarks)


@pytest.mark.parametrize("refuses", [False, True])
def test_without_log_probabilities_the_grade_is_the_score(refuses: bool, tmp_path: Path) -> None:
    tops = 0 if refuses else 20
    server = ChatServer(thinks=lambda _: {"6": 0.55, "7": 0.45}, logprobs=False, most_tops=tops)
    source = judge(server, tmp_path)
    assert source.score(answers(3)).tolist() == [6.0, 6.0, 6.0]
    assert "logprobs" not in server.seen[-1]
    why = "the server refused them (HTTP 400" if refuses else "the server gives none"
    assert any(f"judged without log-probabilities: {why}" in each for each in source.remarks)
    told = source.describe().served
    assert told is not None
    assert told.judge is not None
    assert (told.judge.mode, told.judge.prompt, told.judge.read_as) == ("score", "default", "grade")
    assert "mode score, prompt default" in source.describe().reading
    assert source.describe().reading.endswith("read as grade)")


def test_log_probabilities_that_are_missing_once_are_asked_for_again(tmp_path: Path) -> None:
    def without(reply: Reply) -> Reply:
        bare = reply.body[: reply.body.index(b', "logprobs"')]
        return Reply(200, reply.headers, bare + b"}]}")

    texts = answers(20)
    calm = judge(ChatServer(), tmp_path)
    expected = calm.score(texts)
    server = ChatServer(fault=lambda number: without if number % 4 == 0 else None)
    shaky = judge(server, tmp_path)
    np.testing.assert_array_equal(shaky.score(texts), expected)
    assert shaky.chat.read_as == calm.chat.read_as == "expected grade"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("I'd say 7 of 10", 'expected a whole number from 1 to 10 and nothing else, got "I\'d say'),
        ("11", "got '11'"), ("0", "got '0'"), ("7.5", "got '7.5'"), ("7/10", "got '7/10'"),
        ("A", "got 'A'"), ("07", "got '07'"), ("٧", "got '٧'"),
        ("", "ended at max_tokens before any text"), (7, "expected a text at"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("logprobs", [True, False])
def test_an_answer_that_is_not_a_grade_is_refused_by_name(
    said: object, told: str, logprobs: bool, tmp_path: Path
) -> None:
    server = ChatServer(
        logprobs=logprobs, says=lambda question: said if "answer 3 " in question else None
    )
    source = judge(server, tmp_path, f"logprobs={str(logprobs).lower()}")
    with pytest.raises(SourceError) as caught:
        source.score(answers(6))
    assert "p-3/chosen: wrong answer (" in str(caught.value)
    assert told in str(caught.value)


def test_odd_log_probabilities_are_refused(tmp_path: Path) -> None:
    def broken(old: bytes, new: bytes) -> ChatServer:
        def fault(reply: Reply) -> Reply:
            return Reply(200, {}, reply.body.replace(old, new))

        return ChatServer(thinks=lambda _: {"7": 1.0}, fault=lambda _: fault)

    for new in (b'"logprob": 0.7', b'"logprob": NaN', b'"logprob": null', b'"logprob": "low"'):
        with pytest.raises(SourceError, match="expected a log-probability of at most 0, got"):
            score(broken(b'"logprob": 0.0', new), tmp_path, "logprobs=true")
    with pytest.raises(SourceError, match="got none"):
        score(broken(b'"logprobs"', b'"probs"'), tmp_path, "logprobs=true")


@pytest.mark.parametrize("options", ["", "logprobs=false", PAIRWISE, f"{PAIRWISE},logprobs=false"])
def test_thirty_percent_failures_change_no_answer(options: str, tmp_path: Path) -> None:
    thinks = comparing(0.3) if PAIRWISE in options else ChatServer().thinks
    texts = answers(40)
    if PAIRWISE in options:
        worse = answers(40, "rejected")[::-1]
        sides = [
            side
            for one, other in zip(texts, worse, strict=True)
            for side in (one, Dialogue(one.prompt, other.response, f"{one.key[:-7]}/rejected"))
        ]
        texts = list(in_orders(sides))
        assert all(isinstance(one, Ordered) for one in texts)
    expected = judge(ChatServer(thinks=thinks), tmp_path, options).score(texts)
    faults = [*EVERY_FAULT.values()]
    server = ChatServer(
        thinks=thinks, fault=lambda number: faults[number % 10] if number % 10 < 3 else None
    )
    server.fault = lambda number: faults[(number // 10) % 10] if number % 10 < 3 else None
    np.testing.assert_array_equal(judge(server, tmp_path, options).score(texts), expected)
    asked = {text: count for text, count in server.answered.items() if "Paris." not in text}
    assert len(asked) == len(texts)
    assert set(asked.values()) == {1}


def test_the_margin_is_the_mean_of_both_orders(tmp_path: Path) -> None:
    better, worse = (
        Dialogue("q", "good [1.5000]", "p/chosen"),
        Dialogue("q", "bad [0.2500]", "p/rejected"),
    )
    orders = list(in_orders([better, worse]))
    source = judge(ChatServer(thinks=comparing(bias=2.0)), tmp_path, PAIRWISE)
    first, second = source.score(orders)
    assert (first, second) == (pytest.approx(1.25 + 2.0), pytest.approx(-1.25 + 2.0))
    assert source.chat.read_as == "log-odds"
    margins = source.margins(np.array([first]), np.array([second]))  # type: ignore[attr-defined]
    assert margins[0] == pytest.approx(1.25)  # what the first place adds cancels out
    votes = judge(ChatServer(thinks=comparing(2.0), logprobs=False), tmp_path, PAIRWISE)
    assert votes.score(orders).tolist() == [1.0, 1.0]
    assert votes.chat.read_as == "votes"


def test_a_letter_that_is_not_listed_has_a_bound(tmp_path: Path) -> None:
    (one, _) = in_orders([Dialogue("q", "a", "p/chosen"), Dialogue("q", "b", "p/rejected")])

    def odds(**thoughts: float) -> tuple[float, str]:
        source = judge(ChatServer(thinks=lambda _: thoughts), tmp_path, PAIRWISE)
        return float(source.score([one])[0]), " ".join(source.remarks)

    # Listed are A and a tail of 0.001: B is at most that; what is left over is more.
    value, said = odds(A=0.99, I=0.001)
    assert value == pytest.approx(math.log(0.99 / 0.001))
    assert "the log-odds are at least as large as computed" in said
    # Everything is on the listed ones, so that next to nothing is left for B.
    assert odds(A=1.0)[0] == pytest.approx(math.log(1 / 1e-10))
    assert odds(A=0.75, B=0.25) == (pytest.approx(math.log(3)), odds(A=0.9, B=0.1)[1])
    with pytest.raises(SourceError, match="expected the letter A or B and nothing else, got 'C'"):
        odds(C=0.9, A=0.1)


def test_a_single_response_is_not_asked_of_a_judge_that_compares(tmp_path: Path) -> None:
    source = judge(ChatServer(), tmp_path, PAIRWISE)
    assert not source.scores_new_text
    assert judge(ChatServer(), tmp_path).scores_new_text


def test_what_answers_depend_on_is_in_the_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "mine.jinja").write_text("{{ prompt }} {{ response }} 1-10?")
    given = (
        "revision=one", f"revision=one,{PAIRWISE}", "revision=one,prompt=mine.jinja",
        "revision=one,logprobs=false", "revision=one,max_tokens=9", "revision=other",
    )  # fmt: skip
    found = [judge(ChatServer(), tmp_path, each) for each in given]
    prints = [source.fingerprint for source in found]
    assert len(set(prints)) == len(given)
    assert None not in prints
    again = judge(ChatServer(), tmp_path, "revision=one")
    assert again.fingerprint == prints[0]
    without = judge(ChatServer(logprobs=False), tmp_path, "revision=one")
    assert without.fingerprint == prints[3]  # said or found out, it is read the same way
    assert judge(ChatServer(), tmp_path).fingerprint is None


def test_the_users_prompt_is_asked(tmp_path: Path) -> None:
    (tmp_path / "mine.jinja").write_text(
        "{% for turn in messages %}<{{ turn.role }}>{{ turn.content }}{% endfor %}\n"
        "{{ response }} & {{ prompt }}"
    )
    server = ChatServer(thinks=lambda _: {"7": 1.0})
    source = judge(server, tmp_path, "prompt=mine.jinja")
    source.score([Dialogue("1 < 2?", "Yes {{ 7 * 7 }}")])
    assert server.questions[-1] == "<user>1 < 2?Yes {{ 7 * 7 }} & 1 < 2?"
    assert "mine.jinja" in source.describe().reading


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        ("{{ prompt }}", "score", "{{ response }} is missing"),
        ("{{ response_a }}", "pairwise", "{{ response_b }} is missing"),
        ("{{ response }} {{ answer }}", "score", "unknown {{ answer }}"),
        ("a\n{% if %}", "score", "mine.jinja:2: not a Jinja template"),
    ],
)
def test_a_prompt_that_cannot_be_asked_is_refused(
    text: str, mode: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / "mine.jinja").write_text(text)
    with pytest.raises(UsageError) as caught:
        judge(ChatServer(), tmp_path, f"mode={mode},prompt=mine.jinja")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("url", "options", "said"),
    [
        ("ftp://host", "", "expected the URL of a chat endpoint"),
        ("tiny", "", "expected the URL of a chat endpoint"),
        (URL, "mode=pair", "mode: got 'pair'; did you mean 'pairwise'?"),
        (URL, "mode=pair,concurrency=0,max_tokens=x", "concurrency: expected a whole number"),
        (URL, "mode=pair,concurrency=0,max_tokens=x", "max_tokens: expected a whole number"),
        (URL, "logprobs=maybe", "logprobs: got 'maybe'"),
        (URL, "promt=a", "unknown setting 'promt'; did you mean 'prompt'?"),
        (URL, "template=raw", "unknown setting 'template'"),
        (URL, "prompt=nowhere.jinja", "prompt: file not found"),
        (URL, "api_key_env=sk-secret", "not the key itself"),
        ("http://me:pw@host", "", "a login in the URL"),
    ],
)
def test_mistakes_in_a_spec(url: str, options: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        from_spec(url, options, f"judge:{url},{options}", tmp_path)
    assert said in str(caught.value)


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/", "/v1/chat/completions"])
def test_the_url_may_be_that_of_the_endpoint(end: str, tmp_path: Path) -> None:
    assert str(from_spec(URL + end, "model=m", "judge:…", tmp_path).address) == URL


def test_the_model_is_told_or_named(tmp_path: Path) -> None:
    # A list without the name does not matter: gateways accept more than they list.
    source = judge(ChatServer(models=("judge-1", "other")), tmp_path)
    assert source.known.model == "judge-1"
    with pytest.raises(SourceError, match=r"model `judge-1` does not exist"):
        judge(ChatServer(models=("other",)), tmp_path).score(answers(1))


@pytest.mark.parametrize("status", [401, 404])
def test_a_refusal_is_told_at_once(status: int, tmp_path: Path) -> None:
    server = ChatServer(fault=lambda _: refusing(status))
    time = FakeTime()
    with pytest.raises(SourceError, match=f"HTTP {status} .*refused with {status}"):
        judge(server, tmp_path, time=time).score(answers(4))
    assert (server.requests, time.slept) == (1, [])


def test_answers_that_are_never_whole_end_soon(tmp_path: Path) -> None:
    time = FakeTime()
    with pytest.raises(SourceError, match="expected JSON, got a part of it"):
        judge(ChatServer(fault=lambda _: truncated), tmp_path, time=time).score(answers(4))
    assert sum(time.slept) < 10


def test_a_judge_that_changed_is_told_and_one_that_wavers_is_not(tmp_path: Path) -> None:
    texts = answers(4)
    server = ChatServer()
    before = judge(server, tmp_path).score(texts)
    judge(server, tmp_path).recheck(texts, before)
    wavering = before + np.array([1.4, 0.0, -0.9, 1.2])
    judge(server, tmp_path).recheck(texts, wavering)
    with pytest.raises(SourceError, match="3 of 4 cached answers are not the same"):
        judge(server, tmp_path).recheck(texts, wavering - np.array([0.0, 2.0, 0.0, 0.0]))
