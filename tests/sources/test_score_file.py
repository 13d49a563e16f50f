"""Score files: what they know, what they refuse, and where they say a mistake stands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rmcheck.data import Dialogue, PreferencePair, ResponseSet
from rmcheck.errors import ProblemsFound, SourceError, Unscorable, UsageError
from rmcheck.reward_source import Partial, RewardSource, SourceOptions
from rmcheck.sources import create
from rmcheck.sources.score_file import ScoreFile

PAIR = PreferencePair("p1", "Why?", "So.", "Go away.", "p1")
OTHER = PreferencePair("p2", "Why?", "Well.", "No.", "p1")


def opened(path: Path) -> ScoreFile:
    options = SourceOptions(root=path.parent, cache=path.parent / "cache")
    source = create(f"scores:{path.name}", options)
    assert isinstance(source, ScoreFile)
    return source


def written(tmp_path: Path, *rows: Any, name: str = "s.jsonl") -> ScoreFile:
    path = tmp_path / name
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return opened(path)


def test_pairs_and_sets_are_looked_up_by_key(tmp_path: Path) -> None:
    source = written(
        tmp_path,
        {"id": "p1", "chosen": 1.5, "rejected": -2},
        {"id": "s1", "scores": [0.1, 0.2, 0.3]},
    )
    answers = ResponseSet("s1", "Why?", ("a", "b", "c"), (0,), "s1")
    texts = [*PAIR.dialogues(), *answers.dialogues()]
    assert source.score(texts).tolist() == [1.5, -2.0, 0.1, 0.2, 0.3]
    assert isinstance(source, RewardSource)
    assert isinstance(source, Partial)
    assert not source.scores_new_text


def test_an_unknown_pair_is_named(tmp_path: Path) -> None:
    source = written(tmp_path, {"id": "p1", "chosen": 1.5, "rejected": -2})
    assert not source.knows(OTHER.dialogues()[0])
    with pytest.raises(
        SourceError, match=r"any of the 1 id of the data \('p2'\); ids in the file: 'p1'"
    ):
        source.score(OTHER.dialogues())


def test_new_text_is_unscorable(tmp_path: Path) -> None:
    source = written(tmp_path, {"id": "p1", "chosen": 1.5, "rejected": -2})
    with pytest.raises(Unscorable, match="new text"):
        source.score([Dialogue("Why?", "Something else.")])


def test_a_side_that_a_row_does_not_have_is_named(tmp_path: Path) -> None:
    source = written(tmp_path, {"id": "p1", "scores": [1.0, 2.0]})
    with pytest.raises(SourceError, match=r"no score for 'p1/chosen' \(has 0, 1\)"):
        source.score(PAIR.dialogues())


def test_an_edited_pair_is_unscorable_where_rows_carry_hashes(tmp_path: Path) -> None:
    source = written(tmp_path, {"id": "p1", "hash": PAIR.hash, "chosen": 1.5, "rejected": -2})
    edited = PreferencePair("p1", "Why?", "So!", "Go away.", "p1")
    assert source.knows(PAIR.dialogues()[0])
    assert not source.knows(edited.dialogues()[0])
    with pytest.raises(SourceError, match="'p1' was edited"):
        source.score(edited.dialogues())


def test_a_pair_that_stands_twice_is_told_apart_by_its_hash(tmp_path: Path) -> None:
    edited = PreferencePair("p1", "Why?", "So!", "Go away.", "p1")
    source = written(
        tmp_path,
        {"id": "p1", "hash": PAIR.hash, "chosen": 1.5, "rejected": -2},
        {"id": "p1", "hash": edited.hash, "chosen": 7, "rejected": 6},
    )
    assert source.score(PAIR.dialogues()).tolist() == [1.5, -2]
    assert source.score(edited.dialogues()).tolist() == [7, 6]


def test_a_suite_sees_its_own_rows_first(tmp_path: Path) -> None:
    source = written(
        tmp_path,
        {"suite": "a", "id": "p1", "chosen": 1, "rejected": 0},
        {"suite": "b", "id": "p1", "chosen": 5, "rejected": 4},
        {"suite": "b", "id": "p2", "chosen": 9, "rejected": 8},
    )
    assert source.within("a").score(PAIR.dialogues()).tolist() == [1, 0]
    assert source.within("b").score(PAIR.dialogues()).tolist() == [5, 4]
    assert source.within("a").score(OTHER.dialogues()).tolist() == [9, 8]


@pytest.mark.parametrize(
    ("rows", "line", "message"),
    [
        ([{"id": "p1", "chosen": 1, "rejected": 0}] * 2, None, ""),
        (
            [
                {"id": "p1", "chosen": 1, "rejected": 0},
                {"id": "p1", "chosen": 2, "rejected": 0},
            ],
            2,
            "duplicate id 'p1' with no hash and different scores",
        ),
        (
            [
                {"id": "p1", "hash": "h", "chosen": 1, "rejected": 0},
                {"id": "p1", "chosen": 2, "rejected": 0},
            ],
            2,
            "with and without a hash",
        ),
        (['{"id": "p1", "chosen": 1%s, "rejected": 0}' % ("0" * 400)], 1, "chosen is too large"),
        (['{"id": "p1", "chosen": 0, "rejected": 1e400}'], 1, "rejected is inf; a score must be"),
        (['{"id": "s1", "scores": [1%s]}' % ("0" * 400)], 1, "scores is too large"),
        (['{"id": "p1", "chosen": 1%s, "rejected": 0}' % ("0" * 5000)], 1, "invalid JSON"),
        (['{"id": "p1", "chosen": NaN, "rejected": 0}'], 1, "chosen is nan; a score must be"),
        (['{"id": "p1", "chosen": 0, "rejected": -Infinity}'], 1, "rejected is -inf"),
        ([{"id": "p1", "chosen": "high", "rejected": 0}], 1, "chosen must be a number, got 'high'"),
        ([{"id": "p1", "chosen": True, "rejected": 0}], 1, "must be a number, got True"),
        ([{"id": "p1", "chosen": 1}], 1, "'rejected' missing"),
        ([{"id": "p1", "chosen": None, "rejected": 0}], 1, "'chosen' empty or null"),
        ([{"id": "p1"}], 1, "'chosen' and 'rejected' (or 'scores') missing"),
        (
            [{"id": "p1", "choosen": 1, "rejected": 0}],
            1,
            "key 'chosen' missing; found 'choosen', did you mean 'chosen'?",
        ),
        ([{"id": "s1", "scors": [1]}], 1, "found 'scors', did you mean 'scores'?"),
        ([{"di": "p1", "chosen": 1, "rejected": 0}], 1, "found 'di', did you mean 'id'?"),
        (
            [{"id": "p1", "prompt": "Why?", "chosen": "So.", "rejected": "No."}],
            1,
            "expected scores, got preference data; score it with `rmcheck score`",
        ),
        ([{"id": "s1", "scores": 3}], 1, "scores must be a list"),
        ([{"id": "s1", "scores": [1, "x"]}], 1, "scores must be a number, got 'x'"),
        ([{"chosen": 1, "rejected": 0}], 1, "key 'id' missing"),
        ([{"id": 7.5, "chosen": 1, "rejected": 0}], 1, "id must be text, got 7.5"),
        (['{"id": "p1", '], 1, "invalid JSON"),
        (
            ['{"id": "p1", "chosen": 1, "rejected": 0, "chosen": -1}'],
            1,
            "duplicate key 'chosen'; keep one of them",
        ),
        (
            ['{"id": "p1", "chosen": 1, "rejected": 0},'],
            1,
            "invalid JSON: extra comma",
        ),
        (["[1, 2]"], 1, "must be a JSON object, got list"),
        (["[" * 100_000], 1, "invalid JSON: maximum recursion depth"),
        (['{"id": "\\ud800", "chosen": 1, "rejected": 0}'], 1, "unpaired surrogate"),
        ([""], 0, "file has no scores"),
    ],
)
def test_mistakes_are_told_at_their_line(
    tmp_path: Path, rows: list[Any], line: int | None, message: str
) -> None:
    source = written(tmp_path, *rows)
    if line is None:
        assert source.score(PAIR.dialogues()).tolist() == [1, 0]
        return
    with pytest.raises(ProblemsFound) as caught:
        source.score(PAIR.dialogues())
    (problem,) = caught.value.problems
    assert problem.line == line
    assert message in problem.message
    assert problem.path.endswith("s.jsonl")


@pytest.mark.parametrize("stamps", [(None, None), ("h", "h"), ("h", None), (None, "h")])
@pytest.mark.parametrize("first", ["suite", "plain"])
def test_a_row_of_a_suite_and_one_of_none_that_differ_are_told_with_both_lines(
    tmp_path: Path, stamps: tuple[str | None, str | None], first: str
) -> None:
    """The suite's row won without a word, so a score edited in one of them was not seen."""
    of_suite = {"suite": "a", "id": "p1", "hash": stamps[0], "chosen": 1, "rejected": 0}
    plain = {"id": "p1", "hash": stamps[1], "chosen": 0, "rejected": 1}
    other = {"id": "p2", "chosen": 0, "rejected": 1}
    rows = [of_suite, other, plain] if first == "suite" else [plain, other, of_suite]
    with pytest.raises(ProblemsFound) as caught:
        written(tmp_path, *rows).within("a").score(PAIR.dialogues())
    (problem,) = caught.value.problems
    assert problem.line == 3
    assert "'p1' has different scores with and without a suite" in problem.message
    assert "first on line 1" in problem.message


