"""Ray: the workers of a cluster, or of this machine, which all see the plan's folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rmcheck.errors import SourceError
from rmcheck.extras import needed_by
from rmcheck.scoring.threads import cores
from rmcheck.shards import scores
from rmcheck.shards.work import Job, Task, Worker


class Ray:
    """Workers of Ray: of the cluster that RAY_ADDRESS names, or started here.

    Parameters
    ----------
    workers
        How many; None: one for each GPU of the cluster, or for each CPU without GPUs.

    Notes
    -----
    Ray Data runs a pool of actors over the numbers of the shards. An actor reads the items of a
    shard from the plan's folder and writes its scores there, whole or not at all, so a killed
    actor or driver loses only the shards in hand, and a second driver does no harm.
    """

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers

    def run(self, job: Job, tasks: Sequence[Task]) -> Iterator[Task]:
        """Each task once its scores are written.

        Raises
        ------
        ExtraMissing
            If Ray is not installed.
        SourceError
            If a worker fails for good.
        """
        with needed_by("engine ray"):
            import ray
        if not ray.is_initialized():
            ray.init(
                address=os.environ.get("RAY_ADDRESS"),
                include_dashboard=False,
                log_to_driver=False,
                logging_level="ERROR",
            )
        yield from _pooled(ray, job.quiet, tasks, self.workers)


def _pooled(ray: Any, job: Job, tasks: Sequence[Task], asked: int | None) -> Iterator[Task]:
    from ray.data import ActorPoolStrategy, DataContext

    have: Mapping[str, float] = ray.cluster_resources()
    gpus, cpus = int(have.get("GPU", 0)), max(1, int(have.get("CPU", 1)))
    on_gpu = gpus > 0 and job.options.device in (None, "cuda")
    count = min(asked or (gpus if on_gpu else cpus), len(tasks))
    # Reading the list of shards needs some of the processors, too.
    share = {"num_gpus": min(1.0, gpus / count)} if on_gpu else {"num_cpus": 0.9 * cpus / count}
    DataContext.get_current().enable_progress_bars = False
    DataContext.get_current().max_errored_blocks = 0
    rows = [{"place": place} for place in range(len(tasks))]
    data = ray.data.from_items(rows, override_num_blocks=len(tasks)).map_batches(
        _Actor,
        fn_constructor_args=(job, list(tasks), max(1, cores() // count)),
        batch_size=1,
        compute=ActorPoolStrategy(size=count, max_tasks_in_flight_per_actor=2),
        max_restarts=-1,
        max_task_retries=-1,
        **share,
    )
    try:
        for row in data.iter_rows():
            said = row["error"]
            if said:
                raise SourceError(str(said))
            yield tasks[int(row["place"])]
    except ray.exceptions.RayError as error:
        left = sum(not scores.whole(task.output) for task in tasks)
        said = str(error).strip().splitlines()[-1]
        raise SourceError(
            f"engine ray: failed with {left:,} shards left ({said}); run it again, finished shards "
            "are kept"
        ) from None


class _Actor:
    """A worker of the pool. Errors travel as text, which needs no class of ours in the driver."""

    def __init__(self, job: Job, tasks: list[Task], threads: int) -> None:
        os.environ["OMP_NUM_THREADS"] = str(threads)
        self._worker = Worker(replace(job, options=job.options))
        self._tasks = tasks

    def __call__(self, batch: Mapping[str, Any]) -> Mapping[str, Any]:
        from rmcheck.errors import RmcheckError

        said = []
        for place in batch["place"]:
            try:
                self._worker(self._tasks[int(place)])
                said.append("")
            except RmcheckError as error:
                said.append(str(error))
        return {"place": batch["place"], "error": said}
