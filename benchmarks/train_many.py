"""Many trainings of the shipped recipe: five seeds at once, and its cross-validation.

Part of `benchmarks/train.py`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from results import seconds, within

from rmcheck.progress import NoProgress
from rmcheck.reward_source import SourceOptions, TrainingJob
from rmcheck.scoring.threads import cores
from rmcheck.shipped import shipped
from rmcheck.sources.recipe import create
from rmcheck.training.side_by_side import places, train_side_by_side

SEEDS = 5
MOST_SHARE = 1.3
"""Five seeds at once, in shares: what one takes on one core, times five, over the cores."""
MOST_MINUTES = 5.0

Row = tuple[object, ...]


def many(*, quick: bool) -> list[Row]:
    """A row for the seeds and one for the folds."""
    with tempfile.TemporaryDirectory() as scratch:
        recipe = _recipe(Path(scratch), quick=quick)
        return [_seeds(recipe, Path(scratch), quick=quick), _folds(recipe, Path(scratch), quick)]


def _recipe(folder: Path, *, quick: bool) -> Path:
    """The shipped recipe, with few pairs in a quick run, in a folder without any cache."""
    text = shipped("recipes", "tiny.yaml").read_text(encoding="utf-8")
    for name in ("models", "preferences"):
        text = text.replace(f"../{name}/", f"{shipped(name).as_posix()}/")
    path = folder / "tiny.yaml"
    path.write_text(text + ("limit: 16\n" if quick else ""), encoding="utf-8")
    return path


def _jobs(recipe: Path, cache: Path, count: int) -> list[TrainingJob]:
    source = create(str(recipe), SourceOptions(root=recipe.parent, cache=cache, device="cpu"))
    jobs = [source.with_seed(seed).training_job() for seed in source.seeds(count)]
    return [job for job in jobs if job is not None]


def _trained(jobs: list[TrainingJob], count: int) -> float:
    """Seconds until all are trained; ends the benchmark if one is not."""

    def run() -> None:
        for key, ended in train_side_by_side(jobs, NoProgress(), count).items():
            if not ended.trained:
                sys.exit(f"training {key} failed: {ended.error}")

    return seconds(run)


def _seeds(recipe: Path, scratch: Path, *, quick: bool) -> Row:
    limit = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"  # its processes keep to it
    try:
        (job,) = _jobs(recipe, scratch / "one", 1)
        one = _trained([job], 1)
    finally:
        if limit is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = limit
    jobs = _jobs(recipe, scratch / "five", SEEDS)
    count = 2 if quick else places(jobs)
    all_of_them = _trained(jobs, count)
    share = all_of_them / (one * SEEDS / cores())
    took = f"{all_of_them:.1f} s, {count} at once on {cores()} cores; one on one core {one:.1f} s"
    return (f"{SEEDS} seeds", took, within(share, MOST_SHARE, "shares"))


def _folds(recipe: Path, scratch: Path, quick: bool) -> Row:
    command = [sys.executable, "-m", "rmcheck", "cv", str(recipe)]
    folder = scratch / "cv"
    folder.mkdir()

    def run() -> None:
        given = [*command, "--folds", "2"] if quick else command
        done = subprocess.run(given, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stdout + done.stderr)

    minutes = seconds(run) / 60
    folds = 2 if quick else 5
    named = f"`rmcheck cv tiny`, {folds} folds"
    return (named, f"{60 * minutes:.0f} s", within(minutes, MOST_MINUTES, "min"))
