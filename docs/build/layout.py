"""Draw the parts of the package in the layers of the import contract in pyproject.toml.

    python docs/build/layout.py [--check]

With `--check` nothing is written; the exit code is 1 if the picture is not up to date.
"""

from __future__ import annotations

import sys
import tomllib
from html import escape

from refresh import ROOT, command

PICTURE = ROOT / "docs" / "architecture.svg"
PACKAGE = ROOT / "rmcheck"

WIDTH, HEIGHT, GAP, LEFT, TOP, RISE = 128, 32, 10, 64, 56, 44
STYLE = """
  .page { fill: #ffffff; } text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .title { font-weight: 600; font-size: 15px; } .note { fill: #59636e; }
  .room text { text-anchor: middle; font-family: ui-monospace, monospace; }
  .room rect { fill: #cfe3ff; stroke: #3b7dd8; } .heavy rect { fill: #ffe2c2; stroke: #c9781a; }
  .loose rect { fill: #f3f4f6; stroke: #b6bdc6; } .floor { stroke: #d1d9e0; }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117; } text { fill: #f0f6fc; } .note { fill: #9198a1; }
    .room rect { fill: #1b3a63; stroke: #6ea8fe; } .heavy rect { fill: #5a3a12; stroke: #f0a04b; }
    .loose rect { fill: #1c2128; stroke: #57606a; } .floor { stroke: #30363d; }
  }
"""


def there(name: str) -> bool:
    """Whether the package has a room or a module of that name."""
    return (PACKAGE / name / "__init__.py").is_file() or (PACKAGE / f"{name}.py").is_file()


def contract(kind: str) -> dict[str, object]:
    """The contract of pyproject.toml with that id."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    every = tomllib.loads(text)["tool"]["importlinter"]["contracts"]
    found: dict[str, object] = next(each for each in every if each["id"] == kind)
    return found


def floors() -> list[list[str]]:
    """The rooms of each floor, the top floor first; those that may be missing, where they exist."""
    layers = contract("floors")["layers"]
    assert isinstance(layers, list)
    named = [[room.strip().strip("()") for room in layer.split("|")] for layer in layers]
    return [found for rooms in named if (found := [room for room in rooms if there(room)])]


def heavy() -> set[str]:
    """The rooms of which a part may import the heavy packages."""
    allowed = contract("heavy")["allowed_importers"]
    assert isinstance(allowed, list)
    return {name.split(".")[1] for name in allowed}


def _box(name: str, x: int, y: int, kind: str) -> str:
    return (
        f'<g class="{kind}"><rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="5"/>'
        f'<text x="{x + WIDTH // 2}" y="{y + 21}">{escape(name)}</text></g>'
    )


def draw() -> str:
    """The picture as SVG."""
    every, hot = floors(), heavy()
    most = max(len(rooms) for rooms in every)
    width = LEFT + most * (WIDTH + GAP) + 14
    height = TOP + len(every) * RISE + 34
    parts = [
        '<text class="title" x="24" y="32">Each part imports only from the layers below it</text>'
    ]
    for row, rooms in enumerate(every):
        y = TOP + row * RISE
        line = y + HEIGHT + (RISE - HEIGHT) // 2
        parts.append(f'<text class="note" x="24" y="{y + 21}">{len(every) - row}</text>')
        parts.append(f'<path class="floor" d="M24 {line}H{width - 24}"/>')
        for column, room in enumerate(rooms):
            loose = not (PACKAGE / room).is_dir()
            kind = "room heavy" if room in hot else "room loose" if loose else "room"
            parts.append(_box(room, LEFT + column * (WIDTH + GAP), y, kind))
    note = "Orange: may import torch etc. (in data only the hub's reader). Grey: a module."
    parts.append(f'<text class="note" x="24" y="{height - 16}">{note}</text>')
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="The parts of rmcheck in {len(every)} layers">\n<style>{STYLE}</style>\n'
        f'<rect class="page" width="{width}" height="{height}" rx="8"/>\n{body}\n</svg>\n'
    )


def main() -> int:
    return command("Draw docs/architecture.svg from pyproject.toml.", lambda _: {PICTURE: draw()})


if __name__ == "__main__":
    sys.exit(main())
