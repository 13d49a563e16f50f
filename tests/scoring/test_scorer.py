"""Scores against transformers, one text at a time; and that nothing else a scorer sees matters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rmcheck.data import Dialogue
from rmcheck.errors import SourceError
from rmcheck.scoring.forest import plant
from rmcheck.scoring.scorer import Scorer, calls
from scoring.models import WORDS, dialogues, one_by_one, random_model, tokenizer


class Bar:
    """A progress that remembers."""

    def __init__(self) -> None:
        self.started: list[tuple[str, int, str]] = []
        self.done = 0
        self.finished = 0

    def start(self, title: str, total: int, unit: str) -> None:
        self.started.append((title, total, unit))

    def advance(self, amount: int = 1, note: str = "") -> None:
        self.done += amount

    def finish(self) -> None:
        self.finished += 1


@pytest.mark.parametrize("kind", ["gpt2", "bert"])
def test_scores_are_those_of_transformers_one_by_one(kind: str) -> None:
    model, texts = random_model(kind), dialogues(40)
    scores = Scorer(model, tokenizer()).score(texts)
    assert scores.dtype == np.float64
    expected = one_by_one(model, tokenizer(), texts)
    assert expected.std() > 0.01
    np.testing.assert_allclose(scores, expected, atol=1e-4)


def test_a_window_wider_than_the_texts_is_no_reason_to_refuse() -> None:
    model, texts = random_model("mistral", sliding_window=200), dialogues(20)
    scorer = Scorer(model, tokenizer())
    expected = one_by_one(model, tokenizer(), texts)
    np.testing.assert_allclose(scorer.score(texts), expected, atol=1e-4)
    assert scorer.uses_forest(scorer.encode(texts))
    assert scorer.remarks == []


def test_a_model_that_reads_the_forest_wrongly_is_found_out_by_the_probe() -> None:
    """A backbone that ignores the mask gives other scores with the forest than alone."""
    model = random_model("gpt2")
    forward = model.transformer.forward

    def deaf(*args: Any, attention_mask: torch.Tensor | None = None, **options: Any) -> Any:
        if attention_mask is not None and attention_mask.ndim == 4:
            attention_mask = None
        options.pop("trees", None)
        return forward(*args, attention_mask=attention_mask, **options)

    model.transformer.forward = deaf
    texts = dialogues(20)
    scorer = Scorer(model, tokenizer())
    np.testing.assert_allclose(
        scorer.score(texts), one_by_one(model, tokenizer(), texts), atol=1e-4
    )
    assert "its scores differ from one-by-one scoring by " in scorer.remarks[0]


def test_a_mean_is_taken_over_a_texts_own_tokens() -> None:
    model, inner, texts = random_model("gpt2"), tokenizer(), dialogues(20)
    scorer = Scorer(model, inner, pooling="mean")
    scores = scorer.score(texts)
    with torch.no_grad():
        for score, text in zip(scores, texts, strict=True):
            ids = inner(f"Human: {text.prompt}\n\nAssistant: {text.response}", return_tensors="pt")
            hidden = model.transformer(**ids).last_hidden_state.mean(dim=1)
            assert score == pytest.approx(float(model.score(hidden)[0, 0]), abs=1e-4)
    scorer._trusts_forest = False
    np.testing.assert_allclose(scorer.score(texts), scores, atol=1e-4)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.integers(0, 29), min_size=1, max_size=30),
    st.integers(24, 300),
    st.integers(24, 900),
)
def test_a_score_depends_on_nothing_but_its_text(picked: list[int], row: int, call: int) -> None:
    """Neither on order, repetition, company, nor on how many tokens go into a row or a call."""
    texts = dialogues(30)
    scorer = _shared()
    scorer.row, scorer._call = row, call
    expected = _expected()
    scores = scorer.score([texts[place] for place in picked])
    np.testing.assert_allclose(scores, expected[picked], atol=1e-4)


_known: dict[str, Any] = {}


def _shared() -> Scorer:
    if "scorer" not in _known:
        _known["scorer"] = Scorer(random_model("gpt2"), tokenizer())
    scorer: Scorer = _known["scorer"]
    return scorer


def _expected() -> np.ndarray:
    if "scores" not in _known:
        _known["scores"] = one_by_one(random_model("gpt2"), tokenizer(), dialogues(30))
    return np.asarray(_known["scores"])


def test_a_response_and_copies_that_differ_in_their_end_cost_little_more_than_one() -> None:
    texts = [Dialogue("What was gone?", " ".join(WORDS) + " " + word) for word in WORDS[:13]]
    unique = {text.response for text in texts}
    scorer = Scorer(random_model("gpt2"), tokenizer(), max_length=256)
    scorer.score(texts)
    sizes = [len(ids) for ids in scorer.encode(texts)]
    assert scorer.unique_tokens <= max(sizes) + 4 * len(unique)
    assert sum(sizes) > 8 * scorer.unique_tokens


def test_long_texts_are_cut_and_counted() -> None:
    texts = [Dialogue("Why?", " ".join(WORDS * 4)), Dialogue("Why?", "So.")]
    scorer = Scorer(random_model("gpt2"), tokenizer(), max_length=40)
    scorer.score(texts)
    assert scorer.truncated == 1


@pytest.mark.parametrize("forest", [True, False])
def test_padding_that_is_also_the_end_of_a_text_does_not_move_where_a_score_is_read(
    forest: bool,
) -> None:
    """GPT-2's users pad with the end token; a text that ends with it still counts to its end."""
    model, inner = random_model("gpt2"), tokenizer(pad_token="<|end|>")
    model.config.pad_token_id = inner.pad_token_id
    texts = [Dialogue("Why?", "the cat<|end|>"), Dialogue("Why?", "the cat sat on the mat")]
    scorer = Scorer(model, inner)
    scorer._trusts_forest = forest
    scores = scorer.score(texts)
    ids = inner("Human: Why?\n\nAssistant: the cat<|end|>", return_tensors="pt")["input_ids"]
    with torch.no_grad():
        expected = model.score(model.transformer(ids).last_hidden_state[0, -1])
    assert scores[0] == pytest.approx(float(expected), abs=1e-4)


