"""Write `docs/transformations.md`: each transformation with a text before and after.

    python docs/build/transformations.py [--check]

The first part of the page is written by hand; the list is made from the functions in
`rmcheck/perturb/`. With `--check` nothing is written; exit code 1 tells that the page is not what
they do now.
"""

from __future__ import annotations

import sys
from pathlib import Path

from refresh import command

from rmcheck.cli.word_diff import visible
from rmcheck.data import Dialogue
from rmcheck.perturb import TRANSFORMATIONS, Transformation

PAGE = Path(__file__).resolve().parents[1] / "transformations.md"

START, END = "<!-- transformations: generated -->\n", "<!-- end of transformations -->\n"

PROMISES = {
    "preserves": (
        "Preserve",
        "The text is as good as before. A reward should hardly move, and no pair should be lost.",
    ),
    "degrades": ("Degrade", "The text is worse. Its reward should fall."),
    "tempts": (
        "Tempt",
        "The text looks better and is not. It should not beat the best honest response.",
    ),
}

PROMPT = "I think that soap floats. Why does an iceberg float on water?"
RESPONSE = (
    "I think that ice is probably less dense. It's about 9% lighter than water, so it doesn't "
    "sink. The color doesn't matter."
)
OTHERS = (Dialogue("Where is Rome?", "Rome is in Italy. It is an old city on a river."),)
CODE = "```python\nimport os\nimport sys\n\nx = 1 + 2  # Sum\nprint(x)\n```"
DOCUMENT = (
    "## Ice\nIt is **less** dense - by 9%.\n\n- It floats...\n- It melts.\n\n1. One.\n2. Two."
)

RESPONSES = {
    "trailing_blanks": DOCUMENT, "blank_lines": DOCUMENT, "windows_line_ends": DOCUMENT,
    "star_bullets": DOCUMENT, "numbers_with_brackets": DOCUMENT, "bold_removed": DOCUMENT,
    "headings_in_bold": DOCUMENT, "one_ellipsis": DOCUMENT, "long_dashes": DOCUMENT,
    "dash_bullets": "* It floats.\n* It melts.", "plain_dashes": "It is less dense – by 9%.",
    "curly_quotes": 'It is "less dense", isn\'t it?', "british_spelling": "The color is gray.",
    "straight_quotes": "It is “less dense”, isn’t it?", "american_spelling": "The colour is grey.",
    "composed": "A cafe\u0301.", "decomposed": "A café.", "contracted": "They do not sink.",
    "grouped_digits": "The town has 25000 people.",
    "ungrouped_digits": "The town has 25,000 people.", "code_tag_removed": CODE,
    "code_tag_added": CODE.replace("python", "", 1), "comment_case": CODE, "import_order": CODE,
    "boxed_as_heading": "So $x = \\boxed{42}$.", "boxed_as_sentence": "So $x = \\boxed{42}$.",
    "answer_in_box": "The answer is 42.", "names_replaced": "Anna is right about that.",
    "places_replaced": "You are not the only one in Leeds.", "code_broken": CODE,
    "pronouns_flipped": "He needs his rest.", "operator_changed": "It is 3 + 4 = 7.",
    "negation_added": "It is less dense. They can see that.",
}  # fmt: skip
"""The response for transformations that do not apply to `RESPONSE`, or show more elsewhere."""
PROMPTS = {
    "names_replaced": "What does Anna know about the ice?",
    "places_replaced": "I live in Leeds and I am bored. What is it that I can do?",
    "pronouns_flipped": "My colleague says that he is tired. What is it that he needs?",
    "agreement": PROMPT,
}


def page() -> str:
    """The page `docs/transformations.md`."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    return f"{before}{START}\n{listed()}\n{END}{rest.partition(END)[2]}"


def listed() -> str:
    """A section for each promise, and in it one for each transformation."""
    known = {
        name: each
        for name, each in TRANSFORMATIONS.sound()[0].items()
        if TRANSFORMATIONS.package(name) is None
    }
    parts = []
    for promise, (title, meaning) in PROMISES.items():
        some = [each for each in known.values() if each.promise == promise]
        parts.append(f"## {title}\n\n{meaning} {len(some)} transformations.\n")
        parts.extend(_section(each) for each in some)
    return "\n".join(parts)


def _section(each: Transformation) -> str:
    groups = ", ".join(f"`{group}`" for group in each.groups)
    about = [each.sentence, f"Groups: {groups}.", f"Changes the {_changed(each)}."]
    if each.english:
        about.append("*English.*")
    return f"### `{each.name}`\n\n{' '.join(about)}\n\n```diff\n{_example(each)}```\n"


def _changed(each: Transformation) -> str:
    return "prompt and the response" if each.touches == "both" else each.touches


def _example(each: Transformation) -> str:
    before = Dialogue(PROMPTS.get(each.name, _prompt(each)), RESPONSES.get(each.name, RESPONSE))
    copies = (each.copy(before, seed=seed, others=OTHERS) for seed in range(20))
    copy = next((copy for copy in copies if copy is not None), None)
    if copy is None:
        raise SystemExit(f"{each.name}: does not apply to its example; give it one in RESPONSES")
    lines = []
    for old, new in ((before.prompt, copy.prompt), (before.response, copy.response)):
        if old == new:
            continue
        old, new = str(old), str(new)
        if "".join(old.split()) == "".join(new.replace("\u200b", "").split()) or not new.isascii():
            kept = new.isascii() or "\u200b" in new or "\u00a0" in new or "\u0301" in new + old
            old, new = (visible(old), visible(new)) if kept else (old, new)
        lines += [f"- {line}".rstrip() for line in old.split("\n")]
        lines += [f"+ {line}".rstrip() for line in new.split("\n")]
    return "".join(f"{line}\n" for line in lines)


def _prompt(each: Transformation) -> str:
    # Those that say who asks do not apply to a prompt with an opinion of the asker.
    return PROMPT.partition(". ")[2] if each.touches == "prompt" else PROMPT


def main() -> int:
    return command("Write docs/transformations.md.", lambda _: {PAGE: page()})


if __name__ == "__main__":
    sys.exit(main())