@pytest.mark.parametrize(
    ("stamp", "chosen"), [(None, 1), ("other", 7)], ids=["the same score", "another text"]
)
def test_rows_with_and_without_a_suite_that_agree_are_fine(
    tmp_path: Path, stamp: str | None, chosen: float
) -> None:
    stamps = (PAIR.hash, stamp)
    source = written(
        tmp_path,
        {"suite": "a", "id": "p1", "hash": stamps[0], "chosen": 1, "rejected": 0},
        {"id": "p1", "hash": stamps[1], "chosen": chosen, "rejected": 0},
    )
    assert source.within("a").score(PAIR.dialogues()).tolist() == [1, 0]


def test_a_score_that_stands_twice_is_told_with_both_lines(tmp_path: Path) -> None:
    rows = [{"id": "p1", "chosen": score, "rejected": 0} for score in (1, 2)]
    with pytest.raises(ProblemsFound, match=r":2:1: .*first on line 1"):
        written(tmp_path, *rows).score(PAIR.dialogues())


def test_a_file_made_for_other_data_is_an_error_that_names_ids_of_either_side(
    tmp_path: Path,
) -> None:
    source = written(tmp_path, *({"id": f"P{i}", "chosen": 1, "rejected": 0} for i in range(9)))
    texts = [*PAIR.dialogues(), *OTHER.dialogues()]
    with pytest.raises(SourceError) as caught:
        source.score(texts)
    said = str(caught.value)
    assert "any of the 2 ids of the data ('p1', 'p2'); ids in the file: 'P0', 'P1', 'P2', …" in said
    assert "run only the suites that this file was made for" in said


