"""Put real output into the pages of `docs/` that PAGES names.

    python docs/build/pages.py [--check | --trained DIR]

With `--trained`, `docs/get-started.md`, too, which trains the sample model twice; adapters that lie
in the cache folder DIR are taken from there.

The pages' text is written by hand. A block that follows a line `<!-- output: NAME -->` is what
pytest or a command of rmcheck prints in a project that is made here. With `--check` nothing is
written; exit code 1 tells which page is not what they print now.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from refresh import command
from verdicts import BLOCK, filled
from watched import over_time

import rmcheck.cli
from rmcheck.shipped import shipped

__all__ = ["BLOCK", "PAGES", "filled", "outputs"]

DOCS = Path(__file__).resolve().parents[1]

FIXTURE = """\
import pytest


@pytest.fixture(scope="session")
def reward_model():
    def score(texts):  # [(prompt, response), ...] -> as many numbers
        return [%s for prompt, response in texts]

    return score
"""


class Example:
    """A project in the current folder, and what is printed there."""

    def __init__(self) -> None:
        self.root = Path.cwd()
        self.write("pytest.ini", "[pytest]\n")

    def write(self, path: str, text: str) -> None:
        """Write a file with the folders that it needs."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")

    def chat(self, checks: str = "  - {check: win_rate, min: 0.60}\n") -> list[dict[str, object]]:
        """A suite on the first 60 shipped pairs of everyday questions, and these."""
        lines = shipped("preferences", "conversation.jsonl").read_text("utf-8").splitlines()[:60]
        self.write("data/chat.jsonl", "\n".join(lines) + "\n")
        head = "rmcheck: 1\nname: chat\ndata: ../data/chat.jsonl\nchecks:\n"
        self.write("suites/chat.yaml", head + checks)
        return [json.loads(line) for line in lines]

    def pytest(self, *arguments: str, **environment: str) -> str:
        """What pytest prints in a process of its own, as in a wide terminal.

        With no other plugin than ours: others print lines, and change the order of the tests.
        """
        alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environment}
        return self._run("pytest", "-p", "rmcheck.plugin", "-p", "no:cacheprovider", "--color=no",
                         "-o", "required_plugins=", *arguments, **alone)  # fmt: skip

    def process(self, *arguments: str, **environment: str) -> str:
        """What a command of rmcheck prints in a process of its own."""
        return self._run("rmcheck", *arguments, **environment)

    def _run(self, module: str, *arguments: str, **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            capture_output=True,
            encoding="utf-8",
            env={**_alone(), "COLUMNS": "400", "PYTHONUTF8": "1", **environment},
            check=False,
        )
        return self._shown(done.stdout + done.stderr)

    def rmcheck(self, *arguments: str) -> str:
        """What a command of rmcheck prints, in this process."""
        out = io.StringIO()
        # Where argparse ends the process it has said why.
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(out),
            contextlib.suppress(SystemExit),
        ):
            rmcheck.cli.main(arguments)
        return self._shown(out.getvalue())

    def _shown(self, text: str) -> str:
        """Without the place of this machine's folders."""
        for place in (self.root.resolve(), self.root):
            text = text.replace(f"{place}/", "")
        return text.replace(str(shipped()), "…/rmcheck")


_OF_A_RUN = ("GITHUB_", "PYTEST_", "HYPOTHESIS_", "HF_", "RM_", "RMCHECK_")


def _alone() -> dict[str, str]:
    """The environment without what a CI, or the run of pytest that asks for a page, adds to it."""
    return {
        key: value
        for key, value in os.environ.items()
        if key != "CI" and not key.startswith(_OF_A_RUN)
    }


def lines(text: str, *words: str) -> str:
    """The lines that hold one of the words, without what tells where they lie in the page."""
    kept = (line for line in text.splitlines() if any(word in line for word in words))
    return "".join(f"{line.strip()}\n" for line in kept)


MISTAKEN = """\
source: 1
model: ../checkpoints/lastest
template: chta
lenght: 4096
"""


