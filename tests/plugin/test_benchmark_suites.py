"""Benchmarks from their own files to the report: `rmcheck new`, pytest, `rmcheck export`."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import pytest
import yaml

from rmcheck.checks.benchmarks.reward_bench import SECTIONS

from .projects import Project, jsonl

Row = dict[str, Any]
N = 20


def said(name: str, score: float) -> str:
    """A response that carries its score, as the model of these projects reads it."""
    return f"{name} says so. [{score:.2f}]"


def reward_bench() -> list[Row]:
    """Four pairs of each subset; the first of each is wrong."""
    subsets = [subset for section in SECTIONS.values() for subset in section]
    return [
        {"prompt": f"{subset} {i}?", "chosen": said("good", 1.0 if i else -1.0),
         "rejected": said("bad", 0.0), "chosen_model": "a", "rejected_model": "b",
         "subset": subset, "id": 100 * place + i}
        for place, subset in enumerate(subsets)
        for i in range(4)
    ]  # fmt: skip


def reward_bench_2() -> list[Row]:
    """Four sets of each of five subsets, the first of each wrong; two prompts of Ties."""
    rows: list[Row] = [
        {"id": f"{subset}-{i}", "prompt": f"{subset} {i}?", "subset": subset, "num_correct": 1,
         "chosen": [said("good", 2.0 if i else -2.0)],
         "rejected": [said(f"bad{k}", 0.1 * k) for k in range(3)]}
        for subset in ("Factuality", "Precise IF", "Math", "Safety", "Focus")
        for i in range(4)
    ]  # fmt: skip
    for number in range(2):
        for kind, right in (("ref", 1), ("tied", 3)):
            rows.append(
                {"id": f"{kind}:{number}", "prompt": f"Ties {kind} {number}?", "subset": "Ties",
                 "num_correct": right,
                 "chosen": [said(f"good{k}", 3.0 + 0.1 * k) for k in range(right)],
                 "rejected": [said(f"bad{k}", 0.0) for k in range(2)]}
            )  # fmt: skip
    return rows


def rm_bench() -> list[Row]:
    """Elaborate style is worth 1, being right 0.5: easy and normal are won, hard is lost."""
    domains = ("chat", "math", "code", "safety-refuse", "safety-response")
    return [
        {"id": f"{domain}-{i}", "prompt": f"{domain} {i}?", "domain": domain,
         "chosen": [said(f"good{k}", k + 0.5) for k in range(3)],
         "rejected": [said(f"bad{k}", float(k)) for k in range(3)]}
        for domain in domains
        for i in range(4)
    ]  # fmt: skip


def judge_bench() -> list[Row]:
    """The label says which of A and B is right; the model prefers A."""
    sources = ("mmlu-pro-law", "livebench-reasoning", "livebench-math", "livecodebench")
    return [
        {"pair_id": f"{source}-{i}", "source": source, "question": f"{source} {i}?",
         "response_A": said("A", 1.0), "response_B": said("B", 0.0),
         "label": "B>A" if i == 0 else "A>B", "response_model": "m"}
        for source in sources
        for i in range(5)
    ]  # fmt: skip


def reward_math() -> list[Row]:
    """Twenty problems; the right solution is first in five, second in fifteen."""
    rows = []
    for i in range(N):
        solutions = [["Step.", said("right", 5.0)]]
        solutions += [["Step.", said(f"w{k}", (6.0 if i >= 5 and k == 0 else 0.1 * k))]
                      for k in range(9)]  # fmt: skip
        rows.append({"unique_id": f"p{i}", "problem": f"Solve {i}.", "subject": "Algebra",
                     "level": 1, "output": {"solution": solutions}})  # fmt: skip
    return rows


def ppe() -> list[Row]:
    """Sets of four, two of them right; one of the right ones is below both wrong ones."""
    return [
        {"question_id": f"q{i}", "prompt": f"Question {i}?", "scores": [True, True, False, False],
         **{f"response_{k + 1}": said(f"r{k}", score)
            for k, score in enumerate((3.0, 0.0, 2.0, 1.0))}}
        for i in range(N)
    ]  # fmt: skip


def rmb() -> list[Row]:
    """Pairs of one goal only."""
    return [
        {"pair_uid": f"u{i}", "category_path": "Pairwise_set/Helpfulness/Chat",
         "conversation_input": [{"role": "user", "content": f"Hello {i}?"}],
         "chosen": {"answer": said("good", 1.0 if i else -1.0), "llm_name": "a"},
         "reject": {"answer": said("bad", 0.0), "llm_name": "b"}}
        for i in range(N)
    ]  # fmt: skip


CASES: dict[str, tuple[list[Row], str | None, float]] = {
    # The rows, the total that the suite asks for (None: the headline), and its value by hand.
    "reward-bench": (reward_bench(), None, 0.75),
    # Five subsets at 3/4; Ties: all right, and tanh(3/0.2 − 1) = 1.
    "reward-bench-2": (reward_bench_2(), None, (5 * 0.75 + 1.01) / 6),
    "rm-bench": (rm_bench(), None, 2 / 3),
    "judge-bench": (judge_bench(), None, 0.8),
    "reward-math": (reward_math(), None, 0.25),
    "ppe": (ppe(), "correctness", 0.5),
    "rmb": (rmb(), "Helpfulness, pairwise", 0.95),
}


@pytest.mark.ci
def test_from_the_published_files_to_the_report(project: Project) -> None:
    project.model()
    for name, (rows, total, _) in CASES.items():
        project.write(f"data/{name}.jsonl", jsonl(rows))
        made = project.cli("new", "--benchmark", name, "--data", f"data/{name}.jsonl")
        assert made.code == 0, made
        assert made.out[0].startswith(f"created suites/{name}.yaml for ")
        suite = yaml.safe_load((project.root / f"suites/{name}.yaml").read_text("utf-8"))
        (check,) = suite["checks"]
        assert (check["benchmark"], check.get("total")) == (name, total)
    project.run()
    checks = project.checks()
    for name, (_, _, value) in CASES.items():
        check = checks[f"{name}::benchmark"]
        assert check["estimate"]["value"] == pytest.approx(value), check["message"]
        assert check["estimate"]["low"] < value < check["estimate"]["high"]
    page = (project.root / "reports/latest/index.html").read_text("utf-8")
    assert "RewardBench 2, totals and parts" in page
    rows = {row[0]: row for row in checks["rm-bench::benchmark"]["evidence"]["tables"][0]["rows"]}
    assert [rows[level][1] for level in ("easy", "normal", "hard")] == pytest.approx([1, 1, 0])
    notes = checks["rmb::benchmark"]["evidence"]["notes"]
    lacking = "Helpfulness, best of n, Harmlessness, pairwise and Harmlessness, best of n"
    assert f"parts that the data lack: {lacking}" in notes

    assert project.cli("bless", "--red").code == 0
    project.run()
    again = project.checks()
    assert {name: check["outcome"] for name, check in again.items()} == {
        name: check["outcome"] for name, check in checks.items()
    }
    # A blessed run keeps the scores of pairs only.
    told = {name: again[f"{name}::benchmark"]["evidence"]["notes"][0] for name in CASES}
    for name in ("reward-bench-2", "reward-math", "ppe"):
        assert told[name] == "not compared with main, which has no scores of these items"
    assert told["rm-bench"].startswith("overall against main: +0.0 points [")
    assert told["rm-bench"].endswith("p=1")
    several = project.cli("export", "-o", "out.json")
    assert several.code == 4
    assert (
        "several benchmarks in this run (reward-bench-2::benchmark and reward-b" in several.err[0]
    )
    chosen = ("--check", "reward-bench-2::benchmark", "--model", "org/name")
    assert project.cli("export", *chosen, "-o", "out/rb2.json").out == ["wrote out/rb2.json"]
    exported = json.loads((project.root / "out/rb2.json").read_text("utf-8"))
    assert exported.pop("Ties") == pytest.approx(1.01)
    assert exported == {
        "model": "org/name",
        "model_type": "Seq. Classifier",
        "chat_template": "unknown",
        **dict.fromkeys(("Factuality", "Precise IF", "Math", "Safety", "Focus"), 0.75),
    }


def test_a_benchmark_with_a_part_missing(project: Project) -> None:
    project.model()
    rows = [row for row in reward_bench() if row["subset"] != "math-prm"]
    project.write("data/rb.jsonl", jsonl(rows))
    assert (
        project.cli("new", "mine", "--benchmark", "rewardbench", "--data", "data/rb.jsonl").code
        == 0
    )
    suite = yaml.safe_load((project.root / "suites/mine.yaml").read_text("utf-8"))
    assert suite["checks"][0]["total"] == "Chat"
    project.suite("whole", {"check": "benchmark", "benchmark": "reward-bench", "min": 0.5}, rows=[])
    whole = (project.root / "suites/whole.yaml").read_text("utf-8")
    path = suite["data"]
    data = yaml.safe_load(whole) | {"data": path}
    project.write("suites/whole.yaml", yaml.safe_dump(data))
    project.run()
    checks = project.checks()
    assert checks["mine::benchmark"]["estimate"]["value"] == pytest.approx(0.75)
    told = checks["whole::benchmark"]
    assert (told["outcome"], told["estimate"]) == ("fail", None)
    assert "score needs parts that the data lack: math-prm" in told["message"]
    said_no = project.cli("export", "--check", "mine::benchmark", "-o", "x.json")
    assert said_no.code == 4
    assert "mine::benchmark: the run has no score of math-prm" in said_no.err[0]


def test_mistakes_of_new_and_export(project: Project) -> None:
    project.write("data/rb.jsonl", jsonl(reward_bench()))
    for arguments, told in (
        ((), "name the suite (rmcheck new DOMAIN), or a benchmark"),
        (("--benchmark", "rm-bensh"), "unknown benchmark 'rm-bensh', did you mean 'rm-bench'"),
        *(
            (("--benchmark", name), f"--benchmark {name}: its files are not here; download them")
            for name in ("rmb", "rm-bench", "ppe", "judge-bench", "reward-math")
        ),
        (
            ("--benchmark", "rm-bench", "--data", "data/rb.jsonl"),
            "--data: no items of RM-Bench (layout reward-bench); expected the files as",
        ),
    ):
        said_no = project.cli("new", *arguments)
        assert said_no.code == 4, said_no
        assert told in said_no.err[0]
    assert not (project.root / "suites").exists()
    hub = project.cli("new", "--benchmark", "reward-bench-2")
    assert hub.code == 0
    suite = yaml.safe_load((project.root / "suites/reward-bench-2.yaml").read_text("utf-8"))
    assert suite["data"] == {"dataset": "allenai/reward-bench-2", "split": "test"}
    assert not (project.root / "data/reward-bench-2.jsonl").exists()


RMB = {
    "pair_uid": "u1",
    "conversation_input": [{"role": "user", "content": "Why?"}],
    "category_path": "Harmlessness/S1",
    "chosen": {"answer": "Because.", "llm_name": "a"},
    "reject": {"answer": "No.", "llm_name": "b"},
}


def test_the_command_that_new_names_reads_what_was_downloaded(project: Project) -> None:
    told = project.cli("new", "--benchmark", "rmb").err[0]
    assert "`git clone https://github.com/Zhou-Zoey/RMB-Reward-Model-Benchmark`" in told
    (command,) = re.findall(r"`rmcheck (new .*)`", told)
    folder = "RMB-Reward-Model-Benchmark/RMB_dataset/Pairwise_set"
    project.write(f"{folder}/Harmlessness/S1.json", json.dumps([RMB]))
    made = project.cli(*shlex.split(command))
    assert made.code == 0, made
    suite = yaml.safe_load((project.root / "suites/rmb.yaml").read_text("utf-8"))
    assert suite["data"].endswith("RMB_dataset/**/*.json")
