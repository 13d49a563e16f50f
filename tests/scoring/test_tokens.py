"""Dialogues as token ids: what is cut, what is kept, what is counted."""

from __future__ import annotations

import numpy as np
import pytest

from rmcheck.data import Dialogue, Message
from rmcheck.scoring import tokens as tokens_module
from rmcheck.scoring.tokens import Tokens, length_limit
from scoring.models import PROMPTS, random_model, tokenizer


def text_of(tokens: object, ids: np.ndarray) -> str:
    return str(tokens.decode(ids.tolist()))  # type: ignore[attr-defined]


def test_the_whole_text_is_tokenised_and_nothing_is_appended() -> None:
    inner = tokenizer()
    tokens = Tokens(inner, "default", 100, end="none")
    (ids,) = tokens.encode([Dialogue("Why?", "Because it rains.")])
    assert ids.tolist() == inner("Human: Why?\n\nAssistant: Because it rains.")["input_ids"]
    assert tokens.truncated == 0


def test_a_long_dialogue_loses_the_start_of_its_prompt() -> None:
    inner = tokenizer()
    tokens = Tokens(inner, "default", 20, end="none")
    (ids,) = tokens.encode([Dialogue(PROMPTS[1] * 3, "the cat sat")])
    whole = f"Human: {PROMPTS[1] * 3}\n\nAssistant: the cat sat"
    assert ids.tolist() == inner(whole)["input_ids"][-20:]
    assert tokens.truncated == 1


def test_a_response_that_alone_is_too_long_keeps_its_beginning() -> None:
    inner = tokenizer()
    response = "the cat sat on the mat and looked at the rain while it fell on the old roof"
    tokens = Tokens(inner, "raw", 6, end="none")
    (ids,) = tokens.encode([Dialogue("Why?\n", response)])
    assert len(ids) == 6
    assert response.startswith(text_of(inner, ids).strip())
    assert tokens.truncated == 1


def test_a_response_that_fits_exactly_is_kept_whole() -> None:
    inner = tokenizer()
    response = "the cat sat on the mat"
    size = len(inner(response)["input_ids"])
    tokens = Tokens(inner, "raw", size, end="none")
    (ids,) = tokens.encode([Dialogue("Why? Who? Where?\n", response)])
    assert text_of(inner, ids) == response


def test_special_tokens_before_the_text_stay_and_those_after_it_go_unless_the_model_closes() -> (
    None
):
    inner = tokenizer()
    from tokenizers.processors import TemplateProcessing

    inner.backend_tokenizer.post_processor = TemplateProcessing(
        single="<|start|> $A <|end|>", special_tokens=[("<|start|>", 2), ("<|end|>", 0)]
    )
    plain = inner("Why?", add_special_tokens=False)["input_ids"]
    one = [Dialogue("Why?", "")]
    assert Tokens(inner, "raw", 50, end="none").encode(one)[0].tolist() == [2, *plain]
    assert Tokens(inner, "raw", 50, end="tokenizer").encode(one)[0].tolist() == [2, *plain, 0]
    long = [Dialogue("", "the cat sat on the mat and looked at the rain")]
    cut = Tokens(inner, "raw", 5, end="tokenizer").encode(long)[0].tolist()
    assert (cut[0], cut[-1], len(cut)) == (2, 0, 5)


def test_a_text_without_a_token_is_one_token() -> None:
    (ids,) = Tokens(tokenizer(), "raw", 10, end="none").encode([Dialogue("", "")])
    assert ids.tolist() == [2]


def test_the_chat_template_is_the_tokenizers_own() -> None:
    inner = tokenizer()
    inner.chat_template = "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}[a] "
    tokens = Tokens(inner, "chat", 100, end="none")
    prompt = (Message("system", "Be kind."), Message("user", "Why?"))
    (ids,) = tokens.encode([Dialogue(prompt, "So.")])
    assert text_of(inner, ids) == "[system] Be kind.\n[user] Why?\n[a] So."


def test_a_slow_tokenizer_is_cut_by_the_prefix_that_it_shares_with_its_prompt() -> None:
    inner = tokenizer()

    class Slow:
        is_fast = False

        def __call__(self, text: object, **options: object) -> object:
            options.pop("return_offsets_mapping", None)
            return inner(text, **options)

    (fast,) = Tokens(inner, "default", 20, end="none").encode([Dialogue("Why? " * 9, "the cat")])
    (slow,) = Tokens(Slow(), "default", 20, end="none").encode([Dialogue("Why? " * 9, "the cat")])
    assert slow.tolist() == fast.tolist()


@pytest.mark.parametrize(
    ("wanted", "known", "expected"), [(None, None, 256), (64, None, 64), (300, 128, 128)]
)
def test_the_length_limit_is_the_least_of_all(
    wanted: int | None, known: int | None, expected: int
) -> None:
    inner = tokenizer(model_max_length=known or int(1e30))
    assert length_limit(random_model("gpt2").config, inner, wanted) == expected


def test_roberta_has_fewer_positions_than_it_says() -> None:
    from transformers import RobertaConfig

    # Positions count from padding_idx + 1 = 2: of 514 there are 512.
    config = RobertaConfig(max_position_embeddings=514, pad_token_id=1)
    assert length_limit(config, tokenizer(), None) == 512


def test_a_text_is_tokenised_once_and_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    inner = tokenizer()
    tokens = Tokens(inner, "default", 20, end="none")
    asked: list[str] = []
    ids = tokens._ids
    monkeypatch.setattr(tokens, "_ids", lambda texts: asked.extend(texts) or ids(texts))
    long, short = Dialogue(PROMPTS[1] * 3, "the cat sat"), Dialogue("Why?", "It rains.")
    first = tokens.encode([long, short, long])
    again = tokens.encode([short, Dialogue("Why?", "It snows."), long])
    assert len(asked) == 3
    assert tokens.truncated == 1
    assert np.array_equal(first[0], first[2])
    assert np.array_equal(first[0], again[2])
    assert np.array_equal(first[1], again[0])
    assert len(again[1]) > 0


def test_no_more_texts_are_remembered_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens_module, "KEPT", 30)
    tokens = Tokens(tokenizer(), "default", 100, end="none")
    texts = [Dialogue("Why?", f"Because of {number}.") for number in range(20)]
    first = tokens.encode(texts)
    assert tokens._kept <= 30 < sum(map(len, first))
    for ids, same in zip(first, tokens.encode(texts), strict=True):
        assert np.array_equal(ids, same)
