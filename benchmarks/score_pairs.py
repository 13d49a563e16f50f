"""Score preference pairs: rmcheck against the `rewardbench` program and against plain loops.

A GPT-2-124M with random weights scores the same texts in each way, in float32 and in bfloat16. The
`rewardbench` 0.1.4 program runs in an environment of its own with the libraries that it pins, made
below `.rmcheck/benchmarks` at the first run (it wants a package index).

    python benchmarks/score_pairs.py
    python benchmarks/score_pairs.py --shape rm-bench
    python benchmarks/score_pairs.py --shape apart
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import site
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from results import Options, held, medians, options, publish, seconds, table
from shapes import SHAPES
from workload import (
    GPT2,
    MAX_LENGTH,
    SMALL,
    Peer,
    Shape,
    add_data,
    described,
    scorer,
    tokenizer,
)

from rmcheck.data import PreferencePair, pair_dialogues
from rmcheck.data.template import prompt_prefix
from rmcheck.scoring.forest import plant

DTYPES = ("float32", "bfloat16")

PINNED = (
    "rewardbench==0.1.4", "transformers==4.51.0", "tokenizers==0.21.4", "huggingface_hub==0.36.2",
    "datasets==3.6.0", "accelerate==1.6.0", "fsspec==2025.3.0", "fschat==0.2.36", "trl==0.8.6",
    "sentencepiece", "tiktoken", "setuptools<81",
)  # fmt: skip
"""What `rewardbench.rewardbench` imports; torch and what has no pins come from this environment."""


class RewardBench:
    """The program in its own environment: loaded once, asked several times."""

    def __init__(self, folder: Path, shape: Shape, known: Any, data: Sequence[PreferencePair]):
        self.work = Path(tempfile.mkdtemp(prefix="rewardbench-"))
        model = shape.model(fused=False, pad=known.pad_token_id)
        model.save_pretrained(self.work / "model")
        _save_tokenizer(known, self.work / "model")
        lines = [json.dumps(_conversation(pair, known)) for pair in data]
        (self.work / "pairs.json").write_text("\n".join(lines) + "\n", encoding="utf-8")
        program = Path(__file__).with_name("rewardbench_program.py")
        self.log = (self.work / "log").open("w", encoding="utf-8")
        self.process = subprocess.Popen(
            [str(environment(folder)), str(program)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True,
        )  # fmt: skip

    def score(self, dtype: str) -> tuple[float, NDArray[np.float64]]:
        """Seconds of its scoring loop, and rewards as `pair_dialogues` orders them."""
        command = {
            "dtype": dtype, "model": str(self.work / "model"),
            "data": str(self.work / "pairs.json"), "folder": str(self.work),
        }  # fmt: skip
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        line = ""
        with contextlib.suppress(BrokenPipeError):  # what it died of is in its log
            print(json.dumps(command), file=self.process.stdin, flush=True)
            line = self.process.stdout.readline()
        if not line:
            sys.exit((self.work / "log").read_text(encoding="utf-8")[-3000:])
        answer = json.loads(line)
        rewards = np.stack([answer["chosen"], answer["rejected"]], axis=1).reshape(-1)
        return float(answer["seconds"]), rewards

    def close(self) -> None:
        """End the program and remove what was written for it."""
        self.process.communicate()
        self.log.close()
        shutil.rmtree(self.work)


def environment(folder: Path) -> Path:
    """The Python of the program's environment below `folder`, made when it is not there."""
    python = folder / "rewardbench" / "bin" / "python"
    done = folder / "rewardbench" / ".installed"
    if not done.exists():
        venv.create(folder / "rewardbench", with_pip=False, symlinks=True)
        (packages,) = (folder / "rewardbench" / "lib").glob("python*/site-packages")
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        subprocess.run([*install, "--target", str(packages), *PINNED], check=True)
        # After its own packages come ours: the same torch for both, so that kernels are equal.
        paths = "\n".join(site.getsitepackages())
        (packages / "zz_shared.pth").write_text(paths + "\n", encoding="utf-8")
        done.touch()
    return python


def _save_tokenizer(known: Any, folder: Path) -> None:
    """As an older transformers reads it; the template only joins what is given."""
    known.backend_tokenizer.save(str(folder / "tokenizer.json"))
    template = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": MAX_LENGTH,
        "pad_token": known.pad_token, "eos_token": known.eos_token, "chat_template": template,
    }  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")


def _conversation(pair: PreferencePair, known: Any) -> dict[str, Any]:
    prompt = {"role": "user", "content": prompt_prefix(pair.prompt, "default", known)}
    sides = {"chosen": pair.chosen, "rejected": pair.rejected}
    return {side: [prompt, {"role": "assistant", "content": text}] for side, text in sides.items()}


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    add_data(parser)
    parser.add_argument("--shape", choices=SHAPES, default="dialogues")
    parser.add_argument("--pairs", type=int, help="how many; default: as the shape says")
    parser.add_argument("--dtype", choices=DTYPES, action="append", help="default: both")
    parser.add_argument("--turns", type=int, default=2, help="exchanges a dialogue")
    parser.add_argument("--folder", type=Path, default=Path(".rmcheck/benchmarks"))
    parser.add_argument("--without-rewardbench", action="store_true")


