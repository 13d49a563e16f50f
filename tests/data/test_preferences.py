"""Preference data from files: what good rows become, what is said of bad ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from builders import write_jsonl

from rmcheck.data import Message, PreferencePair, ResponseSet
from rmcheck.data.dialogue import prompt_group
from rmcheck.data.preferences import PreferenceData, expand, load
from rmcheck.errors import Problem, ProblemsFound, condensed

GOOD: dict[str, Any] = {"id": "a", "prompt": "Why?", "chosen": "Because.", "rejected": "No."}


def loaded(path: Path, **options: Any) -> PreferenceData:
    return load([path], root=path.parent, **options)


def told(path: Path, **options: Any) -> list[str]:
    with pytest.raises(ProblemsFound) as caught:
        loaded(path, **options)
    return str(caught.value).splitlines()


def jsonl(folder: Path, *rows: dict[str, Any] | str, name: str = "d.jsonl") -> Path:
    path = folder / name
    lines = (entry if isinstance(entry, str) else json.dumps(entry) for entry in rows)
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


FULL = {**GOOD, "group": "g", "tags": ["x", "y"], "confidence": 0.9,
        "ratings": {"chosen": 5, "rejected": 2.5}}  # fmt: skip
FULL_PAIR = PreferencePair("a", "Why?", "Because.", "No.", "g", ("x", "y"), 0.9, (5.0, 2.5))


def test_a_full_and_a_bare_pair(tmp_path: Path) -> None:
    bare = {**GOOD, "id": "b", "my_own_column": 3}
    data = loaded(jsonl(tmp_path, FULL, bare))
    # A pair that names no group belongs to that of its prompt.
    assert data.pairs == (
        FULL_PAIR, PreferencePair("b", "Why?", "Because.", "No.", prompt_group("Why?"))
    )  # fmt: skip
    assert data.paths == ("d.jsonl",)
    assert data.n_groups == 2


def test_null_is_as_good_as_absent(tmp_path: Path) -> None:
    nulls = {"group": None, "tags": None, "confidence": None, "ratings": None}
    (pair,) = loaded(jsonl(tmp_path, {**GOOD, **nulls})).pairs
    assert pair == PreferencePair("a", "Why?", "Because.", "No.", prompt_group("Why?"))


def test_a_prompt_of_messages(tmp_path: Path) -> None:
    turns = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Why?"}]
    (pair,) = loaded(jsonl(tmp_path, {**GOOD, "prompt": turns})).pairs
    assert pair.prompt == (Message("system", "Be kind."), Message("user", "Why?"))


def test_response_sets_beside_pairs(tmp_path: Path) -> None:
    one = {"id": "s", "prompt": "Why?", "responses": ["x", "y", "z"], "best": [0, 2],
           "ratings": [3, 1, 3], "tags": ["t"]}  # fmt: skip
    data = loaded(jsonl(tmp_path, GOOD, one))
    group = prompt_group("Why?")
    assert data.sets == (
        ResponseSet("s", "Why?", ("x", "y", "z"), (0, 2), group, ("t",), (3.0, 1.0, 3.0)),
    )
    assert [pair.id for pair in data.pairs] == ["a"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"id": None}, "the key 'id' is missing"),
        ({"id": ""}, "id is empty"),
        ({"id": 7.5}, "id must be text or a whole number, got 7.5; write it as text"),
        ({"chosen": None}, "the key 'chosen' is missing"),
        ({"rejected": ["x"]}, "rejected must be text, got list \"['x']\""),
        ({"prompt": None}, "the key 'prompt' is missing"),
        ({"prompt": [{"role": "user"}]}, "prompt: expected a list of objects"),
        ({"prompt": [{"role": "user", "content": None}]}, "prompt: expected a list of objects"),
        ({"prompt": ["Why?"]}, "prompt: expected a list of objects"),
        ({"group": 3}, "group must be text, got int '3'"),
        ({"tags": "x"}, "tags must be a list of texts, got 'x'"),
        ({"tags": [1]}, "tags must be a list of texts, got '[1]'"),
        ({"confidence": 0.4}, "confidence=0.4 is outside [0.5, 1]"),
        ({"confidence": "high"}, "confidence must be a number, got 'high'"),
        ({"confidence": True}, "confidence must be a number, got 'True'"),
        ({"confidence": 10**400}, "confidence must be a finite number, got 1000"),
        ({"confidence": float("nan")}, "confidence must be a finite number, got nan"),
        ({"ratings": [5, 2]}, 'ratings must be {"chosen": number, "rejected": number}'),
        ({"ratings": {"chosen": 5}}, 'ratings must be {"chosen": number, "rejected": number}'),
        ({"ratings": {"chosen": "5", "rejected": 2}}, "ratings.chosen must be a number, got '5'"),
        (
            {"ratings": {"chosen": float("inf"), "rejected": 2}},
            "ratings.chosen must be a finite number, got inf",
        ),
        ({"confidance": 0.9}, "unknown key 'confidance', did you mean 'confidence'? (allowed:"),
        ({"chosen_": "x"}, "unknown key 'chosen_', did you mean 'chosen'?"),
        ({"Tags": ["x"]}, "unknown key 'Tags', did you mean 'tags'?"),
        ({"responses": "x"}, "responses must be a list of texts, got 'x'"),
    ],
)
def test_a_malformed_row_is_told_at_its_line(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    lines = told(jsonl(tmp_path, {**GOOD, "id": "other"}, "", {**GOOD, **changes}))
    assert any(line.startswith(f"d.jsonl:3:1: {said}") for line in lines)
    assert all(line.startswith("d.jsonl:3:1: ") for line in lines)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"responses": ["x"]}, "responses: expected at least two texts"),
        ({"responses": ["x", 1]}, "responses must be a list of texts, got"),
        ({"best": []}, "best=[]: expected the index of one response or more (0 is the first)"),
        ({"best": [2]}, "best=[2]: expected the index of one response"),
        ({"best": [-1]}, "best=[-1]: expected the index of one response"),
        (
            {"best": [True]},
            "best must be a list of indices (0 is the first response), got '[True]'",
        ),
        ({"best": None}, "best must be a list of indices (0 is the first response), got 'None'"),
        ({"ratings": [1]}, "ratings: expected one for each response, got 1 rating for 2 responses"),
        ({"ratings": [1, float("nan")]}, "ratings must be a finite number, got nan"),
        ({"respnses": ["x"]}, "unknown key 'respnses', did you mean 'responses'?"),
    ],
)
def test_a_malformed_set_is_told_at_its_line(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    whole = {"id": "s", "prompt": "Why?", "responses": ["x", "y"], "best": [0], **changes}
    assert any(line.startswith(f"d.jsonl:1:1: {said}") for line in told(jsonl(tmp_path, whole)))


@pytest.mark.parametrize(
    ("line", "column", "said"),
    [
        (
            '{"id": "a", }',
            13,
            "invalid JSON: a trailing comma; remove it; write one object per line",
        ),
        (
            '{"id": ["a", ]}',
            14,
            "invalid JSON: a trailing comma; remove it; write one object per line",
        ),
        (
            '{"id": "a"},',
            12,
            "invalid JSON: extra comma after the object; remove it; write one object per line",
        ),
        ('{"id": "a"} , ', 13, "invalid JSON: extra comma after the object; remove it"),
        ('{"id": "a"},{}', 12, "invalid JSON: Extra data; write one object per line"),
        ("{'id': 1}", 2, "invalid JSON: Expecting property name"),
        ("[1]", 1, "a row must be a JSON object, got list"),
        ("3", 1, "a row must be a JSON object, got int"),
        ("[" * 100_000, 1, "invalid JSON: maximum recursion depth"),
        ('{"id": ' + "9" * 5000 + "}", 1, "invalid JSON: Exceeds the limit"),
        (json.dumps({**GOOD, "chosen": "\ud83d"}), 1, "unpaired surrogate"),
        (json.dumps({**GOOD, "tags": ["\udc00"]}), 1, "unpaired surrogate"),
    ],
)
def test_a_line_that_is_no_row(tmp_path: Path, line: str, column: int, said: str) -> None:
    (shown,) = told(jsonl(tmp_path, GOOD, line))
    assert shown.startswith(f"d.jsonl:2:{column}: {said}")


def test_whole_characters_may_be_escaped(tmp_path: Path) -> None:
    # json.dumps writes 😀 as the two halves \ud83d\ude00.
    (pair,) = loaded(jsonl(tmp_path, {**GOOD, "chosen": "😀"})).pairs
    assert pair.chosen == "😀"


def test_every_mistake_of_every_file_and_then_a_count(tmp_path: Path) -> None:
    good, bad = jsonl(tmp_path, GOOD, {**GOOD}, name="a.jsonl"), tmp_path / "b.jsonl"
    bad.write_text("{}\nx\n" + json.dumps(GOOD))
    with pytest.raises(ProblemsFound) as caught:
        load([good, bad], root=tmp_path)
    assert [str(problem).split(" ")[0] for problem in caught.value.problems] == [
        "a.jsonl:2:1:",
        *["b.jsonl:1:1:"] * 4,
        "b.jsonl:2:1:",
        "b.jsonl:3:1:",
    ]
    assert "duplicate id 'a' (first at a.jsonl:1)" in str(caught.value)
    # 30 lines with one and the same mistake: 5 are shown, and 25 counted.
    lines = told(jsonl(tmp_path, *["x"] * 30))
    assert len(lines) == 6
    assert lines[-1].endswith("jsonl:5:2: … and 25 more rows like it")
    assert len(told(jsonl(tmp_path, *["x"] * 6))) == 6  # not a line about one row
    # Their values differ, the mistake does not; another mistake is told beside it.
    rows = [{**GOOD, "id": f"r{i}", "confidence": i + 2} for i in range(9)]
    lines = told(jsonl(tmp_path, *rows, {**GOOD, "chosen": 7}))
    assert [line.split(": ", 1)[1].split("=")[0] for line in lines] == [
        *["confidence"] * 5, "… and 4 more rows like it", "chosen must be text, got int '7'"
    ]  # fmt: skip


def test_of_many_mistakes_the_first_are_told() -> None:
    # Thirty kinds of mistakes, of three rows each: 20 lines, and a count of the other 70.
    kinds = [f"{chr(97 + kind % 26) * (1 + kind // 26)} is wrong" for kind in range(30)]
    problems = [Problem("a", row, 1, kinds[row % 30]) for row in range(1, 91)]
    told = condensed(problems)
    assert len(told) == 21
    assert told[-1].message == "… and 70 more mistakes in rows"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rmcheck: 1\n", "expected data, got a suite; pass the file in its key 'data'"),
        ("a: 1\n", "expected data, got YAML; pass a .jsonl, .csv or .parquet file"),
    ],
)
def test_yaml_in_place_of_data_is_told_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text * 30)
    (line,) = told(path)
    assert said in line


def test_an_id_may_stand_once_in_all_files(tmp_path: Path) -> None:
    one = {"id": "a", "prompt": "p", "responses": ["x", "y"], "best": [0]}
    first, second = jsonl(tmp_path, GOOD, name="a.jsonl"), jsonl(tmp_path, one, name="b.jsonl")
    with pytest.raises(ProblemsFound, match=r"b\.jsonl:1:1: duplicate id 'a' \(first at a\.j"):
        load([first, second], root=tmp_path)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_a_file_without_rows(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "d.jsonl").write_bytes(content)
    assert told(tmp_path / "d.jsonl") == ["d.jsonl: file is empty; add one JSON object per line"]


def test_what_text_files_come_with(tmp_path: Path) -> None:
    rows = [{**GOOD, "chosen": "a\u2028b"}, {**GOOD, "id": "b", "chosen": "c\x85d"}]
    text = "\r\n".join(json.dumps(entry, ensure_ascii=False) for entry in rows)
    (tmp_path / "d.jsonl").write_bytes(b"\xef\xbb\xbf" + text.encode() + b"\r\n")
    assert [pair.chosen for pair in loaded(tmp_path / "d.jsonl").pairs] == ["a\u2028b", "c\x85d"]
    (tmp_path / "d.jsonl").write_bytes(b'{"id": "a"}\n{"id": "caf\xe9"}')
    (line,) = told(tmp_path / "d.jsonl")
    assert line == "d.jsonl:2:1: not UTF-8 text (byte 0xe9); save the file as UTF-8"
    (tmp_path / "folder.jsonl").mkdir()
    assert told(tmp_path / "folder.jsonl")[0].startswith("folder.jsonl: cannot be read")


def test_csv_holds_the_same_pairs(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    head = "id,prompt,chosen,rejected,group,tags,confidence,ratings,mine\r\n"
    row = 'a,Why?,Because.,No.,g,"[""x"", ""y""]",0.9,"{""chosen"": 5, ""rejected"": 2.5}",7\r\n'
    path.write_text("\ufeff" + head + row, encoding="utf-8", newline="")
    assert loaded(path).pairs == (FULL_PAIR,)
    # Tags may be told apart by semicolons; what is empty is not there.
    path.write_text(head + "a,Why?,Because.,No.,,x; y;,,,\n")
    (pair,) = loaded(path).pairs
    assert pair == PreferencePair("a", "Why?", "Because.", "No.", prompt_group("Why?"), ("x", "y"))


def test_csv_cells_are_text_unless_they_are_meant_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text(
        "id,prompt,chosen,rejected\n"
        "007,12,NA,null\n"
        '2,"[1, 2]","{""a"": 1}",nan\n'
        '3,"{""a"": 1}",x,y\n'
        '4,"[{""role"": ""user"", ""content"": ""Why?""}]",x,y\n'
    )
    found = loaded(path).pairs
    assert [(p.id, p.prompt, p.chosen, p.rejected) for p in found] == [
        ("007", "12", "NA", "null"),
        ("2", "[1, 2]", '{"a": 1}', "nan"),
        ("3", '{"a": 1}', "x", "y"),
        ("4", (Message("user", "Why?"),), "x", "y"),
    ]


def test_csv_mistakes_stand_at_the_line_where_their_row_begins(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text('id,prompt,chosen,rejected\na,"two\nlines",x,y\n\n,p,x,y\nb,p,x\n')
    # Line 1 is the head, 2 and 3 are row a, 4 is blank, 5 lacks its id, 6 its rejected response.
    assert told(path) == [
        "d.csv:5:1: the key 'id' is missing",
        "d.csv:6:1: the key 'rejected' is missing",
    ]
    path.write_text("id,prompt,chosen,rejected\na,b,c,d,e,f\n")
    assert "d.csv: cannot be read" in told(path)[0]
    path.write_text("")
    assert "d.csv: cannot be read" in told(path)[0]
    path.write_text("id,prompt,chosen,rejected\n")
    assert told(path) == ["d.csv: file is empty; add one JSON object per line"]


def test_columns_are_renamed_before_cells_are_read(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text("id,prompt,better,worse,labels\na,p,x,y,s;t\n")
    columns = {"chosen": "better", "rejected": "worse", "tags": "labels"}
    (pair,) = loaded(path, columns=columns).pairs
    assert (pair.chosen, pair.rejected, pair.tags) == ("x", "y", ("s", "t"))
    # A rename may exchange two columns.
    swapped = {"chosen": "rejected", "rejected": "chosen"}
    (pair,) = loaded(jsonl(tmp_path, GOOD), columns=swapped).pairs
    assert (pair.chosen, pair.rejected) == ("No.", "Because.")
    # A column that is not there is told of, even where the file has one of our name.
    assert told(jsonl(tmp_path, GOOD), columns={"chosen": "better"}) == [
        "d.jsonl:1:1: the column 'better' (columns: chosen) is missing"
    ]


def test_parquet_holds_the_same_pairs(tmp_path: Path) -> None:
    path = tmp_path / "d.parquet"
    turns = [{"role": "user", "content": "Why?"}]
    rows = [
        {**FULL, "prompt": turns},
        {**GOOD, "id": "b", "prompt": turns, "tags": [], "confidence": None, "ratings": None},
        {**GOOD, "id": "c", "prompt": turns, "tags": None, "confidence": float("nan")},
    ]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    prompt = (Message("user", "Why?"),)
    first, second, third = loaded(path).pairs
    assert first == PreferencePair("a", prompt, "Because.", "No.", "g", ("x", "y"), 0.9, (5.0, 2.5))
    assert (second.tags, second.confidence, second.group) == ((), None, prompt_group(prompt))
    assert (third.tags, third.confidence) == ((), None)


def test_parquet_sets_and_mistakes(tmp_path: Path) -> None:
    path = tmp_path / "d.parquet"
    one = {"id": "s", "prompt": "p", "responses": ["x", "y"], "best": [1], "ratings": [1.0, 2.0]}
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([one]), path)
    assert loaded(path).sets == (
        ResponseSet("s", "p", ("x", "y"), (1,), prompt_group("p"), (), (1.0, 2.0)),
    )
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([GOOD, {**GOOD, "id": None}]), path)
    assert told(path) == ["d.parquet:2:1: the key 'id' is missing"]
    path.write_bytes(b"PAR1 no")
    assert told(path)[0].startswith("d.parquet: cannot be read")


def test_the_hash_of_data_is_that_of_its_texts(tmp_path: Path) -> None:
    one = {"id": "s", "prompt": "p", "responses": ["x", "y"], "best": [0]}
    other = {**GOOD, "id": "b"}
    whole = loaded(jsonl(tmp_path, GOOD, other, one)).hash
    assert loaded(jsonl(tmp_path, one, other, {**GOOD, "tags": ["t"]})).hash == whole
    edits = [
        [{**GOOD, "prompt": "Why"}, other, one],
        [{**GOOD, "chosen": ""}, other, one],
        [GOOD, {**other, "rejected": "no."}, one],
        [GOOD, {**other, "id": "c"}, one],
        [GOOD, other, {**one, "responses": ["x", "z"]}],
        [GOOD, other],
    ]
    hashes = {loaded(jsonl(tmp_path, *rows)).hash for rows in edits}
    assert len(hashes | {whole}) == len(edits) + 1


def test_which_files_a_path_names(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.jsonl", "sub/c.jsonl", "[x].jsonl"):
        write_jsonl(tmp_path / name, [GOOD])

    def names(pattern: str) -> list[str]:
        return [
            path.relative_to(tmp_path.resolve()).as_posix() for path in expand(pattern, tmp_path)
        ]

    assert names("a.jsonl") == ["a.jsonl"]
    assert names("sub/../a.jsonl") == ["a.jsonl"]
    assert names(str(tmp_path / "a.jsonl")) == ["a.jsonl"]
    assert names("[ab].jsonl") == ["a.jsonl", "b.jsonl"]
    assert names("[x].jsonl") == ["[x].jsonl"]  # a file of that very name comes first
    assert names("**/*.jsonl") == ["[x].jsonl", "a.jsonl", "b.jsonl", "sub/c.jsonl"]
    assert names("*") == ["[x].jsonl", "a.jsonl", "b.jsonl"]
    assert names(f"{tmp_path}/*.jsonl") == ["[x].jsonl", "a.jsonl", "b.jsonl"]
    for nothing in ("gone.jsonl", "gone*", "sub", "", "a\0b", "a\0*", "x" * 300, "\ud800"):
        assert names(nothing) == []
