"""A recipe with a teacher: whose margins it learns, what its hash covers, what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scoring.models import WORDS
from training import project as small

from rmcheck.cache.kept import KeptScores
from rmcheck.cli import main
from rmcheck.data import Dialogue, pair_dialogues
from rmcheck.data.unlabelled import read_unlabelled
from rmcheck.errors import RmcheckError, SourceError, TrainingError, Unscorable, UsageError
from rmcheck.reward_source import SourceOptions
from rmcheck.sources.recipe import RecipeSource, create
from rmcheck.sources.recipe_data import data_of
from rmcheck.training.folds import fold_numbers
from rmcheck.training.lessons import lessons_of, read_teacher_data

Output = pytest.CaptureFixture[str]

STUDENT = """recipe: 1
base: base
data: pairs.jsonl
max_length: 64
pooling: mean
lora: {r: 4, alpha: 8, targets: [c_attn, c_proj]}
training: {learning_rate: 1.0e-2, batch_size: 8, epochs: 6}
held_out: 0.25
distil: {teacher: "py:teacher.py:score"}
"""
# The labels prefer rain: this teacher prefers the other side, by how often the word is there.
TEACHER = """calls = []

def score(pairs):
    with open("calls.txt", "a") as file:
        file.write("".join(f"{response}\\n" for _, response in pairs))
    return [20.0 * response.split().count("bridge") + 3.0 for _, response in pairs]
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("taught")
    small.base(folder / "base", width=16)
    small.pairs(folder, 64)
    (folder / "teacher.py").write_text(TEACHER, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nrm_device = cpu\n", encoding="utf-8")
    return folder


@pytest.fixture
def project(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for each in made.iterdir():
        (tmp_path / each.name).symlink_to(each)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def source_of(folder: Path, text: str = STUDENT, name: str = "student.yaml") -> RecipeSource:
    (folder / name).write_text(text, encoding="utf-8")
    cache = folder / ".rmcheck"
    options = SourceOptions(root=folder, cache=cache, device="cpu", scores=KeptScores(cache))
    return create(name, options)


def answers(folder: Path, count: int = 64) -> Path:
    """Prompts with three responses, in which the word is 0, 1 and 3 times, in any order."""
    rng = np.random.default_rng(1)
    path = folder / "free.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            texts = [
                " ".join([*rng.choice(WORDS, size=6).tolist(), *["bridge"] * int(times)])
                for times in rng.permutation([0, 1, 3])
            ]
            row = {"id": f"f{number}", "prompt": f"Tell {number}", "responses": texts}
            file.write(json.dumps(row) + "\n")
    return path


def bridges(dialogues: Sequence[Dialogue]) -> Any:
    return np.array([one.response.split().count("bridge") for one in dialogues], dtype=float)


@pytest.mark.ci
def test_a_student_agrees_with_its_teacher_and_not_with_the_labels(
    project: Path, capsys: Output
) -> None:
    answers(project)
    text = STUDENT.replace('score"}', 'score", data: free.jsonl}')
    source = source_of(project, text)
    assert main(["train", "student.yaml"]) == 0
    told = capsys.readouterr().out
    lessons = lessons_of(source.recipe, read_teacher_data(source.recipe))
    assert len(lessons.train) + len(lessons.held_out) == 128
    assert f"recipe:student.yaml: {len(lessons.train)} prompts" in told
    assert source.training is not None
    found = source.training.distil
    assert found is not None
    counts = [bridges(each.dialogues) for each in lessons.train]
    squares = [
        np.mean([(a - b) ** 2 for a, b in combinations(each.tolist(), 2)]) for each in counts
    ]
    assert found.scale == pytest.approx(20 * np.sqrt(np.mean(squares)))
    assert f"teacher: py:teacher.py:score, its margins divided by {found.scale:.6g}" in told
    # What is printed is what the model gives on the held-out prompts.
    mine: list[float] = []
    theirs: list[float] = []
    for each in lessons.held_out:
        scores = source.score(each.dialogues).tolist()
        mine += [a - b for a, b in combinations(scores, 2)]
        theirs += [a - b for a, b in combinations(bridges(each.dialogues).tolist(), 2)]
    margins, target = np.array(mine), np.array(theirs)
    assert found.same_side is not None
    share = (margins * target > 0)[target != 0].mean()
    assert found.same_side.value == pytest.approx(share)
    assert f"same side as the teacher {share:.3f} [" in told
    assert found.pearson is not None
    assert found.pearson.value == pytest.approx(np.corrcoef(margins, target)[0, 1])
    assert share > 0.9
    assert found.pearson.value > 0.8
    # The labels are the other way round: in most pairs the word is in the rejected response only.
    pairs = small.pairs_in(project)
    scores = source.score(pair_dialogues(pairs))
    assert (scores[0::2] > scores[1::2]).mean() < 0.2
    # Each text was scored once; another student of the same teacher asks for nothing.
    asked = (project / "calls.txt").read_text().splitlines()
    assert len(asked) == len({one.hash for one in lessons.dialogues()})
    source_of(project, text.replace("epochs: 6", "epochs: 1")).train()
    assert len((project / "calls.txt").read_text().splitlines()) == len(asked)


def test_the_hash_covers_the_teacher_and_its_settings(project: Path) -> None:
    seen = {source_of(project).adapter.name}
    for change in (", scale: 2", ", weight: 0.5", ", data: free.jsonl"):
        (project / "free.jsonl").write_text('{"prompt": "Why?", "responses": ["a", "b"]}\n')
        text = STUDENT.replace(':score"}', f':score"{change}}}')
        seen.add(source_of(project, text).adapter.name)
    (project / "free.jsonl").write_text('{"prompt": "Why?", "responses": ["a", "c"]}\n')
    seen.add(source_of(project, text).adapter.name)
    plain = "".join(line for line in STUDENT.splitlines(True) if "distil" not in line)
    seen.add(source_of(project, plain).adapter.name)
    (project / "teacher.py").unlink()
    (project / "teacher.py").write_text(TEACHER + "# changed\n")
    seen.add(source_of(project).adapter.name)
    assert len(seen) == 7
    # The same teacher by another name is the same training.
    here = source_of(project).adapter.name
    named = STUDENT.replace("py:teacher.py", f"py:{project}/teacher.py")
    assert source_of(project, named).adapter.name == here


@pytest.mark.ci
def test_the_hash_needs_no_torch(project: Path) -> None:
    source_of(project, STUDENT.replace("py:teacher.py:score", "recipe:tiny"))
    code = (
        "import sys; from pathlib import Path\n"
        "from rmcheck.reward_source import SourceOptions\n"
        "from rmcheck.sources.recipe import create\n"
        "options = SourceOptions(root=Path('.'), cache=Path('.rmcheck'))\n"
        "assert len(create('student.yaml', options).adapter.name) == 32\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=project)


def test_neither_seed_nor_precision_of_the_session_changes_the_teacher(project: Path) -> None:
    text = STUDENT.replace("py:teacher.py:score", "recipe:tiny")
    first = source_of(project, text)
    options = SourceOptions(root=project, cache=project / ".rmcheck", dtype="bfloat16", seed=0)
    assert create("student.yaml", options).adapter == first.adapter


def test_a_circle_is_refused_by_name(project: Path) -> None:
    itself = STUDENT.replace("py:teacher.py:score", "recipe:student.yaml")
    with pytest.raises(UsageError, match=r"student itself \(student.yaml is taught by student.y"):
        source_of(project, itself)
    (project / "sources").mkdir()
    (project / "sources/two.yaml").write_text(
        "source: 1\nkind: ensemble\nmembers: ['py:teacher.py:score', 'recipe:b.yaml']\n"
    )
    (project / "b.yaml").write_text(STUDENT.replace("py:teacher.py:score", "recipe:a.yaml"))
    with pytest.raises(RmcheckError) as caught:
        source_of(project, STUDENT.replace("py:teacher.py:score", "source:two"), "a.yaml")
    assert "a.yaml is taught by b.yaml is taught by a.yaml" in str(caught.value)
    # An ensemble of other sources, and a chain without a circle, are teachers.
    (project / "b.yaml").write_text(STUDENT)
    chain = source_of(project, STUDENT.replace("py:teacher.py:score", "source:two"), "a.yaml")
    assert chain.adapter.name


@pytest.mark.parametrize(
    ("teacher", "expected"),
    [
        ("py:none.py:score", "student.yaml: distil.teacher: "),
        ("nonsense", "student.yaml: distil.teacher: source 'nonsense'"),
    ],
)
def test_a_teacher_that_cannot_be_found(project: Path, teacher: str, expected: str) -> None:
    with pytest.raises(UsageError, match=r"distil\.teacher") as caught:
        source_of(project, STUDENT.replace("py:teacher.py:score", teacher))
    assert expected in str(caught.value)


def test_missing_scores_are_told_by_row(project: Path) -> None:
    pairs = small.pairs_in(project)
    rows = [
        {"id": p.id, "hash": p.hash, "chosen": 1.0 + n % 3, "rejected": 0.0}
        for n, p in enumerate(pairs)
    ]
    (project / "scores.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[2:]))
    text = STUDENT.replace("py:teacher.py:score", "scores:scores.jsonl")
    with pytest.raises(TrainingError) as caught:
        source_of(project, text).train()
    assert "distil.teacher: scores:scores.jsonl has no score for 4 texts of 128, in 2 rows" in str(
        caught.value
    )
    assert "t0" in str(caught.value)
    assert "t1" in str(caught.value)
    (project / "scores.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    taught = source_of(project, text)
    assert taught.teacher is not None
    given = taught.teacher.teach(data_of(taught.recipe))
    by_key = {f"{row['id']}/{side}": row[side] for row in rows for side in ("chosen", "rejected")}
    for lesson, scores in zip(given.lessons.train, given.train, strict=True):
        assert scores.tolist() == [by_key[one.key] for one in lesson.dialogues]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("[float('nan') if 'bridge' in r else 1.0 for _, r in pairs]", "t0/rejected is nan"),
        ("[1.0 for _ in pairs]", "scores all responses of each of 48 prompts the same"),
    ],
)
def test_scores_that_teach_nothing_are_refused(project: Path, body: str, expected: str) -> None:
    (project / "odd.py").write_text(f"def score(pairs):\n    return {body}\n")
    with pytest.raises(TrainingError, match=r"student\.yaml: distil") as caught:
        source_of(project, STUDENT.replace("teacher.py", "odd.py")).train()
    assert expected.partition("/")[2] in str(caught.value) or expected in str(caught.value)


def test_a_source_without_a_fingerprint_is_no_teacher(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = source_of(project)
    assert source.teacher is not None
    monkeypatch.setattr(type(source.teacher.source), "fingerprint", None)
    with pytest.raises(SourceError, match=r"has no fingerprint.*use scores:FILE"):
        _ = source.adapter


def test_flipped_labels_of_a_recipe_that_ignores_them_are_not_judged(project: Path) -> None:
    with pytest.raises(Unscorable, match=r"flipped labels change nothing.*weight: 0.5"):
        source_of(project).with_label_noise(0.2, 0)
    mixed = source_of(project, STUDENT.replace('score"}', 'score", weight: 0.5}'))
    assert mixed.with_label_noise(0.2, 0).recipe.label_noise.rate == 0.2


def test_more_data_are_not_of_prompts_that_a_fold_leaves_out(project: Path) -> None:
    pairs = small.pairs_in(project)
    rows: list[dict[str, Any]] = [
        {"prompt": f" {p.prompt} ", "responses": ["a", "b", "c"]} for p in pairs[:20]
    ]
    rows += [{"prompt": "Another?", "response": text} for text in ("d", "e", "d")]
    rows += [{"prompt": "Alone?", "response": "f"}, {"prompt": "Twice?", "responses": ["g", "g"]}]
    (project / "free.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    text = STUDENT.replace('score"}', 'score", data: free.jsonl}').replace("0.25", "0")
    folds = "folds: {of: 4, without: 2}\n"
    recipe = source_of(project, text + folds).recipe
    lessons = lessons_of(recipe, read_teacher_data(recipe))
    out = fold_numbers(pairs, 4, 0) == 2
    kept = {p.prompt for p, gone in zip(pairs, out, strict=True) if not gone}
    free = [str(each.prompt) for each in lessons.train if len(each.dialogues) == 3]
    expected = [f" {p.prompt} " for p, gone in zip(pairs[:20], out, strict=False) if not gone]
    assert sorted(free) == sorted(expected)
    assert any(out[:20])
    assert {str(each.prompt) for each in lessons.train} - set(free) - {"Another?"} == kept
    # Rows of one prompt are one lesson of their two different responses.
    assert [len(e.dialogues) for e in lessons.train if e.prompt == "Another?"] == [2]
    assert lessons.alone == 2
    # `data` may have no labels at all.
    everything = source_of(project, STUDENT.replace("data: pairs", "data: free")).recipe
    assert len(lessons_of(everything, read_teacher_data(everything)).train) > 10
    assert data_of(everything).pairs == ()
    assert read_unlabelled(project / "free.jsonl", "free.jsonl")


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("loss: hinge\n", "10:7: recipe: loss has no effect, because distil ignores the labels"),
        ("margin: 1\n", "margin has no effect"),
        ("label_noise: {rate: 0.1}\n", "label_noise has no effect"),
        ("objectives: {good: {labels: pair}}\n", "distil trains one reward on a teacher's"),
        ("augment: {transformations: [typos]}\n", "remove it, or remove distil"),
    ],
)
def test_keys_that_do_not_go_with_a_teacher(project: Path, after: str, expected: str) -> None:
    with pytest.raises(Exception, match="recipe: ") as caught:
        source_of(project, STUDENT + after)
    assert expected in str(caught.value)


def test_mistakes_of_the_mix(project: Path) -> None:
    text = STUDENT.replace('score"}', 'score", weight: 0.5}')
    with pytest.raises(Exception, match=r"distil\.weight mixes in pairs, but loss 'plackett_luce'"):
        source_of(project, text + "loss: plackett_luce\n")
    (project / "free.jsonl").write_text('{"prompt": "Why?", "responses": ["a", "b"]}\n' * 3)
    with pytest.raises(TrainingError, match="the data have no pairs with labels to train on"):
        source_of(project, text.replace("pairs.jsonl", "free.jsonl")).train()
    with pytest.raises(TrainingError, match="loss 'soft_labels' needs confidence of each pair"):
        source_of(project, text + "loss: soft_labels\n").train()
