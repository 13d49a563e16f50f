"""`rmcheck cache`: what is kept, taken out only when asked twice, never from under a gate."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from filelock import FileLock
from plugin.projects import Project, Said

from rmcheck.cache.folder import LOCK
from rmcheck.cache.store import FILE, ScoreStore
from rmcheck.cache.verdicts import VerdictStore
from rmcheck.data import Dialogue
from rmcheck.data.dialogue import content_hash
from rmcheck.engine.book import ScoreBook
from rmcheck.sources.function import FunctionSource
from rmcheck.training.adapter import SIDECAR, Sidecar

DAY = 86400.0
ADAPTER = "ad" * 16
MODEL = content_hash(ADAPTER, "float32")
OLD, NEW, NAMELESS = "0d" * 16, "ae" * 16, "ff" * 16


def run(root: Path, fingerprint: str, spec: str, count: int) -> None:
    """What a gate leaves that scores `count` texts."""
    source = FunctionSource(
        lambda texts: [float(len(text)) for _, text in texts], spec=spec, fingerprint=fingerprint
    )
    book = ScoreBook(root / ".rmcheck")
    book.fetch(source, [Dialogue("Why?", f"text {number}") for number in range(count)])
    book._store.close()


@pytest.fixture
def kept(project: Project) -> Project:
    """Scores of an old model, of a new one, and of one without a date; an adapter; leftovers."""
    folder = project.root / ".rmcheck"
    run(project.root, OLD, "hf:old", 300)
    run(project.root, NEW, "hf:new", 40)
    run(project.root, f"{NEW}~alone", "hf:new", 5)
    run(project.root, MODEL, "recipe:mine", 7)
    store = ScoreStore(folder)
    store.put(NAMELESS, {"x": 1.0})  # as a version that noted no names left it
    connection = store._open()
    with connection:
        connection.execute(
            "UPDATE sources SET used = ? WHERE source = ?", (time.time() - 40 * DAY, OLD)
        )
    store.close()
    adapter = folder / "adapters" / ADAPTER
    adapter.mkdir(parents=True)
    (adapter / SIDECAR).write_text(Sidecar(recipe="mine").model_dump_json())
    (adapter / "adapter_model.safetensors").write_bytes(bytes(2000))
    (folder / "adapters" / f".{ADAPTER}.77.tmp").mkdir()
    (folder / f"{FILE}.corrupt").write_bytes(b"x" * 5000)
    for path in (adapter, folder / "adapters" / f".{ADAPTER}.77.tmp"):
        os.utime(path, times=(time.time() - 60 * DAY,) * 2)
    return project


def rows(said: Said) -> list[list[str]]:
    """The cells of a table's lines."""
    start = next(place for place, line in enumerate(said.out) if line.startswith("kind "))
    kinds = ("scores", "adapter", "leftover")
    return [line.split() for line in said.out[start + 1 :] if line.split()[0] in kinds]


def names(project: Project) -> list[str]:
    """Kind and name of what is kept."""
    said = project.cli("cache")
    if said.out == [".rmcheck: empty"]:
        return []
    return [" ".join(row[:2]) for row in rows(said)]


def test_it_shows_what_is_kept_and_when_it_was_used(kept: Project) -> None:
    said = kept.cli("cache")
    assert said.code == 0
    assert said.out[0].startswith(".rmcheck: ")
    assert said.out[0].endswith(", 353 scores")
    shown = rows(said)
    assert (
        [(row[1], row[2], row[-1]) for row in shown[:4]]
        == [
            (MODEL[:12], "7", "recipe:mine"),
            (NEW[:12], "45", "hf:new"),  # those of a probe are counted with the model's
            (OLD[:12], "300", "hf:old"),
            (NAMELESS[:12], "1", "–"),
        ]
    )
    # An adapter is as young as the last use of its model's scores.
    today = time.strftime("%Y-%m-%d", time.gmtime())
    assert shown[4][:2] == ["adapter", ADAPTER[:12]]
    assert [shown[4][5], shown[4][-1]] == [today, "recipe:mine"]
    assert [" ".join(row[7:]) for row in shown[5:]] == [
        f"damaged database ({FILE}.corrupt)",
        f"killed training (adapters/.{ADAPTER}.77.tmp)",
    ]


def test_nothing_is_taken_out_without_yes(kept: Project) -> None:
    before = names(kept)
    said = kept.cli("cache", "prune", "--all")
    assert said.code == 0
    assert said.out[-1].startswith("would delete 7 of 7, ")
    assert said.out[-1].endswith("add --yes to delete")
    assert names(kept) == before


def test_old_things_go_and_what_has_no_date_stays(kept: Project) -> None:
    said = kept.cli("cache", "prune", "--older-than", "30d", "--yes")
    assert said.code == 0
    assert [row[0] for row in rows(said)] == ["scores", "leftover"]
    assert said.out[-1].startswith("deleted 2 of 7, ")
    assert f"scores {OLD[:12]}" not in names(kept)
    assert len(names(kept)) == 5
    # A model that is used again becomes young again, even if nothing is computed.
    run(kept.root, NEW, "hf:renamed", 3)
    assert rows(kept.cli("cache"))[0][-1] == "hf:renamed"