def test_response_sets_are_skipped_where_the_file_has_pairs_only(tmp_path: Path) -> None:
    texts = ResponseSet("s1", "Why?", ("a", "b"), (0,), "s1").dialogues()
    pair = {"id": "p1", "chosen": 1, "rejected": 0}
    with pytest.raises(Unscorable, match="no score for 's1'"):
        written(tmp_path, pair).score(texts)
    with pytest.raises(SourceError, match="ids in the file: 'p1', 's2'"):
        written(tmp_path, pair, {"id": "s2", "scores": [1, 2]}).score(texts)
    with pytest.raises(SourceError, match=r"data \('p1'\); ids in the file: 's2'"):
        written(tmp_path, {"id": "s2", "scores": [1, 2]}).score(PAIR.dialogues())


@pytest.mark.parametrize("cell", ["1e400", "1" + "0" * 400, "[" * 5000, "nan"])
def test_a_cell_that_is_not_a_finite_number_is_told(tmp_path: Path, cell: str) -> None:
    (tmp_path / "s.csv").write_text(f"id,chosen,rejected\np1,{cell},0\n")
    with pytest.raises(ProblemsFound, match=r"s\.csv:2:1: 'p1': chosen"):
        opened(tmp_path / "s.csv").score(PAIR.dialogues())


def test_all_mistakes_are_told_at_once_but_no_more_than_a_screenful(tmp_path: Path) -> None:
    rows = [{"id": f"p{i}", "chosen": "x", "rejected": 0} for i in range(50)]
    with pytest.raises(ProblemsFound) as caught:
        written(tmp_path, *rows).score(PAIR.dialogues())
    assert len(caught.value.problems) == 6
    assert caught.value.problems[-1].message == "… and 45 more rows like it"
    with pytest.raises(ProblemsFound) as caught:
        written(tmp_path, *["no JSON"] * 50).score(PAIR.dialogues())
    assert len(caught.value.problems) == 6
    assert caught.value.problems[-1].message == "… and 45 more rows like it"


