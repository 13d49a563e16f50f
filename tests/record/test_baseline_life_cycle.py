"""What a baseline lives through: merged with, listed, aliased, refused, damaged."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from builders import make_pairs, pair_scores, run_record, write_jsonl

from rmcheck.compare.comparison import Side, compare
from rmcheck.errors import BaselineRefused, UsageError
from rmcheck.record import baseline
from rmcheck.record import folder as folders
from rmcheck.record.refusal import refuse_unlike
from rmcheck.record.run import CheckRecord, DataRecord, SourceRecord, SuiteRecord, TrainingRecord
from rmcheck.reward_source import Partial, SourceOptions
from rmcheck.sources import create
from rmcheck.sources.function import FunctionSource

PAIRS = make_pairs(20)
SOURCE = SourceRecord(
    spec="recipe:tiny", fingerprint="f", template="default", max_length=512, pooling="last"
)


def suite(name: str, outcome: str = "pass", kind: str = "win_rate") -> SuiteRecord:
    check = CheckRecord(
        id=f"{name}::{kind}", kind=kind, gate="required", outcome=outcome, message=""
    )  # type: ignore[arg-type]
    return SuiteRecord(
        name=name,
        path=f"suites/{name}.yaml",
        data=DataRecord(hash="", pairs=20, groups=20),
        source=SOURCE,
        checks=[check],
    )


def run(folder: Path, scores: Mapping[str, float | None], **changes: object) -> Path:
    """A run folder; each suite's chosen responses have one score, or None where none were scored.

    `outcomes` gives the outcomes of some suites' checks.
    """
    outcomes: Mapping[str, str] = changes.pop("outcomes", {})  # type: ignore[assignment]
    rows = [
        row
        for name, score in scores.items()
        if score is not None
        for row in pair_scores(PAIRS, ([score] * 20, [0.0] * 20), name)
    ]
    suites = [suite(name, outcomes.get(name, "pass")) for name in scores]
    folders.write(folder, run_record(suites=suites, **{"source": SOURCE, **changes}), rows)
    return folder


def kept_scores(folder: Path, name: str = "main") -> dict[str, float]:
    return {row.suite: row.chosen for row in folders.read_scores(folder / name)}


def test_what_is_replaced_added_and_kept_is_told(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    first = baseline.prepare(run(tmp_path / "a", {"chat": 1.0, "code": 1.0}), kept, "main")
    assert (first.added, first.replaced, first.kept) == (("chat", "code"), (), ())
    first.keep()
    second = baseline.prepare(run(tmp_path / "b", {"code": 2.0, "art": 2.0}), kept, "main")
    assert (second.added, second.replaced, second.kept) == (("art",), ("code",), ("chat",))
    assert kept_scores(kept) == {"chat": 1.0, "code": 1.0}  # nothing is written before keep()
    second.keep()
    assert kept_scores(kept) == {"art": 2.0, "chat": 1.0, "code": 2.0}


def test_suites_and_rows_stand_in_the_order_of_their_files(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    baseline.bless(run(tmp_path / "a", {"m": 1.0, "z": 1.0}), kept, "main")
    baseline.bless(run(tmp_path / "b", {"a": 2.0, "z": 2.0}), kept, "main")
    found = baseline.find("main", kept).record
    assert [each.name for each in found.suites] == ["a", "m", "z"]
    rows = [row.suite for row in folders.read_scores(kept / "main")]
    assert rows == ["a"] * 20 + ["m"] * 20 + ["z"] * 20


def test_a_suite_that_was_skipped_keeps_its_scores(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    baseline.bless(run(tmp_path / "a", {"chat": 1.0, "code": 1.0}), kept, "main")
    found = baseline.prepare(run(tmp_path / "b", {"chat": None, "code": 2.0}), kept, "main")
    assert (found.replaced, found.kept) == (("code",), ("chat",))
    found.keep()
    assert kept_scores(kept) == {"chat": 1.0, "code": 2.0}


def test_outcome_and_trainings_are_those_of_all_suites(tmp_path: Path) -> None:
    def training(name: str) -> TrainingRecord:
        return TrainingRecord(
            recipe=name, fingerprint=name, pairs=1, truncated=0, steps=1, seconds=0.1
        )

    kept = tmp_path / "kept"
    old = run(
        tmp_path / "a", {"chat": 1.0, "code": 1.0}, outcome="fail",
        outcomes={"chat": "fail"}, training=[training("old")],
    )  # fmt: skip
    baseline.bless(old, kept, "main", red=True)
    baseline.bless(run(tmp_path / "b", {"code": 2.0}, training=[training("new")]), kept, "main")
    found = baseline.find("main", kept).record
    assert found.outcome == "fail"  # chat's check failed when it was blessed
    assert [each.recipe for each in found.training] == ["old", "new"]
    baseline.bless(
        run(tmp_path / "c", {"chat": 3.0, "code": 3.0}, training=[training("new")]), kept, "main"
    )
    found = baseline.find("main", kept).record
    assert (found.outcome, [each.recipe for each in found.training]) == ("pass", ["new"])


def test_latest_is_told_by_the_files_and_not_by_their_times(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    for name in ("first", "second"):
        baseline.bless(run(tmp_path / "a", {"chat": 1.0}), kept, name)
    # A checkout may write the files in any order.
    for path in (kept / "second").iterdir():
        os.utime(path, (0, 0))
    assert baseline.find("latest", kept).name == "second"
    assert [one.name for one in baseline.every(kept)] == ["first", "second"]


def test_a_clock_that_was_ahead_does_not_stay_the_latest(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    target = baseline.bless(run(tmp_path / "a", {"chat": 1.0}), kept, "ahead")
    found = folders.read(target).model_copy(update={"blessed": "2999-01-01T00:00:00.000000Z"})
    folders.write(target, found, folders.read_scores(target))
    baseline.bless(run(tmp_path / "a", {"chat": 1.0}), kept, "after")
    assert baseline.find("latest", kept).name == "after"
    assert baseline.find("after", kept).record.blessed == "2999-01-01T00:00:00.000001Z"


def test_when_it_was_blessed_is_in_the_record(tmp_path: Path) -> None:
    before = datetime.now(UTC)
    baseline.bless(run(tmp_path / "a", {"chat": 1.0}), tmp_path / "kept", "main")
    blessed = baseline.find("main", tmp_path / "kept").record.blessed
    assert blessed is not None
    assert before <= datetime.fromisoformat(blessed) <= datetime.now(UTC)
    assert folders.read(tmp_path / "a").blessed is None


def test_no_latest_without_a_baseline(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no baseline 'latest' in .*: rmcheck bless main"):
        baseline.find("latest", tmp_path)


def test_a_damaged_baseline_is_not_silently_replaced(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    target = baseline.bless(run(tmp_path / "a", {"chat": 1.0}), kept, "main")
    (target / "results.json").write_text("{")
    with pytest.raises(UsageError, match=r"baseline 'main' cannot be updated: .*main.results"):
        baseline.bless(run(tmp_path / "b", {"code": 1.0}), kept, "main")
    assert (target / "scores.jsonl").read_text().count("chat") == 20


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    made = run(tmp_path / "a", {"chat": 1.0})
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageError, match=r"file.main: baseline cannot be written \(.+\)$"):
        baseline.bless(made, tmp_path / "file", "main")


def test_no_permission_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *arguments: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    made = run(tmp_path / "a", {"chat": 1.0})
    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(UsageError) as caught:
        baseline.bless(made, tmp_path / "kept", "main")
    assert str(caught.value).endswith("main: baseline cannot be written (Permission denied)")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"template": "chat"}, "template 'chat', not 'default'"),
        ({"max_length": 1024}, "max_length 1024, not 512"),
        ({"max_length": None}, "max_length the model's own, not 512"),
        (
            {"template": "raw", "max_length": 99},
            "template 'raw', not 'default'; max_length 99, not 512",
        ),
        # Another model, trained otherwise, in another precision: that is what a gate is for.
        ({"spec": "recipe:large", "fingerprint": "g", "dtype": "bfloat16", "pooling": "mean"}, ""),
        # Another kind of source reads as it must, and a score file cannot tell.
        ({"spec": "hf:org/model", "template": "chat"}, ""),
        ({"template": None, "max_length": None, "pooling": None}, ""),
    ],
)
def test_a_source_that_reads_its_texts_otherwise(
    tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    other = SOURCE.model_copy(update=changes)
    assert other.reads_unlike(SOURCE) == said
    kept = tmp_path / "kept"
    baseline.bless(run(tmp_path / "a", {"chat": 1.0}), kept, "main")
    found = baseline.find("main", kept)
    rows = {"new": ([1.0] * 20, [0.0] * 20), "old": ([2.0] * 20, [0.0] * 20)}
    sides = [
        Side(name, pair_scores(PAIRS, rows[name]), {"chat": source})
        for name, source in (("new", other), ("old", SOURCE))
    ]
    if not said:
        refuse_unlike(other, found.source_of("chat"), "main")
        assert compare(*sides, max_drop=0.02).verdicts["chat"].outcome == "pass"
        return
    with pytest.raises(BaselineRefused) as caught:
        refuse_unlike(other, found.source_of("chat"), "main")
    assert str(caught.value) == (
        f"{other.spec} formats texts differently from baseline 'main' ({said}), so scores are not "
        "comparable; bless a new baseline: rmcheck bless"
    )
    with pytest.raises(
        BaselineRefused, match=r"^chat: new formats texts differently from baseline 'old' "
    ):
        compare(*sides, max_drop=0.02)


def test_each_suite_of_a_merged_baseline_has_its_own_source(tmp_path: Path) -> None:
    found = run_record(
        source=SOURCE,
        suites=[
            suite("chat").model_copy(update={"source": SOURCE}),
            suite("code").model_copy(
                update={"source": SOURCE.model_copy(update={"template": "chat"})}
            ),
        ],
    )
    kept = baseline.Baseline("main", tmp_path, found)
    assert kept.source_of("chat") == SOURCE
    assert kept.source_of("code").template == "chat"
    assert kept.source_of("unknown") == SOURCE
    with pytest.raises(BaselineRefused, match="template 'default', not 'chat'"):
        refuse_unlike(SOURCE, kept.source_of("code"), "main")


@pytest.mark.parametrize(("kind", "refused"), [("no_regression", False), ("win_rate", True)])
def test_a_refused_baseline_does_not_stop_its_successor(
    tmp_path: Path, kind: str, refused: bool
) -> None:
    rows = pair_scores(PAIRS, ([1.0] * 20, [0.0] * 20))
    made = run_record(suites=[suite("chat", "error", kind)], outcome="error")
    folders.write(tmp_path / "run", made, rows)
    if refused:
        with pytest.raises(UsageError, match="this run had errors"):
            baseline.bless(tmp_path / "run", tmp_path / "kept", "main")
    else:
        baseline.bless(tmp_path / "run", tmp_path / "kept", "main")
        assert baseline.names(tmp_path / "kept") == ["main"]


def options(root: Path) -> SourceOptions:
    return SourceOptions(root=root, cache=root / "cache", dtype="bfloat16")


def test_sources_describe_themselves(tmp_path: Path) -> None:
    def zero(texts: Sequence[tuple[str, str]]) -> list[float]:
        return [0.0] * len(texts)

    plain = FunctionSource(zero, spec="py:zero", fingerprint="z").describe()
    assert plain == SourceRecord(spec="py:zero", fingerprint="z")
    recipe = create("recipe:tiny", options(tmp_path)).describe()
    assert (recipe.spec, recipe.kind, recipe.dtype) == ("recipe:tiny", "recipe", "bfloat16")
    assert (recipe.template, recipe.pooling) == ("default", "mean")
    assert recipe.max_length
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "rmcheck.json").write_text('{"template": "raw", "max_length": 77, "pooling": "mean"}')
    found = create("model", options(tmp_path)).describe()
    assert (found.spec, found.kind, found.template, found.max_length, found.pooling) == (
        "hf:model", "hf", "raw", 77, "mean",
    )  # fmt: skip


def test_which_ids_a_score_file_has(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "suite": "chat", "chosen": 1, "rejected": 0},
        {"id": "b", "suite": "code", "chosen": 1, "rejected": 0},
        {"id": "c", "chosen": 1, "rejected": 0},
        {"id": "s", "suite": "chat", "scores": [1, 2]},
    ]
    write_jsonl(tmp_path / "s.jsonl", rows)
    source = create("scores:s.jsonl", options(tmp_path))
    assert isinstance(source, Partial)
    assert source.ids() == source.within("chat").ids() == {"a", "b", "c"}
    # A file that names no suite cannot tell what is gone from one.
    assert source.ids(own=True) == source.within("art").ids(own=True) == frozenset()
    assert source.within("chat").ids(own=True) == {"a"}


def test_a_description_needs_no_torch() -> None:
    program = (
        "import sys, pathlib, tempfile\n"
        "from rmcheck.reward_source import SourceOptions\n"
        "from rmcheck.sources import create\n"
        "root = pathlib.Path(tempfile.mkdtemp())\n"
        "source = create('recipe:tiny', SourceOptions(root=root, cache=root))\n"
        "print(source.describe().template)\n"
        "print('torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["default", "False"], done.stderr
