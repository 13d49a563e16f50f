"""Calls of a model side by side: each worker is a thread with a replica of the model, on a CPU.

PyTorch shares each operation among its threads and waits for all of them. Those of a small model
take a fraction of a millisecond, so that the threads wait as long as they compute. Here each thread
computes whole calls by itself: PyTorch lets go of Python's lock within an operation, and nobody
waits for anybody between two of them.

A replica is the tree of the model's modules with a configuration of its own; it shares the weights
themselves. Hooks, settings of attention and padding ids, which a call changes for its duration, are
the replica's own.
"""

from __future__ import annotations

import copy
import inspect
import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from rmcheck.scoring.loading import head_scaled, scaled_layer
from rmcheck.scoring.precision import full_precision
from rmcheck.scoring.reader import Call, Reader
from rmcheck.scoring.stored import computes_packed
from rmcheck.scoring.trees import by_tree

Ids = NDArray[np.int64]
Computed = tuple[Call, NDArray[np.float64]]


class Planned(Protocol):
    """A call of a model."""

    @property
    def members(self) -> Ids:
        """Which texts it reads, shape (k,)."""


class Reads(Protocol):
    """What computes with a model that is its own."""

    model: Any
    dtype: str
    by_tree: bool


P = TypeVar("P", bound=Planned)
R = TypeVar("R", bound=Reads)
T = TypeVar("T")

MOST = 8
"""Workers, at most: between operations, Python runs one of them at a time."""
AHEAD = 4
"""Calls for each worker that may be computed before anybody takes their rewards."""
LAST = (2, 4)
"""The last calls are cut to a half, and the last of those to a quarter, of the tokens of others."""


class _Stopped(Exception):
    """Nobody waits for the call any more."""


