"""What others wrote commands neither the terminal nor the CI log, and secrets are not shown."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from rmcheck.cache.store import ScoreStore
from rmcheck.errors import UsageError
from rmcheck.record import folder as folders
from rmcheck.spec import redacted
from rmcheck.wording import escaped

from .projects import Project, Row, jsonl, pairs, scores, text_of

CLIPBOARD, REVERSED, SEPARATOR = "\x1b]52;c;aGFjaw==\x07", "\u202e", "\u2028"
EVIL = f"x\n::stop-commands::y{CLIPBOARD}\x9b2J{REVERSED}{SEPARATOR}"
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
SECRETS = "http://bot:hunter2@host/v1?token=tok3n,api_key=k3y"


def harmless(text: str) -> None:
    assert RAW.search(text) is None, text
    assert not any(line.startswith("::stop-commands::") for line in text.splitlines())


def evil_rows(*, count: int = 30, wrong: int = 20) -> list[Row]:
    """Pairs whose ids, tags and texts hold what a terminal obeys."""
    rows = pairs(count, wrong=range(wrong))
    for number, row in enumerate(rows):
        row["id"] = f"{number}{EVIL}"
        row["tags"] = [f"t{EVIL}"]
        row["prompt"] = f"{EVIL} {row['prompt']}"
        row["chosen"] = f"{EVIL} {row['chosen']}"
    return rows


@pytest.fixture
def evil(project: Project) -> Project:
    project.model()
    rows = evil_rows()
    project.write("scores.jsonl", jsonl(scores(rows[:-1])))
    project.suite("chat", "win_rate", "score_gap", rows=rows)
    return project


def test_pytest_shows_nothing_raw(evil: Project) -> None:
    harmless(text_of(evil.run("-rA", "-v")))
    # A score file that lacks a pair names its id.
    harmless(text_of(evil.run("-rA", "--rm", "scores:scores.jsonl")))
    (evil.root / "conftest.py").unlink()
    result = evil.run("-rA", "--rm", "scores:scores.jsonl")
    assert result.ret != 0
    harmless(text_of(result))


def test_mistakes_in_rows_are_escaped(evil: Project) -> None:
    evil.data("chat", [*evil_rows(), evil_rows()[0]])  # an id that is there already
    result = evil.run()
    assert "duplicate id" in text_of(result)
    harmless(text_of(result))


@pytest.mark.parametrize(
    "name", [f"a{CLIPBOARD.replace('/', '')}.yaml", "a\n::stop-commands::y.yaml"]
)
def test_a_file_name_is_escaped(project: Project, name: str) -> None:
    project.model()
    path = project.suite("chat", "win_rate", rows=pairs())
    path.rename(path.with_name(name))
    result = project.run("-rA", "-v")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert "the name has control characters; rename the file" in text_of(result)
    harmless(text_of(result))


def test_commands_show_nothing_raw(evil: Project) -> None:
    commands = [
        ["lint", "data/chat.jsonl"],
        ["lint", "suites/chat.yaml"],
        ["score", "data/chat.jsonl", "-o", "o.jsonl", "--rm", "scores:scores.jsonl"],
        ["try", EVIL, f"one {EVIL}", f"two {EVIL}", "--rm", "py:model:read"],
        ["score", f"gone{EVIL}.jsonl", "-o", "o.jsonl"],
        ["train", f"gone{EVIL}.yaml"],
        ["compare", f"gone{EVIL}", "main"],
        ["bless", f"main{EVIL}"],
        ["report", f"gone{EVIL}"],
    ]
    evil.write("model.py", "def read(texts):\n    return [float(len(text[1])) for text in texts]\n")
    for command in commands:
        said = evil.cli(*command)
        harmless("\n".join([*said.out, *said.err]))


def test_commands_show_nothing_raw_of_a_run_of_somebody_else(evil: Project) -> None:
    """Names in a baseline are what its files say: a pull request may bring them."""
    evil.suite("chat", "win_rate", "no_regression", rows=evil_rows())
    evil.run()
    assert evil.cli("bless", "--red").code == 0
    latest = evil.root / "reports/latest"
    record = folders.read(latest)
    rows = folders.read_scores(latest, record)
    (suite,) = record.suites
    source = record.source.model_copy(update={"spec": f"py:{EVIL}"})
    update = {"suites": [suite.model_copy(update={"name": EVIL, "path": EVIL})], "source": source}
    folders.write(
        evil.root / "fixtures/baselines/other",
        record.model_copy(update=update),
        [row.model_copy(update={"suite": EVIL}) for row in rows],
    )
    told = []
    for command in (
        ["bless", "--list"],
        ["compare", "other", "main"],
        ["compare", "main", "other"],
        ["compare", "other", "other"],
        ["selftest", "--runs", "20"],
        ["selftest", "--runs", "20", "--format", "json"],
        ["selftest", "--runs", "20", "--against", "other"],
        ["selftest", "--runs", "20", "--run", "fixtures/baselines/other"],
        ["lint", "suites/chat.yaml", "--format", "json"],
        ["report", "fixtures/baselines/other"],
        ["bless", "third", "fixtures/baselines/other", "--red"],
        ["list"],
    ):
        said = evil.cli(*command)
        told += [*said.out, *said.err]
        harmless("\n".join(told))
    assert sum(r"::stop-commands::y\x1b]52;" in line for line in told) >= 4
    for name in ("index.html", "summary.md"):
        shown = (evil.root / "fixtures/baselines/other" / name).read_text(encoding="utf-8")
        assert RAW.search(shown.replace(SEPARATOR, "")) is None  # which is a blank in a page


def test_json_is_escaped_as_json_has_it(evil: Project) -> None:
    rows = evil_rows()
    evil.data("chat", [*rows, {**rows[0], "id": "again"}])
    said = evil.cli("lint", "data/chat.jsonl", "--format", "json")
    text = "\n".join(said.out)
    harmless(text)
    assert repr(EVIL)[1:-1] in str(json.loads(text))
    assert "\\u202e" in text


def test_cache_shows_nothing_raw(evil: Project) -> None:
    store = ScoreStore(evil.root / ".rmcheck")
    store.put("f1", {"a": 1.0})
    store.saw("f1", f"py:{EVIL}")
    store.close()
    said = evil.cli("cache")
    harmless("\n".join([*said.out, *said.err]))
    assert "::stop-commands::y" in "\n".join(said.out)


def test_a_login_and_tokens_are_redacted() -> None:
    shown = redacted(f"--rm {SECRETS}")
    assert shown == "--rm http://***@host/v1?token=***,api_key=***"
    assert redacted("recipe:tiny, hf:models/a@main,template=chat") == (
        "recipe:tiny, hf:models/a@main,template=chat"
    )
    assert str(UsageError(f"unknown source {SECRETS}{EVIL}")).startswith(
        "unknown source http://***@host/v1?token=***,api_key=***"
    )
    assert escaped("plain – text, σ") == "plain – text, σ"


def test_secrets_of_a_spec_are_nowhere(project: Project) -> None:
    project.suite("chat", "win_rate", rows=pairs(wrong=range(20)))
    result = project.run("--rm", SECRETS)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    command = project.cli("score", "data/chat.jsonl", "-o", "o.jsonl", "--rm", SECRETS)
    told = [text_of(result), *command.out, *command.err]
    # A source that is named so, as one of another package may be.
    project.write(
        "conftest.py",
        f"""
import pytest

class Served:
    spec, fingerprint, template = {SECRETS!r}, None, "default"

    def score(self, dialogues):
        return [float(each.response.rsplit("[", 1)[1][:-1]) for each in dialogues]

@pytest.fixture(scope="session")
def reward_model():
    return Served()
""",
    )
    told.append(text_of(project.run("-rA", "--junitxml", "junit.xml")))
    left = [*(project.root / "reports").rglob("*"), project.root / "junit.xml"]
    told += [_text(path) for path in left if path.is_file()]
    assert "***@host" in told[-1] + "".join(told)
    for secret in ("hunter2", "tok3n", "k3y"):
        assert not any(secret in text for text in told)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