def test_a_model_and_a_tokenizer_without_padding_are_given_it() -> None:
    model, inner = random_model("llama"), tokenizer(pad_token=None)
    model.config.pad_token_id = None
    texts = dialogues(10)
    scorer = Scorer(model, inner)
    scorer._trusts_forest = False
    scores = scorer.score(texts)
    np.testing.assert_allclose(scores, one_by_one(model, inner, texts), atol=1e-4)


OUT_OF_MEMORY = (
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
)


def scarce(model: Any, error: Exception, limit: int) -> list[int]:
    """Let `model` run out of memory over `limit` tokens a call; the sizes of calls that worked."""
    sizes: list[int] = []
    backbone = getattr(model, model.base_model_prefix)
    forward = backbone.forward

    def short(*args: Any, **options: Any) -> Any:
        size = (args[0] if args else options["input_ids"]).numel()
        if size > limit:
            raise error
        sizes.append(size)
        return forward(*args, **options)

    backbone.forward = short
    return sizes


@pytest.mark.parametrize("error", OUT_OF_MEMORY)
@pytest.mark.parametrize("kind", ["gpt2", "mistral"])
def test_out_of_memory_halves_the_call_and_goes_on(kind: str, error: Exception) -> None:
    """GPT-2's texts stand in a forest, Mistral's are longer than its window and padded."""
    model, texts = random_model(kind), dialogues(40)
    expected = one_by_one(model, tokenizer(), texts)
    scorer = Scorer(model, tokenizer())
    scorer.score(texts[:2])
    sizes = scarce(model, error, 300)
    np.testing.assert_allclose(scorer.score(texts), expected, atol=1e-4)
    assert 150 < max(sizes) <= 300
    said = [remark for remark in scorer.remarks if "out of memory" in remark]
    assert said[-1] == "out of memory: reduced to 256 tokens per call"
    assert len(scorer.encode(texts)) == len(texts)
    # The next pass starts where this one ended: nothing runs out again.
    scorer.score(texts)
    assert [remark for remark in scorer.remarks if "out of memory" in remark] == said


