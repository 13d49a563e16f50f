"""The command: what it prints, its exit codes, and what it makes of broken files."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rmcheck.cli import main
from rmcheck.lint import KINDS, lint

from .rows import many, pair, write


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_clean_data_exit_with_0(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder / "data.jsonl", many(30))
    assert main(["lint", "data.jsonl"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("1 data file, 30 pairs in 30 groups\n")
    assert "rules of thumb" in out
    assert out.endswith("0 errors, 0 warnings, 0 notes\n")


def test_errors_come_first_and_exit_with_1(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        *many(3, tags=["rare"]),
        pair("x", "Tea?", "Yes.", "No."),
        pair("y", "Tea?", "No.", "Yes."),
        pair("z", "Milk?", "", "Never."),
    ]
    write(folder / "data.jsonl", rows)
    assert main(["lint", "data.jsonl"]) == 1
    out = capsys.readouterr().out
    assert out.index("errors (1)") < out.index("warnings (1)") < out.index("notes (")
    assert "  contradiction: pairs that contradict each other (1)\n    data.jsonl:5: " in out
    assert "→ decide which response is better and remove the other pair" in out


def test_strict_fails_on_warnings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder / "data.jsonl", [*many(30), pair("z", "Milk?", "", "Never.")])
    assert main(["lint", "data.jsonl"]) == 0
    assert "0 errors, 1 warning" in capsys.readouterr().out
    assert main(["lint", "--strict", "data.jsonl"]) == 1
    write(folder / "data.jsonl", many(30))
    assert main(["lint", "--strict", "data.jsonl"]) == 0


def test_a_long_list_is_counted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = many(30)
    for row in rows:
        row["rejected"] = row["chosen"]
    write(folder / "data.jsonl", rows)
    assert main(["lint", "data.jsonl"]) == 1
    assert "… and 22 more (--format json lists all)" in capsys.readouterr().out


def test_json_holds_every_finding(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder / "one.jsonl", [*many(25, tags=["t"]), many(1)[0]])
    write(folder / "two.jsonl", [row | {"id": f"t{row['id']}"} for row in many(5)])
    assert main(["lint", "*.jsonl", "--train", "two.jsonl", "--format", "json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["schema_version"] == 1
    assert found["counts"]["error"] == sum(f["level"] == "error" for f in found["findings"])
    first = found["findings"][0]
    assert first | {"remedy": ""} == {
        "code": "duplicate-id",
        "level": "error",
        "path": "one.jsonl",
        "line": 26,
        "message": "duplicate id 'p0000' (first at one.jsonl:1)",
        "remedy": "",
        "related": [{"path": "one.jsonl", "line": 1}],
    }
    assert [facts["pairs"] for facts in found["files"]] == [31, 26, 5]
    assert found["files"][1]["tags"] == {"t": 25}
    assert found["words"]["train_pairs"] == 5
    assert {row["rule"] for row in found["rules"]} >= {"the longer (characters)"}
    assert {row["tag"] for row in found["rules"]} == {None, "t"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing.jsonl"], "no file matches 'nothing.jsonl'"),
        (["*.csv"], "no file matches '*.csv'"),
        (["."], "'.' is a directory; name files, e.g. './*.jsonl'"),
        (["data.jsonl", "--train", "gone.jsonl"], "no file matches 'gone.jsonl'"),
    ],
)
def test_usage_mistakes_exit_with_4(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    write(folder / "data.jsonl", many(2))
    assert main(["lint", *arguments]) == 4
    assert said in capsys.readouterr().err


def test_bad_rows_are_errors_and_the_good_ones_are_linted(folder: Path) -> None:
    path = folder / "data.jsonl"
    write(path, many(3))
    with path.open("a", encoding="utf-8") as file:
        file.write('not json\n{"id": "a", "prompt": "b", "chosen": "c"}\n')
    (folder / "empty.jsonl").write_text("")
    report = lint([path, folder / "empty.jsonl"], root=folder)
    assert [(str(f.place), f.kind.code) for f in report.of_level("error")] == [
        ("data.jsonl:4", "malformed-row"),
        ("data.jsonl:5", "malformed-row"),
        ("empty.jsonl", "malformed-row"),
    ]
    assert report.files[0].pairs == 3


def test_csv_is_read_too(folder: Path) -> None:
    (folder / "data.csv").write_text("id,prompt,chosen,rejected,tags\na,p,same,same,x\n")
    (found,) = lint([folder / "data.csv"], root=folder).of_level("error")
    assert (str(found.place), found.kind.code) == ("data.csv:2", "identical-sides")


def suite(
    folder: Path, data: str = "data.jsonl", check: str = "{check: win_rate, min: 0.7}"
) -> Path:
    path = folder / "s.yaml"
    path.write_text(f"rmcheck: 1\nname: s\ndata: {data}\nchecks:\n  - {check}\n")
    return path


def test_a_suite_is_linted_with_its_data(folder: Path) -> None:
    data = write(folder / "data.jsonl", [*many(40), pair("x", "Tea?", "same", "same")])
    report = lint([suite(folder), data], root=folder)
    assert report.suites == ("s.yaml",)
    assert [facts.pairs for facts in report.files] == [41]  # once, though named twice
    assert {f.kind.code for f in report.findings} == {"identical-sides", "threshold-band"}


def test_renamed_columns_of_a_suite(folder: Path) -> None:
    rows = [{"id": r["id"], "prompt": r["prompt"], "good": "same", "bad": "same"} for r in many(2)]
    write(folder / "data.jsonl", rows)
    path = suite(folder, "{path: data.jsonl, columns: {chosen: good, rejected: bad}}")
    codes = [str(f.place) for f in lint([path], root=folder).of_level("error")]
    assert codes == ["data.jsonl:1", "data.jsonl:2"]


def test_a_suite_that_does_not_load(folder: Path) -> None:
    rows = many(20)
    rows[1]["id"] = rows[0]["id"]
    write(folder / "data.jsonl", rows)
    errors = lint([suite(folder, check="{check: win_rat}")], root=folder).of_level("error")
    assert [(f.kind.code, str(f.place)) for f in errors] == [
        ("suite-mistake", "s.yaml:5"),
        ("duplicate-id", "data.jsonl:2"),
    ]
    (found,) = lint([suite(folder, "gone.jsonl")], root=folder).of_level("error")
    assert found.kind.code == "suite-mistake"
    assert "no file matches 'gone.jsonl'" in found.message


def test_kinds_have_names_of_their_own_and_remedies() -> None:
    assert len({kind.code for kind in KINDS}) == len(KINDS) >= 25
    assert all(kind.title and kind.remedy for kind in KINDS)


@pytest.mark.ci
def test_linting_does_not_import_torch(folder: Path) -> None:
    write(folder / "data.jsonl", many(20))
    suite(folder)
    code = (
        "import sys\n"
        "from rmcheck.cli import main\n"
        "main(['lint', 's.yaml', '--train', 'data.jsonl'])\n"
        "heavy = ('torch', 'pandas', 'sklearn', 'datasets')\n"
        "sys.exit(sum(name in sys.modules for name in heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.slow
def test_ten_thousand_pairs_take_seconds(folder: Path) -> None:
    rng = random.Random(0)
    names = [f"w{i}" for i in range(5000)]
    weights = [1 / (i + 1) for i in range(5000)]

    def text(most: int) -> str:
        return " ".join(rng.choices(names, weights, k=rng.randint(10, most)))

    rows = [pair(f"x{i}", text(20), text(120), text(120), tags=["t"]) for i in range(10_000)]
    path = write(folder / "data.jsonl", rows)
    start = time.perf_counter()
    lint([path], root=folder)
    assert time.perf_counter() - start < 10
