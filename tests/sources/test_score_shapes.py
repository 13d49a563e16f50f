"""The shapes of score files that others write: each gives the scores of its pairs and sets."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from rmcheck.data import Message, PreferencePair, ResponseSet
from rmcheck.errors import ProblemsFound, SourceError, Unscorable, UsageError
from rmcheck.reward_source import SourceOptions
from rmcheck.sources import create
from rmcheck.sources.score_file import ScoreFile

FIRST = PreferencePair("1", "Why?", "So.", "Go away.", "g")
SECOND = PreferencePair("2", (Message("user", "Who?"),), "Ann.", "No.", "g")
BOTH = [*FIRST.dialogues(), *SECOND.dialogues()]
WANTED = [1.5, -2.0, 0.25, 0.5]
SET = ResponseSet("7", "Why?", ("a", "b", "c"), (0,), "g")
SET_PAIR = PreferencePair("7:0-1", "Why?", "a", "c", "g")

TURNS = [{"role": "user", "content": "Who?"}]
LONG = [
    {"prompt": prompt, "response": response, "score": score}
    for prompt, response, score in (
        ("Why?", "So.", 1.5),
        ("Why?", "Go away.", -2),
        (TURNS, "Ann.", 0.25),
        (TURNS, "No.", 0.5),
    )
]


def opened(path: Path, options: str = "") -> ScoreFile:
    source = create(
        f"scores:{path.name}{options}",
        SourceOptions(root=path.parent, cache=path.parent / "cache"),
    )
    assert isinstance(source, ScoreFile)
    return source


def lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_columns_are_named_in_the_spec(tmp_path: Path) -> None:
    text = "uid,Score A,score_b,chosen\n1,1.5,-2,some text\n2,0.25,0.5,other text\n"
    (tmp_path / "s.csv").write_text(text)
    options = ",id=uid,chosen=Score A,rejected=score_b"
    source = opened(tmp_path / "s.csv", options)
    assert source.score(BOTH).tolist() == WANTED
    assert source.spec == f"scores:s.csv{options}"
    # Other columns are other scores.
    swapped = opened(tmp_path / "s.csv", ",id=uid,chosen=score_b,rejected=Score A")
    assert swapped.score(FIRST.dialogues()).tolist() == [-2.0, 1.5]
    assert swapped.fingerprint != source.fingerprint
    with pytest.raises(ProblemsFound, match=r"s\.csv:2:1: the column 'B' \(rejected=\) is missing"):
        opened(tmp_path / "s.csv", ",id=uid,chosen=Score A,rejected=B").score(BOTH)
    with pytest.raises(UsageError, match="unknown setting 'chosn'; did you mean 'chosen'"):
        opened(tmp_path / "s.csv", ",chosn=a")
    with pytest.raises(UsageError, match="chosen is given twice"):
        opened(tmp_path / "s.csv", ",chosen=a,chosen=b")


def test_a_file_whose_name_looks_like_options_is_that_file(tmp_path: Path) -> None:
    path = lines(tmp_path / "s.jsonl,id=x.jsonl", [{"id": "1", "chosen": 1.5, "rejected": -2}])
    assert opened(path).score(FIRST.dialogues()).tolist() == [1.5, -2.0]


def test_results_of_reward_bench(tmp_path: Path) -> None:
    rows = [
        {"id": 1, "subset": "a", "results": 1, "scores_chosen": 1.5, "scores_rejected": [-2]},
        {"id": 2, "subset": "b", "results": 0, "scores_chosen": [0.25], "scores_rejected": 0.5},
    ]
    assert opened(lines(tmp_path / "s.jsonl", rows)).score(BOTH).tolist() == WANTED
    # Its own file is one object with a list for each column.
    whole = {key: [row[key] for row in rows] for key in rows[0]}
    (tmp_path / "s.json").write_text(
        json.dumps({"model": "m", "chat_template": "t", **whole}, indent=4)
    )
    assert opened(tmp_path / "s.json").score(BOTH).tolist() == WANTED


@pytest.mark.parametrize(
    "row",
    [
        {"scores_chosen": [0.1, 0.2], "scores_rejected": [0.3]},
        {"score_chosen": [0.1, 0.2], "score_rejected": [0.3]},
        {"scores": [[0.1], [0.2], [0.3]], "num_correct": 2},
    ],
)
def test_several_scores_a_side_are_those_of_a_set_and_of_its_pairs(
    row: dict[str, Any], tmp_path: Path
) -> None:
    source = opened(lines(tmp_path / "s.jsonl", [{"id": "7", **row}]))
    assert source.score(SET.dialogues()).tolist() == [0.1, 0.2, 0.3]
    # The pairs of a set are numbered by the chosen and the rejected response.
    second = PreferencePair("7:1-0", "Why?", "b", "c", "g")
    assert source.score(second.dialogues()).tolist() == [0.2, 0.3]


@pytest.mark.parametrize("form", ["jsonl", "jsonl.gz", "parquet", "csv"])
def test_a_long_table_scores_texts(form: str, tmp_path: Path) -> None:
    path = tmp_path / f"s.{form}"
    if form == "csv":
        quoted = json.dumps(TURNS).replace('"', '""')
        prompts = ["Why?", "Why?", f'"{quoted}"', f'"{quoted}"']
        cells = [
            f"{p},{row['response']},{row['score']}" for p, row in zip(prompts, LONG, strict=True)
        ]
        path.write_text("\n".join(["prompt,response,score", *cells]))
    elif form == "parquet":
        rows = [row for row in LONG if row["prompt"] == "Why?"]
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
        assert opened(path).score(FIRST.dialogues()).tolist() == WANTED[:2]
        return
    else:
        text = "".join(json.dumps(row) + "\n" for row in LONG).encode()
        path.write_bytes(gzip.compress(text) if form.endswith("gz") else text)
    source = opened(path)
    assert source.score(BOTH).tolist() == WANTED
    # Whatever the pairs are named, the texts are the same.
    renamed = PreferencePair("other", "Why?", "Go away.", "So.", "g")
    assert source.score(renamed.dialogues()).tolist() == [-2.0, 1.5]
    unknown = PreferencePair("3", "When?", "Now.", "Never.", "g")
    with pytest.raises(SourceError, match=r"\('3'\): no row has their prompt and response"):
        source.score(unknown.dialogues())
    with pytest.raises(
        SourceError, match=r"no scores for 1 of 3 ids of the data: no score for '3'"
    ):
        source.score([*BOTH, *unknown.dialogues()])


def test_a_long_table_with_two_scores_of_a_text_is_told(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "s.jsonl", [LONG[0], {**LONG[0], "score": 2}, {**LONG[0], "score": "x"}]
    )
    with pytest.raises(ProblemsFound) as caught:
        opened(path).score(BOTH)
    assert [str(problem) for problem in caught.value.problems] == [
        "s.jsonl:2:1: the same prompt and response as line 1 with another score; keep one of the "
        "rows",
        "s.jsonl:3:1: 'row': score must be a number, got 'x'",
    ]


def test_verdicts_of_a_judge(tmp_path: Path) -> None:
    rows = [{"id": "1", "winner": "chosen"}, {"id": 2, "winner": "Tie"}]
    source = opened(lines(tmp_path / "s.jsonl", rows))
    assert source.score(BOTH).tolist() == [1.0, 0.0, 0.5, 0.5]
    path = lines(tmp_path / "s.jsonl", [{"id": "1", "winner": "A"}])
    with pytest.raises(
        ProblemsFound, match=r"winner: expected chosen, rejected, tie, got 'A'; map"
    ):
        opened(path).score(BOTH)


@pytest.mark.parametrize("name", ["s.csv", "s.tsv", "s.csv.gz", "s.json"])
def test_forms_of_score_files(name: str, tmp_path: Path) -> None:
    separator = "\t" if ".tsv" in name else ","
    table = [("id", "chosen", "rejected"), ("1", "1.5", "-2"), ("2", "0.25", "0.5")]
    text = "\n".join(separator.join(row) for row in table)
    if name == "s.json":
        text = json.dumps([{"id": 1, "chosen": 1.5, "rejected": -2},
                           {"id": 2, "chosen": 0.25, "rejected": 0.5}], indent=1)  # fmt: skip
    content = text.encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert opened(tmp_path / name).score(BOTH).tolist() == WANTED


def test_new_text_stays_unscorable(tmp_path: Path) -> None:
    from rmcheck.data import Dialogue

    source = opened(lines(tmp_path / "s.jsonl", LONG))
    with pytest.raises(Unscorable, match="a score file cannot score new text"):
        source.score([Dialogue("New?", "Yes.")])
