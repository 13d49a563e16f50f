"""The command `cache`: list cached scores and adapters, or delete some."""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rmcheck.cli.options import add_cache_option, settings
from rmcheck.cli.output import tell
from rmcheck.cli.project import shown
from rmcheck.errors import UsageError, did_you_mean
from rmcheck.wording import counted

if TYPE_CHECKING:
    from rmcheck.cache.folder import CacheFolder, Holding

UNITS = {"h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}
SHOWN = 12
"""Hex digits of a fingerprint that are shown; --source accepts as many or fewer."""


def add_commands(commands: Any) -> None:
    """Register it."""
    cache = commands.add_parser(
        "cache",
        help="list cached scores, adapters and verdicts, or delete old ones (cache prune)",
        description="Lists the cached scores of each model, the trained adapters and the kept "
        "verdicts. Whatever is deleted is computed again when a run needs it.",
    )
    add_cache_option(cache)
    cache.set_defaults(run=run_show)
    actions = cache.add_subparsers(metavar="prune")
    prune = actions.add_parser(
        "prune",
        help="delete cached scores and adapters",
        description="Lists what would be deleted; add --yes to delete it. Nothing is deleted "
        "while a run is scoring, and no adapter while it is being trained.",
    )
    what = prune.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--older-than",
        type=_age,
        metavar="AGE",
        help="only what was not used for this long, such as 12h, 30d or 4w",
    )
    what.add_argument(
        "--source",
        metavar="FINGERPRINT",
        help="only the model or adapter whose fingerprint starts with these digits",
    )
    what.add_argument("--all", action="store_true", help="everything")
    prune.add_argument(
        "--yes", action="store_true", help="delete; without this, only list what would be deleted"
    )
    prune.add_argument(
        "--rm-cache",
        metavar="DIR",
        default=argparse.SUPPRESS,
        help="cache folder (default: as for `rmcheck cache`)",
    )
    prune.set_defaults(run=run_prune)


def _age(text: str) -> float:
    """Seconds, from a number and a unit."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([hdw])", text)
    if not match:
        raise argparse.ArgumentTypeError(
            f"invalid age {text!r}: use a number and h, d or w, e.g. 30d"
        )
    return float(match[1]) * UNITS[match[2]]


def _folder(options: argparse.Namespace) -> CacheFolder:
    from rmcheck.cache.folder import CacheFolder

    chosen = settings(options)
    return CacheFolder(Path(options.rm_cache or shown(chosen.cache, chosen.root)))


def run_show(options: argparse.Namespace) -> int:
    """Print a line for each model's scores, each adapter and each leftover."""
    folder = _folder(options)
    holdings = folder.holdings()
    if not holdings:
        tell(f"{folder.path}: empty")
        return 0
    scores = sum(one.scores for one in holdings)
    tell(f"{folder.path}: {_bytes(folder.size)}, {counted(scores, 'score')}")
    tell(*_table(holdings))
    return 0


def run_prune(options: argparse.Namespace) -> int:
    """Delete what was chosen, or list what would be deleted."""
    folder = _folder(options)
    holdings = folder.holdings()
    chosen = _chosen(options, holdings)
    if not chosen:
        tell(f"{folder.path}: nothing to delete")
        return 0
    tell(*_table(chosen))
    told = f"{len(chosen)} of {len(holdings)}, {_bytes(sum(one.size for one in chosen))}"
    if not options.yes:
        tell(f"would delete {told}; add --yes to delete")
        return 0
    before = folder.size
    kept = folder.remove(chosen)
    for one, why in kept.items():
        tell(f"kept {one.kind} {one.name[:SHOWN]}: {why}")
    freed = _bytes(max(0, before - folder.size))
    tell(f"deleted {len(chosen) - len(kept)} of {len(holdings)}, {freed} freed")
    return 0


def _chosen(options: argparse.Namespace, holdings: Sequence[Holding]) -> list[Holding]:
    if options.all:
        return list(holdings)
    if options.older_than is not None:
        before = time.time() - options.older_than
        return [one for one in holdings if one.used is not None and one.used < before]
    named = [one for one in holdings if one.kind in ("scores", "adapter")]
    chosen = [one for one in named if one.name.startswith(options.source)]
    if not options.source or not chosen:
        names = sorted({one.name[:SHOWN] for one in named})
        raise UsageError(f"--source {options.source!r}: {did_you_mean(options.source, names)}")
    return chosen


def _table(holdings: Sequence[Holding]) -> list[str]:
    rows = [("kind", "fingerprint", "scores", "size", "last used (UTC)", "source")]
    rows += [
        (
            one.kind,
            one.name[:SHOWN] if one.kind in ("scores", "adapter") else "–",
            f"{one.scores:,}" if one.kind == "scores" else "–",
            _bytes(one.size),
            "–" if one.used is None else time.strftime("%Y-%m-%d %H:%M", time.gmtime(one.used)),
            f"{one.title} ({one.name})" if one.kind == "leftover" else one.title or "–",
        )
        for one in holdings
    ]
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    right = {2, 3}
    return [
        "  ".join(
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _bytes(count: int) -> str:
    size = float(count)
    for unit in ("B", "KB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
