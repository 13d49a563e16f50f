"""What a check concluded is used again while all that it depends on is the same, and only then."""

from __future__ import annotations

import json
import math
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rmcheck.cache.store import ScoreStore
from rmcheck.cache.verdicts import FOLDER, MOST, SLICES, VerdictStore
from rmcheck.checks.win_rate import WinRate
from rmcheck.scoring.seal import KEY_VARIABLE

from .projects import Project, jsonl, pairs, scores, text_of, without_times
from .test_every_kind import CHECKS, MODEL, SEARCH, rows
from .test_quiet import LISTS_MODULES, QUIET, modules

ON = ("-o", "rm_kept=on")


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The labels of the win rates that were judged, in order."""
    labels: list[str] = []
    judge = WinRate.judge

    def counted(check: WinRate, ctx: Any) -> Any:
        labels.append(check.label)
        return judge(check, ctx)

    monkeypatch.setattr(WinRate, "judge", counted)
    return labels


@pytest.fixture
def small(project: Project) -> Project:
    """One win rate on 30 pairs of a model with a fingerprint, concluded once."""
    project.write("conftest.py", MODEL.format(lost=0))
    project.suite("chat", {"check": "win_rate", "min": 0.6}, rows=rows()[:30])
    project.run(*ON)
    assert files(project)
    return project


def files(project: Project) -> list[Path]:
    """The files of checks that were concluded."""
    return sorted((project.root / ".rmcheck" / FOLDER).glob("[0-9a-f]*"))


def slices(project: Project) -> list[Path]:
    """The files of slices and controls of suites."""
    return sorted((project.root / ".rmcheck" / FOLDER).glob(f"{SLICES}*"))


def whole(project: Project) -> tuple[dict[str, Any], str]:
    """The record without its times and its run's name, and the scores, as they are on disk."""
    record = project.record()
    for key in ("started", "duration_s", "run_id", "command"):
        del record[key]
    for suite in record["suites"]:
        for check in suite["checks"]:
            del check["duration_s"]
    counts = record["scoring"]
    assert counts["needed"] == counts["cached"] + counts["computed"]
    rows = (project.root / "reports/latest/scores.jsonl").read_text(encoding="utf-8")
    return record, rows.partition("\n")[2]


@pytest.mark.ci
def test_every_kind_leaves_the_same_bytes(project: Project) -> None:
    """The record of a run that judges nothing is that of one that judges all, byte by byte."""
    project.write("conftest.py", MODEL.format(lost=0))
    data = rows()
    project.write("other.jsonl", jsonl(scores(data[:60])))
    early = {"check": "win_rate", "name": "early", "min": 0.5, "early_stop": True}
    project.suite("chat", *CHECKS, early, rows=data)
    project.suite("scale", SEARCH, rows=data[:40])
    project.run()
    assert project.cli("bless", "--red").code == 0
    project.write("conftest.py", MODEL.format(lost=12))
    project.run()  # fills the cache of scores

    project.run("--rm-kept", "off")
    judged, checks = whole(project), without_times(project.checks())
    assert not files(project)
    project.run(*ON)
    assert whole(project) == judged
    made = files(project)
    assert len(made) == len(CHECKS) + 1  # all but the one that stops early
    assert len(slices(project)) == 2
    written = [path.stat().st_mtime_ns for path in made]
    result = project.run(*ON)
    assert whole(project) == judged
    assert json.dumps(whole(project)[0]) == json.dumps(judged[0])
    assert [path.stat().st_mtime_ns for path in made] == written
    assert f"{len(made)} of {len(made) + 1} checks as in an earlier run, because" in text_of(result)
    project.subprocess(*ON, "-n", "2")  # each worker finds the conclusions of its checks
    assert whole(project)[1] == judged[1]
    assert without_times(project.checks()) == checks


def test_nothing_is_judged_again(small: Project, judged: list[str]) -> None:
    small.run(*ON)
    assert judged == []
    small.run(*ON, "--rm-kept", "off")
    assert judged == ["win_rate"]
    small.run()  # the project's own rm_kept = off
    assert judged == ["win_rate"] * 2


