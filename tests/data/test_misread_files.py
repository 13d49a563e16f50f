"""Files that another program would read otherwise: each is refused with what it is."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import zipfile
from pathlib import Path

import pytest

from rmcheck.data.preferences import load
from rmcheck.errors import ProblemsFound

ROWS = "".join(
    json.dumps({"prompt": f"Why {number}?", "chosen": "So.", "rejected": "No."}) + "\n"
    for number in range(3)
)
TABLE = "prompt,chosen,rejected\nWhy é?,So.,No.\n"


def refused(path: Path) -> str:
    with pytest.raises(ProblemsFound) as caught:
        load([path], root=path.parent)
    return str(caught.value)


def zipped(second: int) -> bytes:
    """At 16:00:20 the bytes of the time are a line break and the first that is not UTF-8."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in ("a.jsonl", "b.jsonl"):
            archive.writestr(zipfile.ZipInfo(name, (2025, 1, 2, 16, 0, second)), ROWS)
    return made.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("d.jsonl", gzip.compress(ROWS.encode()), "compressed with gzip; name it d.jsonl.gz"),
        ("d.csv", bz2.compress(TABLE.encode()), "compressed with bzip2; name it d.csv.bz2"),
        (
            "d.jsonl.gz",
            gzip.compress(gzip.compress(ROWS.encode())),
            "compressed twice (inside, with gzip); decompress it once",
        ),
        ("d.jsonl", zipped(8), "a zip archive; unpack it, and name the file in it"),
        ("d.jsonl", zipped(20), "a zip archive; unpack it, and name the file in it"),
        ("d.zip", zipped(20), "a zip archive; unpack it, and name the file in it"),
        ("d.csv", zipped(20), "a zip archive; unpack it, and name the file in it"),
        ("d.jsonl", ROWS.encode("utf-16"), "UTF-16 text; save it as UTF-8"),
        ("d.csv", TABLE.encode("utf-16"), "UTF-16 text; save it as UTF-8"),
        ("d.csv", TABLE.encode("latin-1"), "not UTF-8 text (byte 0xe9); save the file as UTF-8"),
        (
            "d.csv",
            b"prompt;chosen, good;rejected\na;b;c\n",
            "the header has more semicolons than commas; save it with commas between its cells",
        ),
        (
            "d.tsv",
            b"prompt,chosen,rejected\twhy\na,b,c\td\n",
            "the header has more commas than tabs; save it with tabs between its cells",
        ),
    ],
)
def test_a_file_that_is_not_what_its_name_says(
    name: str, content: bytes, said: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    assert said in refused(tmp_path / name)


@pytest.mark.parametrize(
    "cell",
    [
        "[{'role': 'user', 'content': 'Hi'}]",
        "[{'content': 'Hi', 'role': 'user'} {'content': 'Hello', 'role': 'assistant'}]",  # NumPy
        "{'from': 'human', 'value': 'Hi'}",
        "['So.', 'Because.']",
    ],
)
def test_lists_as_python_prints_them_are_no_text(cell: str, tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text(f'prompt,chosen,rejected\nWhy?,"{cell}",No.\nWho?,"{cell}",Ann.\n')
    assert refused(path) == (
        "d.csv:2:1: column 'chosen' has messages or lists as Python prints them ({'role': …}), "
        "which JSON is not; write them with json.dumps, or save the data as JSON Lines or Parquet"
    )


def test_a_single_answer_that_looks_so_is_an_answer(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    rows = ["""Which list?,"['a', 'b']",No.""", "Why?,So.,No.", "Who?,Ann.,No."]
    path.write_text("prompt,chosen,rejected\n" + "\n".join(rows) + "\n")
    assert load([path]).pairs[0].chosen == "['a', 'b']"


def test_a_history_of_a_table_is_json(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text(
        'prompt,history,chosen,rejected\nWhy?,"[[""Hi"", ""Hello""]]",So.,No.\nWho?,[],Ann.,No.\n'
    )
    first, second = load([path]).pairs
    assert [turn.content for turn in first.prompt] == ["Hi", "Hello", "Why?"]  # type: ignore[union-attr]
    assert second.prompt == "Who?"
