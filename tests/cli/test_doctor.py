"""`rmcheck doctor` shows what a model reads and finds the reading that it was trained with."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from plugin.projects import Project
from scoring.models import random_model, tokenizer
from sources.readings import CHATML, KINDS, Kind, save
from training import project as training_project
from transformers import GPT2ForSequenceClassification

from rmcheck.data import Dialogue, PreferencePair
from rmcheck.reward_source import SourceOptions
from rmcheck.sources import create
from rmcheck.sources.model_source import ModelSource

pytestmark = pytest.mark.ci


def pairs(folder: Path, count: int = 60) -> Path:
    """Preference data that a trained model tells apart."""
    return training_project.pairs(folder, count)


def taught(folder: Path, reading: Kind, data: Path) -> Path:
    """A reward model that learnt the pairs in one reading: its head is fitted on the states."""
    model: GPT2ForSequenceClassification = random_model("gpt2", seed=1)
    rows = [json.loads(line) for line in data.read_text().splitlines()]
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(3):
        for start in range(0, len(rows), 10):
            gaps = []
            for row in rows[start : start + 10]:
                both = [
                    model(torch.tensor([reading.tokens(Dialogue(row["prompt"], row[side]))]))
                    for side in ("chosen", "rejected")
                ]
                gaps.append(both[0].logits[0, 0] - both[1].logits[0, 0])
            loss = -torch.nn.functional.logsigmoid(torch.stack(gaps)).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    model.save_pretrained(folder)
    reading.tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Preference data, and a model that learnt them in each of two readings."""
    root = tmp_path_factory.mktemp("models")
    data = pairs(root, 60)
    for reading in ("chatml", "plain"):
        taught(root / reading, KINDS[reading], data)
    return root


def placed(project: Project, models: Path, reading: str) -> None:
    """Copy the data and a model into a project."""
    shutil.copy(models / "pairs.jsonl", project.root)
    shutil.copytree(models / reading, project.root / "model")


@pytest.mark.parametrize("reading", ["chatml", "plain"])
def test_the_reading_that_a_model_was_trained_with_is_recommended(
    project: Project, models: Path, reading: str
) -> None:
    placed(project, models, reading)
    said = project.cli("doctor", "hf:model", "pairs.jsonl")
    assert said.code == 0, said.err
    lines = said.out
    template = "chat" if reading == "chatml" else "default"
    assert lines[0].startswith(f"reading of hf:model: template {template} (")
    assert any(line.startswith("win rates on 60 pairs") for line in lines)
    first = next(line for line in lines if line.endswith("recommended"))
    assert f"template={template}," in first
    assert "current" in first
    assert lines[-1].startswith("no other reading wins")


def test_a_better_reading_than_the_one_in_force_is_recommended(
    project: Project, models: Path
) -> None:
    placed(project, models, "chatml")
    said = project.cli("doctor", "hf:model,template=default", "pairs.jsonl")
    assert said.code == 0
    assert "template default (the spec)" in said.out[0]
    (best,) = (line for line in said.out if line.endswith("recommended"))
    assert "template=chat,end=template" in best
    assert "--rm 'hf:model,template=chat,end=template'" in said.out[-1]
    (now,) = (line for line in said.out if line.endswith("current"))
    assert float(now.split()[0]) < float(best.split()[0])


def test_the_recommendation_keeps_the_other_settings(project: Project, models: Path) -> None:
    placed(project, models, "chatml")
    shutil.move(project.root / "model", project.root / "a,b")
    said = project.cli("doctor", "hf:a,b,max_length=60,template=default", "pairs.jsonl")
    assert "use --rm 'hf:a,b,template=chat,end=template,max_length=60'" in said.out[-1]
    project.write("sources/mine.yaml", 'source: 1\nmodel: "../a,b"\ntemplate: default\n')
    said = project.cli("doctor", "source:mine", "pairs.jsonl")
    assert said.out[-1].endswith("write into sources/mine.yaml: template: chat, end: template")


