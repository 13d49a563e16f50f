"""The forms of data files: the same pairs from each, compressed or not, and refusals by name."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet
import pytest

from rmcheck.data.forms import compression
from rmcheck.data.preferences import expand, load
from rmcheck.errors import ProblemsFound, UsageError

ROWS: list[dict[str, Any]] = [
    {"id": f"r{n}", "prompt": f"Why {n}?", "chosen": "Because,\nof \"it\".", "rejected": "No.\tx"}
    for n in range(3)
]  # fmt: skip
WANTED = [(row["id"], row["prompt"], row["chosen"], row["rejected"]) for row in ROWS]


def lines(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {key: [row[key] for row in rows] for key in rows[0]}


def delimited(separator: str) -> bytes:
    quoted = [
        separator.join('"' + str(cell).replace('"', '""') + '"' for cell in row.values())
        for row in ROWS
    ]
    return "\n".join([separator.join(ROWS[0]), *quoted]).encode()


def parquet() -> bytes:
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), sink)
    return bytes(sink.getvalue())


def arrow(kind: Callable[..., Any]) -> bytes:
    sink = pyarrow.BufferOutputStream()
    table = pyarrow.Table.from_pylist(ROWS)
    with kind(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


FORMS: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "JSON Lines": ("d.jsonl", lambda: lines(ROWS), "JSON Lines"),
    "JSON Lines in .json": ("d.json", lambda: lines(ROWS), "JSON Lines"),
    "an array on lines": ("d.json", lambda: json.dumps(ROWS, indent=1).encode(), "a JSON array"),
    "an array on one line": ("d.json", lambda: json.dumps(ROWS).encode(), "a JSON array"),
    "an array in .jsonl": ("d.jsonl", lambda: json.dumps(ROWS, indent=1).encode(), "a JSON array"),
    "an object": ("d.json", lambda: json.dumps({"data": ROWS}).encode(), "a JSON object"),
    "an object on lines": (
        "d.json",
        lambda: json.dumps({"version": 1, "data": ROWS}, indent=2).encode(),
        "a JSON object",
    ),
    "columns": ("d.json", lambda: json.dumps(columns(ROWS)).encode(), "JSON columns"),
    "objects on lines of their own": (
        "d.json",
        lambda: "\n".join(json.dumps(row, indent=2) for row in ROWS).encode(),
        "JSON Lines",
    ),
    "CSV": ("d.csv", lambda: delimited(","), "CSV"),
    "TSV": ("d.tsv", lambda: delimited("\t"), "TSV"),
    "Parquet": ("d.parquet", parquet, "Parquet"),
    "an Arrow stream": ("d.arrow", lambda: arrow(pyarrow.ipc.new_stream), "Arrow"),
    "an Arrow file": ("d.arrow", lambda: arrow(pyarrow.ipc.new_file), "Arrow"),
}


def zstandard(content: bytes) -> bytes:
    return bytes(pyarrow.compress(content, codec="zstd", asbytes=True))


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard,
}


@pytest.mark.parametrize("packed", PACKED)
@pytest.mark.parametrize("form", FORMS)
def test_the_same_pairs_from_every_form(form: str, packed: str, tmp_path: Path) -> None:
    name, content, said = FORMS[form]
    path = tmp_path / f"{name}{packed}"
    path.write_bytes(PACKED[packed](content()))
    data = load([path], root=tmp_path)
    assert [(p.id, p.prompt, p.chosen, p.rejected) for p in data.pairs] == WANTED
    (note,) = data.notes
    assert note.form == (f"{said}, compressed ({packed})" if packed else said)
    assert (note.layout, note.rows) == ("ours", 3)


def told(path: Path) -> list[str]:
    with pytest.raises(ProblemsFound) as caught:
        load([path], root=path.parent)
    return str(caught.value).splitlines()


@pytest.mark.parametrize("packed", [ending for ending in PACKED if ending])
def test_a_damaged_file_is_told_in_one_line(packed: str, tmp_path: Path) -> None:
    path = tmp_path / f"d.jsonl{packed}"
    for content in (b"not compressed", PACKED[packed](lines(ROWS) * 50)[:-9]):
        path.write_bytes(content)
        assert f"d.jsonl{packed}: cannot be read: not a whole {packed} file" in told(path)[-1]


@pytest.mark.parametrize("packed", [ending for ending in PACKED if ending])
def test_a_bomb_is_refused(packed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "ROOM", 100_000)
    path = tmp_path / f"d.jsonl{packed}"
    path.write_bytes(PACKED[packed](b" " * 10_000_000))
    (line,) = told(path)
    assert "decompresses to more than" in line
    # What does not exceed the limit is read.
    path.write_bytes(PACKED[packed](lines(ROWS)))
    assert len(load([path]).pairs) == 3


@pytest.mark.parametrize("name", ["d.jsonl", "d.jsonl.gz", "d.csv", "d.parquet"])
def test_a_pipe_is_refused_at_once(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)
    assert "not a regular file" in told(tmp_path / name)[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[\n {"id": "a"},\n {"id": "b",}\n]', "d.json:3:13: invalid JSON"),
        ('[\n {"id": "a"}\n {"id": "b"}\n]', "d.json:3:2: invalid JSON: expected ',' or ']'"),
        ('[\n {"id": "a"},\n 7\n]', "d.json:3:1: a row must be a JSON object, got int"),
        ("[]", "d.json: file is empty"),
        ('{"data": []}', "d.json: layout not recognised; keys found: data (a list)"),
    ],
)
def test_mistakes_of_an_array_have_their_line(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "d.json").write_text(text)
    assert any(line.startswith(said) for line in told(tmp_path / "d.json"))


def test_rows_of_an_array_have_their_line(tmp_path: Path) -> None:
    rows = [*ROWS, {**ROWS[0], "id": "last", "chosen": 7}]
    (tmp_path / "d.json").write_text(json.dumps(rows, indent=1))
    (line,) = told(tmp_path / "d.json")
    # Each row has six lines (two braces and four keys), and the array begins on the first line.
    assert line == "d.json:20:1: chosen must be text, got int '7'"


def test_a_table_may_have_messages_as_json_and_long_cells(tmp_path: Path) -> None:
    turns = json.dumps([{"role": "user", "content": "Why?"}])
    good, bad = (
        json.dumps([{"role": "assistant", "content": text}]) for text in ("x" * 200_000, "n")
    )
    table = pyarrow.table({"prompt": [turns], "chosen": [good], "rejected": [bad]})
    pyarrow.csv.write_csv(table, tmp_path / "d.csv")
    data = load([tmp_path / "d.csv"])
    (pair,) = data.pairs
    assert (len(pair.chosen), pair.rejected, data.notes[0].layout) == (200_000, "n", "trl")


def test_one_response_that_is_json_stays_a_text(tmp_path: Path) -> None:
    rows = [["p1", "a", "b"], ["p2", '["x", "y"]', '[{"role": "assistant", "content": "z"}]'],
            ["p3", "c", "d"]]  # fmt: skip
    names = ("prompt", "chosen", "rejected")
    table = pyarrow.table({key: [row[at] for row in rows] for at, key in enumerate(names)})
    pyarrow.csv.write_csv(table, tmp_path / "d.csv")
    assert [[p.prompt, p.chosen, p.rejected] for p in load([tmp_path / "d.csv"]).pairs] == rows


@pytest.mark.parametrize("form", ["JSON Lines", "CSV", "Parquet"])
def test_an_empty_response_is_the_same_in_every_form(form: str, tmp_path: Path) -> None:
    rows = [{**ROWS[0], "rejected": ""}, ROWS[1]]
    table = pyarrow.Table.from_pylist(rows)
    if form == "JSON Lines":
        path = tmp_path / "d.jsonl"
        path.write_bytes(lines(rows))
    elif form == "CSV":
        path = tmp_path / "d.csv"
        pyarrow.csv.write_csv(table, path)
    else:
        path = tmp_path / "d.parquet"
        pyarrow.parquet.write_table(table, path)
    assert [pair.rejected for pair in load([path]).pairs] == ["", "No.\tx"]


def shards(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for row, name in zip(ROWS, names, strict=False):
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist([row]), folder / name)
    return folder


def test_a_folder_of_parquet_is_data(tmp_path: Path) -> None:
    names = [f"train-0000{n}-of-00003.parquet" for n in range(3)]
    shards(tmp_path / "flat", *names)
    shards(tmp_path / "hub/data", *names)
    for folder in ("flat", "hub", "hub/data/"):
        found = load(expand(folder, tmp_path)).pairs
        assert [pair.id for pair in found] == ["r0", "r1", "r2"]
    shards(tmp_path / "two", "train-00000-of-00001.parquet", "test-00000-of-00001.parquet")
    with pytest.raises(UsageError, match=r"'two' has several splits; name one: 'two/test-\*\.parq"):
        expand("two", tmp_path)
    assert [pair.id for pair in load(expand("two/test-*.parquet", tmp_path)).pairs] == ["r1"]


@pytest.mark.slow  # imports datasets
def test_a_saved_data_set_is_data(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    saved = datasets.Dataset.from_list(ROWS)
    saved.save_to_disk(tmp_path / "one", num_shards=2)
    assert [pair.id for pair in load(expand("one", tmp_path)).pairs] == ["r0", "r1", "r2"]
    both = datasets.DatasetDict({"train": saved, "test": saved.select([1])})
    both.save_to_disk(tmp_path / "two")
    with pytest.raises(UsageError, match="name one: 'two/train' and 'two/test'"):
        expand("two", tmp_path)
    assert [pair.id for pair in load(expand("two/test", tmp_path)).pairs] == ["r1"]
    datasets.DatasetDict({"train": saved}).save_to_disk(tmp_path / "only")
    assert len(load(expand("only", tmp_path)).pairs) == 3


@pytest.mark.parametrize("packed", [".gz", ".bz2", ".xz", ".zst"])
def test_streams_one_after_the_other_are_all_read_or_the_file_is_refused(
    packed: str, tmp_path: Path
) -> None:
    path = tmp_path / f"d.jsonl{packed}"
    first, second = (PACKED[packed](lines([row])) for row in ROWS[:2])
    path.write_bytes(first + second)
    assert [pair.id for pair in load([path]).pairs] == ["r0", "r1"]
    # A damaged magic number: bzip2 and xz of the standard library stop there without a word.
    for damaged in (first + b"junk" + second, first + b"X" + second[1:], first + second[:-1]):
        path.write_bytes(damaged)
        assert f"not a whole {packed} file" in told(path)[-1]


@pytest.mark.parametrize("packed", [".bz2", ".xz"])
def test_zeros_after_a_stream_are_padding(packed: str, tmp_path: Path) -> None:
    path = tmp_path / f"d.jsonl{packed}"
    first, second = (PACKED[packed](lines([row])) for row in ROWS[:2])
    path.write_bytes(first + bytes(70_000) + second + bytes(512))
    assert [pair.id for pair in load([path]).pairs] == ["r0", "r1"]


TWICE = '{"id": "a", "prompt": "p", "chosen": "x", "rejected": "y", "chosen": "z"}'
NESTED = (
    '{"prompt": [{"role": "user", "content": "p", "content": "q"}], "chosen": "x", "rejected": "y"}'
)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("d.jsonl", f"{lines(ROWS).decode()}{TWICE}\n", "d.jsonl:4:1: duplicate key 'chosen'"),
        ("d.json", f"[\n{TWICE}\n]", "d.json:2:1: duplicate key 'chosen'"),
        ("d.json", f'{{"data": [{TWICE}]}}', "d.json:1:1: duplicate key 'chosen'"),
        ("d.jsonl", NESTED, "d.jsonl:1:1: duplicate key 'content'"),
    ],
)
def test_a_key_that_comes_twice_is_refused(name: str, text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert said in "\n".join(told(path))


@pytest.mark.parametrize("others", [("train", "test"), ("test", "validation"), ("data", "rows")])
def test_a_document_with_several_lists_of_rows_is_refused(
    others: tuple[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "d.json"
    path.write_text(json.dumps(dict(zip(others, (ROWS[:1], ROWS[1:]), strict=True))))
    said = f"several lists of rows: '{others[0]}' (1) and '{others[1]}' (2)"
    assert said in "\n".join(told(path))


HEADER = "id,prompt,chosen,rejected"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        # Each of these was read without a word as fewer pairs, or other texts, than it says.
        ("d.csv", f'{HEADER}\na,p,x,"y\nb,p,x,y\nc,p,x,y\n', "line 2: a quoted cell is never"),
        ("d.csv", f'{HEADER}\na,p,x,"no \\"10\\" x"\n', "line 2: text after the closing quote"),
        ("d.csv", f'{HEADER}\na,p,"x" he said,y\n', "line 2: text after the closing quote"),
        ("d.tsv", 'id\tprompt\tchosen\trejected\na\tp\t"x" he\ty\n', "line 2: text after"),
        ("d.csv", "prompt,chosen,rejected,chosen\np,x,y,z\n", "2 columns are named 'chosen'"),
        ("d.csv", f"{HEADER};\n".replace(",", ";"), "separated by semicolons, expected commas"),
        ("d.csv", f"{HEADER}\n".replace(",", "\t"), "separated by tabs, expected commas; name"),
        ("d.tsv", f"{HEADER}\n", "separated by commas, expected tabs"),
    ],
)
def test_a_text_table_that_others_may_read_otherwise_is_refused(
    name: str, text: str, said: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert said in "\n".join(told(path))


def test_columns_without_a_name_are_none_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text(f'{HEADER},,\na,p,x,"a ""y"", quoted",,\n')
    assert [(pair.chosen, pair.rejected) for pair in load([path]).pairs] == [("x", 'a "y", quoted')]


def test_two_columns_of_a_name_in_parquet_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "d.parquet"
    table = pyarrow.Table.from_pylist(ROWS)
    pyarrow.parquet.write_table(table.append_column("chosen", table["rejected"]), path)
    assert "2 columns are named 'chosen'; rename or remove one" in "\n".join(told(path))


@pytest.mark.parametrize("key", ["system", "system_prompt"])
def test_a_system_prompt_beside_our_own_keys_is_not_ignored(key: str, tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_bytes(lines([ROWS[0], {**ROWS[1], key: "Answer in French."}]))
    said = f"d.jsonl:2:1: the key '{key}' would be ignored; put it into 'prompt' as a message"
    assert said in told(path)[0]
    trl = load([path], root=tmp_path, layout="trl").pairs  # the remedy that the message names
    assert [pair.id for pair in trl] == ["r0", "r1"]
    assert [turn.content for turn in trl[1].prompt] == ["Answer in French.", "Why 1?"]  # type: ignore[union-attr]
    path.write_bytes(lines([{**row, key: ""} for row in ROWS]))
    assert [pair.prompt for pair in load([path]).pairs] == ["Why 0?", "Why 1?", "Why 2?"]


def test_transcripts_beside_a_prompt_are_not_scored_with_the_prompt_twice(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    before = "\n\nHuman: Why?\n\nAssistant:"
    row = {"prompt": "Why?", "chosen": f"{before} It rains.", "rejected": f"{before} No."}
    path.write_bytes(lines([row]))
    assert "name 'layout: hh' to read them" in "\n".join(told(path))
    (pair,) = load([path], layout="hh").pairs
    assert (pair.prompt, pair.chosen, pair.rejected) == ("Why?", "It rains.", "No.")
    # One side alone may be an answer that quotes a conversation.
    path.write_bytes(lines([{**row, "rejected": "No."}]))
    assert load([path]).pairs[0].rejected == "No."
