"""A policy trained by DPO is an implicit reward: beta times the log-ratio of its response."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from peft import LoraConfig, PeftModel, get_peft_model
from scoring.models import CONFIGURATIONS, dialogues, random_model, tokenizer
from transformers import AutoConfig, AutoModelForCausalLM

from rmcheck.data import Dialogue
from rmcheck.errors import SourceError, UsageError
from rmcheck.reward_source import SourceOptions
from rmcheck.scoring import likelihood
from rmcheck.sources import create
from rmcheck.sources.dpo import DpoSource

from .readings import CHATML, KINDS, Kind

EXTRA: dict[str, dict[str, Any]] = {
    "granite": {**CONFIGURATIONS["llama"], "logits_scaling": 4.0},
    "cohere": {**CONFIGURATIONS["llama"], "logit_scale": 0.25},
}


def language_model(kind: str, seed: int, **changes: Any) -> Any:
    """A random causal language model."""
    torch.manual_seed(seed)
    shape = {**(CONFIGURATIONS.get(kind) or EXTRA[kind]), **changes}
    shape.pop("num_labels", None)
    return AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **shape)).eval()


def saved(folder: Path, kind: str, reading: Kind, seed: int, **changes: Any) -> Any:
    """A language model on disk, with its tokenizer."""
    model = language_model(kind, seed, **changes)
    model.save_pretrained(folder)
    reading.tokenizer().save_pretrained(folder)
    return model


def opened(spec: str, root: Path) -> DpoSource:
    source = create(spec, SourceOptions(root=root, cache=root / "cache", device="cpu"))
    assert isinstance(source, DpoSource)
    return source


def parted(reading: Kind, text: Dialogue) -> tuple[list[int], int]:
    """Token ids of a dialogue, and how many of them are before the response.

    By transformers alone: a token belongs to the response if a character of it does.
    """
    made = reading.tokenizer()
    if reading.template:
        turns = [{"role": "user", "content": str(text.prompt)}]
        before = made.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        answer = {"role": "assistant", "content": text.response}
        whole = made.apply_chat_template([*turns, answer], tokenize=False)
        while not whole.startswith(before):  # it may write an answer otherwise than it asks
            before = before[:-1]
        encoded = made(whole, add_special_tokens=False, return_offsets_mapping=True)
    else:
        before = f"Human: {text.prompt}\n\nAssistant: "
        encoded = made(before + text.response, return_offsets_mapping=True)
    ids = list(encoded["input_ids"])
    # What the tokenizer appends has the empty span (0, 0).
    spans = encoded["offset_mapping"]
    response = [place for place, (_, stop) in enumerate(spans) if stop > len(before)]
    ending = len(ids) if not reading.appends else len(ids) - 1
    return ids, response[0] if response else ending


def by_hand(
    policy: Any, reference: Any, reading: Kind, texts: Sequence[Dialogue], beta: float
) -> NDArray[np.float64]:
    """Rewards in float64, one text at a time, from the models' own logits."""
    rewards = []
    with torch.no_grad():
        for text in texts:
            ids, start = parted(reading, text)
            tokens = torch.tensor([ids])
            sums = []
            for model in (policy, reference):
                logs = model.double()(tokens).logits[0].log_softmax(dim=-1)
                sums.append(sum(float(logs[at - 1, ids[at]]) for at in range(start, len(ids))))
            rewards.append(beta * (sums[0] - sums[1]))
    for model in (policy, reference):
        model.float()
    return np.array(rewards)


def held(root: Path, kind: str, reading: Kind, count: int = 10) -> DpoSource:
    """Save two models and compare their log-ratio with the one by hand; returns the source."""
    policy = saved(root / "policy", kind, reading, seed=1)
    reference = saved(root / "reference", kind, reading, seed=2)
    source = opened("dpo:policy,reference=reference,beta=0.3", root)
    texts = dialogues(count)
    expected = by_hand(policy, reference, reading, texts, 0.3)
    assert np.ptp(expected) > 1
    np.testing.assert_allclose(source.score(texts), expected, atol=1e-5)
    return source


