"""Draw the picture of docs/forest.md from a forest that rmcheck itself lays out.

python docs/build/forest.py
"""

from __future__ import annotations

from html import escape
from pathlib import Path

import numpy as np

from rmcheck.scoring.forest import Row, plant

PICTURE = Path(__file__).parents[1] / "forest.svg"

PROMPT = "Why is the sky blue ?"
TEXTS = ("Light bends .", "Light scatters .", "No idea .")
LOOKING = "scatters"
"""The token whose view the picture shows."""

CELL, GAP, HEIGHT, LEFT = 62, 4, 30, 24
STYLE = """
  .page { fill: #ffffff; } text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .title { font-weight: 600; font-size: 15px; } .note { fill: #59636e; }
  .word { text-anchor: middle; } .small { font-size: 11px; text-anchor: middle; fill: #59636e; }
  .shared rect { fill: #cfe3ff; stroke: #3b7dd8; } .again rect { fill: #f3f4f6; stroke: #b6bdc6; }
  .own rect { fill: #ffe2c2; stroke: #c9781a; } .unseen { opacity: 0.4; }
  .looking rect { stroke-width: 3; } .line { fill: none; stroke: #59636e; stroke-width: 1.4; }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117; } text { fill: #f0f6fc; } .note, .small { fill: #9198a1; }
    .shared rect { fill: #1b3a63; stroke: #6ea8fe; } .again rect { fill: #1c2128; stroke: #57606a; }
    .own rect { fill: #5a3a12; stroke: #f0a04b; } .line { stroke: #9198a1; }
  }
"""


def cell(column: float, top: int, word: str, kind: str) -> str:
    """A token."""
    x = LEFT + column * (CELL + GAP)
    return (
        f'<g class="{kind}"><rect x="{x:g}" y="{top}" width="{CELL}" '
        f'height="{HEIGHT}" rx="5"/><text class="word" x="{x + CELL / 2:g}" y="{top + 20}">'
        f"{escape(word)}</text></g>"
    )


def label(top: int, text: str, kind: str = "title") -> str:
    """A line of text at the left edge."""
    return f'<text class="{kind}" x="{LEFT}" y="{top}">{escape(text)}</text>'


def under(column: int, top: int, text: str) -> str:
    """A small number in the middle of a column."""
    x = LEFT + column * (CELL + GAP) + CELL / 2
    return f'<text class="small" x="{x:g}" y="{top}">{escape(text)}</text>'


def branch(start: tuple[int, int], end: tuple[int, int]) -> str:
    """A line from the right edge of one cell, (column, top), to the left edge of another."""
    x, y = LEFT + start[0] * (CELL + GAP) + CELL, start[1] + HEIGHT / 2
    to_x, to_y = LEFT + end[0] * (CELL + GAP), end[1] + HEIGHT / 2
    return f'<path class="line" d="M{x:g} {y:g} L{to_x:g} {to_y:g}"/>'


def laid_out() -> tuple[list[str], Row, list[int]]:
    """The words of the row, the row itself, and how many texts each of its nodes serves."""
    texts = [f"{PROMPT} {text}".split() for text in TEXTS]
    # Numbered in reading order, so that the row comes in the order of the texts.
    known = {word: n for n, word in enumerate(dict.fromkeys(w for text in texts for w in text))}
    ids = [np.array([known[word] for word in text]) for text in texts]
    (row,) = plant(ids, 100).rows
    words = [list(known)[int(token)] for token in row.tokens]
    mask = row.mask()
    served = [int(mask[row.last, node].sum()) for node in range(len(row))]
    return words, row, served


def draw() -> str:
    """The picture as SVG."""
    words, row, served = laid_out()
    kinds = ["shared" if count > 1 else "own" for count in served]
    texts = [f"{PROMPT} {text}".split() for text in TEXTS]
    total = sum(len(text) for text in texts)
    parts = [label(30, f"Each text by itself: {total} tokens to compute")]
    for number, text in enumerate(texts):
        top = 44 + number * 36
        for column, word in enumerate(text):
            known = any(other[: column + 1] == text[: column + 1] for other in texts[:number])
            later = any(other[: column + 1] == text[: column + 1] for other in texts[number + 1 :])
            kind = "again" if known else "shared" if later else "own"
            parts.append(cell(column, top, word, kind))
    parts.append(
        label(
            168,
            "Grey: the same words after the same beginning, computed again for nothing.",
            "note",
        )
    )

    parts.append(label(208, f"As a tree: {len(row)} tokens, each shared beginning once"))
    parts += [cell(column, 258, word, kinds[column]) for column, word in enumerate(words[:6])]
    parts.append(cell(6, 240, words[6], kinds[6]))
    spots = {7: (7, 222), 8: (8, 222), 9: (7, 258), 10: (8, 258)}
    spots |= {11: (6, 294), 12: (7, 294), 13: (8, 294)}
    for node, (column, top) in spots.items():
        parts.append(cell(column, top, words[node], kinds[node]))
    parts += [branch((5, 258), (6, 240)), branch((5, 258), (6, 294))]
    parts += [branch((6, 240), (7, 222)), branch((6, 240), (7, 258))]

    looking = words.index(LOOKING)
    parts.append(label(366, f"As the model is given it: one row, and what “{LOOKING}” may look at"))
    seen = row.mask()[looking]
    for node, word in enumerate(words):
        kind = kinds[node] if seen[node] else f"{kinds[node]} unseen"
        parts.append(cell(node, 380, word, f"{kind} looking" if node == looking else kind))
        parts.append(under(node, 426, str(row.positions[node])))
    parts.append(
        label(450, "Numbers: the position that the model is told, the depth in the tree.", "note")
    )
    width = 2 * LEFT + len(row) * (CELL + GAP) - GAP
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} 470" role="img" '
        f'aria-label="Three texts with a common beginning, as a tree, and as one row">\n'
        f'<style>{STYLE}</style>\n<rect class="page" width="{width}" height="470" rx="8"/>\n'
        f"{body}\n</svg>\n"
    )


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
