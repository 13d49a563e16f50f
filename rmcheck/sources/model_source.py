"""The base of reward sources that are models: lazy loading, scoring, fingerprints."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self, cast
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import Dialogue, TokenText
from rmcheck.data.dialogue import content_hash, later_formats
from rmcheck.data.template import TEMPLATE_FORMAT
from rmcheck.errors import SourceError, UsageError, did_you_mean
from rmcheck.extras import needed_by
from rmcheck.progress import Progress
from rmcheck.record.run import SourceRecord
from rmcheck.reward_source import Source, SourceOptions, TokenReward
from rmcheck.scoring.files import FileHashes
from rmcheck.scoring.threads import wait_asleep
from rmcheck.scoring.tokens import SCORER_FORMAT, positions_of
from rmcheck.sources.layout import Layout
from rmcheck.stats.precision import PRECISIONS


class DialogueScorer(Protocol):
    """What a source asks of a loaded model."""

    device: Any

    @property
    def model(self) -> Any:
        """The loaded model."""

    @property
    def remarks(self) -> Sequence[str]:
        """Notes that the user should see."""

    @property
    def tokenizer(self) -> Any:
        """The tokenizer of the model."""

    @property
    def truncated(self) -> int:
        """How many dialogues were cut to the length limit so far."""

    def encode(self, dialogues: Sequence[Dialogue]) -> list[NDArray[np.int64]]:
        """The token ids that the model reads, one array a dialogue."""

    def score(
        self, dialogues: Sequence[Dialogue], progress: Progress | None = None
    ) -> NDArray[np.float64]:
        """Rewards in input order, shape (n,)."""

    def stream(
        self,
        dialogues: Sequence[Dialogue],
        progress: Progress | None = None,
        *,
        head_scale: float = 1.0,
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """`score` piece by piece, with the head's weights times `head_scale`."""


_LOADED: WeakValueDictionary[tuple[str, str, str, str], DialogueScorer] = WeakValueDictionary()
"""Models in use by (identity, dtype, device, cache folder), so that each is loaded once."""


@dataclass(frozen=True)
class Loaded:
    """A model in memory with its tokenizer."""

    model: Any
    tokenizer: Any
    layout: Layout
    remarks: tuple[str, ...] = ()


