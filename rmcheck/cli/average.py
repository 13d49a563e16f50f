"""The command `average`: the weights of several adapters as one model."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rmcheck.cli.options import add_cache_option, settings
from rmcheck.cli.output import tell
from rmcheck.errors import UsageError
from rmcheck.extras import needed_by
from rmcheck.scoring.files import FileHashes
from rmcheck.wording import counted


def add_commands(commands: Any) -> None:
    """Register it."""
    command = commands.add_parser(
        "average",
        help="average the weights of several LoRA adapters of one base model",
        description="Writes one adapter whose weights are the average of several adapters of one "
        "base model, such as those of `rmcheck train RECIPE --seeds 3`. It scores at the cost of "
        "one model. Test it like any other: --rm hf:DIR.",
    )
    command.add_argument("adapters", nargs="+", metavar="ADAPTER", help="folder of an adapter")
    command.add_argument("-o", "--output", metavar="DIR", required=True, help="new folder")
    command.add_argument(
        "--weights",
        nargs="+",
        type=float,
        metavar="W",
        help="how much each adapter counts, e.g. 0.7 0.3 (default: all alike)",
    )
    command.add_argument(
        "--merge",
        action="store_true",
        help="write a whole checkpoint, the base with the average (or a single adapter) merged "
        "into its weights, for tools that read no adapters",
    )
    add_cache_option(command)
    command.set_defaults(run=run_average)


def run_average(options: argparse.Namespace) -> int:
    """Write the average."""
    from rmcheck.training.averaging import average

    folders = [Path(given.removeprefix("hf:")) for given in options.adapters]
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(
                f"{folder}: folder not found; `rmcheck train` prints where adapters are"
            )
        if not (folder / "adapter_config.json").is_file():
            raise UsageError(
                f"{folder}: not an adapter: it has no adapter_config.json; `rmcheck train` prints "
                "where adapters are"
            )
    places = [folder.resolve() for folder in folders]
    twice = [folder for folder, place in zip(folders, places, strict=True)
             if places.count(place) > 1]  # fmt: skip
    if twice:
        raise UsageError(f"{twice[0]}: given more than once; name each adapter once")
    hashes = FileHashes(settings(options).cache)
    target = Path(options.output)
    with needed_by("rmcheck average"):
        if options.merge:
            said = _merged(folders, target, hashes, options.weights)
        else:
            rank = average(folders, target, hashes, options.weights)
            said = f"the average of {counted(len(folders), 'adapter')} (rank {rank})"
    tell(f"wrote {options.output}: {said}; use it with --rm hf:{options.output}")
    return 0


def _merged(
    folders: Sequence[Path], target: Path, hashes: FileHashes, weights: Sequence[float] | None
) -> str:
    """Write the whole checkpoint; what it is, in words."""
    from rmcheck.sources.merged_checkpoint import write_merged
    from rmcheck.training.averaging import average

    if len(folders) == 1 and weights is None:
        write_merged(folders[0], target, hashes)
        return f"{folders[0]} merged into its base model"
    with tempfile.TemporaryDirectory() as scratch:
        between = Path(scratch) / "average"
        average(folders, between, hashes, weights)
        write_merged(between, target, hashes)
    return f"the average of {counted(len(folders), 'adapter')}, merged into their base model"
