"""The command `data`: what a data file is understood to be, and the same in our own form."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rmcheck.cli.output import tell
from rmcheck.cli.project import configured
from rmcheck.data import Dialogue, PreferencePair, ResponseSet, Variant, preferences
from rmcheck.data.file_note import FileNote
from rmcheck.data.layouts import LAYOUTS, OURS
from rmcheck.data.reading import read_file
from rmcheck.data.rows import shown_path
from rmcheck.data.template import render
from rmcheck.data.unused import unused_columns
from rmcheck.errors import RmcheckError, UsageError, did_you_mean
from rmcheck.wording import counted, listed

_SHOWN = 2
_LONGEST = 400
_MOST_TAGS = 8
_TAKEN = ("id", "prompt", "chosen", "rejected", "group", "tags", "confidence", "ratings",
          "variants", "objectives", "responses", "best", "messages")  # fmt: skip


def add_commands(commands: Any) -> None:
    """Register it."""
    data = commands.add_parser(
        "data",
        help="show what a data file is understood to be, or write it in rmcheck's own form",
        description="Prints the layout and the form of preference data, how many pairs and "
        "response sets they have, which rows are left out and why, and two pairs as they will be "
        "scored. With -o it writes them as JSON Lines in rmcheck's own layout.",
    )
    data.add_argument("data", metavar="FILE", help="data file, folder of Parquet files, or glob")
    add_layout_option(data)
    data.add_argument("-o", "--output", metavar="OUT", help="JSON Lines file to write")
    data.set_defaults(run=run_data)


def add_layout_option(parser: argparse.ArgumentParser) -> None:
    """The option that names the layout of data files."""
    parser.add_argument(
        "--layout",
        metavar="NAME",
        help="layout of the data (ours, hh, trl, reward-bench, …; by default it is recognised)",
    )


def layout_of(options: argparse.Namespace) -> str | None:
    """The layout that the option names.

    Raises
    ------
    UsageError
        For an unknown one.
    """
    name: str | None = options.layout
    if name is not None and name not in LAYOUTS:
        raise UsageError(f"--layout: unknown layout '{name[:80]}', {did_you_mean(name, LAYOUTS)}")
    return name


def data_of(pattern: str, root: Path, layout: str | None = None) -> preferences.PreferenceData:
    """The preference data of a command: a file, a folder that is data, or a glob.

    Raises
    ------
    UsageError
        If no file matches.
    ProblemsFound
        With every mistake in the files.
    """
    return preferences.load(files_of(pattern), root=root, layout=layout)


def files_of(pattern: str) -> list[Path]:
    """The files that a pattern names in the current folder; raises UsageError without any."""
    paths = preferences.expand(pattern, Path.cwd())
    if not paths:
        if (Path.cwd() / pattern).is_dir():
            raise UsageError(
                f"'{pattern}' is a directory without Parquet files or a saved data set; name files"
            )
        raise UsageError(f"no file matches '{pattern}'")
    return paths


def run_data(options: argparse.Namespace) -> int:
    """Print how the files are read, and write them where asked."""
    root, layout = configured().root, layout_of(options)
    if options.output is not None:
        _refuse_to_replace(Path(options.output))
    data = data_of(options.data, root, layout)
    for path, note in zip(files_of(options.data), data.notes, strict=True):
        _tell_file(note)
        unused = unused_columns(path, note.path, note.layout)
        if unused:
            tell(f"  columns that are not read: {listed(unused, limit=_MOST_TAGS)}")
    groups = len({pair.group for pair in data.pairs} | {entry.group for entry in data.sets})
    tell(
        f"{counted(len(data.pairs), 'pair')} and {counted(len(data.sets), 'response set')} in "
        f"{counted(groups, 'group')}"
    )
    items: list[PreferencePair | ResponseSet] = [*data.pairs, *data.sets]
    _tell_counts("tags", (tag for item in items for tag in item.tags))
    _tell_counts("variants", (each.name for pair in data.pairs for each in pair.variants))
    for pair in data.pairs[:_SHOWN]:
        tell("", f"pair {pair.id}, as it is scored (template default):")
        for dialogue in pair.dialogues():
            _tell_text(dialogue.key.rpartition("/")[2], dialogue)
    for entry in data.sets[: _SHOWN if not data.pairs else 0]:
        tell("", f"response set {entry.id}, best {', '.join(map(str, entry.best))}:")
        for number, dialogue in enumerate(entry.dialogues()[:3]):
            _tell_text(str(number), dialogue)
    if options.output is not None:
        count = _write(files_of(options.data), root, layout, Path(options.output))
        tell("", f"wrote {counted(count, 'row')} to {options.output}")
    return 0


def _tell_file(note: FileNote) -> None:
    tell(
        f"{note.path}: {note.form}, {counted(note.rows, 'row')}, layout {note.layout}"
        f"{' (recognised)' if note.guessed else ''}"
    )
    tell(f"  {LAYOUTS[note.layout].about}")
    for said, rows in (("left out", note.reasons), ("doubtful", note.remarks)):
        for reason, count in rows.items():
            lines = ", ".join(str(line) for line in note.examples[reason])
            more = ", …" if count > len(note.examples[reason]) else ""
            tell(f"  {said}: {counted(count, 'row')}: {reason} ({lines}{more})")


def _tell_counts(title: str, names: Iterable[str]) -> None:
    found = Counter(names)
    if found:
        shown = [f"{name} {count:,}" for name, count in found.most_common(_MOST_TAGS)]
        tell(f"{title}: {', '.join(shown)}{', …' if len(found) > _MOST_TAGS else ''}")


def _tell_text(name: str, dialogue: Dialogue) -> None:
    try:
        text = render(dialogue, "default")
    except RmcheckError as error:
        text = f"({error})"
    if len(text) > _LONGEST:
        half = _LONGEST // 2
        text = f"{text[:half]} […] {text[-half:]}"
    first, *others = text.split("\n")
    tell(f"  {name:>8} | {first}", *(f"  {'':>8} | {line}" for line in others))


def _refuse_to_replace(target: Path) -> None:
    if target.suffix != ".jsonl":
        raise UsageError(f"-o {target}: pairs are written as JSON Lines; use a name in .jsonl")
    if target.exists():
        raise UsageError(f"-o {target}: already exists; choose another path")


def _write(paths: Sequence[Path], root: Path, layout: str | None, target: Path) -> int:
    """Write the pairs and sets of files in our own layout; returns how many."""
    count = 0
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("x", encoding="utf-8") as file:
        for path in paths:
            for row in _own_rows(path, root, layout):
                file.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
                count += 1
    return count


def _own_rows(path: Path, root: Path, layout: str | None) -> Iterator[dict[str, Any]]:
    found = read_file(path, shown_path(path, root), {}, layout, keep=True)
    needs = () if found.note.layout == OURS else tuple(LAYOUTS[found.note.layout].needs)
    for (_, item), values in zip(found.items, found.sources, strict=True):
        extra = {key: each for key, each in values.items() if key not in (*_TAKEN, *needs)}
        yield {**own_row(item), **({"extra": extra} if extra else {})}


def own_variant(variant: Variant) -> Mapping[str, Any]:
    """A variant as a row of our own layout has it."""
    prompt = variant.prompt
    turns = [turn.as_data() for turn in prompt] if isinstance(prompt, tuple) else prompt
    texts = {"chosen": variant.chosen, "rejected": variant.rejected, "prompt": turns}
    given = {key: text for key, text in texts.items() if text is not None}
    return {"name": variant.name, "promise": variant.promise, **given}


def own_row(item: PreferencePair | ResponseSet) -> Mapping[str, Any]:
    """A pair or a response set as a row of our own layout; what it does not have is left out."""
    prompt = item.prompt
    turns = prompt if isinstance(prompt, str) else [turn.as_data() for turn in prompt]
    row: dict[str, Any] = {"id": item.id, "prompt": turns}
    if isinstance(item, PreferencePair):
        row |= {"chosen": item.chosen, "rejected": item.rejected}
        ratings: Any = item.ratings and dict(zip(("chosen", "rejected"), item.ratings, strict=True))
        row |= {} if item.confidence is None else {"confidence": item.confidence}
        row |= {"variants": [own_variant(each) for each in item.variants]} if item.variants else {}
        labels = {label.objective: label.as_data() for label in item.objectives}
        row |= {"objectives": labels} if labels else {}
    else:
        row |= {"responses": list(item.responses), "best": list(item.best)}
        ratings = item.ratings and list(item.ratings)
    row |= {"group": item.group}
    row |= {"tags": list(item.tags)} if item.tags else {}
    return row | ({"ratings": ratings} if ratings else {})
