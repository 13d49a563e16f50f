"""What ends a pass of several workers early: errors, scarce memory, and Ctrl-C."""

from __future__ import annotations

import _thread
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from rmcheck.cache.source import CachedSource
from rmcheck.cache.store import ScoreStore
from rmcheck.data import Dialogue
from rmcheck.errors import SourceError
from rmcheck.scoring.scorer import Scorer
from rmcheck.scoring.workers import computed, replicas
from scoring.models import dialogues, one_by_one, random_model, tokenizer
from scoring.test_workers import made, planned, small, used


def test_the_first_score_of_the_plan_that_is_no_number_names_its_dialogue(two: None) -> None:
    model = random_model("gpt2")
    with torch.no_grad():
        model.score.weight[0, 0] = float("nan")
    scorer = small(Scorer(model, tokenizer()))
    said = set()
    for _ in range(3):
        with pytest.raises(SourceError, match=r"d\d+/chosen is nan") as caught:
            scorer.score(dialogues(40))
        said.add(str(caught.value))
    assert len(said) == 1


def failing(
    monkeypatch: pytest.MonkeyPatch, scorer: Scorer, error: BaseException, limit: int
) -> list[int]:
    """Let calls of more than `limit` tokens fail; the sizes of those that did not."""
    sizes: list[int] = []
    kind = type(getattr(scorer.model, scorer.model.base_model_prefix))
    forward = kind.forward

    def short(self: Any, *args: Any, **options: Any) -> Any:
        size = (args[0] if args else options["input_ids"]).numel()
        if size > limit:
            raise error
        sizes.append(size)
        return forward(self, *args, **options)

    monkeypatch.setattr(kind, "forward", short)
    return sizes


@pytest.mark.parametrize("kind", ["gpt2", "mistral"])
def test_out_of_memory_halves_the_call_and_goes_on(
    two: None, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    counts, texts = used(monkeypatch), dialogues(60)
    scorer = small(Scorer(random_model(kind), tokenizer()), 400)
    expected = one_by_one(scorer.model, tokenizer(), texts)
    scorer.score(texts[:2])
    error = RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
    sizes = failing(monkeypatch, scorer, error, 200)
    np.testing.assert_allclose(scorer.score(texts), expected, atol=1e-4)
    assert max(sizes) <= 200
    assert "out of memory: reduced to 200 tokens per call" in scorer.remarks
    assert len(counts) > 1
    assert set(counts) == {2}


def test_what_else_a_worker_raises_is_raised(two: None, monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = made()
    scorer.score(dialogues(2))
    failing(monkeypatch, scorer, RuntimeError("shapes do not match"), 8)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        scorer.score(dialogues(40))


def test_a_worker_that_cannot_begin_ends_the_pass(two: None) -> None:
    scorer = made()
    calls = planned(scorer, dialogues(40))
    readers = replicas(scorer._reader, 2, 2.0)
    for reader in readers:
        reader.model.score = torch.nn.Identity()
    with pytest.raises(SourceError, match="no layer with one output found"):
        list(computed(calls, readers, 2.0))


class Interrupted:
    """A progress that is interrupted when some scores are there."""

    def start(self, title: str, total: int, unit: str) -> None:
        pass

    def advance(self, amount: int = 1, note: str = "") -> None:
        raise KeyboardInterrupt

    def finish(self) -> None:
        pass


def test_an_interrupt_between_two_pieces_leaves_no_worker(two: None) -> None:
    scorer, running = made(), threading.active_count()
    with pytest.raises(KeyboardInterrupt) as caught:
        scorer.score(dialogues(60), Interrupted())
    # Who knows what happened knows all frames, too; nobody is left in them.
    assert caught.value.__traceback__ is not None
    assert threading.active_count() == running


def test_an_interrupt_while_workers_compute_leaves_none(
    two: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer, running = made(), threading.active_count()
    scorer.score(dialogues(2))
    kind, first = type(scorer.model.transformer.h[0]), threading.Event()
    forward = kind.forward

    def slow(self: Any, *args: Any, **options: Any) -> Any:
        if not first.is_set():
            first.set()
            _thread.interrupt_main()
        time.sleep(0.1)
        return forward(self, *args, **options)

    monkeypatch.setattr(kind, "forward", slow)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # xdist ignores it
    try:
        with pytest.raises(KeyboardInterrupt) as caught:
            scorer.score(dialogues(60))
    finally:
        signal.signal(signal.SIGINT, before)
    assert caught.value.__traceback__ is not None
    assert threading.active_count() == running


def test_a_source_that_is_interrupted_between_two_pieces_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[bool] = []

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    class Ahead:
        """A source that computes ahead."""

        spec, fingerprint, remarks, truncated = "python:ahead", None, (), 0

        def stream(
            self, texts: list[Dialogue]
        ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
            try:
                for place in range(len(texts)):
                    yield np.array([place]), np.array([1.0])
            finally:
                closed.append(True)

        def score(self, texts: list[Dialogue]) -> NDArray[np.float64]:
            return np.ones(len(texts))

    cached = CachedSource(Ahead(), ScoreStore(tmp_path))  # type: ignore[arg-type]
    cached.compute(dialogues(3))
    monkeypatch.setattr("rmcheck.cache.source.zip", interrupted, raising=False)
    with pytest.raises(KeyboardInterrupt) as caught:
        cached.compute(dialogues(3))
    assert caught.value.__traceback__ is not None
    assert closed == [True, True]


def test_an_interrupt_ends_a_call_within_a_layer(
    two: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits for a worker waits for a layer, not for a call."""
    scorer = made()
    kind = type(scorer.model.transformer.h[0])
    forward, layers, inside, go = kind.forward, [], threading.Event(), threading.Event()

    def slow(self: Any, *args: Any, **options: Any) -> Any:
        layers.append(self)
        inside.set()
        assert go.wait(20)
        return forward(self, *args, **options)

    pieces = computed(planned(scorer, dialogues(60)), replicas(scorer._reader, 2, 1.0), 1.0)
    next(pieces)
    monkeypatch.setattr(kind, "forward", slow)
    assert inside.wait(20)
    threading.Timer(0.2, go.set).start()
    pieces.close()
    # Each of the two workers was in one layer, and began no other.
    assert len(layers) <= 2