def test_a_key_that_comes_twice_in_the_scores_of_a_run_is_refused(tmp_path: Path) -> None:
    row = '{"suite":"s","id":"p1","hash":"h","group":"g","tags":[],"chosen":1.0,"rejected":0.0%s}\n'
    path = tmp_path / "scores.jsonl"
    path.write_text(row % ',"rejected":2.0')
    with pytest.raises(ProblemsFound, match=r"scores\.jsonl:1:1: duplicate key 'rejected'"):
        opened(path).ids()
    path.write_text(row % "")
    assert opened(path).ids() == {"p1"}


def test_a_number_that_only_python_reads_is_told(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("id,chosen,rejected\np1,1_5,0\n")
    with pytest.raises(ProblemsFound, match=r"chosen must be a number, got '1_5'"):
        opened(tmp_path / "s.csv").score(PAIR.dialogues())


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("s.csv", b"id,chosen,rejected\np1,1,\xff\n"),
        ("s.csv", b"id,chosen,rejected,chosen\np1,1,0,-1\n"),
        ("s.csv", b"id;chosen;rejected\np1;1,5;0,2\n"),
        ("s.parquet", b"PAR1 this is none"),
    ],
    ids=["no UTF-8", "two columns of a name", "semicolons", "no Parquet"],
)
def test_a_table_that_cannot_be_read_is_told_of(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    source = opened(tmp_path / name)
    with pytest.raises(ProblemsFound, match=f"{name}: cannot be read"):
        source.score(PAIR.dialogues())


def test_csv_and_parquet_hold_the_same(tmp_path: Path) -> None:
    import pandas as pd

    rows = [{"id": "p1", "chosen": 1.5, "rejected": -2.0, "note": "x"}]
    pd.DataFrame(rows).to_csv(tmp_path / "s.csv", index=False)
    pd.DataFrame(rows).to_parquet(tmp_path / "s.parquet")
    for name in ("s.csv", "s.parquet"):
        assert opened(tmp_path / name).score(PAIR.dialogues()).tolist() == [1.5, -2.0]


def test_sets_stand_in_csv_as_json_lists_and_in_parquet_as_lists(tmp_path: Path) -> None:
    import pandas as pd

    (tmp_path / "s.csv").write_text('id,scores\ns1,"[0.5, 1]"\n')
    pd.DataFrame([{"id": "s1", "scores": [0.5, 1.0]}]).to_parquet(tmp_path / "s.parquet")
    texts = ResponseSet("s1", "Why?", ("a", "b"), (0,), "s1").dialogues()
    for name in ("s.csv", "s.parquet"):
        assert opened(tmp_path / name).score(texts).tolist() == [0.5, 1.0]


def test_a_word_in_a_csv_column_of_numbers_is_told(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("id,chosen,rejected\np1,1,0\np2,high,0\n")
    with pytest.raises(ProblemsFound, match=r"s\.csv:3:1: 'p2': chosen must be a number"):
        opened(tmp_path / "s.csv").score(PAIR.dialogues())


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("\ufeffid,chosen,rejected\np1,1,0\n", encoding="utf-8")
    assert opened(tmp_path / "s.csv").score(PAIR.dialogues()).tolist() == [1, 0]


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    options = SourceOptions(root=tmp_path, cache=tmp_path)
    with pytest.raises(UsageError, match="file not found"):
        create("scores:nothing.jsonl", options)
    (tmp_path / "s.xlsx").write_text("")
    with pytest.raises(UsageError, match="expected a file that ends in"):
        create("scores:s.xlsx", options)


def test_the_fingerprint_is_that_of_the_content(tmp_path: Path) -> None:
    row = {"id": "p1", "chosen": 1, "rejected": 0}
    first = written(tmp_path, row).fingerprint
    assert written(tmp_path, row, name="t.jsonl").fingerprint == first
    assert written(tmp_path, {**row, "chosen": 2}).fingerprint != first


@pytest.mark.ci
def test_jsonl_needs_neither_torch_nor_pandas(tmp_path: Path) -> None:
    written(tmp_path, {"id": "p1", "chosen": 1, "rejected": 0})
    program = f"""
import sys
from pathlib import Path
from rmcheck.data import Dialogue
from rmcheck.sources import create
from rmcheck.reward_source import SourceOptions
source = create("scores:s.jsonl", SourceOptions(root=Path({str(tmp_path)!r}), cache=Path("x")))
print(source.score([Dialogue("", "", "p1/chosen")]).tolist(), source.fingerprint is not None)
print(sorted({{"torch", "pandas", "pyarrow", "transformers"}} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[1.0] True\n[]\n"
