"""The command `pin`: keep what the adversary has found, so that each later run tests it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rmcheck.cli.options import RUN_FOLDER, run_folder, settings
from rmcheck.cli.output import tell
from rmcheck.cli.project import shown, tell_ignored
from rmcheck.documents import located
from rmcheck.errors import UsageError
from rmcheck.record import folder as folders
from rmcheck.record.pin import PinRow, add
from rmcheck.record.run import RESULTS, CheckRecord, RunRecord, SuiteRecord
from rmcheck.report.publish import root_of
from rmcheck.wording import counted, listed

Found = tuple[SuiteRecord, CheckRecord, Sequence[PinRow]]


def add_commands(commands: Any) -> None:
    """Register it."""
    pin = commands.add_parser(
        "pin",
        help="keep the texts that a check found, for all later runs to test",
        description="Writes the texts that the check 'adversary' of a run has found into the file "
        "that the suite names with 'pins:'. Every later run tests them first. A text that is there "
        "already is not written again.",
    )
    pin.add_argument("folder", nargs="?", metavar="RUN", help=f"the run's folder ({RUN_FOLDER})")
    pin.add_argument("--check", metavar="SUITE::CHECK", help="keep what this check found")
    pin.add_argument("--all", action="store_true", help="keep what all checks found")
    pin.set_defaults(run=run_pin)


def run_pin(options: argparse.Namespace) -> int:
    """Write what a run has found into the pin files of its suites."""
    folder = Path(options.folder) if options.folder else run_folder(options, settings(options))
    if options.check and options.all:
        raise UsageError("--check and --all exclude each other; give one of them")
    run = folders.read(folder)
    root = root_of(folder)
    chosen = _chosen(run, folder, options.check, every=options.all)
    targets = [_target(root, suite, check) for suite, check, _ in chosen]
    for target, (_, check, rows) in zip(targets, chosen, strict=True):
        new = add(target, rows)
        path = shown(target, root)
        if not rows:
            tell(f"{check.id}: found nothing to pin ({path} stays as it is)")
            continue
        known = len(rows) - len(new)
        more = f", {known} already there" if known else ""
        names = f": {listed([row.id for row in new], limit=8)}" if new else ""
        tell(f"{check.id}: {counted(len(new), 'text')} pinned in {path}{names}{more}")
    tell_ignored(Path.cwd(), sorted({str(target) for target in targets}))
    return 0


def _chosen(run: RunRecord, folder: Path, named: str | None, *, every: bool) -> list[Found]:
    """The checks whose finds are kept."""
    found: list[Found] = []
    for suite in run.suites:
        for check in suite.checks:
            texts = check.evidence.counterexamples
            rows = [each.pin for each in texts if each.pin is not None]
            if check.id == named or rows or check.kind == "adversary":
                found.append((suite, check, rows))
    if named is not None:
        chosen = [each for each in found if each[1].id == named]
        if not chosen:
            ids = listed([check.id for _, check, _ in found], limit=8) or "none"
            raise UsageError(
                f"--check {named}: not a check of this run; checks with texts to pin: {ids}"
            )
        if chosen[0][1].kind != "adversary" and not chosen[0][2]:
            raise UsageError(
                f"--check {named}: the texts of '{chosen[0][1].kind}' cannot be pinned; expected "
                "a check 'adversary'"
            )
        return chosen
    if not found:
        raise UsageError(f"{folder / RESULTS}: no check of this run has found texts to pin")
    with_finds = [each for each in found if each[2]]
    if every or len(with_finds) <= 1:
        return with_finds or found
    ids = listed([check.id for _, check, _ in with_finds], limit=8)
    raise UsageError(f"several checks found texts ({ids}); choose one with --check, or --all")


def _target(root: Path, suite: SuiteRecord, check: CheckRecord) -> Path:
    """The pin file that the suite names for a check, or for another one of its checks."""
    path = root / suite.path
    document = located.read(path, suite.path)
    entries = document.value.get("checks") if isinstance(document.value, dict) else None
    files: dict[str, str] = {}
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("pins"), str):
            label = entry.get("name") or entry.get("check")
            files[f"{suite.name}::{label}"] = entry["pins"]
    name = files.get(check.id) or next(iter(files.values()), None)
    if name is None:
        raise UsageError(
            f"{suite.path}: no check has the key 'pins' (the file in which to keep finds); add "
            "a line such as 'pins: pins.jsonl' to a check 'adversary'"
        )
    return path.parent / name
