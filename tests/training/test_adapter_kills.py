"""A training that is killed, or out of disk, at each of its operations on files in turn.

What is left is a whole adapter or none, never one that is taken for trained and is not.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from plugin.forked import Call, Ended, Server
from plugin.projects import jsonl

from rmcheck.record import folder as folders
from rmcheck.training import adapter
from training import project

# The files of an adapter, without a model: what is written and how is `adapter`'s own.
TRAIN = """
from pathlib import Path
from rmcheck.progress import NoProgress
from rmcheck.training import adapter

class Model:
    def save_pretrained(self, folder, **options):
        Path(folder, "adapter_config.json").write_text('{"r": 4}')
        Path(folder, "adapter_model.safetensors").write_bytes(bytes(range(256)) * 40)
        Path(folder, "README.md").write_text("PEFT's own")

def train(folder):
    sidecar = adapter.Sidecar(fingerprint="f", template="default", pooling="last", max_length=64)
    adapter.save(Model(), folder, sidecar)

adapter.ensure(Path("cache/adapters/f"), train, "recipe:x", NoProgress(), adapter.doubt)
print("has")
"""


def whole(folder: Path) -> bool:
    """Whether an adapter is there; whatever counts as one must have all of its files."""
    if not adapter.is_complete(folder) or adapter.doubt(folder):
        return False
    adapter.verify(folder)
    return True


@pytest.mark.ci
@pytest.mark.parametrize("older", [False, True], ids=["the first", "in place of a doubted one"])
@pytest.mark.parametrize("full", [False, True], ids=["killed", "disk full"])
@pytest.mark.parametrize("step", [4, pytest.param(1, marks=pytest.mark.slow)], ids=["some", "all"])
def test_a_training_that_is_stopped_at_each_operation(
    server: Server, tmp_path: Path, full: bool, older: bool, step: int
) -> None:
    def call(root: Path, fault: int) -> Call:
        return Call(
            program="python", arguments=[TRAIN], folder=str(root), within=str(root), fault=fault,
            full=full,
        )  # fmt: skip

    start = tmp_path / "p"
    start.mkdir()
    if older:
        server.run(call(start, 0))
        sidecar = start / "cache/adapters/f" / adapter.SIDECAR
        changed = {**json.loads(sidecar.read_text(encoding="utf-8")), "max_length": 65}
        sidecar.write_text(json.dumps(changed), encoding="utf-8")
        assert not whole(sidecar.parent)
    total = server.run(call(Path(shutil.copytree(start, tmp_path / "probe")), 0)).operations
    assert total >= 10
    states = set()
    for number in range(1, total + 1, step):
        root = Path(shutil.copytree(start, tmp_path / f"stopped-{number}"))
        ended = server.run(call(root, number))
        assert ended.code != 0 or full, ended.text
        states.add(whole(root / "cache/adapters/f"))
        again = server.run(call(root, 0))
        assert again.text.splitlines()[-1] == "has", again.text
        assert whole(root / "cache/adapters/f")
        assert list((root / "cache/adapters").glob(".*.tmp")) == []
    assert False in states


SUITE = """rmcheck: 1
name: chat
data: ../asked.jsonl
checks:
  - check: no_regression
"""


def worse(root: Path) -> None:
    """A project whose recipe learns the opposite of what its suite asks for."""
    project.made(root)
    rows = [json.loads(line) for line in (root / "pairs.jsonl").read_text("utf-8").splitlines()]
    asked = [{**row, "chosen": row["rejected"], "rejected": row["chosen"]} for row in rows]
    (root / "asked.jsonl").write_text(jsonl(asked), encoding="utf-8")
    right = [{"id": row["id"], "chosen": 1.0 + place, "rejected": 0.0} for place, row in
             enumerate(rows)]  # fmt: skip
    (root / "right.jsonl").write_text(jsonl(right), encoding="utf-8")
    (root / "suites").mkdir()
    (root / "suites/chat.yaml").write_text(SUITE, encoding="utf-8")
    (root / "pytest.ini").write_text("[pytest]\nrm_source = recipe:tiny.yaml\n", encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("full", [False, True], ids=["killed", "disk full"])
def test_a_gate_that_is_stopped_while_it_trains(tmp_path: Path, full: bool) -> None:
    worse(tmp_path / "p")

    def called(server: Server, root: Path, fault: int = 0, *words: str) -> Ended:
        return server.run(
            Call(
                arguments=["suites", *words],
                folder=str(root),
                within=str(root),
                fault=fault,
                full=full,
                trains=True,
            )
        )

    with Server(torch=True) as server:
        called(server, tmp_path / "p", 0, "--rm", "scores:right.jsonl")
        bless = Call(program="rmcheck", arguments=["bless"], folder=str(tmp_path / "p"))
        assert server.run(bless).code == 0
        alone = Path(shutil.copytree(tmp_path / "p", tmp_path / "alone"))
        ended = called(server, alone)
        assert ended.code == pytest.ExitCode.TESTS_FAILED, ended.text
        scores = (alone / "reports/latest/scores.jsonl").read_bytes()
        numbers = range(1, ended.operations, max(1, ended.operations // 12))
        assert len(numbers) >= 10
        for number in numbers:
            root = Path(shutil.copytree(tmp_path / "p", tmp_path / f"stopped-{number}"))
            ended = called(server, root, number)
            assert ended.code in ((1,) if full else (None,)), ended.text
            assert "Traceback" not in ended.text
            ended = called(server, root)
            assert ended.code == pytest.ExitCode.TESTS_FAILED, ended.text
            assert "REGRESSED" in ended.text
            folders.verify_scores(root / "reports/latest", folders.read(root / "reports/latest"))
            assert (root / "reports/latest/scores.jsonl").read_bytes() == scores
