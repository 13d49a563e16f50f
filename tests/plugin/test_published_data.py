"""Data in the field's layouts and forms, from the file to the verdict, the record and the page."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from data.published import ROWS, name, rows

from .projects import Project, text_of

LENGTH = """
import pytest

@pytest.fixture(scope="session")
def reward_model():
    return lambda texts: [float(len(response)) + len(prompt) / 100 for prompt, response in texts]
"""
COUNT = 24


def numbered(case: str, count: int = COUNT) -> list[dict[str, Any]]:
    """The rows of a case `count` times, each time with other texts and ids."""
    found = []
    for number in range(count):
        text = json.dumps(rows(case))
        for old in ("Because.", "So.", "blue today.", "Good.", "Wrong.", "one."):
            text = text.replace(old, f"{old} {'x' * (3 + number % 5)}")
        for old in ("Why", "Hi", "The sky", "A story", "News", "1 + 1", "Explain"):
            text = text.replace(old, f"{old} {number}")
        for old in ("m0", "m1", "m2", "m3", "m4", "m5", "m9", "t3", "p1", "q1", "u1", "f00d"):
            text = text.replace(f'"{old}"', f'"{old}-{number}"')
        again = json.loads(text)
        for row in again:
            for key in ("id", "idx", "unique_id"):
                if key in row:
                    whole = isinstance(row[key], int)
                    row[key] = 1000 + number if whole else f"{row[key]}-{number}"
        found.extend(again)
    return found


def suite(case: str, data: str, *, sets: bool) -> str:
    check = "{check: best_of_n, min: 0.01}" if sets else "{check: win_rate, min: 0.01}"
    label = "".join(char if char.isalnum() else "_" for char in case)
    return f"rmcheck: 1\nname: {label}\ndata: ../data/{data}\nchecks: [{check}]\n"


def has_pairs(case: str) -> bool:
    return any(isinstance(wanted[1], str) for wanted in ROWS[case][1])


@pytest.mark.slow
def test_every_published_shape_goes_from_its_file_to_the_report(project: Project) -> None:
    project.write("conftest.py", LENGTH)
    for number, case in enumerate(ROWS):
        data = "".join(json.dumps(row) + "\n" for row in numbered(case))
        file = f"d{number}.jsonl"
        if number % 3 == 1:
            file += ".gz"
            path = Path(project.root / "data" / file)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(gzip.compress(data.encode()))
        elif number % 3 == 2:
            file = f"d{number}.json"
            project.write(f"data/{file}", json.dumps(numbered(case), indent=1))
        else:
            project.write(f"data/{file}", data)
        project.write(f"suites/s{number}.yaml", suite(case, file, sets=not has_pairs(case)))
    result = project.run("suites")
    result.assert_outcomes(passed=len(ROWS))
    record = project.record()
    page = (project.root / "reports/latest/index.html").read_text(encoding="utf-8")
    assert len(record["suites"]) == len(ROWS)
    layouts = [each["data"]["files"][0]["layout"] for each in record["suites"]]
    assert sorted(layouts) == sorted(name(case) for case in ROWS)
    for each in record["suites"]:
        (file,) = each["data"]["files"]
        assert file["guessed"]
        assert file["left_out"] == {}
        assert f"{file['path']}: layout {file['layout']} (recognised)" in page


def test_what_was_left_out_is_told_in_terminal_record_and_page(project: Project) -> None:
    project.write("conftest.py", LENGTH)
    odd = [
        {"chosen": "\n\nHuman: a\n\nAssistant: b", "rejected": "\n\nHuman: c\n\nAssistant: d"},
        {"chosen": None, "rejected": "\n\nHuman: a\n\nAssistant: b"},
    ]
    good = numbered("hh", 60)
    lines = [json.dumps(row) for row in (*good[:30], odd[0], *good[30:], odd[1])]
    project.write("data/hh.jsonl", "\n".join(lines))
    project.write("suites/hh.yaml", suite("hh", "hh.jsonl", sets=False))
    result = project.run("suites")
    result.assert_outcomes(passed=1)
    said = (
        "layout hh (recognised); left out: 2 of 62 rows (chosen and rejected continue different "
        "conversations: row 31; chosen is null: row 62)"
    )
    assert f"data data/hh.jsonl: {said}" in text_of(result)
    (file,) = project.record()["suites"][0]["data"]["files"]
    assert file == {
        "path": "data/hh.jsonl",
        "layout": "hh",
        "guessed": True,
        "form": "JSON Lines",
        "rows": 62,
        "left_out": {
            "chosen and rejected continue different conversations": 1,
            "chosen is null": 1,
        },
        "examples": {
            "chosen and rejected continue different conversations": [31],
            "chosen is null": [62],
        },
        "remarks": {},
    }
    page = (project.root / "reports/latest/index.html").read_text(encoding="utf-8")
    assert f"data/hh.jsonl: {said}" in page


def test_a_layout_is_named_beside_the_data(project: Project) -> None:
    project.write("conftest.py", LENGTH)
    project.write("data/d.jsonl", "".join(json.dumps(r) + "\n" for r in numbered("pku-safe-rlhf")))
    text = suite("safer", "d.jsonl", sets=False)
    project.write("suites/s.yaml", text.replace("checks:", "layout: pku-safe-rlhf-safer\nchecks:"))
    result = project.run("suites")
    (file,) = project.record()["suites"][0]["data"]["files"]
    assert (file["layout"], file["guessed"]) == ("pku-safe-rlhf-safer", False)
    # The safer response is the shorter one, so that a model of lengths loses every pair.
    assert project.checks()["safer::win_rate"]["estimate"]["value"] == 0.0
    result.assert_outcomes(failed=1)
    project.write("suites/s.yaml", text.replace("checks:", "layout: hhh\nchecks:"))
    wrong = project.run("suites")
    assert "suites/s.yaml:4:9: unknown layout 'hhh', did you mean 'hh'?" in text_of(wrong)


def test_a_folder_of_parquet_is_named_like_a_file(project: Project) -> None:
    project.write("conftest.py", LENGTH)
    folder = project.root / "data/shards"
    folder.mkdir(parents=True)
    given = numbered("trl-implicit", 30)
    for number, part in enumerate((given[:10], given[10:])):
        table = pyarrow.Table.from_pylist(part)
        pyarrow.parquet.write_table(table, folder / f"test-0000{number}-of-00002.parquet")
    project.write("suites/s.yaml", suite("shards", "shards", sets=False))
    project.run("suites").assert_outcomes(passed=1)
    data = project.record()["suites"][0]["data"]
    assert data["pairs"] == 30
    assert [file["form"] for file in data["files"]] == ["Parquet", "Parquet"]
    pyarrow.parquet.write_table(table, folder / "train-00000-of-00001.parquet")
    said = text_of(project.run("suites"))
    assert "suites/s.yaml:3:7: '../data/shards' has several splits; name one: " in said
