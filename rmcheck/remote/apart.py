"""Runs the client in a thread of its own, so that it also works where an event loop runs already.

A notebook has a running loop in its thread, and the engine wants plain iterators.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from queue import SimpleQueue
from typing import Any, TypeVar

PAUSE = 0.05
"""Seconds for which rewards are gathered before they are handed over."""

Result = TypeVar("Result")
Piece = tuple[list[int], list[float]]


def run_apart(made: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """The result of a coroutine that is made and run in a thread of its own."""
    results: list[Result] = []
    errors: list[BaseException] = []

    def target() -> None:
        try:
            results.append(asyncio.run(made()))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=target, name="rmcheck-client", daemon=True)
    thread.start()
    thread.join()
    for error in errors:
        raise error
    return results[0]


def stream_apart(
    made: Callable[[Callable[[list[int], list[float]], None]], Coroutine[Any, Any, None]],
) -> Iterator[Piece]:
    """What a coroutine delivers, as it comes, while it runs in a thread of its own.

    Its error is raised after everything that was delivered; if the consumer stops, it is cancelled.
    """
    pieces: SimpleQueue[Piece | None] = SimpleQueue()
    members: list[int] = []
    values: list[float] = []
    errors: list[BaseException] = []
    cancel: list[Callable[[], object]] = []
    started = threading.Event()

    async def whole() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        cancel.append(lambda: loop.call_soon_threadsafe(task.cancel))
        started.set()

        def flush() -> None:
            if members:
                pieces.put((members[:], values[:]))
                members.clear()
                values.clear()

        def deliver(which: list[int], rewards: list[float]) -> None:
            if not members:  # waking the other thread for each request would cost more than it
                loop.call_later(PAUSE, flush)
            members.extend(which)
            values.extend(rewards)

        try:
            await made(deliver)
        finally:
            flush()

    def target() -> None:
        try:
            asyncio.run(whole())
        except asyncio.CancelledError:
            pass
        except BaseException as error:
            errors.append(error)
        finally:
            started.set()
            pieces.put(None)

    thread = threading.Thread(target=target, name="rmcheck-client", daemon=True)
    thread.start()
    try:
        while (piece := pieces.get()) is not None:
            yield piece
    except BaseException:
        started.wait()
        try:
            for stop in cancel:
                stop()
        except RuntimeError:
            pass  # the loop has ended by itself
        raise
    finally:
        thread.join()
    for error in errors:
        raise error