def _llama(example: Example) -> None:
    """A small reward model of Llama's type, with a chat template, in checkpoints/latest."""
    from transformers import AutoTokenizer, LlamaConfig, LlamaForSequenceClassification
    from transformers.utils import logging

    logging.disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(str(shipped("models", "tiny-gpt2")))
    tokenizer.chat_template = (
        "{% for turn in messages %}[{{ turn.role }}]\n{{ turn.content }}{{ eos_token }}\n"
        "{% endfor %}{% if add_generation_prompt %}[assistant]\n{% endif %}"
    )
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=1,
        num_attention_heads=2, num_labels=1, pad_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    folder = example.root / "checkpoints/latest"
    LlamaForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def sources(example: Example) -> Mapping[str, str]:
    """`docs/sources.md`."""
    rows = example.chat("  - {check: win_rate, min: 0.60}\n  - {check: label_noise}\n")
    scores = [{"id": row["id"], "chosen": 1.0 + i, "rejected": 0.5 * i + 20 * (i % 7 == 0)}
              for i, row in enumerate(rows)]  # fmt: skip
    example.write("scores.jsonl", "".join(json.dumps(row) + "\n" for row in scores))
    from_file = example.pytest("suites", "-v", "-rs", "--rm", "scores:scores.jsonl")
    example.write("few.jsonl", "".join(json.dumps(row) + "\n" for row in scores[:58]))
    missing = example.pytest("suites", "-v", "--rm", "scores:few.jsonl")
    example.write("conftest.py", FIXTURE % "-len(response)")
    fixture = example.pytest("suites/chat.yaml::win_rate")
    _llama(example)
    example.write("sources/mine.yaml", MISTAKEN)
    return {
        "doctor": example.rmcheck("doctor", "hf:checkpoints/latest"),
        "source_mistakes": example.rmcheck("doctor", "source:mine"),
        "kinds": example.rmcheck("list").partition("reward sources")[2].partition("\n")[2]
        .partition("\n\n")[0] + "\n",
        "scores": lines(from_file, "  passed ", "  skipped ", "SKIPPED [", "scores: "),
        "missing": lines(missing, " chat::win_rate - "),
        "fixture": lines(fixture, "Safe to", "Do not", "FAILED chat", "scores: "),
        "misspelt": example.rmcheck("train", "tyni"),
        "unknown": example.rmcheck("score", "data/chat.jsonl", "-o", "x.jsonl", "--rm", "file:x"),
    }  # fmt: skip


def troubleshooting(example: Example) -> Mapping[str, str]:
    """`docs/troubleshooting.md`."""
    found: dict[str, str] = {}
    example.chat()
    example.write("conftest.py", FIXTURE % "-len(response)")
    found["low"] = lines(example.pytest("suites"), "  FAILED ")
    found["lint"] = example.process("lint", "data/chat.jsonl")
    example.write("conftest.py", FIXTURE % "float('nan')")
    found["nan"] = lines(example.pytest("suites"), "  ERROR ")
    example.write("conftest.py", FIXTURE % "0.5")
    found["tied"] = lines(example.pytest("suites"), "  FAILED ")
    example.write("conftest.py", "")
    found["no_hub"] = example.process("train", "gpt2", HF_HUB_OFFLINE="1", HF_HOME="hub")
    found["no_folder"] = example.process("try", "Hi?", "Yes.", "No.", "--rm", "hf:./checkpoint")
    example.chat("  - {check: win_rate, minimum: 0.60}\n  - {check: score_gab}\n")
    example.write("data/chat.jsonl", '{"id": "a", "prompt": "Hi?", "chosen": "Hello."}\n')
    mistakes = example.pytest("suites", "--rm", "scores:none.jsonl")
    found["mistakes"] = lines(mistakes, ".yaml:", ".jsonl:")
    example.chat("  - {check: no_regression}\n")
    example.write("conftest.py", FIXTURE % "-len(response)")
    found["baseline"] = lines(example.pytest("suites", "-rs"), "SKIPPED [")
    baseline = example.pytest("suites", "--rm-baseline", "mian")
    found["no_baseline"] = lines(baseline, "mian")
    return found


def domain(example: Example) -> Mapping[str, str]:
    """`docs/add-a-domain.md`."""
    found = {"new": example.rmcheck("new", "cooking")}
    found["suite"] = (example.root / "suites/cooking.yaml").read_text(encoding="utf-8")
    example.write("conftest.py", FIXTURE % "len(response)")
    found["stub"] = lines(example.pytest("suites"), "REPLACE THIS")
    lines_ = shipped("preferences", "conversation.jsonl").read_text("utf-8").splitlines()[:40]
    example.write("data/cooking.jsonl", "\n".join(lines_) + "\n")
    found["lint"] = example.rmcheck("lint", "suites/cooking.yaml")
    return found


def _two_models(example: Example) -> None:
    """Two suites of shipped pairs, a baseline that got nearly all of them, and a run that lost a
    tag of them."""
    for name in ("coding", "conversation"):
        rows = shipped("preferences", f"{name}.jsonl").read_text("utf-8").splitlines()
        example.write(f"data/{name}.jsonl", "\n".join(rows) + "\n")
        head = f"rmcheck: 1\nname: {name}\ndata: ../data/{name}.jsonl\nchecks:\n"
        example.write(f"suites/{name}.yaml", f"{head}  - check: no_regression\n")
        for model, tag in (("old", ""), ("new", "buggy_code")):
            target = example.root / f"{model}.jsonl"
            before = target.read_text("utf-8") if target.exists() else ""
            pairs = [json.loads(row) for row in rows]
            scored = [
                {"id": pair["id"], "rejected": 0.5,
                 "chosen": float(k % 15 not in (0, len(tag)) and tag not in pair["tags"])}
                for k, pair in enumerate(pairs)
            ]  # fmt: skip
            target.write_text(before + "".join(f"{json.dumps(row)}\n" for row in scored), "utf-8")
    example.pytest("suites", "--rm", "scores:old.jsonl")
    example.rmcheck("bless")
    example.pytest("suites", "--rm", "scores:new.jsonl")


