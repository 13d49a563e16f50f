"""A gate on a served model: its record, its cache, a swapped model, and keys that nobody sees."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from plugin.projects import Project, pairs, text_of

from rmcheck.remote.connection import LinkError, Reply

from .imitation import EVERY_FAULT, Imitation, refusing, serving

ADDOPTS = os.environ["PYTEST_ADDOPTS"]  # of the repository's conftest.py; pytester forgets it
ROOT_KEY = "sk-Very+Secret/Key=42"
WRONG = range(3)


def carried(text: str) -> float:
    """The score that a response carries (see tests/plugin/projects.py)."""
    return float(text.rstrip("\n").rsplit("[", 1)[1].split("]")[0])


@pytest.fixture
def server() -> Imitation:
    return Imitation("tei", score=carried)


@pytest.fixture
def url(server: Imitation) -> Iterator[str]:
    with serving(server) as found:
        yield found


@pytest.fixture
def gated(project: Project) -> Project:
    project.suite("chat", "win_rate", rows=pairs(40, wrong=WRONG))
    return project


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("PYTEST_ADDOPTS", ADDOPTS)
    return Project(pytester)


def files_with(root: Path, *texts: str) -> list[str]:
    """Files below a folder whose bytes have one of the texts."""
    return [
        str(path.relative_to(root))
        for path in root.rglob("*")
        if path.is_file() and any(text.encode() in path.read_bytes() for text in texts)
    ]


def test_a_run_its_record_and_the_next(gated: Project, server: Imitation, url: str) -> None:
    result = gated.run("--rm", f"{url},profile=tei,batch=8")
    result.assert_outcomes(passed=1)
    record = gated.record()
    assert record["suites"][0]["checks"][0]["estimate"]["value"] == 37 / 40
    told = record["source"]["served"]
    assert told == {
        "profile": "tei", "server": url, "model": "rm", "revision": server.revision,
        "form": "text", "length": None, "judge": None,
    }  # fmt: skip
    assert record["scoring"]["requests"] == {"sent": 11, "retried": 0, "split": 0}
    assert record["scoring"]["computed"] == 80
    assert f"model rm at 0123456789ab, served by {url} (profile tei, as texts)" in text_of(result)
    assert "; 11 requests" in text_of(result)
    assert any("no template was given" in remark for remark in record["scoring"]["remarks"])
    # The next run asks only whether the model is still the same.
    gated.run("--rm", f"{url},profile=tei,batch=8").assert_outcomes(passed=1)
    assert gated.record()["scoring"] | {"remarks": []} == {
        "needed": 80, "cached": 80, "computed": 0, "truncated": 0, "remarks": [],
        "requests": {"sent": 2, "retried": 0, "split": 0},
    }  # fmt: skip
    page = (gated.root / "reports/latest/index.html").read_text(encoding="utf-8")
    assert "Asked of the server" in page


def test_faults_change_no_verdict(
    gated: Project, server: Imitation, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rmcheck.remote import retry

    gated.run("--rm", f"{url},profile=tei,batch=4").assert_outcomes(passed=1)
    calm = gated.rows()
    (gated.root / ".rmcheck/scores.sqlite").unlink()
    faults = [EVERY_FAULT[name] for name in ("500", "reset", "truncated JSON", "NaN", "HTML page")]
    server.fault = lambda number: faults[number % 5] if number % 10 < 3 else None
    server.answered.clear()
    monkeypatch.setattr(retry, "BASE", 0.001)
    gated.run("--rm", f"{url},profile=tei,batch=4").assert_outcomes(passed=1)
    assert gated.rows() == calm
    assert gated.record()["scoring"]["requests"]["retried"] > 3
    assert set(server.answered.values()) == {1}


def test_without_the_extra_the_gate_says_once_how_to_install_it(
    gated: Project, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pycurl", None)
    for module in ("session", "transfers"):
        monkeypatch.delitem(sys.modules, f"rmcheck.remote.{module}", raising=False)
    gated.suite("code", "win_rate", rows=pairs(40))
    spec = f"{url},profile=tei"
    result = gated.run("--rm", spec)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    errors = text_of(result).partition("= ERRORS =")[2].partition("= reward model")[0]
    remedy = "packages that are not installed (pycurl); install them: pip install 'rmcheck[http]'"
    assert errors.count(f"{spec} needs {remedy}") == 1
    assert errors.count(f"{spec} needs rmcheck[http], which is not installed") == 1
    assert "Traceback" not in text_of(result)
    assert gated.record()["outcome"] == "error"


def test_a_server_that_dies_loses_nothing(gated: Project, server: Imitation, url: str) -> None:
    def dead(_: Reply) -> Reply:
        raise LinkError("reset", "")

    server.fault = lambda number: dead if number >= 4 else None
    result = gated.run("--rm", f"{url},profile=tei,batch=8,retry_for=0.01,concurrency=1")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "no usable answer for" in text_of(result)
    assert "the next run asks only for the rest" in text_of(result)
    assert "Traceback" not in text_of(result)
    assert gated.record()["outcome"] == "error"
    before = sum(server.answered.values())
    assert before == 1 + 3 * 8
    server.fault = lambda _: None
    server.answered.clear()
    gated.run("--rm", f"{url},profile=tei,batch=8").assert_outcomes(passed=1)
    record = gated.record()["scoring"]
    assert (record["cached"], record["computed"]) == (25, 55)
    assert sum(server.answered.values()) == 55 + 4  # and four to see that it is the same model


def test_a_model_swapped_behind_its_name_is_told(
    gated: Project, server: Imitation, url: str
) -> None:
    gated.run("--rm", f"{url},profile=tei").assert_outcomes(passed=1)
    server.score = lambda text: -carried(text)
    result = gated.run("--rm", f"{url},profile=tei")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "the model behind this name has changed: " in text_of(result)
    assert gated.record()["outcome"] == "error"
    server.revision = "fedcba"  # a server that tells it has another fingerprint
    result = gated.run("--rm", f"{url},profile=tei")
    assert gated.checks()["chat::win_rate"]["estimate"]["value"] == 3 / 40


@pytest.mark.parametrize("status", [401, 404, 422])
def test_a_refusal_is_told_with_the_words_of_the_server(
    status: int, gated: Project, server: Imitation, url: str
) -> None:
    server.fault = lambda _: refusing(status)
    result = gated.run("--rm", f"{url},profile=tei")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert f"refused with {status}" in text_of(result)
    assert server.requests == 1


def test_the_key_is_sent_and_nowhere_kept(
    gated: Project, server: Imitation, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RM_SERVER_KEY", ROOT_KEY)
    server.key = ROOT_KEY
    spec = f"{url},profile=tei,api_key_env=RM_SERVER_KEY"
    results = [gated.run("--rm", spec, "-l", "-vv", "--junitxml=junit.xml")]
    results[0].assert_outcomes(passed=1)
    assert server.headers[0]["authorization"] == f"Bearer {ROOT_KEY}"
    server.key = "another"  # it answers 401, with the key in its message
    (gated.root / ".rmcheck/scores.sqlite").unlink()
    results.append(gated.run("--rm", spec, "-l", "-vv", "--junitxml=junit.xml"))
    assert "invalid key: Bearer ***" in text_of(results[1])
    assert "check the key in RM_SERVER_KEY" in text_of(results[1])
    for result in results:
        assert ROOT_KEY not in text_of(result)
    assert files_with(gated.root, ROOT_KEY, ROOT_KEY.replace("/", "%2F")) == []
    assert files_with(gated.root, "RM_SERVER_KEY")  # the search does see what is there


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (f"http://me:{ROOT_KEY}@127.0.0.1:9,profile=tei", "a login in the URL"),
        (f"http://127.0.0.1:9?key={ROOT_KEY},profile=tei", "could contain a secret"),
        (f"http://127.0.0.1:9,profile=tei,api_key={ROOT_KEY}", "did you mean 'api_key_env'?"),
        (f"http://127.0.0.1:9,profile=tei,api_key_env={ROOT_KEY}", "not the key itself"),
    ],
)
def test_a_key_in_a_spec_is_refused_and_not_shown(
    spec: str, said: str, gated: Project, capfd: pytest.CaptureFixture[str]
) -> None:
    result = gated.run("--rm", spec)
    assert result.ret != 0
    assert said in text_of(result)
    shown = gated.cli("doctor", spec)
    assert said in "\n".join(shown.err)
    for part in (ROOT_KEY, "Very+Secret"):
        assert part not in text_of(result) + "\n".join([*shown.out, *shown.err])
        assert files_with(gated.root, part) == []
    capfd.readouterr()


def test_score_and_a_source_file(gated: Project, url: str) -> None:
    gated.write(
        "sources/mine.yaml", f"source: 1\nurl: {url}\nprofile: tei\nbatch: 16\ntemplate: raw\n"
    )
    said = gated.cli("score", "data/chat.jsonl", "-o", "out.jsonl", "--rm", "source:mine")
    assert said.code == 0, said.err
    assert "chosen scores higher in 37 of 40 pairs (0.925)" in said.out
    rows = [json.loads(line) for line in (gated.root / "out.jsonl").read_text().splitlines()]
    assert rows[5]["chosen"] == 2.0685


def mistakes(gated: Project, text: str) -> list[str]:
    gated.write("sources/mine.yaml", text)
    return gated.cli("score", "data/chat.jsonl", "-o", "out.jsonl", "--rm", "source:mine").err


def test_mistakes_in_a_source_file_have_their_places(gated: Project) -> None:
    (said,) = mistakes(gated, "source: 1\nurl: http://a:b@host\nprofile: tei\n")
    assert said.startswith("rmcheck score: sources/mine.yaml:2:6: http://***@host: a login")
    (said,) = mistakes(gated, "source: 1\nurl: http://host\nprofile: vlm\n")
    assert "sources/mine.yaml:3:10: profile: got 'vlm'; did you mean 'vllm'?" in said
    found = mistakes(gated, "source: 1\nurl: http://host\nprofil: tei\napi_key: abc\nbatch: 0\n")
    assert any("unknown key 'profil', did you mean 'profile'?" in line for line in found)
    assert any("unknown key 'api_key', did you mean 'api_key_env'?" in line for line in found)
    assert any("sources/mine.yaml:5:8" in line for line in found)
    (said,) = mistakes(gated, "source: 1\nurl: http://host\nprofile: tei\ntemplate: chat\n")
    assert "sources/mine.yaml:4:11: template: a chat template needs the tokenizer's files" in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("", "profile is missing"),
        ("profile=vlm", "did you mean 'vllm'?"),
        ("profile=tei,batch=0,timeout=soon,colour=red", "batch: expected a whole number"),
        ("profile=tei,batch=0,timeout=soon,colour=red", "timeout: expected a number of seconds"),
        ("profile=tei,batch=0,timeout=soon,colour=red", "unknown setting 'colour'"),
        ("profile=tei,template=messages", "profile tei does not take messages"),
        ("profile=tei,template=chat", "a chat template needs the tokenizer's files"),
        ("profile=nim,template=raw", "the server formats conversations itself"),
        ("profile=vllm,max_length=5", "max_length: texts are cut here only where token ids"),
        ("profile=vllm,end=eos", "end: needs tokenizer=FOLDER"),
        ("profile=vllm,tokenizer=nowhere", "tokenizer: "),
        ("profile=vllm,tokenizer=data", "has no tokenizer files"),
        ("profile=generic", "profile generic needs body and answer"),
        ("profile=generic,body={,answer=$.x", "body: not JSON"),
        ('profile=generic,body={"a": "b"},answer=$.x', "expected a placeholder for the text"),
        ('profile=generic,body={"a": "{text}"},answer=x', "expected a path such as $.scores[*]"),
        ("profile=tei,api_key_env=NOT_SET_HERE", "NOT_SET_HERE is not set"),
    ],
)
def test_mistakes_in_a_spec(options: str, said: str, gated: Project) -> None:
    spec = ",".join(filter(None, ["http://127.0.0.1:9", options]))
    result = gated.cli("score", "data/chat.jsonl", "-o", "o.jsonl", "--rm", spec)
    assert result.code == 4
    assert said in "\n".join(result.err)
    assert "Traceback" not in "\n".join(result.err)


@pytest.mark.ci
def test_a_served_model_needs_nothing_heavy(url: str, tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; import rmcheck, sys\n"
        f"source = rmcheck.source({url + ',profile=tei'!r}, Path({str(tmp_path)!r}))\n"
        "print(source.score([rmcheck.Dialogue('a', f'b [{n}.5]') for n in range(70)])[-1])\n"
        "print([name for name in ('torch', 'transformers', 'httpx', 'httpx2', 'pandas')"
        " if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.split()) == (0, ["69.5", "[]"]), done.stderr
