"""`dpo:POLICY,reference=REF,beta=0.1`: a language model trained by DPO as an implicit reward."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rmcheck.data.dialogue import content_hash
from rmcheck.errors import SourceError, UsageError
from rmcheck.record.run import SourceRecord
from rmcheck.reward_source import SourceOptions
from rmcheck.scoring.files import ModelFiles
from rmcheck.sources.checkpoint import CheckpointSource, named
from rmcheck.sources.layout import ASKED, DEFAULT, Layout, Setting, asked, parsed, without_options
from rmcheck.sources.model_source import DialogueScorer, Loaded, ModelSource, resolved
from rmcheck.training import adapter, attachment
from rmcheck.wording import counted, listed

BETA = 0.1
"""Of a policy that does not say it: the default of DPO's trainers (TRL 1.16, `DPOConfig.beta`)."""
OWN = ("reference", "beta")
KEYS = (*OWN, "template", "end", "max_length")


class LanguageModel(CheckpointSource):
    """The files of a causal language model, or of an adapter on one, and how it is given text."""

    @property
    def weights(self) -> list[str]:
        """Hashes of its files, and of its base's for an adapter."""
        return list(self._file_hashes)

    @property
    def is_adapter(self) -> bool:
        """Whether it is an adapter folder."""
        return self._adapter is not None

    def base(self) -> tuple[ModelFiles, str | None]:
        """The base model of an adapter, and its GGUF file if it has one."""
        assert self._adapter is not None
        return adapter.base_of(self._adapter, self.hashes)

    def load(self, *, plain: bool = False) -> Loaded:
        """The model with its tokenizer; `plain`: an adapter's base without the adapter.

        Raises
        ------
        SourceError
            If it is not a language model, or weights of it are missing.
        """
        from rmcheck.scoring.loading import append_end, load_language_model, load_tokenizer

        folder = self._adapter
        files, gguf = (self.files, None) if folder is None else self.base()
        model, missing = load_language_model(files, gguf)
        if folder is not None and not plain:
            if adapter.read_config(folder).get("task_type") == "SEQ_CLS":
                raise SourceError(
                    f"{folder}: expected an adapter of a language model, got one of a reward model "
                    "(task_type SEQ_CLS); use hf:PATH"
                )
            model = attachment.attach(model, folder, missing)
        elif missing:
            raise SourceError(
                f"{files.name}: expected a language model, but weights are missing: "
                f"{listed(missing)}"
            )
        own = folder is not None and not plain and (folder / "tokenizer_config.json").is_file()
        tokenizer = load_tokenizer(self.files) if own else load_tokenizer(files, gguf)
        if self._appends_end:
            append_end(tokenizer)
        return Loaded(model, tokenizer, self.layout)


@dataclass(frozen=True)
class Policies:
    """A policy and its reference in memory."""

    policy: Any
    reference: Any

    @property
    def config(self) -> Any:
        """The policy's."""
        return self.policy.config