def slices(example: Example) -> Mapping[str, str]:
    """`docs/slices.md`."""
    _two_models(example)
    return {"slices": example.rmcheck("slices")}


def plan(example: Example) -> Mapping[str, str]:
    """`docs/plan.md`."""
    _two_models(example)
    return {"plan": example.rmcheck("plan", "--drop", "0.05")}


def _split(count: int) -> str:
    """The body of a model that gets the first so many of the pairs wrong."""
    return f"(1 if int(prompt.split()[1]) >= {count} else -1) * (response[0] == 'g')"


def _numbered(n: int) -> list[dict[str, object]]:
    return [
        {"id": f"q{row:03d}", "prompt": f"question {row} ?", "chosen": f"good answer {row}",
         "rejected": f"bad answer {row}"}
        for row in range(n)
    ]  # fmt: skip


def early_stop(example: Example) -> Mapping[str, str]:
    """`docs/early-stop.md`."""
    example.chat("  - {check: win_rate, min: 0.70, early_stop: true}\n")
    rows = "".join(json.dumps(row) + "\n" for row in _numbered(200))
    example.write("data/chat.jsonl", rows)
    example.write("conftest.py", FIXTURE % _split(10))
    return {"stopped": lines(example.pytest("suites", "-v"), "  passed ", "note: ")}


def bisection(example: Example) -> Mapping[str, str]:
    """`docs/bisect.md`."""
    rows = _numbered(300)
    example.write("pairs.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    series = {
        "scores": (60, 61, 59, 62, 60, 90, 91, 92, 90),
        "slow": (60, 60, 61, 66, 68, 70, 80, 85, 90),
        "back": (60, 61, 95, 60, 62),
    }
    for name, wrong in series.items():
        for step, count in enumerate(wrong, start=1):
            scores = ({"id": row["id"], "chosen": float(place >= count), "rejected": 0.5}
                      for place, row in enumerate(rows))  # fmt: skip
            text = "".join(json.dumps(score) + "\n" for score in scores)
            example.write(f"{name}/step-{step}00.jsonl", text)

    def said(*arguments: str) -> str:
        told = example.rmcheck("bisect", *arguments, "--data", "pairs.jsonl").splitlines()
        return "".join(f"{line.rstrip()}\n" for line in told)

    return {
        "bisect": said("scores"),
        "range": said("slow").partition("\n\n")[2],
        "all": said("back", "--all"),
    }


def get_started(example: Example, cache: Path) -> Mapping[str, str]:
    """`docs/get-started.md`: the whole way, from nothing to a red gate."""
    (example.root / "pytest.ini").unlink()
    found = {"init": example.rmcheck("init")}
    with contextlib.suppress(FileNotFoundError):
        shutil.copytree(cache / "adapters", example.root / ".rmcheck/adapters")
    found["green"] = _summary(example.pytest("suites/", "--rm-seeds", "1"))
    found["bless"] = example.rmcheck("bless")
    recipe = (example.root / "recipes/sample.yaml").read_text(encoding="utf-8")
    example.write("recipes/sample.yaml", recipe.replace("rate: 0.0", "rate: 0.4"))
    found["red"] = _summary(example.pytest("suites/", "--rm-seeds", "1"))
    shutil.copytree(example.root / ".rmcheck/adapters", cache / "adapters", dirs_exist_ok=True)
    return found


def _summary(text: str) -> str:
    """The last lines of a run: what rmcheck says of it, without times and dates."""
    said = text.partition("= reward model: ")[2].partition("\n")[2]
    said = re.sub(r"training: \S+, (\d+ steps) in [^,]*,", r"training: sample, \1 in …,", said)
    said = re.sub(r"the run of \d{4}-\d\d-\d\d \d\d:\d\d", "the run of …", said)
    return "".join(
        f"{line}\n" for line in said.splitlines() if not line.startswith(("=", "FAILED"))
    )


PAGES: Mapping[str, Callable[[Example], Mapping[str, str]]] = {
    "sources.md": sources,
    "troubleshooting.md": troubleshooting,
    "add-a-domain.md": domain,
    "slices.md": slices,
    "plan.md": plan,
    "early-stop.md": early_stop,
    "bisect.md": bisection,
    "over-time.md": over_time,
}


def outputs(make: Callable[[Example], Mapping[str, str]]) -> Mapping[str, str]:
    """What is printed for a page, in a folder of its own, by the names that it calls it."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        return make(Example())


def made(given: argparse.Namespace) -> Mapping[Path, str]:
    """Every page with its output; `docs/get-started.md` where a training is asked for."""
    pages = dict(PAGES)
    if given.trained:
        cache = given.trained.resolve()
        pages["get-started.md"] = lambda example: get_started(example, cache)
    return {
        DOCS / name: filled((DOCS / name).read_text(encoding="utf-8"), outputs(make))
        for name, make in pages.items()
    }


def main() -> int:
    return command(
        "Fill pages of docs/ with real output.",
        made,
        lambda parser: parser.add_argument(
            "--trained", metavar="DIR", type=Path, help="docs/get-started.md, too"
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