@pytest.mark.parametrize("reading", ["plain", "chatml"])
@pytest.mark.parametrize("kind", ["gpt2", "llama", "qwen2"])
def test_rewards_are_the_log_ratios_computed_by_hand(
    tmp_path: Path, kind: str, reading: str
) -> None:
    source = held(tmp_path, kind, KINDS[reading])
    assert not any("prefix sharing off" in remark for remark in source.remarks)
    found = source.describe()
    template = "chat (chat_template.jinja)" if KINDS[reading].template else "default (default)"
    assert found.reading.startswith(f"template {template}, end ")
    assert found.reading.endswith("reference reference (the spec), beta 0.3 (the spec)")


@pytest.mark.slow
@pytest.mark.parametrize("reading", KINDS)
@pytest.mark.parametrize(
    "kind",
    ["gpt2", "llama", "qwen3", "mistral", "gemma", "gemma2", "gemma3_text", "granite", "cohere"],
)
def test_every_decoder_with_every_reading(tmp_path: Path, kind: str, reading: str) -> None:
    held(tmp_path, kind, KINDS[reading], count=16)


@pytest.mark.parametrize("kind", ["granite", "gemma2"])
def test_what_a_model_does_after_its_head_is_done(tmp_path: Path, kind: str) -> None:
    source = held(tmp_path, kind, Kind(), count=6)
    told = [remark for remark in source.remarks if "prefix sharing off" in remark]
    assert ["more than" in remark for remark in told] == [True] * (kind == "gemma2")


def test_logits_of_a_model_that_hides_its_head_are_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import GPT2LMHeadModel

    forward = GPT2LMHeadModel.forward

    def colder(self: Any, *args: Any, **options: Any) -> Any:
        out = forward(self, *args, **options)
        out.logits = out.logits * 0.5
        return out

    monkeypatch.setattr(GPT2LMHeadModel, "forward", colder)
    source = held(tmp_path, "gpt2", Kind())
    assert any("not its head's" in remark for remark in source.remarks)


def test_predictions_are_made_a_few_positions_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(likelihood, "LOGITS", 3 * 400)
    rows: list[int] = []
    predicted = likelihood.Likelihood._logits

    def counted(self: Any, states: torch.Tensor) -> torch.Tensor:
        rows.append(len(states))
        return predicted(self, states)

    monkeypatch.setattr(likelihood.Likelihood, "_logits", counted)
    held(tmp_path, "llama", KINDS["chatml"])
    assert max(rows) == 3


@pytest.mark.parametrize("way", ["_shared", "_padded"])
def test_out_of_memory_halves_the_tokens_of_a_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    if way == "_padded":
        monkeypatch.setattr(likelihood.Likelihood, "_trusted", lambda self, _: False)
    compute = getattr(likelihood.Likelihood, way)

    def scarce(self: Any, texts: Any, starts: Any) -> Any:
        if len(texts) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return compute(self, texts, starts)

    monkeypatch.setattr(likelihood.Likelihood, way, scarce)
    monkeypatch.setattr(likelihood, "budgets", lambda _: (32, 1024))
    source = held(tmp_path, "gpt2", Kind(), count=20)
    assert any(remark.startswith("out of memory: reduced to") for remark in source.remarks)


def adapted(root: Path, base: Any, name: str = "adapter", **options: Any) -> Any:
    """A LoRA adapter on `root/base`, saved; returns the merged model."""
    base.name_or_path = str(root / "base")
    torch.manual_seed(4)
    tuned = get_peft_model(base, LoraConfig(r=4, target_modules=["q_proj", "v_proj"], **options))
    for weight, parameter in tuned.named_parameters():
        if "lora_B" in weight:
            torch.nn.init.normal_(parameter, std=0.2)
    tuned.save_pretrained(str(root / name))
    return PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(root / "base"), str(root / name)
    ).merge_and_unload()


