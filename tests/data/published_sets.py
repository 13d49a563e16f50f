"""Rows in the shape of data sets for training and of votes, and what they must become.

A pair is (prompt, chosen, rejected, tags); a response set is (prompt, responses, best, tags).
"""

from __future__ import annotations

from typing import Any

from data.conversations import ANSWER, HELLO, LONG, USER, asked, parts, turn


def _rated_by_gpt4(following: str, honesty: str, truthfulness: str, helpfulness: str) -> Any:
    """The four aspects of a completion of UltraFeedback; ratings are texts."""
    names = ("instruction_following", "honesty", "truthfulness", "helpfulness")
    ratings = (following, honesty, truthfulness, helpfulness)
    return {
        name: {"Rating": rating, "Rationale": "Since …", "Type": None}
        for name, rating in zip(names, ratings, strict=True)
    }


TRAINING: dict[str, tuple[dict[str, Any] | list[dict[str, Any]], list[tuple[Any, ...]]]] = {
    "trl": (
        {"prompt": "Why?", "chosen": "Because.", "rejected": "No.", "score_chosen": 8.0},
        [("Why?", "Because.", "No.", ())],
    ),
    "trl (messages)": (
        {
            "prompt": asked("Why?"),
            "chosen": [turn(ANSWER, "Because.")],
            "rejected": [turn(ANSWER, "No.")],
        },
        [((("user", "Why?"),), "Because.", "No.", ())],
    ),
    "trl (UltraFeedback binarised)": (
        {
            "prompt": "Why?",
            "prompt_id": "a1",
            "chosen": asked("Why?", "Because."),
            "rejected": asked("Why?", "No."),
            "messages": asked("Why?", "Because."),
            "score_chosen": 8.5,
            "score_rejected": 4.0,
        },
        [("Why?", "Because.", "No.", ())],
    ),
    "trl (parts)": (
        {
            "prompt": [{"role": USER, "content": parts("Why", "?")}],
            "chosen": [{"role": ANSWER, "content": parts("Because.")}],
            "rejected": [{"role": ANSWER, "content": parts("No.")}],
        },
        [((("user", "Why?"),), "Because.", "No.", ())],
    ),
    "trl (system)": (
        {"system": "Be brief.", "prompt": "Why?", "chosen": "Because.", "rejected": "No."},
        [((("system", "Be brief."), ("user", "Why?")), "Because.", "No.", ())],
    ),
    "trl (history)": (
        {"prompt": "Why?", "history": [["Hi", "Hello"]], "chosen": "Because.", "rejected": "No."},
        [(LONG, "Because.", "No.", ())],
    ),
    "trl (transcript)": (
        {
            "prompt": "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Why?\n\nAssistant:",
            "chosen": " Because.",
            "rejected": " No.",
        },
        [(LONG, "Because.", "No.", ())],
    ),
    "trl-repeated": (
        {
            "prompt": "Why is the sky blue?",
            "chosen": "Why is the sky blue?\nBecause.",
            "rejected": "Why is the sky blue?\nNo.",
        },
        [("Why is the sky blue?", "Because.", "No.", ())],
    ),
    "alpaca": (
        {"instruction": "Explain.", "input": "Rain", "chosen": "Because.", "rejected": "No."},
        [("Explain.\n\nRain", "Because.", "No.", ())],
    ),
    "alpaca (system and history)": (
        {
            "instruction": "Why?",
            "input": "",
            "system": "Be brief.",
            "history": [["Hi", "Hello"]],
            "chosen": {"from": "gpt", "value": "Because."},
            "rejected": {"from": "gpt", "value": "No."},
        },
        [((("system", "Be brief."), *LONG), "Because.", "No.", ())],
    ),
    "trl-implicit": (
        {
            "chosen": asked("Hi", "Hello", "Why?", "Because."),
            "rejected": asked("Hi", "Hello", "Why?", "No."),
            "source": "helpful",
        },
        [(LONG, "Because.", "No.", ("source:helpful",))],
    ),
    "trl-implicit-text": (
        {"chosen": "The sky is blue today.", "rejected": "The sky is black."},
        [("The sky is", "blue today.", "black.", ())],
    ),
    "trl-conversations": (
        {
            "conversations": [{"from": "human", "value": "Why?"}],
            "chosen": {"from": "gpt", "value": "Because."},
            "rejected": {"from": "gpt", "value": "No."},
        },
        [((("user", "Why?"),), "Because.", "No.", ())],
    ),
    "hh": (
        {
            "chosen": f"{HELLO}\n\nAssistant: So.\nHuman: x",
            "rejected": f"{HELLO}\n\nAssistant: No.",
        },
        [(LONG, "So.\nHuman: x", "No.", ())],
    ),
    "summarize-comparisons": (
        {
            "info": {"id": "t3", "post": " A story. ", "title": "T", "subreddit": "pets"},
            "summaries": [
                {"text": " Short.", "policy": "a", "note": None},
                {"text": " Wrong.", "policy": "b", "note": None},
            ],
            "choice": 1,
            "worker": "w",
            "batch": "b",
            "split": "train",
            "extra": {"confidence": 7},
        },
        [("A story.\n\nTL;DR:", "Wrong.", "Short.", ("subreddit:pets",))],
    ),
    "summarize-axis": (
        [
            {
                "info": {"id": "t3", "article": "News.", "post": None},
                "summary": {"text": text, "policy": "a", "axes": {"overall": mark, "accuracy": 7}},
                "worker": "w",
                "split": "test",
            }
            for text, mark in ((" Good.", 6), (" Bad.", 2), (" Good.", 4), (" Unmarked.", None))
        ],
        [("News.\n\nTL;DR:", "Good.", "Bad.", ())],
    ),
    "webgpt": (
        {
            "question": {"dataset": "eli5", "id": "q1", "full_text": "Why?"},
            "quotes_0": {"title": ["t"], "extract": ["e"]},
            "answer_0": "No.",
            "score_0": -0.5,
            "quotes_1": {"title": [], "extract": []},
            "answer_1": "Because [1].",
            "score_1": 0.5,
        },
        [("Why?", "Because [1].", "No.", ("dataset:eli5",))],
    ),
    "shp": (
        {
            "post_id": "p1",
            "domain": "askculinary_test",
            "history": "Why?",
            "human_ref_A": "No.",
            "human_ref_B": "Because.",
            "score_A": 3,
            "score_B": 9,
            "labels": 0,
            "score_ratio": 3.0,
        },
        [("Why?", "Because.", "No.", ("domain:askculinary_test",))],
    ),
    "oasst": (
        {
            "message_tree_id": "m0",
            "tree_state": "ready_for_export",
            "prompt": {
                "message_id": "m0",
                "role": "prompter",
                "text": "Hi",
                "replies": [
                    {
                        "message_id": "m1",
                        "role": "assistant",
                        "text": "Hello",
                        "lang": "en",
                        "rank": 0,
                        "replies": [
                            {
                                "message_id": "m3",
                                "role": "prompter",
                                "text": "Why?",
                                "replies": [
                                    {"message_id": f"m{4 + rank}", "role": "assistant",
                                     "text": text, "rank": rank, "replies": []}
                                    for rank, text in enumerate(("So.", "No."))
                                ],
                            }
                        ],
                    },
                    {"message_id": "m2", "role": "assistant", "text": "Go.", "rank": 1,
                     "lang": "en", "replies": []},
                    {"message_id": "m9", "role": "assistant", "text": "Unranked", "rank": None,
                     "lang": "en", "replies": []},
                ],
            },
        },
        [("Hi", "Hello", "Go.", ("lang:en",)), (LONG, "So.", "No.", ())],
    ),
    "oasst-messages": (
        [
            {"message_id": "m1", "parent_id": "m0", "text": "Because.", "role": "assistant",
             "lang": "en", "rank": 0.0, "deleted": False, "message_tree_id": "m0"},
            {"message_id": "m0", "parent_id": None, "text": "Why?", "role": "prompter",
             "lang": "en", "rank": None, "deleted": False, "message_tree_id": "m0"},
            {"message_id": "m2", "parent_id": "m0", "text": "No.", "role": "assistant",
             "lang": "en", "rank": 1.0, "deleted": False, "message_tree_id": "m0"},
            {"message_id": "m3", "parent_id": "m0", "text": "gone", "role": "assistant",
             "lang": "en", "rank": 2.0, "deleted": True, "message_tree_id": "m0"},
        ],
        [("Why?", "Because.", "No.", ("lang:en",))],
    ),
    "nectar": (
        {
            "prompt": "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Why?\n\nAssistant: ",
            "answers": [
                {"answer": "No.", "model": "a", "rank": 2.0},
                {"answer": "Because.", "model": "b", "rank": 1.0},
                {"answer": "Never.", "model": "c", "rank": 3.0},
            ],
            "turns": 2,
            "num_responses": 3,
            "source": ["sharegpt"],
            "good_natured": True,
        },
        [
            (LONG, "No.", "Never.", ("source:sharegpt",)),
            (LONG, "Because.", "No.", ("source:sharegpt",)),
            (LONG, "Because.", "Never.", ("source:sharegpt",)),
        ],
    ),
    "ultrafeedback": (
        {
            "source": "evol_instruct",
            "instruction": "Why?",
            "models": ["a", "b"],
            "completions": [
                {
                    "annotations": _rated_by_gpt4("2", "1", "3", "4"),
                    "response": "No.",
                    "model": "a",
                    "overall_score": 9.0,
                    "fine-grained_score": 2.5,
                },
                {
                    "annotations": _rated_by_gpt4("5", "N/A", "3", "3"),
                    "response": "Because.",
                    "model": "b",
                    "overall_score": 5,
                    "fine-grained_score": 4,
                },
            ],
        },
        [("Why?", "Because.", "No.", ("source:evol_instruct",))],
    ),
    "helpsteer": (
        [
            {
                "prompt": "Hi\n<extra_id_1>Assistant\nHello\n<extra_id_1>User\nWhy?",
                "response": text,
                "helpfulness": mark,
                "correctness": mark,
                "coherence": 4,
                "complexity": 1,
                "verbosity": 1,
            }
            for text, mark in (("No.", 1), ("Because.", 4))
        ],
        [(LONG, "Because.", "No.", ())],
    ),
    "helpsteer-2-preference": (
        {
            "split": "train",
            "prompt": "Why?",
            "response_1": "No.",
            "response_2": "Because.",
            "preference_strength": 2,
        },
        [("Why?", "Because.", "No.", ())],
    ),
    "helpsteer-3": (
        {
            "domain": "general",
            "language": "english",
            "context": asked("Hi", "Hello", "Why?"),
            "response1": "Because.",
            "response2": "No.",
            "overall_preference": -2,
            "individual_preference": [{"score": -2, "reasoning": "r"}],
        },
        [(LONG, "Because.", "No.", ("domain:general", "language:english"))],
    ),
    "pku-safe-rlhf": (
        {
            "prompt": "Why?",
            "response_0": "No.",
            "response_1": "Because.",
            "is_response_0_safe": True,
            "is_response_1_safe": False,
            "better_response_id": 1,
            "safer_response_id": 0,
        },
        [("Why?", "Because.", "No.", ("better_is_less_safe",))],
    ),
    "arena": (
        {
            "question_id": "f00d",
            "model_a": "a",
            "model_b": "b",
            "winner": "model_b",
            "judge": "arena_user_1",
            "conversation_a": asked("Why?", "No."),
            "conversation_b": asked("Why?", "Because."),
            "turn": 1,
            "language": "English",
        },
        [("Why?", "Because.", "No.", ("language:English", "turn:1"))],
    ),
    "arena-55k": (
        {
            "id": 30192,
            "model_a": "a",
            "model_b": "b",
            "prompt": '["Hi", "Why?"]',
            "response_a": '["Hello", "Because."]',
            "response_b": '["Hello", "No."]',
            "winner_model_a": 1,
            "winner_model_b": 0,
            "winner_tie": 0,
        },
        [(LONG, "Because.", "No.", ())],
    ),
}  # fmt: skip