def test_out_of_memory_while_the_forest_is_tried_leaves_padded_batches() -> None:
    model, texts = random_model("gpt2"), dialogues(40)
    expected = one_by_one(model, tokenizer(), texts)
    scorer = Scorer(model, tokenizer())
    longest = max(len(ids) for ids in scorer.encode(texts))
    sizes = scarce(model, OUT_OF_MEMORY[1], longest)
    np.testing.assert_allclose(scorer.score(texts), expected, atol=1e-4)
    assert max(sizes) == longest
    assert "not enough memory to test it on " in scorer.remarks[0]


def test_a_text_that_does_not_fit_alone_ends_the_run() -> None:
    model = random_model("gpt2")
    scorer = Scorer(model, tokenizer())
    scarce(model, OUT_OF_MEMORY[1], 10)
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        scorer.score(dialogues(3))


def test_other_errors_of_a_model_are_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = Scorer(random_model("gpt2"), tokenizer())
    scorer.score(dialogues(2))

    def broken(*_: Any) -> Any:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(Scorer, "_forward", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        scorer.score(dialogues(3))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_score_that_is_no_number_names_the_dialogue(value: float) -> None:
    model = random_model("gpt2")
    with torch.no_grad():
        model.score.weight[0, 0] = value
    with pytest.raises(SourceError, match=r"d0/chosen is (nan|-?inf)"):
        Scorer(model, tokenizer()).score(dialogues(1))


@pytest.mark.parametrize("pooling", ["last", "mean"])
@pytest.mark.parametrize("forest", [True, False])
def test_bfloat16_keeps_its_head_in_float32_and_stays_close(forest: bool, pooling: str) -> None:
    texts = dialogues(30)
    expected = Scorer(random_model("gpt2"), tokenizer(), pooling=pooling).score(texts)
    model = random_model("gpt2")
    scorer = Scorer(model, tokenizer(), dtype="bfloat16", pooling=pooling)
    scorer._trusts_forest = forest
    scores = scorer.score(texts)
    assert model.transformer.wte.weight.dtype == torch.bfloat16
    assert model.score.weight.dtype == torch.float32
    np.testing.assert_allclose(scores, expected, atol=0.1)
    # Rounded to bfloat16, scores of this size would be multiples of 1/256 or more.
    assert len(np.unique(scores * 1024 % 1)) > len(texts) // 2


def test_rows_of_like_length_stand_in_one_call() -> None:
    sequences = [np.arange(length) + 1000 * length for length in (100, 95, 90, 89, 50, 48, 10)]
    rows = plant(sequences, 1).rows
    found = [[len(row) for row in together] for together in calls(rows, 1000)]
    assert found == [[100, 95, 90], [89], [50, 48], [10]]
    assert [len(together) for together in calls(rows, 200)] == [2, 2, 2, 1]
    # Side by side without padding, only their sum counts: 285, then 89 + 50 + 48 + 10 = 197.
    free = [[len(row) for row in together] for together in calls(rows, 300, padded=False)]
    assert free == [[100, 95, 90], [89, 50, 48, 10]]
    assert [len(together) for together in calls(rows, 1)] == [1] * 7


def test_one_bar_counts_every_dialogue_once() -> None:
    texts = [*dialogues(20), *dialogues(20)]
    bar = Bar()
    Scorer(random_model("gpt2"), tokenizer()).score(texts, bar)
    assert bar.started == [("scoring 40 dialogues", 40, "dialogues")]
    assert (bar.done, bar.finished) == (40, 1)


def test_pieces_cover_each_index_once() -> None:
    texts = [*dialogues(25), *dialogues(5)]
    scorer = Scorer(random_model("gpt2"), tokenizer())
    scorer.score(texts[:1])
    scorer.row, scorer._call = 64, 64
    pieces = list(scorer.stream(texts))
    assert len(pieces) > 2
    assert sorted(np.concatenate([members for members, _ in pieces])) == list(range(30))


def test_nothing_to_score_is_no_call(tmp_path: Path) -> None:
    scorer = Scorer(random_model("gpt2"), tokenizer())
    assert scorer.score([]).shape == (0,)
    assert scorer.calls == 0


def test_tf32_is_off_while_scoring_and_back_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    from rmcheck.scoring import precision as module

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = True
    try:
        with module.full_precision("float32"):
            assert not torch.backends.cudnn.allow_tf32
            assert not torch.backends.cuda.matmul.allow_tf32
        assert torch.backends.cudnn.allow_tf32
    finally:
        torch.backends.cudnn.allow_tf32 = before
