"""`py:MODULE:CALLABLE`: functions of the project, their files hashed, batches, async."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rmcheck.data import Dialogue
from rmcheck.engine.settings import Settings
from rmcheck.errors import SourceError, UsageError
from rmcheck.reward_source import Source
from rmcheck.sources import create
from rmcheck.sources.python import PythonSource

DIALOGUES = [Dialogue("Why?", "x" * length, f"p{length}/chosen") for length in (3, 1, 2, 5, 4)]
LENGTHS = [3.0, 1.0, 2.0, 5.0, 4.0]

CODE = """
CALLS = []


def rewards(texts):
    CALLS.append(len(texts))
    return [len(response) for _, response in texts]


async def later(texts):
    import asyncio
    await asyncio.sleep(0)
    return rewards(texts)


class Scorer:
    def __call__(self, texts):
        return [-len(response) for _, response in texts]


class Whole:
    fingerprint = "fixed"

    def score(self, dialogues):
        import numpy as np
        return np.array([float(len(d.response)) for d in dialogues])


NUMBER = 3


def broken(texts):
    return texts[0][5]
"""


def source(folder: Path, rest: str) -> Source:
    return create(f"py:{rest}", Settings.below(folder).options)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "scorer_of_test.py").write_text(CODE)
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "deep.py").write_text(CODE)
    monkeypatch.delitem(sys.modules, "scorer_of_test", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    "rest",
    ["scorer_of_test:rewards", "tools/deep.py:rewards", "scorer_of_test:later",
     "scorer_of_test:Whole", "scorer_of_test:rewards,batch=2"],
)  # fmt: skip
def test_a_callable_gives_the_rewards(project: Path, rest: str) -> None:
    assert source(project, rest).score(DIALOGUES).tolist() == LENGTHS


def test_a_class_is_made_once_and_called(project: Path) -> None:
    assert source(project, "scorer_of_test:Scorer").score(DIALOGUES).tolist() == [
        -length for length in LENGTHS
    ]


def test_texts_come_in_batches(project: Path) -> None:
    found = source(project, "tools/deep.py:rewards,batch=2")
    found.score(DIALOGUES)
    assert isinstance(found, PythonSource)
    module = next(m for n, m in sys.modules.items() if n.startswith("rmcheck_py_")
                  and getattr(m, "__file__", "") == str(project / "tools" / "deep.py"))  # fmt: skip
    assert module.CALLS == [2, 2, 1]


def test_the_file_the_name_and_the_revision_are_the_fingerprint(project: Path) -> None:
    def of(rest: str) -> str | None:
        return source(project, rest).fingerprint

    first = of("scorer_of_test:rewards")
    assert first == of("scorer_of_test:rewards,batch=7")
    assert first != of("scorer_of_test:later")
    assert first != of("scorer_of_test:rewards,revision=v2")
    (project / "scorer_of_test.py").write_text(CODE + "\n# another\n")
    assert first != of("scorer_of_test:rewards")


def test_nothing_is_run_before_the_first_score(project: Path) -> None:
    for name, raised in (("bomb", "RuntimeError"), ("leaves", "SystemExit")):
        (project / f"{name}.py").write_text(f"raise {raised}('run')\n")
        found = source(project, f"{name}:rewards")
        assert found.fingerprint
        with pytest.raises(SourceError, match=f"{name}: cannot be imported: {raised}: run"):
            found.score(DIALOGUES)


def test_what_the_fingerprint_covers_is_said_unless_a_revision_is_given(project: Path) -> None:
    (said,) = source(project, "scorer_of_test:rewards").remarks
    assert "until scorer_of_test.py changes" in said
    assert not source(project, "scorer_of_test:rewards,revision=v1").remarks


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ("scorer_of_tset:rewards", "no module 'scorer_of_tset'.*did you mean 'scorer_of_test'"),
        ("tools/none.py:rewards", "file not found"),
        ("json.nothing:loads", "no module 'json.nothing' in the package json"),
        ("scorer_of_test", "expected py:MODULE:CALLABLE"),
        ("scorer_of_test:", "expected py:MODULE:CALLABLE"),
        ("scorer_of_test:rewards,bach=3", "unknown setting 'bach'; did you mean 'batch'"),
        ("scorer_of_test:rewards,batch=0", "batch: expected a number of texts of at least 1"),
    ],
)
def test_a_wrong_spec_is_refused_at_once(project: Path, rest: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        source(project, rest)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("reward", "has no 'reward'; did you mean 'rewards'"),
        ("NUMBER", "NUMBER is not callable"),
        ("broken", r"raised IndexError: .*scorer_of_test\.py:\d+"),
    ],
)
def test_a_wrong_callable_is_an_error_with_its_place(project: Path, name: str, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        source(project, f"scorer_of_test:{name}").score(DIALOGUES)
