"""A gate with a judge: its record, its cache, what is skipped, and keys that nobody sees."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from plugin.projects import Project, pairs, text_of

from .chat_imitation import ChatServer, comparing
from .imitation import serving
from .test_gate import ROOT_KEY, files_with, project

__all__ = ["project"]

WRONG = range(4)
ORDER = {"check": "order_consistency", "min": 0.9, "repeats": 1, "min_repeat": 0.9}


@pytest.fixture
def server() -> ChatServer:
    return ChatServer(thinks=comparing(bias=0.5))


@pytest.fixture
def url(server: ChatServer) -> Iterator[str]:
    with serving(server) as found:
        yield found


@pytest.fixture
def gated(project: Project) -> Project:
    checks = ("win_rate", ORDER, {"check": "scale_invariance", "examples": 10})
    project.suite("chat", *checks, rows=pairs(20, wrong=WRONG))
    return project


@pytest.mark.ci
def test_a_judge_that_compares(gated: Project, server: ChatServer, url: str) -> None:
    spec = f"judge:{url},model=judge-1,mode=pairwise,revision=1"
    result = gated.run("--rm", spec, "-rs")
    result.assert_outcomes(passed=2, skipped=1)
    record, checks = gated.record(), gated.checks()
    assert checks["chat::win_rate"]["estimate"]["value"] == 16 / 20
    found = checks["chat::order_consistency"]
    assert found["estimate"]["value"] == 1.0  # margins of 2 and more, and a bias of 0.5
    assert "same answer when asked again 1.000" in found["message"]
    assert checks["chat::scale_invariance"]["outcome"] == "skipped"
    assert "compares two responses and gives a single one no score" in text_of(result)
    # The margin of the first pair: its numbers are 2 and 0, the wrong way round.
    first = gated.rows()[0]
    assert (first["chosen"], first["rejected"]) == (pytest.approx(-1.0), pytest.approx(1.0))
    served = record["source"]["served"]
    assert (served["model"], served["revision"]) == ("judge-1", "1")
    judge = served["judge"]
    assert (judge["mode"], judge["prompt"], judge["read_as"]) == ("pairwise", "default", "log-odds")
    told = f"as judge (mode pairwise, prompt default {judge['prompt_hash'][:8]}, read as log-odds)"
    assert told in text_of(result)
    # One question about log-probabilities, 40 for both orders, and 40 once more.
    assert record["scoring"]["requests"]["sent"] == 81
    assert len(server.questions) == 81
    # The next run asks whether log-probabilities are there, and four questions again.
    gated.run("--rm", spec).assert_outcomes(passed=2, skipped=1)
    assert gated.record()["scoring"]["computed"] == 0
    assert gated.record()["scoring"]["requests"]["sent"] == 5


def test_a_judge_that_prefers_the_first_place_fails(
    gated: Project, server: ChatServer, url: str
) -> None:
    server.thinks = comparing(bias=20.0)
    gated.run("--rm", f"judge:{url},model=judge-1,mode=pairwise").assert_outcomes(
        passed=1, failed=1, skipped=1
    )
    # Order does not matter to the win rate: the bias is in both orders, and cancels out.
    assert gated.checks()["chat::win_rate"]["estimate"]["value"] == 16 / 20
    found = gated.checks()["chat::order_consistency"]
    assert found["estimate"]["value"] == 0.0
    assert "first place wins 1.000" in found["message"]
    assert len(found["evidence"]["pairs"]) == 20
    remarks = " ".join(gated.record()["scoring"]["remarks"])
    assert "tells no revision of its model, so answers are kept for this session only" in remarks


def test_a_judge_that_grades_and_the_same_in_a_file(gated: Project, url: str) -> None:
    gated.write("sources/mine.yaml", f"source: 1\nkind: judge\nurl: {url}/v1\nprompt: p.jinja\n")
    gated.write("sources/p.jinja", "{{ prompt }}\n{{ response }}\nA grade from 1 to 10?")
    gated.suite("chat", "win_rate", ORDER, rows=pairs(20, wrong=WRONG))
    server = ChatServer()
    with serving(server) as other:
        text = (gated.root / "sources/mine.yaml").read_text().replace(url, other)
        gated.write("sources/mine.yaml", text)
        result = gated.run("--rm", "source:mine", "-rs")
    result.assert_outcomes(passed=1, skipped=1)
    assert gated.checks()["chat::win_rate"]["estimate"]["value"] == 16 / 20
    assert "scores each response by itself, so an order cannot be tested" in text_of(result)
    # (2 · 7 + 8) / 3: twice as sure of 7 as of 8.
    assert gated.rows()[19]["chosen"] == pytest.approx(22 / 3)
    judge = gated.record()["source"]["served"]["judge"]
    assert (judge["prompt"], judge["read_as"]) == ("sources/p.jinja", "expected grade")
    assert server.questions[-1].endswith("A grade from 1 to 10?")
    assert len(server.questions) == 41  # a check that is skipped asks for nothing


def test_mistakes_in_a_source_file_have_their_places(gated: Project) -> None:
    def mistakes(text: str) -> list[str]:
        gated.write("sources/mine.yaml", f"source: 1\nkind: judge\n{text}")
        return gated.cli("score", "data/chat.jsonl", "-o", "out.jsonl", "--rm", "source:mine").err

    (said,) = mistakes("url: http://host\nprompt: none.jinja\n")
    assert "sources/mine.yaml:4:9: prompt: file not found" in said
    found = mistakes("url: http://host\nmode: pairs\nprofile: vllm\n")
    assert any("sources/mine.yaml:4:7" in line for line in found)
    assert any("unknown key 'profile'" in line for line in found)
    (said,) = mistakes("model: a\n")
    assert "url" in said


@pytest.mark.ci
def test_the_key_is_sent_and_nowhere_kept(
    gated: Project, server: ChatServer, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUDGE_KEY", ROOT_KEY)
    server.key = ROOT_KEY
    spec = f"judge:{url},model=judge-1,mode=pairwise,api_key_env=JUDGE_KEY"
    results = [gated.run("--rm", spec, "-l", "-vv", "--junitxml=junit.xml")]
    results[0].assert_outcomes(passed=2, skipped=1)
    assert server.headers[0]["authorization"] == f"Bearer {ROOT_KEY}"
    server.key = "another"  # it answers 401, with the key in its message
    results.append(gated.run("--rm", spec, "-l", "-vv"))
    assert "check the key in JUDGE_KEY" in text_of(results[1])
    for result in results:
        assert ROOT_KEY not in text_of(result)
    assert files_with(gated.root, ROOT_KEY, ROOT_KEY.replace("/", "%2F")) == []
    assert files_with(gated.root, "JUDGE_KEY")  # the search does see what is there


def test_a_key_in_a_spec_is_refused_and_not_shown(gated: Project) -> None:
    for spec, said in (
        (f"judge:http://me:{ROOT_KEY}@127.0.0.1:9,model=a", "a login in the URL"),
        (f"judge:http://127.0.0.1:9,model=a,api_key={ROOT_KEY}", "did you mean 'api_key_env'?"),
        (f"judge:http://127.0.0.1:9,model=a,api_key_env={ROOT_KEY}", "not the key itself"),
    ):
        shown = gated.cli("doctor", spec)
        assert said in "\n".join(shown.err)
        assert "Very+Secret" not in "\n".join([*shown.out, *shown.err])


def test_doctor_tells_what_is_asked_and_what_came_back(gated: Project) -> None:
    with serving(ChatServer(thinks=lambda _: {"8": 0.75, "9": 0.25})) as url:
        said = gated.cli("doctor", f"judge:{url},model=judge-1")
    assert said.code == 0, said.err
    assert "what is asked (the first of 6 questions):" in said.out
    assert "  | What is the capital of France?" in said.out
    assert "what came back, read as expected grade:" in said.out
    assert "     8.250  'Paris.'  answer '8' ('8' 75.0%, '9' 25.0%)" in said.out
    with serving(ChatServer(thinks=lambda _: {"B": 1.0}, logprobs=False)) as url:
        said = gated.cli("doctor", f"judge:{url},mode=pairwise")
    assert said.code == 0, said.err
    first = "    -1.000  'Paris.' against 'I do not know, and I do not care.'  answer 'B'"
    assert first in said.out
    assert any("judged without log-probabilities" in line for line in said.out)


def test_what_cannot_be_asked_of_a_judge_that_compares(gated: Project, url: str) -> None:
    spec = f"judge:{url},model=judge-1,mode=pairwise,revision=1"
    for command, said in (
        (("try", "a?", "b", "c"), "compares two responses and gives a single one no score"),
        (("serve",), "serve a source that scores each response"),
        (("score", "data/chat.jsonl", "-o", "o.jsonl", "--engine", "local:1"), "shards score"),
    ):
        end = (spec,) if command == ("serve",) else ("--rm", spec)
        found = gated.cli(*command, *end)
        assert found.code != 0, command
        assert said in "\n".join(found.err), command
        assert "Traceback" not in "\n".join(found.err)
    found = gated.cli(
        "score", "data/chat.jsonl", "-o", "o.jsonl", "--rm", f"ensemble:{spec};py:a:b"
    )
    assert "an ensemble combines scores of single ones" in "\n".join(found.err)
    found = gated.cli("score", "data/chat.jsonl", "-o", "o.jsonl", "--rm", spec)
    assert "chosen scores higher in 16 of 20 pairs (0.800)" in found.out