CHANGES: dict[str, Callable[[Project], object]] = {
    "a text": lambda p: edit(p, "data/chat.jsonl", "careful answer to question 7.", "answer 7."),
    "a tag": lambda p: edit(p, "data/chat.jsonl", '["odd"]', '["strange"]'),
    "a rating": lambda p: edit(p, "data/chat.jsonl", '"chosen": 6', '"chosen": 9'),
    "an id": lambda p: edit(p, "data/chat.jsonl", "p-004", "p-004x"),
    "the order of the rows": lambda p: backwards(p),
    "a key of the check": lambda p: edit(p, "suites/chat.yaml", "0.6", "0.61"),
    "a key of the suite": lambda p: edit(p, "suites/chat.yaml", "name: chat", "name: talk"),
    "the model": lambda p: edit(p, "conftest.py", "return Reader(0)", "return Reader(1)"),
    "how many checks compare": lambda p: p.suite(
        "more", "no_regression", {"check": "no_regression", "name": "again"}, rows=pairs(30)
    ),
    "the version of a package": lambda p: None,
    "our code": lambda p: None,
    "the seed": lambda p: None,
    "the number of examples": lambda p: None,
    "a score in the cache": lambda p: None,
}


def edit(project: Project, path: str, old: str, new: str) -> None:
    file = project.root / path
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def backwards(project: Project) -> None:
    file = project.root / "data/chat.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join([*lines[::-1], ""]), encoding="utf-8")