SUITE = """rmcheck: 1
name: words
data: ../pairs.jsonl
checks:
  - {check: win_rate, min: 0.01}
"""


def test_the_gate_warns_when_another_reading_wins(project: Project, models: Path) -> None:
    placed(project, models, "chatml")
    project.write("suites/words.yaml", SUITE)
    for _ in range(2):  # the second run has all scores in the cache
        run = project.run("suites", "--rm", "hf:model,template=default,end=none")
        said = "\n".join(run.outlines)
        assert "may be read wrongly: on 60 pairs another reading" in said
        assert "(hf:model,template=chat,end=template) wins" in said
    assert "scores: 120 texts, 120 from the cache" in said
    assert "may be read wrongly" in (project.root / "reports/latest/summary.md").read_text()


def test_the_gate_is_silent_about_the_right_reading(project: Project, models: Path) -> None:
    placed(project, models, "chatml")
    project.write("suites/words.yaml", SUITE)
    run = project.run("suites", "--rm", "hf:model")
    assert "read wrongly" not in "\n".join(run.outlines)


def test_a_template_of_the_users_own_is_a_reading(project: Project, models: Path) -> None:
    placed(project, models, "chatml")
    (project.root / "model/chat_template.jinja").unlink()
    plain = project.cli("doctor", "hf:model", "pairs.jsonl")
    assert "template default (default)" in plain.out[0]
    project.write("own.jinja", CHATML)
    said = project.cli("doctor", "hf:model,template=own.jinja", "pairs.jsonl")
    assert "template own.jinja (the spec)" in said.out[0]
    (best,) = (line for line in said.out if line.endswith("recommended"))
    assert "template=own.jinja,end=template" in best


def test_what_is_read_is_shown_token_by_token(project: Project) -> None:
    save(project.root / "model", "gpt2", KINDS["headers"])
    said = project.cli("doctor", "hf:model")
    assert said.code == 0
    text = "\n".join(said.out)
    assert "⟨<|start|>⟩" in text
    assert "⟨<|end|>⟩" in text
    assert "the reward is read at token" in text
    assert "1 text: 1 begin with the start token, 1 end with the end token, 0 cut" in text
    assert "win rates" not in text


def test_two_start_tokens_are_a_warning(project: Project) -> None:
    reading = Kind("{{ bos_token }}{{ bos_token }}{{ messages[0]['content'] }}")
    save(project.root / "model", "gpt2", reading)
    said = project.cli("doctor", "hf:model,end=none")
    assert any("1 text with two start tokens" in line for line in said.out)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["scores:s.jsonl"], "does not run a model; expected hf:PATH"),
        (["hf:gone/gone/gone"], "folder not found"),
        (["hf:model", "gone.jsonl"], "no file matches 'gone.jsonl'"),
        (["hf:model,template=chat"], "the tokenizer has no chat template"),
    ],
)
def test_mistakes_are_one_line(project: Project, arguments: list[str], told: str) -> None:
    save(project.root / "model", "gpt2", Kind())
    project.write("s.jsonl", '{"id": "a", "chosen": 1, "rejected": 0}\n')
    said = project.cli("doctor", *arguments)
    assert said.code == 4
    assert told in said.err[-1]
    assert not any("Traceback" in line for line in said.err)


def test_readings_with_the_same_tokens_are_tried_once(tmp_path: Path) -> None:
    from rmcheck.sources.readings import compare_readings

    save(tmp_path / "model", "gpt2", Kind())
    source = create("hf:model", SourceOptions(root=tmp_path, cache=tmp_path / "c", device="cpu"))
    assert isinstance(source, ModelSource)
    some = [PreferencePair(f"p{n}", f"q{n}", f"the cat {n}", "rain", f"q{n}") for n in range(20)]
    found = compare_readings(source, some)
    assert [(each.layout.template, each.layout.end) for each in found] == [
        ("default", "tokenizer"), ("default", "eos"), ("raw", "tokenizer"), ("raw", "eos"),
    ]  # fmt: skip
    assert tokenizer().chat_template is None