def test_an_adapter_without_a_reference_is_compared_with_its_base(tmp_path: Path) -> None:
    base = saved(tmp_path / "base", "llama", KINDS["chatml"], seed=3)
    policy = adapted(tmp_path, base, task_type="CAUSAL_LM")
    source = opened("dpo:adapter", tmp_path)
    texts = dialogues(8)
    plain = AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    expected = by_hand(policy, plain, KINDS["chatml"], texts, 0.1)
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(source.score(texts), expected, atol=1e-5)
    assert source.describe().reading.endswith(
        "reference base (base of the adapter), beta 0.1 (default)"
    )
    assert "beta is not given: 0.1 is a guess" in source.remarks[0]
    named = opened("dpo:adapter,reference=base,beta=0.1", tmp_path)
    np.testing.assert_allclose(named.score(texts), expected, atol=1e-5)
    assert not named.remarks


def test_the_response_of_a_long_text_is_kept_and_its_prompt_cut(tmp_path: Path) -> None:
    policy = saved(tmp_path / "policy", "gpt2", Kind(), seed=1)
    reference = saved(tmp_path / "reference", "gpt2", Kind(), seed=2)
    source = opened("dpo:policy,reference=reference,beta=1,max_length=20", tmp_path)
    prompt, response = "rain " * 40, "the old house by the river"
    ids, start = parted(Kind(), Dialogue(prompt, response))
    assert len(ids) - start < 20
    cut = torch.tensor([ids[-20:]])
    sums = []
    with torch.no_grad():
        for model in (policy, reference):
            logs = model(cut).logits[0].log_softmax(dim=-1)
            first = 20 - (len(ids) - start)
            sums.append(sum(float(logs[at - 1, cut[0, at]]) for at in range(first, 20)))
    found = source.score([Dialogue(prompt, response)])
    np.testing.assert_allclose(found, [sums[0] - sums[1]], atol=1e-5)
    assert source.truncated == 1
    # All of it is response: its first token has nothing before it.
    long = "the cat sat on the mat and looked at rain " * 8
    assert source.scorer.response_tokens([Dialogue("Why?", long)]) == [19]


def test_the_end_token_is_part_of_the_response_where_the_layout_says_so(tmp_path: Path) -> None:
    policy = saved(tmp_path / "policy", "gpt2", Kind(), seed=1)
    reference = saved(tmp_path / "reference", "gpt2", Kind(), seed=2)
    text = Dialogue("Why?", "Rain.")
    ids, start = parted(Kind(), text)
    tokens = torch.tensor([[*ids, 0]])
    ratios = []
    with torch.no_grad():
        logs = [m(tokens).logits[0].log_softmax(dim=-1) for m in (policy, reference)]
        ratios = [float(logs[0][at - 1, tokens[0, at]] - logs[1][at - 1, tokens[0, at]])
                  for at in range(start, len(ids) + 1)]  # fmt: skip
    spec = "dpo:policy,reference=reference,beta=1"
    with_end = opened(f"{spec},end=eos", tmp_path).score([text])
    without = opened(f"{spec},end=none", tmp_path).score([text])
    np.testing.assert_allclose([*with_end, *without], [sum(ratios), sum(ratios[:-1])], atol=1e-5)


def test_one_text_with_two_prompts_has_two_rewards(tmp_path: Path) -> None:
    policy = saved(tmp_path / "policy", "gpt2", Kind(), seed=1)
    reference = saved(tmp_path / "reference", "gpt2", Kind(), seed=2)
    source = opened("dpo:policy,reference=reference,beta=1,template=raw", tmp_path)
    texts = [Dialogue("the cat", " sat on a mat"), Dialogue("the cat sat", " on a mat")]
    ids, same = source.scorer.encode(texts)
    assert ids.tolist() == same.tolist()
    logs = []
    with torch.no_grad():
        for model in (policy, reference):
            rows = model(torch.from_numpy(ids)[None]).logits[0].log_softmax(dim=-1)
            logs.append([float(rows[at - 1, ids[at]]) for at in range(1, len(ids))])
    ratio = np.subtract(*logs)
    lengths = source.scorer.response_tokens(texts)
    assert lengths[0] > lengths[1]
    expected = [ratio[-length:].sum() for length in lengths]
    np.testing.assert_allclose(source.score(texts), expected, atol=1e-5)