def changed(project: Project, change: str, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """Make a change; gives the options that belong to it."""
    CHANGES[change](project)
    if change == "the version of a package":
        from rmcheck.engine import environment

        known = dict(environment._packages())
        monkeypatch.setattr(environment, "_packages", lambda: known | {"numpy": "0.1"})
    elif change == "our code":
        from rmcheck.engine import kept

        monkeypatch.setattr(kept, "_code", lambda: "changed")
    elif change == "a score in the cache":
        store = ScoreStore(project.root / ".rmcheck")
        with sqlite3.connect(store.path) as connection:
            row = "SELECT source, dialogue, score FROM scores LIMIT 1"
            source, dialogue, score = connection.execute(row).fetchone()
        store.put(source, {dialogue: math.nextafter(score, math.inf)})
        store.close()
    elif change == "the seed":
        return ("--rm-seed", "1")
    elif change == "the number of examples":
        return ("--rm-examples", "7")
    return ()


@pytest.mark.parametrize("change", CHANGES)
def test_judged_again_after_a_change(
    small: Project, judged: list[str], change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = changed(small, change, monkeypatch)
    small.run(*ON, *more)
    assert "win_rate" in judged


def test_a_comment_in_the_suite_moves_lines_only(small: Project) -> None:
    before = small.checks()["chat::win_rate"]["line"]
    edit(small, "suites/chat.yaml", "checks:", "# A remark.\nchecks:")
    small.run(*ON)
    assert small.checks()["chat::win_rate"]["line"] == before + 1


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda content: content[:-20],
    "empty": lambda content: b"",
    "a flipped bit": lambda content: content[:500] + bytes([content[500] ^ 1]) + content[501:],
    "no text": lambda content: b"\xff\xfe" + content,
    "a verdict turned around": lambda content: content.replace(b'"pass"', b'"fail"'),
    "no checksum": lambda content: content.partition(b"\n")[2],
    "another check's": lambda content: content,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_ignored(small: Project, judged: list[str], damage: str) -> None:
    good = whole(small)
    (path,) = files(small)
    content = path.read_bytes()
    path.write_bytes(DAMAGE[damage](content))
    if damage == "another check's":
        path.rename(path.with_name(f"{'0' * 12}{path.name[12:]}"))
    small.run(*ON)
    assert judged == ["win_rate"]
    assert whole(small)[1] == good[1]
    assert small.checks()["chat::win_rate"]["outcome"] == "pass"
    small.run(*ON)  # and it is mended
    assert judged == ["win_rate"]


def test_a_score_that_was_changed_by_hand_is_not_trusted(small: Project, judged: list[str]) -> None:
    """Scores are compared with those that a conclusion rests on before they are believed."""
    good = whole(small)
    with sqlite3.connect(ScoreStore(small.root / ".rmcheck").path) as connection:
        row = "SELECT dialogue FROM scores ORDER BY dialogue LIMIT 1"
        connection.execute(f"UPDATE scores SET score = score + 9 WHERE dialogue = ({row})")
    result = small.run(*ON)
    assert judged == ["win_rate"]
    assert "1 score not trusted, scored again" in text_of(result)
    assert whole(small)[1] == good[1]


def test_a_key_trusts_only_what_was_written_with_it(
    small: Project, judged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "secret")
    small.run(*ON)
    assert judged == ["win_rate"]
    small.run(*ON)
    assert judged == ["win_rate"]


@pytest.mark.parametrize("model", ["without a fingerprint", "the check of another package"])
def test_what_is_not_fully_known_is_not_kept(
    project: Project, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if model == "without a fingerprint":
        project.model()
    else:
        from rmcheck.engine import kept

        project.write("conftest.py", MODEL.format(lost=0))
        monkeypatch.setattr(kept, "_others", lambda: True)
    project.suite("chat", {"check": "win_rate", "min": 0.6}, rows=rows()[:30])
    project.run(*ON)
    assert project.checks()["chat::win_rate"]["outcome"] == "pass"
    assert not files(project)
    # Slices need no fingerprint: the scores themselves are in their key.
    assert bool(slices(project)) == (model == "without a fingerprint")


def test_what_fails_fails_again_without_being_judged(project: Project, judged: list[str]) -> None:
    project.write("conftest.py", MODEL.format(lost=20))
    project.suite("chat", {"check": "win_rate", "min": 0.9}, rows=rows()[:30])
    first = project.run(*ON)
    again = project.run(*ON)
    for result in (first, again):
        assert result.ret == pytest.ExitCode.TESTS_FAILED
        assert "win_rate 0.300 [0.167, 0.479] (wilson 95%, n=30) < min 0.90" in text_of(result)
    assert judged == ["win_rate"]


def test_a_gate_that_computes_nothing_does_not_import_scipy(small: Project) -> None:
    small.write("listing.py", LISTS_MODULES)
    for more, expected in (((), False), (("--rm-kept", "off"), True)):
        small.subprocess(*QUIET, *ON, *more)
        assert any(name.startswith("scipy") for name in modules(small)) == expected


@pytest.fixture
def estimated(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pairs slices were estimated from, each time."""
    from rmcheck.engine import facts

    counts: list[int] = []
    estimate = facts.estimates_by_tag

    def counted(pairs: Any, wins: Any) -> Any:
        counts.append(len(pairs))
        return estimate(pairs, wins)

    monkeypatch.setattr(facts, "estimates_by_tag", counted)
    return counts


def test_slices_are_not_estimated_again(small: Project, estimated: list[int]) -> None:
    good = small.record()["suites"][0]
    assert good["slices"]
    assert len(good["controls"]) == 3
    small.run(*ON)
    assert estimated == []
    again = small.record()["suites"][0]
    assert {key: again[key] for key in ("slices", "controls")} == {
        key: good[key] for key in ("slices", "controls")
    }
    small.run(*ON, "--rm-kept", "off")
    assert estimated == [30]


@pytest.mark.parametrize("change", CHANGES)
def test_slices_are_estimated_again_after_a_change(
    small: Project, estimated: list[int], change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = changed(small, change, monkeypatch)
    small.run(*ON, *more)
    assert 30 in estimated


def test_damaged_slices_are_estimated_again(small: Project, estimated: list[int]) -> None:
    good = whole(small)
    (path,) = slices(small)
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"n":30', b'"n":31'))
    assert path.read_bytes() != content
    small.run(*ON)
    assert estimated == [30]
    assert whole(small)[1] == good[1]
    assert path.read_bytes() == content


def test_a_folder_that_cannot_be_written_keeps_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write("conftest.py", MODEL.format(lost=0))
    project.suite("chat", {"check": "win_rate", "min": 0.6}, rows=rows()[:30])
    project.write(f".rmcheck/{FOLDER}", "a file in the way")
    assert project.run(*ON).ret == 0
    assert project.run(*ON).ret == 0


def test_the_store_keeps_the_newest_of_a_check(tmp_path: Path) -> None:
    store = VerdictStore(tmp_path)
    for number in range(MOST + 3):
        store.put("chat::a", f"{number:032x}", {"number": number})
        newest = store.folder / next(
            path.name for path in store.folder.iterdir() if f"{number:032x}" in path.name
        )
        os.utime(newest, (number, number))
    store.put("chat::b", "0" * 32, {})
    found = [store.get("chat::a", f"{number:032x}") for number in range(MOST + 3)]
    assert found == [None] * 3 + [{"number": number} for number in range(3, MOST + 3)]
    assert store.get("chat::b", "0" * 32) == {}
    assert store.get("chat::b", "1" * 32) is None
