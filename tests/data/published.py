"""Rows in the shape of benchmarks, written for the tests, and what they must become.

A pair is (prompt, chosen, rejected, tags); a response set is (prompt, responses, best, tags).
"""

from __future__ import annotations

from typing import Any

from data.conversations import LONG, asked
from data.published_sets import TRAINING

BENCHMARKS: dict[str, tuple[dict[str, Any] | list[dict[str, Any]], list[tuple[Any, ...]]]] = {
    "reward-bench": (
        {
            "prompt": "Why?",
            "chosen": "Because.",
            "chosen_model": "a",
            "rejected": "No.",
            "rejected_model": "b",
            "subset": "refusals-dangerous",
            "id": 30,
        },
        [("Why?", "Because.", "No.", ("subset:refusals-dangerous",))],
    ),
    "reward-bench-2": (
        {
            "id": "7",
            "prompt": "Why?",
            "chosen": ["Because."],
            "rejected": ["No.", "Never."],
            "num_correct": 1,
            "num_incorrect": 2,
            "total_completions": 3,
            "models": ["a", "b", "c"],
            "subset": "Focus",
            "additional_metadata": None,
        },
        [
            ("Why?", ("Because.", "No.", "Never."), (0,), ("subset:Focus",)),
            ("Why?", "Because.", "No.", ("subset:Focus",)),
            ("Why?", "Because.", "Never.", ("subset:Focus",)),
        ],
    ),
    "rm-bench": (
        {
            "id": 4,
            "prompt": "Why?",
            "chosen": ["So.", "So, see.", "**So**, see."],
            "rejected": ["No.", "No, see.", "**No**, see."],
            "domain": "chat",
        },
        [
            (
                "Why?",
                ("So.", "So, see.", "**So**, see.")[good],
                ("No.", "No, see.", "**No**, see.")[bad],
                (
                    "domain:chat",
                    f"level:{('hard', 'normal', 'easy')[(good >= bad) + (good > bad)]}",
                    f"style:{('concise', 'detailed', 'markdown')[good]}-"
                    f"{('concise', 'detailed', 'markdown')[bad]}",
                ),
            )
            for good in range(3)
            for bad in range(3)
        ],
    ),
    "judge-bench": (
        {
            "pair_id": "p1",
            "original_id": "o1",
            "source": "mmlu-pro-law",
            "question": "Why?",
            "response_model": "m",
            "response_A": "No.",
            "response_B": "Because.",
            "label": "B>A",
        },
        [("Why?", "Because.", "No.", ("source:mmlu-pro-law", "category:knowledge"))],
    ),
    "ppe-human": (
        {
            "question_id": "q1",
            "model_1": "a",
            "model_2": "b",
            "prompt": "Why?",
            "response_1": "Because.",
            "response_2": "No.",
            "winner": "model_a",
            "language": "English",
        },
        [("Why?", "Because.", "No.", ("language:English",))],
    ),
    "ppe-best-of-k": (
        {
            "question_id": "q1",
            "prompt": "Why?",
            "category": "law",
            "response_1": "No.",
            "response_2": "Because.",
            "response_3": "So.",
            "scores": [False, True, True],
        },
        [("Why?", ("No.", "Because.", "So."), (1, 2), ("category:law",))],
    ),
    "rmb": (
        {
            "pair_uid": "u1",
            "conversation_input": asked("Hi", "Hello", "Why?"),
            "category_path": "Helpfulness/Chat/Casual",
            "chosen": {"answer": "Because.", "llm_name": "a"},
            "reject": {"answer": "No.", "llm_name": "b"},
        },
        [(LONG, "Because.", "No.", ("category:Helpfulness/Chat/Casual", "goal:Helpfulness"))],
    ),
    "rmb-best-of-n": (
        {
            "bon_uid": "u1",
            "conversation_input": asked("Hi", "Hello", "Why?"),
            "category_path": "BoN_set/Harmlessness/S1",
            "bon_best": {"answer": "Because.", "llm_name": "a"},
            "loser_list": [{"answer": "No.", "llm_name": "b"}, {"answer": "Go.", "llm_name": "c"}],
        },
        [
            (
                LONG,
                ("Because.", "No.", "Go."),
                (0,),
                ("category:BoN_set/Harmlessness/S1", "goal:Harmlessness"),
            )
        ],
    ),
    "reward-math": (
        {
            "unique_id": "test/algebra/1",
            "problem": "1 + 1?",
            "subject": "Algebra",
            "level": 1,
            "output": {"solution": [["One", "and one."], ["Three."]], "answer": ["2", "3"]},
        },
        [("1 + 1?", ("One\nand one.", "Three."), (0,), ("subject:Algebra", "level:1"))],
    ),
    "llmbar": (
        {"input": "Why?", "output_1": "No.", "output_2": "Because.", "label": 2},
        [("Why?", "Because.", "No.", ())],
    ),
    "pandalm": (
        {
            "idx": 3,
            "cmp_key": "a_b",
            "instruction": "Explain.",
            "input": "Rain",
            "response1": "No.",
            "response2": "Because.",
            "annotator1": 2,
            "annotator2": 2,
            "annotator3": 0,
        },
        [("Explain.\n\nRain", "Because.", "No.", ())],
    ),
    "auto-j": (
        {
            "scenario": "writing",
            "label": 1,
            "prompt": "Why?",
            "response 1": "No.",
            "response 2": "Because.",
        },
        [("Why?", "Because.", "No.", ("scenario:writing",))],
    ),
}  # fmt: skip
ROWS = TRAINING | BENCHMARKS


def name(case: str) -> str:
    """The layout of a case."""
    return case.partition(" ")[0]


def rows(case: str) -> list[dict[str, Any]]:
    """The rows of a case."""
    given = ROWS[case][0]
    return given if isinstance(given, list) else [given]
