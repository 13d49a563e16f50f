"""Reading a log: columns, forms, and rows that cannot be used."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from rmcheck.errors import ProblemsFound, RmcheckError, UsageError
from rmcheck.monitor.log import Log, LogRow, seconds_of


def lines(path: Path, *given: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in given), encoding="utf-8")
    return path


def test_columns_are_found_or_named(tmp_path: Path) -> None:
    one = lines(tmp_path / "a.jsonl", {"input": "p", "completion": "r", "reward": 2, "ts": 5})
    log = Log([one])
    assert list(log.rows()) == [LogRow(2.0, "p", "r", None)]
    assert log.found == {"prompt": "input", "response": "completion", "score": "reward"}
    assert next(Log([one], {"time": "ts"}).rows()).time == 5.0
    with pytest.raises(UsageError, match=r"a.jsonl: column time=tz: did you mean 'ts'"):
        list(Log([one], {"time": "tz"}).rows())
    other = lines(tmp_path / "b.jsonl", {"prompt": "p", "value": 1})
    with pytest.raises(UsageError, match=r"got prompt and value; name it: --columns score=COLUMN"):
        list(Log([other]).rows())


def test_forms(tmp_path: Path) -> None:
    table = pd.DataFrame({"prompt": ["p", "q"], "response": ["r", "s"], "score": [1.5, -2.0]})
    table.to_parquet(tmp_path / "log.parquet")
    table.to_csv(tmp_path / "log.csv", index=False)
    with gzip.open(tmp_path / "log.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write(table.to_json(orient="records", lines=True))
    expected = [LogRow(1.5, "p", "r"), LogRow(-2.0, "q", "s")]
    for name in ("log.parquet", "log.csv", "log.jsonl.gz"):
        assert list(Log([tmp_path / name]).rows()) == expected
    both = Log([tmp_path / "log.parquet", tmp_path / "log.csv"])
    assert list(both.rows()) == expected * 2


def test_messages_are_prompts(tmp_path: Path) -> None:
    said = [{"role": "user", "content": "hello"}]
    (row,) = Log([lines(tmp_path / "a.jsonl", {"messages": said, "score": 0.5})]).rows()
    assert row.prompt == "user: hello"


def test_every_row_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    good = '{"prompt": "p", "score": 1, "time": "2025-01-01T00:00:00Z"}'
    path.write_text(
        "\n".join(
            [
                good,
                '{"prompt": "p", "score": NaN, "time": 1}',
                '{"prompt": 7, "score": "high", "time": "noon"}',
                '{"prompt": "p", "time": 1}',
                '{"prompt": "p", "score": true, "time": 1}',
                "{",
                '{"prompt": "p", "score": -1e200, "time": 1}',
                good,
            ]
        ),
        encoding="utf-8",
    )
    rows = Log([path]).rows()
    assert next(rows).time == 1735689600.0
    assert next(rows).prompt == "p"  # the good ones come first
    with pytest.raises(ProblemsFound) as raised:
        next(rows)
    told = str(raised.value).splitlines()
    assert [line.partition("a.jsonl:")[2].partition(" ")[0] for line in told] == [
        "2:1:", "3:1:", "3:1:", "3:1:", "4:1:", "5:1:", "6:2:", "7:1:",
    ]  # fmt: skip
    assert "score: expected a finite number, got nan" in told[0]
    assert any("prompt: expected text or a list of messages, got 7" in line for line in told)
    assert any("score: expected a number, got 'high'" in line for line in told)
    assert any("time: expected a time such as 2025-01-31T12:00:00Z" in line for line in told)
    assert "score: missing; every row of the log needs one" in told[4]
    assert "invalid JSON" in told[6]
    assert "score: expected a score up to 1e+100 in size, got -1e+200" in told[7]


def test_a_log_of_nothing_but_mistakes_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", {"score": 1}, *({"score": None} for _ in range(5000)))
    with pytest.raises(ProblemsFound) as raised:
        list(Log([path]).rows())
    told = str(raised.value).splitlines()
    assert 50 <= len(told) <= 51
    assert "more errors follow" in told[-1]


@pytest.mark.parametrize("name", ["none.jsonl", "log.txt", "broken.parquet", "broken.jsonl.gz"])
def test_files_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    if name != "none.jsonl":
        (tmp_path / name).write_text("nothing")
    with pytest.raises(RmcheckError, match=name):
        list(Log([tmp_path / name]).rows())


@pytest.mark.parametrize("value", ["", "noon", True, None, -5, float("inf"), 10**400, [1]])
def test_what_is_not_a_time(value: Any) -> None:
    assert seconds_of(value) is None


def test_times() -> None:
    assert seconds_of("2025-01-01 01:00:00+01:00") == 1735689600.0
    assert seconds_of("1735689600.5") == 1735689600.5
