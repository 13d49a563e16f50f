"""`rmcheck perturb` and `rmcheck list --transformations`."""

from __future__ import annotations

import json

import pytest
from plugin.projects import Project

from rmcheck import cli
from rmcheck.cli.word_diff import MOST_TOKENS, marked, visible
from rmcheck.perturb import TRANSFORMATIONS

ROW = {
    "id": "sky-1",
    "prompt": "Why is the sky blue?",
    "chosen": "It is the color that scatters. That is all of it.",
    "rejected": "It is the sea.",
    "variants": [{"name": "shorter", "promise": "preserves", "chosen": "The color scatters."}],
}
OTHER = {"id": "sea-1", "prompt": "What is the sea?", "chosen": "It is water.", "rejected": "Sky."}


@pytest.fixture
def sky(project: Project) -> Project:
    rows = [ROW, OTHER, {"id": "set-1", "prompt": "a", "responses": ["a", "b"], "best": [0]}]
    project.write("a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    return project


def test_a_text_before_and_after_with_the_difference_marked(sky: Project) -> None:
    said = sky.cli("perturb", "british_spelling", "--data", "a.jsonl", "--id", "sky-1")
    assert (said.code, said.err) == (0, [])
    assert said.out == [
        "pair sky-1, chosen, seed 0, strength 0.5",
        "british_spelling (preserves): Words in American spelling in British spelling "
        "(color, colour).",
        "",
        "response before:",
        "  | It is the color that scatters. That is all of it.",
        "",
        "response after:",
        "  | It is the colour that scatters. That is all of it.",
        "",
        "difference:",
        "  | It is the [-color-]{+colour+} that scatters. That is all of it.",
    ]


def test_transformations_are_applied_one_after_the_other(sky: Project) -> None:
    names = "shorter,british_spelling,prompt_quoted"
    said = sky.cli("perturb", names, "--data", "a.jsonl", "--id", "sky-1", "--seed", "3")
    assert said.code == 0
    assert "shorter (preserves): a variant that the pair brings" in said.out
    assert said.out[said.out.index("response after:") + 1] == "  | The colour scatters."
    assert said.out[said.out.index("prompt after:") + 1] == '  | """'


def test_with_a_source_the_scores_and_the_margin(sky: Project) -> None:
    sky.write("count.py", "def length(texts):\n    return [len(text[1]) for text in texts]\n")
    options = ("--data", "a.jsonl", "--id", "sky-1", "--rm", "py:count:length")
    said = sky.cli("perturb", "first_sentence", *options)
    # 49 characters, 30 of them in the first sentence; the other side has 14.
    assert said.out[-3:] == [
        "scores of py:count:length:",
        "  chosen: 49.0000 before, 30.0000 after (−19.0000)",
        "  margin of the pair: +35.0000 before, +16.0000 after",
    ]
    said = sky.cli("perturb", "emptied", *options)
    assert said.out[-1].endswith("+35.0000 before, −14.0000 after; the win is lost")
    # The other side gets the same change of the prompt, and none of the response.
    said = sky.cli("perturb", "said_twice,prompt_url", *options, "--side", "rejected")
    assert said.out[-1].startswith("  margin of the pair: +35.0000 before, ")
    after = len(ROW["rejected"]) * 2 + len("\n\n\n\n")
    margin = float(said.out[-1].split(", ")[1].split()[0].replace("−", "-"))
    assert margin < 49 - after


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["flatery", "--id", "sky-1"],
         "no transformation or group is named 'flatery'; did you mean 'flattery'?"),
        (["whitespace", "--id", "sky-1"],
         "'whitespace' is a group of transformations (blank_ends, doubled_blanks, "),
        (["all", "--id", "sky-1"], "'all' stands for "),
        (["preserves", "--id", "sky-1"], "'preserves' stands for "),
        (["flattery", "--id", "sky-2"],
         "--id sky-2: no such pair in a.jsonl (2 pairs); did you mean 'sky-1'?"),
        (["flattery", "--id", "set-1"], "--id set-1: expected a pair, got a response set"),
        (["import_order", "--id", "sky-1"],
         "'import_order' does not apply to pair 'sky-1' (chosen): it has nothing to change there"),
        (["shorter", "--id", "sky-1", "--side", "rejected"],
         "'shorter' does not apply to pair 'sky-1' (rejected)"),
        (["flattery,shorter", "--id", "sky-1"],
         "'shorter' is a variant of the pair; name it before transformations"),
        (["flattery", "--id", "sky-1", "--strength", "2"],
         "--strength: expected a number in (0, 1], got 2"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(sky: Project, arguments: list[str], said: str) -> None:
    found = sky.cli("perturb", *arguments, "--data", "a.jsonl")
    assert found.code == 4
    (line,) = found.err
    assert line.startswith(f"rmcheck perturb: {said}")


def test_list_names_every_transformation(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list", "--transformations"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name in TRANSFORMATIONS.ours:
        each = TRANSFORMATIONS.find(name)
        assert each is not None
        assert lines.count(f"    {name:<22} {each.sentence}") == 1
    cli.main(["list"])
    text = capsys.readouterr().out
    assert "\n  spelling           british_spelling, american_spelling\n" in text
    titles = ["preserve how good a text is", "make a text worse", "make a text look better"]
    assert [text.count(title) for title in titles] == [1, 1, 1]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("a b", "a b", "a b"),
        ("", "a", "{+a+}"),
        ("a b", "a\u00a0b", "a[-·-]{+⍽+}b"),
        ("one", "one\n", "one{+↵\n+}"),
        ("a x b", "a b", "a [-x -]b"),
        ("word " * (MOST_TOKENS + 2), "other " * (MOST_TOKENS + 2), None),
    ],
)
def test_words_are_marked(before: str, after: str, said: str | None) -> None:
    found = marked(before, after)
    if said is None:  # one change from end to end
        assert found.count("[-") == found.count("{+") == 1
    else:
        assert found == said


def test_signs_for_what_nobody_sees() -> None:
    assert visible("\t\r\u200be\u0301\ud800") == "→␍\\u200be\\u0301\\ud800"