class ModelSource(Source, ABC):
    """A reward source that runs a model in this process; loaded at the first `score`.

    Attributes
    ----------
    spec
        Its name in records and messages.
    device
        Where it computes; None before it is loaded.
    truncated
        Dialogues that were cut to the length limit.
    """

    spec: str = ""
    truncated: int = 0

    def __init__(self, spec: str, options: SourceOptions) -> None:
        if options.dtype not in PRECISIONS:
            allowed = did_you_mean(options.dtype, PRECISIONS)
            raise UsageError(f"--rm-dtype {options.dtype!r}: {allowed}")
        self.spec = spec
        self.options = options
        self.hashes = FileHashes(options.cache)
        self.device: str | None = None
        self._factor = 1.0
        self._known_identity: str | None = None
        self._notes: tuple[str, ...] = ()
        self._scorer: DialogueScorer | None = None

    @abstractmethod
    def _identity(self) -> str:
        """A hash of weights, adapter, tokenizer and layout; from files, without torch."""

    @property
    @abstractmethod
    def layout(self) -> Layout:
        """How dialogues are formatted for it; from files, without torch."""

    @abstractmethod
    def _load(self, device: str) -> Loaded:
        """The model, read (or trained) now."""

    def describe(self) -> SourceRecord:
        """Its part of a run's record."""
        return SourceRecord(
            spec=self.spec,
            fingerprint=self.fingerprint,
            template=self.layout.template,
            max_length=self.layout.max_length,
            pooling=self.layout.pooling,
            end=self.layout.end,
            objective=self.layout.objective,
            trust_remote_code=self.layout.trust_remote_code,
            quantize=self.layout.quantize,
            origins=dict(self.layout.origins),
            dtype=self.options.dtype,
        )

    @property
    def fingerprint(self) -> str:
        """32 hex digits over weights, adapter, tokenizer, template, max length, dtype, pooling."""
        factor = () if self._factor == 1.0 else (self._factor,)
        return model_hash(self._identity_hash, self.options.dtype, *factor)

    @property
    def _identity_hash(self) -> str:
        if self._known_identity is None:
            self._known_identity = self._identity()
        return self._known_identity

    def spec_with(self, layout: Layout) -> str:
        """The name of the same model with another reading, for messages."""
        return f"{self.spec}, {layout.options}"

    def advice(self, layout: Layout) -> str:
        """How the user has the model read otherwise."""
        return (
            f"{self.spec} is read as it was trained; set template: {layout.template} in it to "
            "train it so"
        )

    @property
    def loaded(self) -> bool:
        """Whether the model is in memory."""
        return self._scorer is not None

    @property
    def remarks(self) -> tuple[str, ...]:
        """Notes about the scoring that the user should see."""
        return (*self._notes, *self._scorer.remarks) if self._scorer else ()

    def score(self, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
        """Rewards in input order, shape (n,).

        Raises
        ------
        SourceError
            If the model cannot be loaded, or a reward is NaN or infinite.
        """
        scores = np.empty(len(dialogues), dtype=np.float64)
        for members, values in self.stream(dialogues):
            scores[members] = values
        return scores

    def stream(
        self, dialogues: Sequence[Dialogue]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """`score` piece by piece: (indices, rewards), in the order in which they are computed."""
        scorer = self.scorer
        before = scorer.truncated
        pieces = scorer.stream(dialogues, self.options.progress, head_scale=self._factor)
        for place, piece in enumerate(pieces):
            if place == 0:  # all texts are tokens by now
                self.truncated += scorer.truncated - before
            yield piece

    @property
    def scorer(self) -> DialogueScorer:
        """The loaded model; the first use imports torch, and trains if the source is a recipe.

        Sources of one session with the same model share it, even under different names.
        """
        if self._scorer is None:
            with needed_by(self.spec):
                self._scorer = self._shared_scorer()
        return self._scorer

    def _shared_scorer(self) -> DialogueScorer:
        wait_asleep()
        from rmcheck.scoring.devices import pick_device

        self.device = pick_device(self.options.device)
        key = (self._identity_hash, self.options.dtype, self.device, str(self.options.cache))
        scorer = _LOADED.get(key) or self._loaded(self.device)
        _LOADED[key] = scorer
        return scorer

    def _loaded(self, device: str) -> DialogueScorer:
        loaded = self._load(device)
        layout = loaded.layout
        if layout.text:
            loaded.tokenizer.chat_template = layout.text
        self._refuse_unreadable(layout, loaded.tokenizer)
        if layout.max_length and "max_length" in layout.said:
            positions = positions_of(loaded.model.config)
            if positions is not None and layout.max_length > positions:
                raise SourceError(
                    f"{self.spec}: max_length is {layout.max_length:,}, but the model has "
                    f"{positions:,} positions; use at most that many"
                )
            loaded.tokenizer.model_max_length = layout.max_length
        self._notes = loaded.remarks
        return self._reading(layout, loaded.model, loaded.tokenizer, device)

    def read_with(self, layout: Layout) -> DialogueScorer:
        """The loaded model with another layout of its texts."""
        known = self.scorer
        return self._reading(layout, known.model, known.tokenizer, str(known.device))

    def _reading(self, layout: Layout, model: Any, tokenizer: Any, device: str) -> DialogueScorer:
        from rmcheck.scoring.scorer import Scorer
        from rmcheck.scoring.single import OneByOne
        from rmcheck.scoring.stored import computes_packed

        alone = bool(layout.quantize) or computes_packed(model)
        return (OneByOne if alone else Scorer)(
            model,
            tokenizer,
            "chat" if layout.chat else layout.template,
            layout.max_length,
            device,
            self.options.dtype,
            layout.pooling,
            layout.end,
        )

    def _refuse_unreadable(self, layout: Layout, tokenizer: Any) -> None:
        """Raise SourceError where the tokenizer lacks what the layout asks of it."""
        if layout.chat and not tokenizer.chat_template:
            raise SourceError(
                f"{self.spec}: template is 'chat', but the tokenizer has no chat template; "
                "use template default, or name a Jinja file"
            )
        if layout.template == "pair" and layout.end != "tokenizer":
            raise SourceError(
                f"{self.spec}: end is {layout.end!r}, but with template 'pair' the tokenizer says "
                "what is read after a response; remove end"
            )
        if layout.end == "template" and not layout.chat:
            raise SourceError(
                f"{self.spec}: end is 'template', but template {layout.template!r} puts nothing "
                "after a response; use end eos, tokenizer or none"
            )
        if layout.end in ("eos", "openrlhf") and tokenizer.eos_token_id is None:
            raise SourceError(
                f"{self.spec}: end is {layout.end!r}, but the tokenizer has no end token; "
                "use end none"
            )


class HeadedModel(ModelSource):
    """A model whose reward is the output of a head, which can be rescaled."""

    def with_head_scaled(self, factor: float) -> Self:
        """The same loaded model, whose head's weights are times `factor` while it scores."""
        scaled = copy.copy(self)
        scaled.spec = f"{self.spec} × {factor:g}"
        scaled._factor = self._factor * factor
        scaled.truncated = 0
        return scaled

    def longest(self) -> int:
        """The most tokens that it reads of a text."""
        return int(self._tokens.max_length)

    @property
    def _tokens(self) -> Any:
        return cast(Any, self.scorer).tokens

    def token_text(
        self, text: str | Sequence[int], *, special: bool = True, keep: int = 0, end: bool = False
    ) -> TokenText:
        """A text that is written as the model reads it, or its token ids, of which `keep` are kept.

        Raises
        ------
        SourceError
            Without any token, or for a token that the model does not have; also for a model that
            reads prompt and response as two inputs.
        """
        ids = tuple(self._tokens.written(text, special=special, keep=keep, end=end))
        if not ids:
            raise SourceError("the text has no tokens; expected one or more")
        known = int(self.scorer.model.get_input_embeddings().num_embeddings)
        wrong = [one for one in ids if not 0 <= one < known]
        if wrong:
            raise SourceError(f"token {wrong[0]} is outside of the model's 0 to {known - 1:,}")
        return TokenText("", "", ids=ids)

    def lengths(self, dialogues: Sequence[Dialogue]) -> list[int]:
        """How many tokens the model reads of each."""
        before = self.scorer.truncated
        found = [len(ids) for ids in self.scorer.encode(dialogues)]
        self.truncated += self.scorer.truncated - before
        return found

    def running(self, dialogue: Dialogue) -> list[TokenReward]:
        """The reward after each token.

        Raises
        ------
        SourceError
            For a model that is not causal.
        """
        scorer = self.scorer
        from rmcheck.scoring.running import running_rewards

        (ids,) = scorer.encode([dialogue])
        dtype, pooling = self.options.dtype, self.layout.pooling
        rewards = running_rewards(
            scorer.model, ids, dtype=dtype, pooling=pooling, head_scale=self._factor
        )
        (before,) = self._tokens.given([dialogue], [ids])
        special = set(scorer.tokenizer.all_special_ids)
        return [
            TokenReward(
                str(scorer.tokenizer.decode([int(one)])), int(one) in special, place >= before, r
            )
            for place, (one, r) in enumerate(zip(ids, rewards.tolist(), strict=True))
        ]

    def forget(self) -> None:
        """Free the memory of texts that were read before."""
        self._tokens.forget()


def model_hash(identity: str, dtype: str, *factor: float) -> str:
    """The fingerprint of a model: the hash of its files and the format versions of our code."""
    formats = later_formats(template=TEMPLATE_FORMAT, scorer=SCORER_FORMAT)
    return content_hash(identity, dtype, *factor, *formats)


def resolved(path: str, root: Path) -> Path:
    """`path` against the folder `root`, with `~` expanded."""
    expanded = Path(path).expanduser()
    return expanded if expanded.is_absolute() else root / expanded
