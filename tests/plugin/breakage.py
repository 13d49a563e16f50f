"""One thing broken in a project, drawn at random: a file, a byte, a key, a row, an id, an option.

A strategy draws a `Break`: what it is, for a person, and how the gate is then called.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from .calls import CALLS, Break, Draw, environment, key, option, place
from .settings_broken import KINDS, conftest
from .worse import BAD, GOOD, MAIN, OTHER

SUITES = ("suites/chat.yaml", "suites/code.yaml")
DATA = ("data/chat.jsonl", "data/code.jsonl")
KEPT = (f"{MAIN}/results.json", f"{MAIN}/scores.jsonl")
OTHERS = (f"{OTHER}/results.json", f"{OTHER}/scores.jsonl")
LEFT = ("reports/history.jsonl", "reports/latest/results.json", "reports/latest/scores.jsonl")
FILES = ("pytest.ini", *SUITES, *DATA, BAD, GOOD, *KEPT, *OTHERS, *LEFT)
FOLDERS = ("suites", "data", "scores", "fixtures", "fixtures/baselines", MAIN, "reports")
# What decides is broken more often than what only lies about.
DECIDING = ("pytest.ini", SUITES[0], DATA[0], BAD, *KEPT)


def files() -> st.SearchStrategy[str]:
    """A file of the project."""
    return st.one_of(st.sampled_from(DECIDING), st.sampled_from(FILES))


def breaks(root: Path) -> st.SearchStrategy[Break]:
    """One thing broken in the project at `root`; drawing it breaks it."""
    kinds = (
        _whole_file, _whole_folder, _byte, _cut, _line, _tree, _row, _identity, _path, _text,
        option, key, place, environment, *KINDS,
    )  # fmt: skip

    @st.composite
    def drawn(draw: Draw) -> Break:
        kind = draw(st.sampled_from(kinds))
        found: Break = kind(draw, root)
        if kind not in (option, place, conftest) and draw(st.integers(0, 3)) == 0:
            found.arguments = draw(st.sampled_from(CALLS))
        return found

    return drawn()


FATES = (
    "delete", "empty", "blank", "case", "suffix", "dot", "copy", "swap", "link", "loop", "dangling",
    "folder", "fifo", "hidden", "twin", "link elsewhere", "page", "binary",
)  # fmt: skip


def _whole_file(draw: Draw, root: Path) -> Break:
    """A file that is gone, elsewhere, another, a link, a folder."""
    name = draw(files())
    path, other = root / name, draw(files().filter(lambda one: one != name))
    how = draw(st.sampled_from(FATES))
    if how == "delete":
        path.unlink()
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "blank":
        path.write_bytes(b"\n \n")
    elif how == "case":
        path.rename(path.with_name(path.name.upper()))
    elif how == "suffix":
        suffix = draw(st.sampled_from((".bak", ".txt", "~", ".orig", ".json", ".yml", " ")))
        path.rename(path.with_name(path.name + suffix))
    elif how == "dot":
        path.rename(path.with_name("." + path.name))
    elif how == "copy":
        path.write_bytes((root / other).read_bytes())
    elif how == "swap":
        mine, theirs = path.read_bytes(), (root / other).read_bytes()
        path.write_bytes(theirs)
        (root / other).write_bytes(mine)
    elif how == "folder":
        path.unlink()
        path.mkdir()
    elif how == "fifo":
        path.unlink()
        os.mkfifo(path)
    elif how == "hidden":
        (path.parent / "build").mkdir()
        path.rename(path.parent / "build" / path.name)
    elif how == "twin":
        path.with_name("twin-" + path.name).write_bytes(path.read_bytes())
    elif how == "page":
        path.write_text("<!doctype html><title>404</title>", encoding="utf-8")
    elif how == "binary":
        path.write_bytes(bytes(range(256)) * 4)
    else:
        target = {
            "link": root / other,
            "loop": path,
            "dangling": root / "nowhere",
            "link elsewhere": root.parent / f"{root.name}-{path.name}",
        }[how]
        if how == "link elsewhere":
            shutil.move(path, target)
        else:
            path.unlink()
        path.symlink_to(target)
    return Break(f"{how} {name}" + (f" {other}" if how in ("copy", "swap", "link") else ""))


def _whole_folder(draw: Draw, root: Path) -> Break:
    name = draw(st.sampled_from(FOLDERS))
    how = draw(st.sampled_from(("delete", "rename", "case", "link", "empty", "file", "deeper")))
    path = root / name
    if how in ("delete", "empty", "file"):
        shutil.rmtree(path)
        if how == "empty":
            path.mkdir()
        if how == "file":
            path.write_text("", encoding="utf-8")
    elif how == "case":
        path.rename(path.with_name(path.name.title()))
    else:
        away = path.with_name("old-" + path.name)
        path.rename(away)
        if how == "link":
            path.symlink_to(away)
        if how == "deeper":
            path.mkdir()
            away.rename(path / path.name)
    return Break(f"{how} {name}/")


def _byte(draw: Draw, root: Path) -> Break:
    """A byte flipped, inserted, deleted or exchanged."""
    name = draw(files())
    content = bytearray((root / name).read_bytes())
    at = draw(st.integers(0, len(content) - 1))
    how = draw(st.sampled_from(("flip", "insert", "delete", "exchange")))
    if how == "flip":
        content[at] ^= 1 << draw(st.integers(0, 7))
    elif how == "delete":
        del content[at]
    else:
        byte = draw(
            st.one_of(st.sampled_from(b"\n\r\t #:;-,\"'{}[]0189!*&\x00"), st.integers(0, 255))
        )
        content[at : at + (how == "exchange")] = bytes([byte])
    (root / name).write_bytes(content)
    return Break(f"{how} byte {at} of {name}: …{bytes(content[max(0, at - 20) : at + 20])!r}…")


def _cut(draw: Draw, root: Path) -> Break:
    """A file cut short, at a line end or anywhere, or with something behind its end."""
    name = draw(files())
    content = (root / name).read_bytes()
    lines = content.splitlines(keepends=True)
    if draw(st.booleans()):
        kept = draw(st.integers(0, len(lines) - 1))
        content, told = b"".join(lines[:kept]), f"after line {kept}"
    else:
        kept = draw(st.integers(0, len(content) - 1))
        content, told = content[:kept], f"after byte {kept}"
    (root / name).write_bytes(content)
    return Break(f"cut {name} {told}")


def _line(draw: Draw, root: Path) -> Break:
    """A line gone, twice, elsewhere, commented out."""
    name = draw(files())
    lines = (root / name).read_text(encoding="utf-8").splitlines()
    at = draw(st.integers(0, len(lines) - 1))
    before = lines[at]
    how = draw(st.sampled_from(("delete", "double", "move", "comment", "blank", "indent", "less")))
    if how == "double":
        lines.insert(at, before)
    elif how == "comment":
        lines[at] = f"# {before}"
    elif how == "blank":
        lines[at] = ""
    elif how == "indent":
        lines[at] = f"  {before}"
    elif how == "less":
        lines[at] = before.lstrip()[1:]
    else:
        del lines[at]
        if how == "move":
            lines.insert(draw(st.integers(0, len(lines))), before)
    (root / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Break(f"{how} line {at + 1} of {name}: {before[:60]}")


VALUES = (None, "", 0, 1, -1, 0.5, True, False, [], {}, "x", "main", 1e300, "1", ["x"], 10**400)


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values of a tree."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for step, each in inner:
        yield (*path, step)
        if isinstance(each, (dict, list)):
            yield from _places(each, (*path, step))


def _altered(draw: Draw, tree: Any) -> str:
    """Alter one key or value of a tree in place."""
    path = draw(st.sampled_from(list(_places(tree))))
    holder = tree
    for step in path[:-1]:
        holder = holder[step]
    last = path[-1]
    how = draw(st.sampled_from(("delete", "value", "number", "rename", "double", "add", "wrap")))
    value = holder[last]
    if how == "delete":
        del holder[last]
    elif how == "number" and isinstance(value, (int, float)) and not isinstance(value, bool):
        holder[last] = draw(st.sampled_from((value + 1, value - 1, -value, value * 2, value / 2)))
    elif how == "rename" and isinstance(holder, dict):
        del holder[last]
        holder[draw(st.sampled_from((f"{last}x", str(last).upper(), f"{last} ", last[1:])))] = value
    elif how == "double" and isinstance(holder, list):
        holder.insert(last, copy.deepcopy(value))
    elif how == "add" and isinstance(holder, dict):
        holder[draw(st.sampled_from((*NAMES, "x")))] = draw(st.sampled_from(VALUES))
    elif how == "wrap":
        holder[last] = draw(st.sampled_from(([value], {"value": value}, str(value))))
    else:
        holder[last] = draw(st.sampled_from(VALUES))
    return f"{how} {'.'.join(map(str, path))}"


NAMES = (
    "name", "source", "data", "gate", "tags", "where", "max_drop", "alpha", "require", "ties",
    "min", "max", "id", "suite", "hash", "limit",
)  # fmt: skip


def _tree(draw: Draw, root: Path) -> Break:
    """A key or a value of a suite, of `results.json`, of a row."""
    name = draw(st.sampled_from([one for one in FILES if one != "pytest.ini"]))
    path = root / name
    text = path.read_text(encoding="utf-8")
    if name.endswith(".yaml"):
        tree = yaml.safe_load(text)
        told = _altered(draw, tree)
        text = yaml.safe_dump(tree, sort_keys=False, default_flow_style=draw(st.booleans()))
    elif name.endswith(".json"):
        tree = json.loads(text)
        told = _altered(draw, tree)
        text = json.dumps(tree, indent=1)
    else:
        lines = text.splitlines()
        at = draw(st.integers(0, len(lines) - 1))
        tree = json.loads(lines[at])
        told = f"{_altered(draw, tree)} of line {at + 1}"
        lines[at] = json.dumps(tree)
        text = "\n".join(lines) + "\n"
    path.write_text(text, encoding="utf-8")
    return Break(f"{told} in {name}")


def _edited(path: Path, change: Callable[[list[Any]], list[Any]]) -> None:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    path.write_text("".join(json.dumps(row) + "\n" for row in change(rows)), encoding="utf-8")


ROWS = (DATA[0], DATA[1], BAD, f"{MAIN}/scores.jsonl")


def _row(draw: Draw, root: Path) -> Break:
    """Rows of data or scores dropped, doubled, in another order, edited all alike."""
    name = draw(st.sampled_from(ROWS))
    count = len((root / name).read_text(encoding="utf-8").splitlines())
    first = draw(st.integers(0, count - 1))
    last = draw(st.integers(first + 1, count))
    chosen = range(first, last)
    side = draw(st.sampled_from(("prompt", "chosen", "rejected", "tags", "hash", "suite")))
    how = draw(st.sampled_from(("drop", "keep", "double", "reverse", "edit", "swap", "none")))

    def edit(row: Any) -> Any:
        if how == "swap":
            return {**row, "chosen": row["rejected"], "rejected": row["chosen"]}
        if how == "none":
            return {key: value for key, value in row.items() if key != side}
        if isinstance(row.get(side), str):
            return {**row, side: row[side] + " "}
        if isinstance(row.get(side), float):
            return {**row, side: row[side] + 1e-9}
        return {**row, side: "chat"}

    def change(rows: list[Any]) -> list[Any]:
        if how == "drop":
            return [row for place, row in enumerate(rows) if place not in chosen]
        if how == "keep":
            return rows[first:last]
        if how == "double":
            return [*rows, *rows[first:last]]
        if how == "reverse":
            return rows[::-1]
        return [edit(row) if place in chosen else row for place, row in enumerate(rows)]

    _edited(root / name, change)
    return Break(f"{how} rows {first + 1} to {last} of {name} ({side})")


RENAMINGS: tuple[Callable[[str], str], ...] = (
    str.upper, lambda name: name + "x", lambda name: name + "\n", lambda name: " " + name,
    lambda name: name[-3:], lambda name: name.replace("chat", "code"), lambda _: "one",
    lambda name: name.replace("-", "\u202e"),
)  # fmt: skip


def _identity(draw: Draw, root: Path) -> Break:
    """Ids made anew: of some rows or all, in the data, the scores, the baseline, or several."""
    where = draw(st.sets(st.sampled_from((*DATA, BAD, *KEPT[1:])), min_size=1))
    share = draw(st.sampled_from((1, 2, 7, 40)))
    change = draw(st.sampled_from(RENAMINGS))

    def renamed(rows: list[Any]) -> list[Any]:
        return [
            {**row, "id": change(row["id"])} if place % share == 0 else row
            for place, row in enumerate(rows)
        ]

    for name in sorted(where):
        _edited(root / name, renamed)
    return Break(f"ids such as {change('chat-012')!r} for 1 in {share} of {sorted(where)}")


NAMED = (
    (SUITES[0], "../data/chat.jsonl"), (SUITES[1], "../data/code.jsonl"),
    ("pytest.ini", f"scores:{BAD}"), ("pytest.ini", "rm_baseline = main"),
    ("pytest.ini", "testpaths = suites"), ("pytest.ini", "rm_source"),
)  # fmt: skip


NAMES_INSTEAD = (
    "", "../data/code.jsonl", "../data/chat.jsonl", "../data/*.jsonl", "../data", "nowhere",
    f"scores:{GOOD}x", f"scores:{BAD.upper()}", BAD, "scores:", f"hf:{BAD}", "tiny",
    "rm_baseline = Main", "rm_baseline =", "rm_baseline = mian", "rm_baseline = latest",
    "rm_baselines = nowhere", "rm_baseline = scores:scores/none.jsonl", "testpaths =",
    "testpaths = data", "testpaths = suites/code.yaml", "rm-source", "RM_SOURCE", "rmsource",
    "rm_sorce", "rm_source ", "source", "rm_source = recipe:tiny\nrm_old",
    f"rm_baseline = scores:{BAD}", "rm_baseline = other", f"scores:{GOOD}",
)  # fmt: skip


def _path(draw: Draw, root: Path) -> Break:
    """Another path where one is named."""
    name, old = draw(st.sampled_from(NAMED))
    new = draw(st.sampled_from(NAMES_INSTEAD))
    path = root / name
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    return Break(f"{new!r} in place of {old!r} in {name}")


ENCODINGS = (
    "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "utf-7", "cp037", "latin-1",
    "shift_jis", "gb18030",
)  # fmt: skip
DRESSES = (
    *ENCODINGS, "\r", "\r\n", "\x85", "\u2028",
    "---\n", "...\n", "%YAML 1.1\n---\n", "\ufeff\ufeff", "# ", "\t", "\0", "： ", "[",
    "null\n---\n",
)  # fmt: skip


def _text(draw: Draw, root: Path) -> Break:
    """A file written in another encoding, with other line ends, marks, or wrappings."""
    name = draw(files())
    path = root / name
    text = path.read_text(encoding="utf-8")
    how = draw(st.sampled_from(DRESSES))
    if how in ("\r", "\r\n", "\x85", "\u2028"):
        path.write_bytes(text.replace("\n", how).encode())
    elif how == "： ":
        path.write_bytes(text.replace(": ", how).encode())
    elif how in ENCODINGS:
        path.write_bytes(text.encode(how, errors="replace"))  # not all have every sign
    else:
        path.write_bytes((how + text).encode())
    return Break(f"{name} as {how!r}")