def worker_count(device: torch.device) -> int:
    """How many workers the threads of PyTorch make; 1 where the device is not the CPU.

    At most `MOST`, each with equally many threads, so that as few as may be are left over.
    """
    if device.type != "cpu":
        return 1
    threads = torch.get_num_threads()
    if threads <= MOST:
        return threads
    return max(range(MOST // 2, MOST + 1), key=lambda count: (threads // count * count, count))


def ending_together(
    calls: list[P], count: int, again: Callable[[Ids, int], Sequence[P]]
) -> list[P]:
    """Calls whose last ones are small, so that `count` workers end at about the same time.

    Parameters
    ----------
    again
        Plans these members (indices in rising order) anew, with a part of the tokens a call: a
        half where it is given 2.
    """
    for part in LAST:
        last = np.sort(np.concatenate([call.members for call in calls[-count:]]))
        calls = [*calls[:-count], *again(last, part)]
    return calls


def replicas(reader: Reader, count: int, head_scale: float) -> list[Reader]:
    """`count` readers of replicas of its model; none where the model cannot be replicated."""
    own = scaled_layer(reader.model).parameters() if head_scale != 1.0 else ()
    return [replace(reader, model=model) for model in replicated(reader.model, count, own)]


def replicated(model: Any, count: int, own: Iterable[torch.nn.Parameter] = ()) -> list[Any]:
    """`count` replicas of a model, which share all weights but those that each has as its `own`.

    None where the model cannot be replicated.
    """
    if not _replicable(model):
        return []
    apart = set(map(id, own))
    shared = {id(each): each for each in model.parameters() if id(each) not in apart}
    try:
        return [copy.deepcopy(model, dict(shared)) for _ in range(count)]
    except Exception:  # code of the model's own may hold what cannot be copied
        return []


def _replicable(model: Any) -> bool:
    """Whether all that a replica of the model changes is its own."""
    if computes_packed(model):
        return False
    if any(type(each.data) is not torch.Tensor for each in model.parameters()):
        return False
    for module in model.modules():
        hooks = [*module._forward_pre_hooks.values(), *module._forward_hooks.values()]
        # A forward of one object alone, and a function with a memory, may know the original.
        if "forward" in vars(module) or not all(map(_forgetful, hooks)):
            return False
    return True


def _forgetful(hook: Any) -> bool:
    return inspect.isfunction(hook) and hook.__closure__ is None


def computed(
    calls: Sequence[Call], readers: Sequence[Reader], head_scale: float
) -> Generator[Computed]:
    """The calls with their rewards, as `side_by_side` gives them."""
    jobs = [partial(Reader.values, read=call.read) for call in calls]
    with closing(side_by_side(jobs, readers, head_scale)) as found:
        yield from zip(calls, found, strict=True)


def side_by_side(
    jobs: Sequence[Callable[[R], T]], readers: Sequence[R], head_scale: float = 1.0
) -> Generator[T]:
    """What all jobs give, in their order; each is computed by one of the readers.

    Closing the iterator, or an error in what takes its values, ends the workers within a layer.

    Parameters
    ----------
    readers
        One for each worker, with a replica of the model each.
    head_scale
        A factor of the head's weights; the replicas must have those as their own.

    Raises
    ------
    Exception
        What the first job that fails has raised, after the results of those before it.
    """
    threads = torch.get_num_threads()
    work = _Work(jobs, len(readers))
    share = max(1, threads // len(readers))
    workers = [
        threading.Thread(target=work.run, args=(reader, head_scale, share), daemon=True)
        for reader in readers
    ]
    with full_precision(readers[0].dtype):
        try:
            for worker in workers:
                worker.start()
            work.begin(threads)
            for place in range(len(jobs)):
                yield work.result(place)
        finally:
            work.stop()
            for worker in workers:
                worker.join()


class _Work(Generic[R, T]):
    """What the workers of one pass share."""

    def __init__(self, jobs: Sequence[Callable[[R], T]], count: int) -> None:
        self._jobs = jobs
        self._count = count
        self._started = threading.Semaphore(0)
        self._changed = threading.Condition()
        self._ready = False
        self._next = 0
        self._taken = 0
        self._found: dict[int, T | BaseException] = {}
        self._failed = False
        self._broken: BaseException | None = None
        self._stopped = False

    def begin(self, threads: int) -> None:
        """Let the workers go once each has set its threads, and set those of this thread again.

        PyTorch keeps the number of threads of each thread, and that of threads to come, which the
        last one that was set is.
        """
        for _ in range(self._count):
            self._started.acquire()
        torch.set_num_threads(threads)
        with self._changed:
            self._ready = True
            self._changed.notify_all()

    def stop(self) -> None:
        """Have the workers end."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def result(self, place: int) -> T:
        """What a job has given, or raised."""
        with self._changed:
            while place not in self._found:
                if self._broken is not None:
                    raise self._broken
                self._changed.wait(0.2)  # without a limit, Windows would not hear of Ctrl-C
            found = self._found.pop(place)
            self._taken = place + 1
            self._changed.notify_all()
        if isinstance(found, BaseException):
            try:
                raise found
            finally:
                del found
        return found

    def run(self, reader: R, head_scale: float, threads: int) -> None:
        """Do job after job by one reader."""
        torch.get_num_threads()  # a thread that has not asked yet would take the number anew
        torch.set_num_threads(threads)
        self._started.release()
        try:
            self._compute(reader, head_scale)
        except _Stopped:
            pass
        except BaseException as error:
            with self._changed:
                self._broken = error
                self._changed.notify_all()

    def _compute(self, reader: R, head_scale: float) -> None:
        model = reader.model
        with ExitStack() as settings:
            for module in model.modules():
                for layer in module if isinstance(module, torch.nn.ModuleList) else ():
                    settings.callback(layer.register_forward_pre_hook(self._check).remove)
            if reader.by_tree:
                settings.enter_context(by_tree(model))
            settings.enter_context(torch.inference_mode())
            settings.enter_context(head_scaled(model, head_scale))
            while (place := self._take()) is not None:
                found: T | BaseException
                try:
                    found = self._jobs[place](reader)
                except _Stopped:
                    raise
                except BaseException as error:  # raised where its result is asked for
                    found = error
                with self._changed:
                    self._found[place] = found
                    self._failed |= isinstance(found, BaseException)
                    self._changed.notify_all()
                del found  # an error holds what is in memory

    def _take(self) -> int | None:
        """The next job; None when there is no more to do."""
        with self._changed:
            while not self._over and not (self._ready and self._near):
                self._changed.wait()
            if self._over:
                return None
            self._next += 1
            return self._next - 1

    @property
    def _over(self) -> bool:
        return self._stopped or self._failed or self._next >= len(self._jobs)

    @property
    def _near(self) -> bool:
        return self._next < self._taken + AHEAD * self._count

    def _check(self, *_: object) -> None:
        if self._stopped:
            raise _Stopped
