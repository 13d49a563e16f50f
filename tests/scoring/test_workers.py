"""Workers: the same scores as one, in the same order, with the same errors, and none left over."""

from __future__ import annotations

import copy
import threading
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import AutoConfig, AutoModelForCausalLM

from rmcheck.data import Dialogue
from rmcheck.scoring import likelihood
from rmcheck.scoring import scorer as module
from rmcheck.scoring.likelihood import Likelihood
from rmcheck.scoring.reader import Call
from rmcheck.scoring.scorer import Scorer
from rmcheck.scoring.tokens import Tokens
from rmcheck.scoring.workers import computed, replicas, side_by_side, worker_count
from scoring.models import CONFIGURATIONS, dialogues, one_by_one, random_model, tokenizer
from scoring.test_scorer import Bar

CPU = torch.device("cpu")


def small(scorer: Scorer, call: int = 96) -> Scorer:
    """The scorer with small calls, so that a few texts are many of them."""
    scorer.row, scorer._call = min(scorer.row, call), call
    return scorer


def made(kind: str = "gpt2", pooling: str = "last", **changes: Any) -> Scorer:
    return small(Scorer(random_model(kind, **changes), tokenizer(), pooling=pooling))


def used(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many workers each later pass has."""
    counts: list[int] = []

    def seen(calls: Any, readers: Any, head_scale: float) -> Any:
        counts.append(len(readers))
        return computed(calls, readers, head_scale)

    monkeypatch.setattr(module, "computed", seen)
    return counts


WAYS: dict[str, dict[str, Any]] = {
    "trees": {},
    "trees, mean": {"pooling": "mean"},
    "trees, three outputs": {"num_labels": 3},
    "rotary trees": {"kind": "llama"},
    "rotary batches": {"kind": "llama", "attn_implementation": "eager"},
    "padded": {"kind": "mistral"},
    "encoder": {"kind": "bert"},
    "encoder with its own head": {"kind": "deberta-v2"},
}


@pytest.mark.parametrize("scale", [1.0, 2.5])
@pytest.mark.parametrize("way", WAYS)
def test_scores_do_not_depend_on_the_number_of_workers(
    two: None, monkeypatch: pytest.MonkeyPatch, way: str, scale: float
) -> None:
    counts, texts = used(monkeypatch), dialogues(40)
    scorer = made(**WAYS[way])
    weights = copy.deepcopy(scorer.model.state_dict())
    found = scorer.score(texts, head_scale=scale)
    assert counts
    assert set(counts) == {2}
    torch.set_num_threads(1)
    expected = made(**WAYS[way]).score(texts, head_scale=scale)
    torch.set_num_threads(2)
    assert set(counts) == {2}
    np.testing.assert_allclose(found, expected, atol=2e-6, rtol=1e-6)
    after = scorer.model.state_dict()
    assert all(torch.equal(after[name], value) for name, value in weights.items())
    attention = made(**WAYS[way]).model.config._attn_implementation
    assert scorer.model.config._attn_implementation == attention


def test_the_forest_with_masks_gives_the_same(two: None, monkeypatch: pytest.MonkeyPatch) -> None:
    counts, texts, scorer = used(monkeypatch), dialogues(40), made()
    scorer.score(texts[:1])
    scorer._reader.by_tree = False
    found = scorer.score(texts)
    assert counts == [2]
    expected = one_by_one(scorer.model, tokenizer(), texts)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def planned(scorer: Scorer, texts: list[Dialogue]) -> list[Call]:
    """Several calls that score these texts in trees."""
    scorer.score(texts[:2])
    unique = [np.array(ids) for ids in sorted(set(map(tuple, scorer.encode(texts))))]
    calls = list(scorer._planned(unique, np.arange(len(unique)), True, 96))
    assert len(calls) > 3
    return calls


def test_a_call_gives_the_same_bits_whoever_computes_it(two: None) -> None:
    scorer = made()
    calls, reader = planned(scorer, dialogues(40)), scorer._reader
    torch.set_num_threads(1)
    expected = [reader.compute(partial(call.read, reader)) for call in calls]
    torch.set_num_threads(2)
    readers = replicas(reader, 2, 1.0)
    for order in (readers, readers[::-1], replicas(reader, 2, 1.0)):
        found = [values for _, values in computed(calls, order, 1.0)]
        for mine, theirs in zip(found, expected, strict=True):
            np.testing.assert_array_equal(mine, theirs)


def test_each_worker_has_its_share_of_the_threads(
    two: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer, shares = made(), []
    kind = type(scorer.model.transformer.h[0])
    forward = kind.forward

    def seen(self: Any, *args: Any, **options: Any) -> Any:
        found = forward(self, *args, **options)
        shares.append((threading.current_thread().name, torch.get_num_threads()))
        return found

    calls = planned(scorer, dialogues(60))
    monkeypatch.setattr(kind, "forward", seen)
    for count, share in ((2, 1), (1, 2)):
        shares.clear()
        for _ in computed(calls, replicas(scorer._reader, count, 1.0), 1.0):
            assert torch.get_num_threads() == 2
        assert {number for _, number in shares} == {share}
        assert threading.current_thread().name not in {name for name, _ in shares}
    # A thread that begins later has as many as the one that it was begun in.
    later: list[int] = []
    thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert later == [2]


def test_results_come_in_the_order_of_the_plan_and_are_the_same_each_time(two: None) -> None:
    scorer, texts = made(), dialogues(60)
    scorer.score(texts[:2])
    first, second = list(scorer.stream(texts)), list(scorer.stream(texts))
    assert len(first) > 4
    for (members, values), (again, others) in zip(first, second, strict=True):
        np.testing.assert_array_equal(members, again)
        np.testing.assert_array_equal(values, others)


def test_the_last_calls_are_small(two: None, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[list[int]] = []

    def seen(calls: Any, readers: Any, head_scale: float) -> Any:
        sizes.append([call.tokens for call in calls])
        return computed(calls, readers, head_scale)

    monkeypatch.setattr(module, "computed", seen)
    scorer = small(Scorer(random_model("gpt2"), tokenizer(), "raw"))
    scorer.score([Dialogue("", f"{number} the cat sat") for number in range(1000, 1300)])
    (found,) = sizes
    assert max(found) <= 96
    assert all(size > 48 for size in found[: len(found) // 2])
    assert all(size <= 24 for size in found[-2:])
    assert sum(found) == scorer.unique_tokens


def test_progress_counts_every_dialogue_once(two: None) -> None:
    texts, bar, scorer = [*dialogues(30), *dialogues(30)], Bar(), made()
    before = scorer.calls
    scorer.score(texts, bar)
    assert bar.started == [("scoring 60 dialogues", 60, "dialogues")]
    assert (bar.done, bar.finished) == (60, 1)
    assert scorer.calls > before + 4


def test_one_call_one_thread_and_another_device_have_no_workers(
    two: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts, scorer = used(monkeypatch), made()
    scorer.score(dialogues(1))
    assert worker_count(CPU) == 2
    assert worker_count(torch.device("cuda")) == 1
    torch.set_num_threads(1)
    assert worker_count(CPU) == 1
    scorer.score(dialogues(40))
    torch.set_num_threads(2)
    assert counts == []


@pytest.mark.parametrize(
    ("threads", "workers"), [(1, 1), (2, 2), (7, 7), (8, 8), (9, 8), (11, 5), (12, 6), (16, 8)]
)
def test_threads_are_shared_out_evenly(
    monkeypatch: pytest.MonkeyPatch, threads: int, workers: int
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert worker_count(CPU) == workers


@pytest.mark.parametrize("change", ["forward", "hook", "quantised", "uncopied"])
def test_a_model_that_cannot_be_replicated_is_scored_as_before(
    two: None, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    counts, texts, scorer = used(monkeypatch), dialogues(40), made()
    model = scorer.model
    expected = one_by_one(model, tokenizer(), texts)
    layer = model.transformer.h[0]
    seen: list[object] = []
    if change == "forward":
        layer.forward = layer.forward
    elif change == "hook":
        layer.register_forward_hook(lambda *_: seen.append(layer))
    elif change == "quantised":
        model.is_quantized = True
    else:
        layer.lock = threading.Lock()
    np.testing.assert_allclose(scorer.score(texts), expected, atol=1e-4)
    assert counts == []
    assert replicas(scorer._reader, 2, 1.0) == []


def test_a_replica_shares_the_weights_and_nothing_that_a_call_changes(two: None) -> None:
    scorer = made()
    model = scorer.model
    shared, scaled = (replicas(scorer._reader, 1, scale)[0].model for scale in (1.0, 2.0))
    for name, parameter in model.named_parameters():
        assert shared.get_parameter(name) is parameter
        assert (scaled.get_parameter(name) is parameter) == (name != "score.weight")
    assert shared.config is not model.config
    assert shared.transformer.h[0].attn.config is shared.config
    # What is trained after a pass is what the next pass scores with.
    texts = dialogues(30)
    before = scorer.score(texts)
    with torch.no_grad():
        model.score.weight.mul_(2)
    np.testing.assert_allclose(scorer.score(texts), 2 * before, rtol=1e-5)


@pytest.mark.parametrize("way", ["trees", "padded"])
@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_log_probabilities_do_not_depend_on_the_number_of_workers(
    two: None, monkeypatch: pytest.MonkeyPatch, kind: str, way: str
) -> None:
    counts: list[int] = []

    def seen(jobs: Any, readers: Any) -> Any:
        counts.append(len(readers))
        return side_by_side(jobs, readers)

    monkeypatch.setattr(likelihood, "side_by_side", seen)
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, **CONFIGURATIONS[kind])
    model = AutoModelForCausalLM.from_config(config).eval()
    texts = Tokens(tokenizer(), "default", 200).encode(dialogues(40))
    unique = [np.array(ids) for ids in sorted(set(map(tuple, texts)))]
    starts = np.array([1 + place % 4 for place in range(len(unique))])

    def values() -> list[NDArray[np.float64]]:
        policy = Likelihood(model, tokenizer(), kind)
        policy.row = policy._call = 96
        if way == "padded":
            policy._trusts_forest = False
        return policy.of(unique, starts)

    found = values()
    assert counts == [2]
    torch.set_num_threads(1)
    alone = values()
    torch.set_num_threads(2)
    assert counts == [2]
    for ids, start, mine, one in zip(unique, starts, found, alone, strict=True):
        with torch.no_grad():
            given = model(torch.from_numpy(ids)[None]).logits[0].log_softmax(dim=1)
        expected = given[np.arange(start - 1, len(ids) - 1), ids[start:]]
        np.testing.assert_allclose(mine, expected, atol=1e-4)
        np.testing.assert_allclose(mine, one, atol=5e-6)
