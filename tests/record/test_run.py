"""A run as files: what is written is read again, what is promised is there, nothing by halves."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from builders import honest, make_pairs, make_suite, pair_scores, per_text, run_record
from hypothesis import given
from hypothesis import strategies as st

from rmcheck.checks import Check
from rmcheck.checks.no_regression import NoRegression
from rmcheck.checks.score_gap import ScoreGap
from rmcheck.checks.win_rate import WinRate
from rmcheck.engine import Engine, Settings
from rmcheck.engine.facts import pair_scores as known_scores
from rmcheck.engine.facts import suite_record
from rmcheck.engine.judged import check_record
from rmcheck.errors import ProblemsFound, UsageError
from rmcheck.record import folder as folders
from rmcheck.record import run as record
from rmcheck.record.run import BaselineRecord, CheckRecord, RunRecord
from rmcheck.record.scores import PairScore

PAIRS = make_pairs(30)


def a_run(folder: Path) -> tuple[RunRecord, list[PairScore]]:
    """A record as the engine makes it: three checks on thirty pairs, one of them a comparison."""
    checks: tuple[Check, ...] = (WinRate(min=0.6), ScoreGap(), NoRegression())
    suite = make_suite(PAIRS, checks, description="d", tags=("t",), hash="h", lines=(5, 6, 7))
    engine = Engine(Settings.below(folder))
    binding = engine.bind(suite, per_text(honest), per_text(lambda p, r: honest(p, r[::-1])))
    engine.prepare(binding, suite.bound)
    found = [check_record(bound, *engine.judge(bound, binding)) for bound in suite.bound]
    context = engine.context(suite, binding)
    whole = suite_record(suite, context).model_copy(update={"checks": found})
    made = run_record(
        suites=[whole], baseline=BaselineRecord(name="main", fingerprint="old"),
        outcome=record.outcome([whole]), scoring=engine.book.counts(),
    )  # fmt: skip
    return made, known_scores(suite, context)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    made, rows = a_run(tmp_path)
    folders.write(tmp_path / "run", made, rows)
    found = folders.read(tmp_path / "run")
    written = (tmp_path / "run/scores.jsonl").read_bytes()
    assert found.scores_hash == hashlib.sha256(written).hexdigest()
    assert found == made.model_copy(update={"scores_hash": found.scores_hash})
    assert list(folders.read_scores(tmp_path / "run", found)) == rows
    assert len(rows) == 30
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "results.json", "scores.jsonl",
    ]  # fmt: skip


def test_a_check_s_record_says_whether_it_compares(tmp_path: Path) -> None:
    made, _ = a_run(tmp_path)
    assert [check.compares for check in made.suites[0].checks] == [False, False, True]


def test_a_record_of_version_0_1_does_not_say_it_and_is_read_all_the_same(tmp_path: Path) -> None:
    made, rows = a_run(tmp_path)
    folders.write(tmp_path / "run", made, rows)
    path = tmp_path / "run" / record.RESULTS
    old = json.loads(path.read_text())
    for check in old["suites"][0]["checks"]:
        del check["compares"]
    path.write_text(json.dumps(old))
    found = folders.read(tmp_path / "run")
    assert found == made.model_copy(update={"scores_hash": found.scores_hash})


# The keys that interfaces.md promises, in its own words; more may stand beside them.
PROMISED: dict[str, Any] = {
    "schema_version": 1, "rmcheck": str, "started": str, "duration_s": float, "seed": int,
    "source": {"spec": str, "fingerprint": (str, None)},
    "baseline": {"name": str, "fingerprint": (str, None)},
    "environment": {"python": str, "torch": (str, None), "device": (str, None), "dtype": str},
    "outcome": str,
    "suites": [{
        "name": str, "path": str, "data": {"hash": str, "pairs": int, "groups": int},
        "checks": [{
            "id": str, "kind": str, "gate": str, "outcome": str, "decision": str,
            "state": (str, None), "weak": bool,
            "estimate": {"value": float, "low": float, "high": float, "level": float,
                         "method": str, "n": int, "n_groups": int},
            "criterion": dict, "p_value": (float, None), "adjusted_p": (float, None),
            "detectable": (float, None), "message": str, "signature": str, "evidence": dict,
            "duration_s": float,
        }],
    }],
    "scores": str,
}  # fmt: skip


def missing(found: Any, promised: Any, where: str = "") -> list[str]:
    if isinstance(promised, dict):
        faults: list[str] = []
        for key, inner in promised.items():
            place = f"{where}.{key}"
            faults += missing(found[key], inner, place) if key in found else [place]
        return faults
    if isinstance(promised, list):
        return [fault for entry in found for fault in missing(entry, promised[0], where + "[]")]
    if isinstance(promised, tuple):
        return [] if found is None else missing(found, promised[0], where)
    if isinstance(promised, type):
        number = promised is float and type(found) in (int, float)
        return [] if number or type(found) is promised else [f"{where}: {found!r}"]
    return [] if found == promised else [f"{where}: {found!r}"]


def test_the_keys_that_are_promised(tmp_path: Path) -> None:
    made, rows = a_run(tmp_path)
    folders.write(tmp_path / "run", made, rows)
    raw = json.loads((tmp_path / "run/results.json").read_text())
    assert missing(raw, PROMISED) == []
    assert raw["scores"] == "scores.jsonl"
    (suite,) = raw["suites"]
    assert [check["id"] for check in suite["checks"]] == [
        "chat::win_rate", "chat::score_gap", "chat::no_regression",
    ]  # fmt: skip
    assert suite["checks"][0]["criterion"] == {"min": 0.6}
    first = json.loads((tmp_path / "run/scores.jsonl").read_text().splitlines()[0])
    assert list(first) == ["suite", "id", "hash", "group", "tags", "chosen", "rejected"]
    # And the test sees what is missing.
    del raw["suites"][0]["checks"][1]["estimate"]["low"]
    raw["seed"] = "0"
    assert missing(raw, PROMISED) == [".seed: '0'", ".suites[].checks[].estimate.low"]


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
rows_of_scores = st.lists(
    st.builds(
        PairScore,
        suite=texts,
        id=texts,
        hash=texts,
        group=texts,
        tags=st.lists(texts, max_size=2),
        chosen=st.floats(allow_nan=False, allow_infinity=False),
        rejected=st.floats(allow_nan=False, allow_infinity=False),
    ),
    max_size=5,
)


@given(rows_of_scores)
def test_scores_survive_whatever_their_names_hold(
    tmp_path_factory: pytest.TempPathFactory, rows: list[PairScore]
) -> None:
    # Among them U+2028 and U+0085, which end a line for str.splitlines.
    folder = tmp_path_factory.mktemp("run")
    folders.write(folder, run_record(), rows)
    assert list(folders.read_scores(folder)) == rows


def test_half_a_file_is_never_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = pair_scores(PAIRS, ([1.0] * 30, [0.0] * 30))
    folders.write(tmp_path, run_record(seed=1), rows)
    whole = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    write_text = Path.write_text

    def dies(self: Path, text: str, *args: Any, **options: Any) -> int:
        write_text(self, text[: len(text) // 2], *args, **options)
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_text", dies)
    with pytest.raises(OSError, match="disk full"):
        folders.write(tmp_path, run_record(seed=2), rows[:3])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == whole
    assert folders.read(tmp_path).seed == 1


CUT = {
    "cut at a line break": lambda rows: rows[: len(rows) // 2],
    "of another run": lambda rows: [row.replace(b"1.0", b"2.0") for row in rows],
    "with a row more": lambda rows: [*rows, rows[0]],
    "empty": lambda _: [],
}


@pytest.mark.parametrize("how", CUT)
def test_scores_of_another_run_are_refused(tmp_path: Path, how: str) -> None:
    # A baseline cut at a line break was "identical (n=30)", and passed.
    made, rows = a_run(tmp_path)
    folders.write(tmp_path / "run", made, rows)
    path = tmp_path / "run" / "scores.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(CUT[how](lines)))
    found = folders.read(tmp_path / "run")
    with pytest.raises(UsageError, match=r"scores\.jsonl: does not match results.json in the same"):
        folders.read_scores(tmp_path / "run", found)


def test_scores_of_a_record_without_their_hash_are_counted(tmp_path: Path) -> None:
    made, rows = a_run(tmp_path)
    folders.write(tmp_path / "run", made, rows[:10])
    path = tmp_path / "run" / "results.json"
    path.write_text(re.sub(r'"scores_hash": "\w+"', '"scores_hash": ""', path.read_text()))
    found = folders.read(tmp_path / "run")
    with pytest.raises(UsageError, match="10 rows for the 30 pairs of the suites"):
        folders.read_scores(tmp_path / "run", found)


def test_results_appear_after_their_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Whoever sees results.json may read scores.jsonl.
    order: list[str] = []
    replace = Path.replace

    def watched(self: Path, target: Path) -> Path:
        order.append(target.name)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", watched)
    folders.write(tmp_path, run_record(), [])
    assert order == ["scores.jsonl", "results.json"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "cannot be read as JSON"),
        (b"\xff\xfe", "cannot be read as JSON"),
        (b"[" * 100_000, "cannot be read as JSON"),
        (b"[]", "expected schema_version 1, got None; run the gate again"),
        (b"{}", "expected schema_version 1, got None"),
        (b'{"schema_version": 2}', "expected schema_version 1, got 2"),
        (b'{"schema_version": "1"}', "expected schema_version 1, got '1'"),
        (b'{"schema_version": 1}', r"results\.json: rmcheck: Field required; run the gate again"),
    ],
)
def test_records_that_cannot_be_read(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "results.json").write_bytes(content)
    with pytest.raises(UsageError, match=said):
        folders.read(tmp_path)


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999", "1" + "0" * 400])
@pytest.mark.parametrize("place", ["value", "low", "in a picture"])
def test_a_number_that_is_not_finite_is_told(tmp_path: Path, number: str, place: str) -> None:
    """An estimate, or what a picture is drawn from: a chart met OverflowError, or drew nothing."""
    made, rows = a_run(tmp_path)
    folders.write(tmp_path / "run", made, rows)
    path = tmp_path / "run" / record.RESULTS
    raw = json.loads(path.read_text())
    check = raw["suites"][0]["checks"][0]
    if place == "in a picture":
        assert check["evidence"]["pictures"]
        check["evidence"]["pictures"][0]["data"]["x"] = "HERE"
    else:
        check["estimate"][place] = "HERE"
    path.write_text(json.dumps(raw).replace('"HERE"', number))
    with pytest.raises(UsageError, match=r"results\.json: cannot be read as JSON \(.*finite"):
        folders.read(tmp_path / "run")


def test_a_misspelt_key_of_a_record_is_told(tmp_path: Path) -> None:
    raw = json.loads(run_record().model_dump_json())
    (tmp_path / "results.json").write_text(json.dumps({**raw, "sed": 3}))
    with pytest.raises(UsageError, match=r"results\.json: sed: Extra inputs are not permitted"):
        folders.read(tmp_path)
    with pytest.raises(UsageError, match=r"not a run folder: it has no results\.json; `pytest"):
        folders.read(tmp_path / "nowhere")


def test_rows_of_scores_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"scores\.jsonl: file not found; it must be in the same"):
        folders.read_scores(tmp_path)
    good = pair_scores(PAIRS[:1], ([1.0], [0.0]))[0].model_dump(mode="json")
    rows = [good, {**good, "chosen": "high"}, {**good, "rejected": float("nan")}, {"id": "a"}]
    rows.append({**good, "chosen": float("inf")})
    lines = [*map(json.dumps, rows), "", "not json"]
    (tmp_path / "scores.jsonl").write_text("\n".join(lines))
    with pytest.raises(ProblemsFound) as caught:
        folders.read_scores(tmp_path)
    assert [(problem.line, problem.message.split(":")[0]) for problem in caught.value.problems] == [
        (2, "chosen"), (3, "rejected"), (4, "suite"), (5, "chosen"), (7, "row"),
    ]  # fmt: skip
    (tmp_path / "scores.jsonl").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match=r"scores\.jsonl: cannot be read"):
        folders.read_scores(tmp_path)


def test_the_colour_of_a_run() -> None:
    def run(*checks: tuple[str, str]) -> str:
        made = [
            CheckRecord(id="s::c", kind="win_rate", gate=gate, outcome=outcome, message="")  # type: ignore[arg-type]
            for gate, outcome in checks
        ]
        whole = suite_record(make_suite(PAIRS), None).model_copy(update={"checks": made})
        return record.outcome([whole])

    assert run() == "error"  # it looked at nothing
    assert run(("required", "pass"), ("required", "skipped")) == "pass"
    assert run(("required", "pass"), ("required", "fail")) == "fail"
    assert run(("required", "error"), ("required", "fail")) == "error"
    # An advisory check colours nothing.
    assert run(("required", "pass"), ("advisory", "fail"), ("advisory", "error")) == "pass"