def drawn(how: Options) -> list[PreferencePair]:
    """The pairs that are asked for."""
    given = how.given
    shape = SHAPES[given.shape]
    return shape.build(6 if how.quick else given.pairs or shape.count, given.data, given.turns)


def compare(how: Options, dtype: str, program: RewardBench | None) -> list[tuple[object, ...]]:
    """A row a way of scoring: texts a second, rmcheck's ratio to it, distance from one by one."""
    given = how.given
    shape = SMALL if how.quick else GPT2
    known = tokenizer(given.tokenizer)
    data = pair_dialogues(drawn(how))
    goals = SHAPES[given.shape].goals
    ours = scorer(shape.model(pad=known.pad_token_id), known, dtype)
    plain = scorer(shape.model(fused=False, pad=known.pad_token_id), known, dtype)
    scored: dict[str, NDArray[np.float64]] = {}

    def timed(name: str, score: Callable[[], NDArray[np.float64]]) -> Callable[[], float]:
        def run() -> float:
            spent = seconds(lambda: scored.__setitem__(name, score()))
            return len(data) / spent

        return run

    peers = {
        "one by one": Peer(plain, plain.model, 1),
        "padded batches of 8, unsorted": Peer(plain, plain.model, 8),
        "padded batches of 8, sorted by length": Peer(plain, plain.model, 8, by_length=True),
    }
    ways = {"rmcheck": timed("rmcheck", lambda: ours.score(data))}
    ways |= {name: timed(name, lambda p=peer: p.score(data)) for name, peer in peers.items()}  # type: ignore[misc]
    if program is not None:

        def asked() -> float:
            spent, scored[PROGRAM] = program.score(dtype)
            return len(data) / spent

        ways[PROGRAM] = asked
    ours.score(data[:4])  # the first texts also try out the forest, once a session
    speed = medians(ways, how.repeats)
    truth = scored["one by one"]
    if dtype == "float32" and not np.allclose(scored["rmcheck"], truth, atol=1e-4):
        sys.exit("rmcheck's scores differ from one-by-one scoring")
    rows: list[tuple[object, ...]] = []
    for name, rate in speed.items():
        ratio = speed["rmcheck"] / rate
        known_goal = name == PROGRAM and dtype == "float32"
        cell = held(ratio, goals[dtype]) if known_goal else f"{ratio:.2f}×"
        rows.append((dtype, name, rate, cell, float(np.abs(scored[name] - truth).max())))
    return rows


PROGRAM = "`rewardbench` 0.1.4, its batch size 8"


def main() -> None:
    how = options(__doc__, 3, add_options)
    given = how.given
    known = tokenizer(given.tokenizer)
    data = drawn(how)
    wanted = SHAPES[given.shape]
    program = None
    if not (given.without_rewardbench or how.quick):
        program = RewardBench(given.folder, GPT2, known, data)
    rows = [row for dtype in given.dtype or DTYPES for row in compare(how, dtype, program)]
    sequences = scorer(SMALL.model(), known).encode(pair_dialogues(data))
    name = given.title or wanted.name
    if given.shape == "dialogues":
        name = given.title or f"shipped {wanted.name}"
        name += f" as dialogues of {given.turns} exchanges" if given.turns > 1 else ""
    unique = plant(sequences, MAX_LENGTH).n_tokens
    head = ("dtype", "way", "texts/s", "rmcheck is faster by", "farthest from one by one")
    body = (
        f"How fast are preference pairs scored? {(SMALL if how.quick else GPT2).name} with random "
        "weights; "
        f"{described(len(data), sequences, unique, name)} Median of {how.repeats}, "
        "run in turn, tokenising included, loading not.\n\n" + table(head, rows)
    )
    if program is not None:
        program.close()
    if program is not None and not given.dtype:
        rate = {(row[0], row[1]): row[2] for row in rows}
        ratio = float(str(rate["bfloat16", "rmcheck"])) / float(str(rate["float32", PROGRAM]))
        goal = wanted.goals.get("bfloat16")
        said = f"{ratio:.2f}×" if goal is None else held(ratio, goal)
        body += (
            f"\n\nbfloat16 against the program in float32: {said}."
            "\n\n`rewardbench` scores a GPT-2 otherwise than one by one: it pads on the left "
            "and gives no position ids, so that padded texts count positions from the padding."
        )
    publish(f"Scoring {given.title}" if given.title else wanted.title, body, how)


if __name__ == "__main__":
    main()
