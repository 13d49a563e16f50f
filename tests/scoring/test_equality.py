"""Scores of any batch against transformers one by one, for every kind of model."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rmcheck.data import Dialogue
from rmcheck.scoring.scorer import Scorer
from scoring.models import CONFIGURATIONS, TEXT, WINDOW, WORDS, random_model, tokenizer

ENCODERS = ("bert", "roberta", "deberta-v2")
SLIDING = ("mistral", "gemma2", "gemma3_text")
DECODERS = tuple(kind for kind in CONFIGURATIONS if kind not in ENCODERS)
READINGS = [*((kind, "last") for kind in CONFIGURATIONS), *((kind, "mean") for kind in DECODERS)]
STARTS = ("", "W", "Why?", "Human: Where did the cat sit?\n\nAssistant: ", f"{TEXT}: ")

_WORDS = st.lists(st.sampled_from(WORDS), max_size=30)
_PIECES = st.tuples(st.sampled_from(STARTS), st.integers(0, 60), _WORDS)


@st.composite
def batches_of_texts(draw: st.DrawFn) -> list[Dialogue]:
    """Dialogues for the template `raw`; many start as the one before, some are equal or empty."""
    made: list[Dialogue] = []
    for start, kept, words in draw(st.lists(_PIECES, min_size=1, max_size=14)):
        before = made[-1].response[:kept] if made else ""
        made.append(Dialogue(start, before + " ".join(words), f"d{len(made)}"))
    made += draw(st.lists(st.sampled_from(made), max_size=4))
    return draw(st.permutations(made))


@cache
def model_of(kind: str) -> Any:
    return random_model(kind)


@cache
def tokenizer_of(kind: str) -> Any:
    return tokenizer(encloses=kind in ENCODERS)


@cache
def alone(kind: str, pooling: str, text: Dialogue, limit: int) -> float:
    """The reward of one text by the model's own forward, cut as the manual says."""
    inner, model = tokenizer_of(kind), model_of(kind)
    encoded = inner(
        text.prompt + text.response, add_special_tokens=False, return_offsets_mapping=True
    )
    ids, room = encoded["input_ids"], limit - (2 if kind in ENCODERS else 0)
    answer = sum(stop > len(text.prompt) for _, stop in encoded["offset_mapping"])
    if len(ids) > room:
        ids = ids[-room:] if answer <= room else ids[len(ids) - answer :][:room]
    if kind in ENCODERS:
        ids = [inner.bos_token_id, *ids, inner.eos_token_id]
    tokens = torch.tensor([ids or [inner.bos_token_id]])
    with torch.no_grad():
        if pooling == "mean":
            hidden = getattr(model, model.base_model_prefix)(tokens).last_hidden_state.mean(dim=1)
            return float(model.score(hidden)[0, 0])
        return float(model(tokens, attention_mask=torch.ones_like(tokens)).logits[0, 0])


@pytest.mark.parametrize(("kind", "pooling"), READINGS)
@settings(max_examples=12, deadline=None)
@given(
    texts=batches_of_texts(),
    limit=st.sampled_from([5, 12, 40, 1000]),
    row=st.integers(4, 600),
    call=st.integers(1, 2000),
    by_tree=st.booleans(),
)
def test_any_batch_scores_as_transformers_does_one_by_one(
    kind: str, pooling: str, texts: list[Dialogue], limit: int, row: int, call: int, by_tree: bool
) -> None:
    scorer = Scorer(model_of(kind), tokenizer_of(kind), "raw", limit, pooling=pooling)
    scorer.row, scorer._call = row, call
    scorer.score(texts[:1])  # settles whether trees attend alone
    scorer._reader.by_tree &= by_tree
    scores = scorer.score(texts)
    longest = min(limit, 254 if kind == "roberta" else 256)
    expected = np.array([alone(kind, pooling, text, longest) for text in texts])
    np.testing.assert_allclose(scores, expected, atol=1e-4)
    assert max(len(ids) for ids in scorer.encode(texts)) <= longest


@pytest.mark.parametrize("kind", CONFIGURATIONS)
def test_which_models_share_prefixes_and_what_is_said_where_they_do_not(kind: str) -> None:
    texts = [Dialogue("Why?", " ".join(WORDS[: count + 1])) for count in range(25)]
    scorer = Scorer(model_of(kind), tokenizer_of(kind), "raw")
    scores = scorer.score(texts)
    np.testing.assert_allclose(scores, [alone(kind, "last", t, 256) for t in texts], atol=1e-4)
    sizes = [len(ids) for ids in scorer.encode(texts)]
    if kind in ENCODERS:
        assert scorer.remarks == []
        assert scorer.unique_tokens == sum(sizes)
        return
    limit = {"phi3": 2 * WINDOW, **dict.fromkeys(SLIDING, WINDOW)}.get(kind, 256)
    near = [ids.tolist() for ids in scorer.encode(texts) if len(ids) <= limit]
    assert len(near) > 3
    prefixes = {tuple(ids[: end + 1]) for ids in near for end in range(len(ids))}
    beyond = sum(size for size in sizes if size > limit)
    assert scorer.unique_tokens == len(prefixes) + beyond
    scorer.score(texts)  # what was said once is not said again
    if not beyond:
        assert scorer.remarks == []
        return
    (remark,) = scorer.remarks
    reason = "rotary positions change" if kind == "phi3" else "attention slides"
    head = f"prefix sharing off for texts of more than {limit} tokens: {reason}"
    assert remark.startswith(head)
    assert remark.endswith("; using length-sorted batches")


@pytest.mark.parametrize("kind", SLIDING)
def test_short_texts_first_do_not_hide_a_window_from_long_ones(kind: str) -> None:
    scorer = Scorer(model_of(kind), tokenizer_of(kind), "raw")
    short = [Dialogue("", "the cat"), Dialogue("", "the cat sat")]
    scorer.score(short)
    assert scorer.remarks == []
    assert scorer.uses_forest(scorer.encode(short))
    long = [Dialogue("", TEXT), Dialogue("", f"{TEXT} and more")]
    assert not scorer.uses_forest(scorer.encode(long))
    expected = [alone(kind, "last", text, 256) for text in long]
    np.testing.assert_allclose(scorer.score(long), expected, atol=1e-4)
    assert len(scorer.remarks) == 1


@pytest.mark.parametrize("kind", DECODERS)
@pytest.mark.parametrize("forest", [True, False])
def test_a_missing_padding_token_moves_no_score(kind: str, forest: bool) -> None:
    model = random_model(kind)
    model.config.pad_token_id = None
    texts = [Dialogue("Why?", " ".join(WORDS[: count + 1])) for count in range(12)]
    scorer = Scorer(model, tokenizer(pad_token=None), "raw")
    if not forest:
        scorer._trusts_forest = False
    expected = [alone(kind, "last", text, 256) for text in texts]
    np.testing.assert_allclose(scorer.score(texts), expected, atol=1e-4)