def test_each_part_of_it_is_in_the_fingerprint(tmp_path: Path) -> None:
    for seed, name in enumerate(("policy", "reference", "other")):
        saved(tmp_path / name, "gpt2", Kind(), seed)
    specs = (
        "dpo:policy,reference=reference", "dpo:policy,reference=reference,beta=0.2",
        "dpo:policy,reference=other", "dpo:other,reference=reference",
        "dpo:policy,reference=reference,end=eos", "dpo:policy,reference=reference,template=raw",
    )  # fmt: skip
    prints = {opened(spec, tmp_path).fingerprint for spec in specs}
    assert len(prints) == len(specs)
    assert opened(f"{specs[0]},beta=0.1", tmp_path).fingerprint in prints


MISTAKES = {
    "dpo:policy,refrence=reference": "unknown setting 'refrence'; did you mean 'reference'?",
    "dpo:policy,pooling=mean": "unknown setting 'pooling'",
    "dpo:policy,beta=0": "beta: expected a number above 0, got '0'",
    "dpo:policy,beta=inf": "beta: expected a number above 0, got 'inf'",
    "dpo:policy,beta=big": "beta: expected a number above 0, got 'big'",
    "dpo:policy,beta=1,beta=2": "beta is given twice",
    "dpo:policy,reference=": "reference: expected a value, got nothing",
    "dpo:./gone,reference=policy": "folder not found",
    "dpo:policy,reference=./gone": "folder not found",
}


@pytest.mark.parametrize("spec", MISTAKES)
def test_a_mistaken_spec_is_told_before_anything_is_loaded(tmp_path: Path, spec: str) -> None:
    (tmp_path / "policy").mkdir()
    with pytest.raises(UsageError) as caught:
        opened(spec, tmp_path)
    assert str(caught.value).startswith(f"{spec}: ")
    assert MISTAKES[spec] in str(caught.value)


def a_reward_model(root: Path) -> None:
    random_model("gpt2").save_pretrained(root / "policy")
    tokenizer().save_pretrained(root / "policy")


def an_encoder(root: Path) -> None:
    saved(root / "policy", "bert", Kind(), seed=1)


def another_tokenizer(root: Path) -> None:
    saved(root / "policy", "gpt2", Kind(), seed=1, vocab_size=401)
    made = tokenizer()
    made.add_tokens(["<think>"])
    made.save_pretrained(root / "policy")


def another_width(root: Path) -> None:
    saved(root / "policy", "gpt2", Kind(), seed=1, vocab_size=448)


def an_adapter_of_a_reward_model(root: Path) -> None:
    base = random_model("llama", name_or_path="reference")
    base.name_or_path = str(root / "reference")
    tuned = get_peft_model(base, LoraConfig(task_type="SEQ_CLS", target_modules=["q_proj"]))
    tuned.save_pretrained(str(root / "policy"))


REFUSED: dict[Callable[[Path], None], str] = {
    a_reward_model: "expected a language model, got a reward model (GPT2ForSequenceClassification)",
    an_encoder: "expected a causal language model, got BertLMHeadModel, whose tokens see those",
    another_tokenizer: "1 token differs from the reference reference ('<think>')",
    another_width: "the policy predicts 448 tokens and the reference reference 400",
    an_adapter_of_a_reward_model: "got one of a reward model (task_type SEQ_CLS)",
}


@pytest.mark.parametrize("policy", REFUSED, ids=lambda one: one.__name__)
def test_what_is_no_policy_of_this_reference_is_refused_by_name(
    tmp_path: Path, policy: Callable[[Path], None]
) -> None:
    saved(tmp_path / "reference", "llama", Kind(), seed=2)
    policy(tmp_path)
    with pytest.raises(SourceError) as caught:
        opened("dpo:policy,reference=reference", tmp_path).score(dialogues(2))
    assert REFUSED[policy] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_policy_that_is_no_adapter_needs_a_reference(tmp_path: Path) -> None:
    saved(tmp_path / "policy", "gpt2", Kind(CHATML), seed=1)
    with pytest.raises(SourceError, match=r"reference missing; name the model .*reference=PATH"):
        _ = opened("dpo:policy", tmp_path).fingerprint
