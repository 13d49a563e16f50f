"""`source:NAME` reads a model as `sources/NAME.yaml` says; mistakes are told at their places."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scoring.models import dialogues

from rmcheck.errors import ProblemsFound, UsageError
from rmcheck.reward_source import SourceOptions
from rmcheck.sources import create

from .readings import KINDS, save
from .test_dpo import saved
from .test_readings import opened


def written(root: Path, text: str, name: str = "mine") -> None:
    (root / "sources").mkdir(exist_ok=True)
    (root / f"sources/{name}.yaml").write_text(text)


def problems(root: Path, spec: str = "source:mine") -> list[str]:
    with pytest.raises(ProblemsFound) as caught:
        opened(spec, root)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("spec", ["source:mine", "source:sources/mine.yaml"])
def test_it_scores_as_the_same_settings_in_a_spec(tmp_path: Path, spec: str) -> None:
    save(tmp_path / "models/a", "llama", KINDS["chatml"])
    written(tmp_path, "source: 1\nmodel: ../models/a\ntemplate: raw\nend: eos\nmax_length: 30\n")
    source, same = (
        opened(spec, tmp_path),
        opened("hf:models/a,template=raw,end=eos,max_length=30", tmp_path),
    )
    texts = dialogues(6)
    np.testing.assert_array_equal(source.score(texts), same.score(texts))
    assert source.fingerprint == same.fingerprint
    record = source.describe()
    assert record.origins["template"] == "sources/mine.yaml"
    assert record.origins["pooling"] == "default"
    assert record.kind == "hf"
    assert record.reads_unlike(opened("hf:models/a", tmp_path).describe())


def test_a_jinja_file_is_relative_to_the_source_file(tmp_path: Path) -> None:
    save(tmp_path / "models/a", "gpt2", KINDS["plain"])
    written(tmp_path, "source: 1\nmodel: ../models/a\ntemplate: turns.jinja\n")
    text = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    (tmp_path / "sources/turns.jinja").write_text(text)
    source = opened("source:mine", tmp_path)
    assert source.layout.text == text
    assert np.isfinite(source.score(dialogues(3))).all()


def test_every_mistake_is_told_at_its_place(tmp_path: Path) -> None:
    written(
        tmp_path,
        "source: 1\nmodel: ../models/b\ntemplate: chta\ntemplat: chat\nend: stop\n"
        "max_length: yes\nobjective: {helpful: x}\n",
    )
    said = "\n".join(problems(tmp_path))
    assert "sources/mine.yaml:2:8: model: folder not found" in said
    assert "sources/mine.yaml:3:11: template: got 'chta'; did you mean 'chat'?" in said
    assert "sources/mine.yaml:4:1: source file: unknown key 'templat'" in said
    assert "sources/mine.yaml:5:6: source file: end='stop' is not allowed" in said
    assert "sources/mine.yaml:6:13: source file: max_length: expected a number, got true" in said
    assert "sources/mine.yaml:7:22: source file: objective.helpful='x' is not a number" in said


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- 1\n", "expected a mapping of keys to values"),
        ("model: x\n", "the key 'source' is missing; add 'source: 1'"),
        ("recipe: 1\nbase: x\n", "expected a source file, got a recipe; use `--rm recipe:"),
        ("rmcheck: 1\nchecks: []\n", "expected a source file, got a suite; use `pytest "),
        ("source: 1\n", "the key 'model' is missing"),
        ("source: 1\nmodel: x\nobjective: {}\n", "objective"),
        ("source: 1\nmodel: x\nmax_length: 0\n", "max_length"),
    ],
)
def test_another_file_is_named(tmp_path: Path, text: str, expected: str) -> None:
    written(tmp_path, text)
    assert expected in "\n".join(problems(tmp_path))


def test_a_misspelt_name_is_corrected(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no source files in .*write sources/mine.yaml"):
        opened("source:mine", tmp_path)
    save(tmp_path / "models/a", "gpt2", KINDS["plain"])
    written(tmp_path, "source: 1\nmodel: ../models/a\n")
    with pytest.raises(UsageError, match=r"write 'end: eos' into sources/mine.yaml"):
        opened("source:mine,end=eos", tmp_path)
    with pytest.raises(UsageError, match=r"expected a name or a path after 'source:'"):
        opened("source:", tmp_path)
    with pytest.raises(UsageError, match="did you mean 'mine'"):
        opened("source:mien", tmp_path)
    with pytest.raises(UsageError, match=r"did you mean 'sources/mine.yaml'"):
        opened("source:sources/mien.yaml", tmp_path)
    with pytest.raises(UsageError, match=r"did you mean 'source:sources/mine.yaml'"):
        opened("sources/mine.yaml", tmp_path)


def test_a_policy_is_read_as_in_a_spec(tmp_path: Path) -> None:
    for name, seed in (("policy", 1), ("reference", 2)):
        saved(tmp_path / "models" / name, "gpt2", KINDS["plain"], seed)
    written(
        tmp_path,
        "source: 1\nkind: dpo\nmodel: ../models/policy\nreference: ../models/reference\n"
        "beta: 0.3\nend: eos\n",
    )
    options = SourceOptions(root=tmp_path, cache=tmp_path / "cache", device="cpu")
    source = create("source:mine", options)
    same = create("dpo:models/policy,reference=models/reference,beta=0.3,end=eos", options)
    texts = dialogues(4)
    np.testing.assert_array_equal(source.score(texts), same.score(texts))
    assert source.fingerprint == same.fingerprint
    record = source.describe()
    assert record.kind == "dpo"
    assert record.origins["beta"] == record.origins["end"] == "sources/mine.yaml"
    assert record.origins["reference"] == "sources/mine.yaml"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pooling: mean\n", "mine.yaml:4:1: pooling is for kind hf, and this is dpo; remove it"),
        ("reference: ../b\n", "mine.yaml:4:12: reference: folder not found"),
        ("beta: 0\n", "mine.yaml:4:7: source file: beta"),
        ("template: pair\n", "mine.yaml:4:11: template 'pair' is for models of two texts"),
    ],
)
def test_keys_of_another_kind_are_told(tmp_path: Path, text: str, expected: str) -> None:
    save(tmp_path / "a", "gpt2", KINDS["plain"])
    written(tmp_path, f"source: 1\nkind: dpo\nmodel: ../a\n{text}")
    assert expected in "\n".join(problems(tmp_path))