def test_one_model_goes_by_its_first_digits_and_is_scored_again(kept: Project) -> None:
    size = (kept.root / ".rmcheck" / FILE).stat().st_size
    assert kept.cli("cache", "prune", "--source", OLD[:6], "--yes").code == 0
    assert (kept.root / ".rmcheck" / FILE).stat().st_size < size
    assert len(names(kept)) == 6
    assert kept.cli("cache", "prune", "--source", NEW[:12], "--yes").code == 0
    store = ScoreStore(kept.root / ".rmcheck")
    text = Dialogue("Why?", "text 1").hash
    for gone in (OLD, NEW, f"{NEW}~alone"):
        assert store.get(gone, [text]) == {}
    assert store.get(MODEL, [text]) == {text: 6.0}
    store.close()
    run(kept.root, OLD, "hf:old", 10)
    assert f"scores {OLD[:12]}" in names(kept)


def test_all_goes_and_the_cache_works_again(kept: Project) -> None:
    said = kept.cli("cache", "prune", "--all", "--yes")
    assert said.out[-1].startswith("deleted 7 of 7, ")
    assert names(kept) == []
    assert kept.cli("cache", "prune", "--all").out == [".rmcheck: nothing to delete"]
    run(kept.root, NEW, "hf:new", 4)
    assert names(kept) == [f"scores {NEW[:12]}"]


def test_a_gate_that_scores_keeps_everything(kept: Project) -> None:
    before = names(kept)
    with FileLock(kept.root / ".rmcheck" / LOCK):
        said = kept.cli("cache", "prune", "--all", "--yes")
        assert said.code == 4
        assert "nothing was deleted: a run is scoring into it" in said.err[0]
        assert names(kept) == before  # looking is free


def test_an_adapter_in_training_stays(kept: Project) -> None:
    with FileLock(kept.root / ".rmcheck" / "adapters" / f"{ADAPTER}.lock"):
        said = kept.cli("cache", "prune", "--all", "--yes")
    assert f"kept adapter {ADAPTER[:12]}: it is being trained" in said.out
    assert said.out[-1].startswith("deleted 5 of 7, ")
    assert sorted(name.split()[0] for name in names(kept)) == ["adapter", "leftover"]


def test_a_damaged_database_is_shown_and_can_be_taken_out(kept: Project) -> None:
    database = kept.root / ".rmcheck" / FILE
    database.write_bytes(b"no database " * 999)
    lines = [line for line in kept.cli("cache").out if "damaged: file is not a database" in line]
    assert len(lines) == 1
    assert kept.cli("cache", "prune", "--all", "--yes").code == 0
    assert not database.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["prune"], "one of the arguments --older-than --source --all is required"),
        (["prune", "--older-than", "30"], "invalid age '30': use a number and h, d or w"),
        (["prune", "--source", "beef"], "--source 'beef': allowed: 0d0d0d0d0d0d, "),
        (["prune", "--source", ""], "--source ''"),
        (["prune", "--all", "--source", "ae"], "not allowed with"),
        (["prun"], "invalid choice: 'prun'"),
    ],
)
def test_mistakes_are_one_line(kept: Project, arguments: list[str], message: str) -> None:
    before = names(kept)
    said = kept.cli("cache", *arguments)
    assert (said.code, len(said.err)) == (4, 1)
    assert message in said.err[0]
    assert names(kept) == before


def test_another_folder_and_none(project: Project) -> None:
    assert project.cli("cache").out == [".rmcheck: empty"]
    assert not (project.root / ".rmcheck").exists()
    ScoreStore(project.root / "other").put(NEW, {"x": 1.0})
    said = project.cli("cache", "--rm-cache", "other")
    assert said.out[0].startswith("other: ")
    for order in (["--rm-cache", "other", "prune"], ["prune", "--rm-cache", "other"]):
        said = project.cli("cache", *order, "--source", NEW[:4])
        assert said.out[-1].startswith("would delete 1 of 1")


def test_kept_verdicts_are_one_entry(project: Project) -> None:
    store = VerdictStore(project.root / ".rmcheck")
    for name in ("chat::a", "chat::b"):
        store.put(name, "0" * 32, {})
    (line,) = [line for line in project.cli("cache").out if line.startswith("verdicts")]
    assert line.endswith("2 verdicts of checks")
    assert project.cli("cache", "prune", "--older-than", "1d", "--yes").out == [
        ".rmcheck: nothing to delete"
    ]
    assert project.cli("cache", "prune", "--all", "--yes").code == 0
    assert not store.folder.exists()
    store.put("chat::a", "0" * 32, {"made": "again"})
    assert store.get("chat::a", "0" * 32) == {"made": "again"}
