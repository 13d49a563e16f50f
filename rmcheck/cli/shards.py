"""Scoring in shards: `rmcheck score --engine`, `--shard`, and `rmcheck merge`."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from rmcheck.cli.data import files_of, layout_of
from rmcheck.cli.output import refuse_to_replace, tell
from rmcheck.data.dialogue import content_hash
from rmcheck.engine import Settings
from rmcheck.errors import UsageError
from rmcheck.progress import Progress
from rmcheck.reward_source import BothOrders
from rmcheck.shards import engines, work
from rmcheck.shards import plan as plans
from rmcheck.shards.engines.local import cuda_devices
from rmcheck.shards.items import ItemStream
from rmcheck.shards.merge import merge
from rmcheck.sources import create
from rmcheck.spec import redacted
from rmcheck.wording import counted

FOLDER = "shards"


def add_score_options(score: argparse.ArgumentParser) -> None:
    """What `rmcheck score` takes to score in shards."""
    score.add_argument(
        "--engine",
        metavar="NAME[:WORKERS]",
        help="score in shards: local (processes of this machine; default: one for each GPU) or "
        "ray (the cluster of RAY_ADDRESS, or this machine)",
    )
    score.add_argument(
        "--shard",
        metavar="I/N",
        help="score the shards of process I of N (0 ≤ I < N) only; `rmcheck merge` joins them; "
        "auto: I and N from torchrun or SLURM",
    )
    score.add_argument(
        "--shards", metavar="K", help="number of shards (default: one for each 4 MB of data)"
    )
    score.add_argument(
        "--shard-folder",
        metavar="DIR",
        help="where the shards are kept; every machine must see it (default: in the cache)",
    )


def add_commands(commands: Any) -> None:
    """Register `merge`."""
    joined = commands.add_parser(
        "merge",
        help="join the shards of several processes into one score file",
        description="Joins the shards that `rmcheck score DATA --shard I/N --shard-folder DIR` "
        "wrote into one score file, in the order of the data. The file is the same whoever scored "
        "the shards.",
    )
    joined.add_argument("folder", metavar="DIR", help="the folder of the shards")
    joined.add_argument("-o", "--output", metavar="FILE", required=True, help="score file to write")
    joined.set_defaults(run=run_merge)


def in_shards(options: argparse.Namespace) -> bool:
    """Whether `rmcheck score` is to score in shards."""
    return any((options.engine, options.shard, options.shards, options.shard_folder))


def run_shards(options: argparse.Namespace, chosen: Settings) -> int:
    """Plan, score the shards that are not there yet, and merge, unless this is one of several."""
    place, of = _part(options.shard)
    through = engines.named(options.engine or "local:1")
    if options.shard and options.output:
        raise UsageError("--shard scores a part of the data; leave out -o, and use rmcheck merge")
    if options.shard and not options.shard_folder:
        raise UsageError("--shard needs --shard-folder DIR, a folder that every process sees")
    files = files_of(options.data)
    shards = _number(options.shards) or plans.number_of_shards(sum(f.stat().st_size for f in files))
    if options.shard == "auto":
        chosen = _own_device(chosen)
    source = create(chosen.source, chosen.options)
    if isinstance(source, BothOrders):
        raise UsageError(
            f"{redacted(source.spec)} compares two responses, and shards score single texts; score "
            "without --engine and --shard"
        )
    fingerprint = work.unnamed(source)
    layout = layout_of(options)
    folder = (
        Path(options.shard_folder)
        if options.shard_folder
        else chosen.cache / FOLDER / content_hash(fingerprint, [*map(str, files)], layout, shards)
    )
    mine = range(place, shards, of) if options.shard else None
    items = ItemStream(files, chosen.root, layout)
    plan = plans.make(
        folder,
        items,
        shards,
        source=redacted(source.spec),
        fingerprint=fingerprint,
        mine=mine,
        replace=not options.shard_folder,
    )
    tell(*items.said)
    tell(f"plan: {counted(plan.texts, 'text')} in {counted(shards, 'shard')}, in {folder}")
    job = work.Job(chosen.source, chosen.options, fingerprint)
    done = list(work.run(plan, job, through, chosen.progress, mine))
    if options.shard:
        tell(
            f"scored {counted(len(done), 'shard')} of {shards:,}; when all {of} processes are "
            f"done: rmcheck merge {folder} -o FILE"
        )
        return 0
    return _merged(plan, Path(options.output), chosen.progress)


def run_merge(options: argparse.Namespace) -> int:
    """Join the shards of a folder."""
    from rmcheck.cli.options import settings

    target = Path(options.output)
    refuse_to_replace(target)
    return _merged(plans.read(Path(options.folder)), target, settings(options).progress)


def _merged(plan: plans.Plan, target: Path, progress: Progress) -> int:
    pairs, right = merge(plan, target, progress)
    tell(f"wrote {counted(plan.items, 'row')} to {target} ({counted(plan.texts, 'text')} scored)")
    if pairs:
        print(f"chosen scores higher in {right} of {counted(pairs, 'pair')} ({right / pairs:.3f})")
    return 0


_LAUNCHERS = (
    ("RANK", "WORLD_SIZE"),
    ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT"),
    ("SLURM_PROCID", "SLURM_NTASKS"),
)
"""Variables in which torchrun and SLURM say which process of how many this is."""


def _part(asked: str | None) -> tuple[int, int]:
    if asked is None:
        return 0, 1
    said = asked
    if asked == "auto":
        names = next((each for each in _LAUNCHERS if each[0] in os.environ), None)
        if names is None:
            raise UsageError(
                "--shard auto: started by neither torchrun nor SLURM (no variable RANK, "
                "SLURM_ARRAY_TASK_ID or SLURM_PROCID); give I/N"
            )
        first, of = (os.environ.get(name, "") for name in names)
        start = os.environ.get("SLURM_ARRAY_TASK_MIN", "0") if "ARRAY" in names[0] else "0"
        if first.isdecimal() and start.isdecimal():
            first = str(int(first) - int(start))
        said = f"{first}/{of}"
    first, _, of = said.partition("/")
    if not (first.isdecimal() and of.isdecimal() and int(first) < int(of)):
        got = f" ({said})" if said != asked else ""
        raise UsageError(f"--shard {asked}{got}: expected I/N with 0 ≤ I < N, such as 0/4")
    return int(first), int(of)


def _own_device(chosen: Settings) -> Settings:
    """With several processes on a machine with several GPUs: the GPU of this process."""
    place = os.environ.get("LOCAL_RANK") or os.environ.get("SLURM_LOCALID")
    devices = cuda_devices(chosen.device)
    if not place or not place.isdecimal() or len(devices) < 2:
        return chosen
    return replace(chosen, device=devices[int(place) % len(devices)])


def _number(asked: str | None) -> int | None:
    if asked is None:
        return None
    if not asked.isdecimal() or not 1 <= int(asked) <= plans.MOST_SHARDS:
        raise UsageError(f"--shards {asked}: expected a number from 1 to {plans.MOST_SHARDS:,}")
    return int(asked)
