"""The trainings that the sources of a session still need, side by side before the first scores."""

from __future__ import annotations

from collections.abc import Iterable

from rmcheck.errors import RmcheckError
from rmcheck.progress import Progress
from rmcheck.reward_source import Source, Trainable, TrainingJob


def train_missing(
    sources: Iterable[Source], progress: Progress, most: int | None = None
) -> dict[int, Exception]:
    """Train the models of these sources that do not exist yet, where several at once are faster.

    A single short training is left to its source, which trains when it is asked for scores.

    Parameters
    ----------
    most
        At most so many at once; None: as cores and memory allow.

    Returns
    -------
    What went wrong, by the id of the source: one that fails stops no other.
    """
    jobs: dict[str, TrainingJob] = {}
    waiting: list[tuple[Trainable, int, str]] = []
    failed: dict[int, Exception] = {}
    for source in sources:
        if not isinstance(source, Trainable):
            continue
        try:
            job = source.training_job()
        except (RmcheckError, OSError) as refused:
            failed[id(source)] = refused
            continue
        if job is not None:
            jobs.setdefault(job.key, job)
            waiting.append((source, id(source), job.key))
    if len(jobs) < 2:
        return failed
    from rmcheck.training import side_by_side

    count = side_by_side.places(list(jobs.values()), most)
    if count < 2:
        return failed
    ended = side_by_side.train_side_by_side(list(jobs.values()), progress, count)
    for trained, number, key in waiting:
        error = ended[key].error
        if error is not None:
            failed[number] = error
        elif ended[key].trained:
            trained.note_training()
    return failed