class DpoSource(ModelSource):
    """The implicit reward of a policy: beta times the log-ratio of the response to a reference."""

    def __init__(
        self,
        spec: str,
        policy: LanguageModel,
        reference: LanguageModel | None,
        beta: float | None,
        options: SourceOptions,
        said_in: str = ASKED,
    ) -> None:
        super().__init__(spec, options)
        self.policy = policy
        self.reference = reference
        self.beta = BETA if beta is None else beta
        self._said_in = said_in
        self._beta_origin = DEFAULT if beta is None else said_in

    @cached_property
    def layout(self) -> Layout:
        """As the spec or the policy's files say."""
        return self.policy.layout

    @property
    def remarks(self) -> tuple[str, ...]:
        """Notes about the scoring that the user should see."""
        guess = (
            f"beta is not given: {BETA:g} is a guess; it sets the scale of rewards and margins, "
            "not which response wins (beta=…)"
        )
        return (*((guess,) if self._beta_origin == DEFAULT else ()), *super().remarks)

    def describe(self) -> SourceRecord:
        """Its part of a run's record."""
        layout = self.layout
        said = self._said_in if self.reference is not None else "base of the adapter"
        return SourceRecord(
            spec=self.spec,
            fingerprint=self.fingerprint,
            template=layout.template,
            max_length=layout.max_length,
            end=layout.end,
            reference=self._reference_name,
            beta=self.beta,
            origins={
                **{key: value for key, value in layout.origins.items() if key in KEYS},
                "reference": said,
                "beta": self._beta_origin,
            },
            dtype=self.options.dtype,
        )

    @property
    def _reference_name(self) -> str:
        if self.reference is not None:
            return self.reference.name
        self._refuse_no_reference()
        return Path(self.policy.base()[0].name).name

    def _refuse_no_reference(self) -> None:
        """Raise SourceError where nothing says what the policy is compared with."""
        if self.reference is None and not self.policy.is_adapter:
            raise SourceError(
                f"{self.spec}: reference missing; name the model that the policy was trained from "
                "(reference=PATH). Only an adapter has one of its own: its base"
            )

    def _identity(self) -> str:
        self._refuse_no_reference()
        for model in (self.policy, self.reference):
            if model is not None:
                _ = model.fingerprint  # a folder without a model is reported
        other = self.reference.weights if self.reference is not None else []
        return content_hash("dpo", self.policy.weights, other, self.beta, *self.layout.parts)

    def _load(self, device: str) -> Loaded:
        _ = self.fingerprint
        policy = self.policy.load()
        if self.reference is None:
            reference = self.policy.load(plain=True)
        else:
            with _called("reference"):
                reference = self.reference.load()
        self._refuse_unlike(policy, reference)
        return Loaded(Policies(policy.model, reference.model), policy.tokenizer, policy.layout)

    def _refuse_unlike(self, policy: Loaded, reference: Loaded) -> None:
        """Raise SourceError where the two models do not read the same tokens."""
        ours, theirs = policy.tokenizer.get_vocab(), reference.tokenizer.get_vocab()
        names = f"the reference {self._reference_name}"
        unlike = sorted(
            token for token in ours.keys() | theirs.keys() if ours.get(token) != theirs.get(token)
        )
        if unlike:
            raise SourceError(
                f"{self.spec}: policy and reference must have the same tokenizer, but "
                f"{counted(len(unlike), 'token differs', 'tokens differ')} from {names} "
                f"({', '.join(map(repr, unlike[:3]))}); name the model that the policy was trained "
                "from"
            )
        if _read(policy.tokenizer) != _read(reference.tokenizer):
            raise SourceError(
                f"{self.spec}: policy and reference must have the same tokenizer, but {names} "
                "splits texts into other tokens; name the model that the policy was trained from"
            )
        sizes = [
            int(each.model.get_output_embeddings().weight.shape[0]) for each in (policy, reference)
        ]
        if sizes[0] != sizes[1]:
            raise SourceError(
                f"{self.spec}: the policy predicts {sizes[0]:,} tokens and {names} {sizes[1]:,}; "
                "their embeddings must have one size"
            )

    def _reading(self, layout: Layout, model: Any, tokenizer: Any, device: str) -> DialogueScorer:
        from rmcheck.scoring.implicit import ImplicitRewards
        from rmcheck.scoring.likelihood import Likelihood
        from rmcheck.scoring.tokens import Tokens, length_limit

        both = (model.policy, model.reference)
        limit = min(length_limit(each.config, tokenizer, layout.max_length) for each in both)
        tokens = Tokens(
            tokenizer, "chat" if layout.chat else layout.template, limit, end=layout.end
        )
        dtype = self.options.dtype
        return ImplicitRewards(
            model,
            Likelihood(model.policy, tokenizer, self.policy.name, device, dtype),
            Likelihood(model.reference, tokenizer, self._reference_name, device, dtype),
            tokens,
            self.beta,
        )


@contextlib.contextmanager
def _called(role: str) -> Iterator[None]:
    """In this context, errors of loading a model begin with its role."""
    try:
        yield
    except SourceError as error:
        raise SourceError(f"{role}: {error}") from None


PROBE = ("A text with 12 words,\nand  spaces.", "Ünïcode — 测试 <|end|>")


def _read(tokenizer: Any) -> list[list[int]]:
    """The tokens of a few texts."""
    found: list[list[int]] = tokenizer(list(PROBE))["input_ids"]
    return found


def create(rest: str, options: SourceOptions) -> DpoSource:
    """A language model trained by DPO, as an implicit reward.

    Raises UsageError for a path that does not exist, and for a setting that is not allowed.
    """
    spec = f"dpo:{rest}"
    path, said = without_options(rest, lambda path: resolved(path, options.root).is_dir())
    given = parsed(said, spec)
    own = {key: given.pop(key) for key in OWN if key in given}
    for key, value in own.items():
        if not value:
            raise UsageError(f"{spec}: {key}: expected a value, got nothing")
    settings = asked(given, spec, options.root, KEYS)
    if settings.get("template") == "pair":
        raise UsageError(
            f"{spec}: template 'pair' is for models of two texts; a language model reads one"
        )
    reference = own.get("reference")
    return DpoSource(
        spec,
        _model(path, spec, options, settings),
        None if reference is None else _model(reference, f"{spec}: reference", options, {}),
        _beta(own.get("beta"), spec),
        options,
    )


def _model(
    path: str, spec: str, options: SourceOptions, settings: Mapping[str, Setting]
) -> LanguageModel:
    name, revision = named(path, spec, options.root)
    return LanguageModel(spec, name, revision, options, settings)


def _beta(given: str | None, spec: str) -> float | None:
    if given is None:
        return None
    try:
        beta = float(given)
    except ValueError:
        beta = math.nan
    if not (beta > 0 and math.isfinite(beta)):
        raise UsageError(f"{spec}: beta: expected a number above 0, got {given!r}")
    return beta
