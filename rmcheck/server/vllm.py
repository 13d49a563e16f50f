"""The requests of vLLM's pooling server: `/classify`, `/score`, `/v1/models`.

After vLLM 0.33 (entrypoints/pooling/classify/protocol.py and scoring/protocol.py). What differs is
said in the description of each endpoint.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import AliasChoices, BaseModel, ConfigDict, Discriminator, Field, Tag

from rmcheck.data import Dialogue
from rmcheck.server.answers import REFUSALS
from rmcheck.server.limits import Invalid
from rmcheck.server.messages import Conversation, dialogue_of
from rmcheck.server.model import ServedModel, Text, Written
from rmcheck.server.queue import Scored
from rmcheck.server.service import Service, sigmoid
from rmcheck.wording import counted

Words = Annotated[str, Field(min_length=1)]
TokenId = Annotated[int, Field(ge=0, le=2**31 - 1)]
TokenIds = Annotated[list[TokenId], Field(min_length=1)]


class _Request(BaseModel):
    """What both kinds of requests have. A key that is not known is refused, not ignored."""

    model_config = ConfigDict(extra="forbid", strict=True)

    model: str | None = Field(None, description="A name of /v1/models; default: the first one.")
    use_activation: bool | None = Field(
        None, description="false: the reward itself. Else its sigmoid, as in vLLM."
    )
    user: str | None = Field(None, description="Not used.")
    request_id: str | None = Field(None, description="Not used.")
    priority: int = Field(0, description="Not used.")


class ClassifyTexts(_Request):
    """Texts that are written already, or their token ids."""

    input: (
        Words
        | Annotated[list[Words], Field(min_length=1)]
        | TokenIds
        | Annotated[list[TokenIds], Field(min_length=1)]
    ) = Field(description="A text or several, or the token ids of one or several.")
    add_special_tokens: bool = Field(
        True, description="Whether the tokenizer puts its special tokens around a text."
    )
    truncate_prompt_tokens: Annotated[int, Field(ge=-1)] | None = Field(
        None, description="Tokens that are kept; -1: as many as the model reads."
    )
    truncation_side: Literal["left", "right"] = Field("right", description="The side that is cut.")

    def texts(self) -> list[Text]:
        """What is scored."""
        keep = self.truncate_prompt_tokens
        if keep == 0:
            raise Invalid("truncate_prompt_tokens: expected -1 or a number above 0, got 0")
        return [
            Written(
                text if isinstance(text, str) else tuple(text),
                self.add_special_tokens,
                0 if keep == -1 else keep,
                self.truncation_side == "left",
            )
            for text in self._several()
        ]

    def _several(self) -> Sequence[str | list[int]]:
        given: Any = self.input
        if isinstance(given, str) or isinstance(given[0], int):
            return [given]
        several: list[str | list[int]] = given
        return several


class ClassifyMessages(_Request):
    """A conversation whose last message is scored, or several of them."""

    messages: Conversation | Annotated[list[Conversation], Field(min_length=1)]
    add_generation_prompt: Literal[False] = Field(
        False, description="The conversation has its answer."
    )
    continue_final_message: Literal[False] = Field(False, description="As above.")
    add_special_tokens: Literal[False] = Field(
        False, description="The model's reading says which there are."
    )

    def texts(self) -> list[Text]:
        """What is scored."""
        given: Any = self.messages
        several = given if isinstance(given[0], list) else [given]
        return [dialogue_of(turns) for turns in several]


def _kind(given: Any) -> str:
    has = "messages" in given if isinstance(given, dict) else isinstance(given, ClassifyMessages)
    return "of messages" if has else "of texts"


Classify = Annotated[
    Annotated[ClassifyTexts, Tag("of texts")] | Annotated[ClassifyMessages, Tag("of messages")],
    Discriminator(_kind),
]
Several = Words | Annotated[list[str], Field(min_length=1)]


class ScoreRequest(_Request):
    """Prompts and responses: as many of both, or one prompt for all responses."""

    text_1: Several = Field(
        validation_alias=AliasChoices("text_1", "data_1", "queries"),
        description="The prompt, or as many as responses. Also: data_1, queries.",
    )
    text_2: Several = Field(
        validation_alias=AliasChoices("text_2", "data_2", "documents"),
        description="The responses. Also: data_2, documents.",
    )

    def texts(self) -> list[Text]:
        """What is scored."""
        prompts = [self.text_1] if isinstance(self.text_1, str) else self.text_1
        responses = [self.text_2] if isinstance(self.text_2, str) else self.text_2
        if len(prompts) == 1:
            prompts = prompts * len(responses)
        if len(prompts) != len(responses):
            raise Invalid(
                f"text_1 has {counted(len(prompts), 'text')} and text_2 {len(responses)}; expected "
                "as many of both, or one text_1"
            )
        return [Dialogue(*pair) for pair in zip(prompts, responses, strict=True)]


class Usage(BaseModel):
    """Tokens that the model read; 0 for a source that does not say."""

    prompt_tokens: int
    total_tokens: int
    completion_tokens: int = 0

    @classmethod
    def of(cls, found: Scored) -> Usage:
        """Of an answer."""
        tokens = sum(found.read.tokens)
        return cls(prompt_tokens=tokens, total_tokens=tokens)


class _Answer(BaseModel):
    id: str
    object: Literal["list"] = "list"
    created: int
    model: str
    usage: Usage

    @classmethod
    def head(cls, kind: str, model: ServedModel, found: Scored) -> dict[str, Any]:
        """What every answer begins with."""
        return {
            "id": f"{kind}-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": model.name,
            "usage": Usage.of(found),
        }


class ClassifyDatum(BaseModel):
    """One text's answer."""

    index: int
    label: str
    probs: list[float]
    num_classes: Literal[1] = 1


class ClassifyAnswer(_Answer):
    """The answer of /classify."""

    data: list[ClassifyDatum]


class ScoreDatum(BaseModel):
    """One pair's answer."""

    index: int
    object: Literal["score"] = "score"
    score: float


class ScoreAnswer(_Answer):
    """The answer of /score."""

    data: list[ScoreDatum]


class ModelCard(BaseModel):
    """A served model. `fingerprint` changes with everything that its scores depend on."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: Literal["rmcheck"] = "rmcheck"
    root: str
    parent: None = None
    max_model_len: int | None
    fingerprint: str | None


class ModelList(BaseModel):
    """The served models."""

    object: Literal["list"] = "list"
    data: list[ModelCard]


def router(service: Service) -> APIRouter:
    """The endpoints."""
    routes = APIRouter(tags=["vLLM"], responses=REFUSALS)
    started = int(time.time())

    @routes.post("/classify")
    async def classify(request: Classify) -> ClassifyAnswer:
        """The reward of texts that are written already, of token ids, or of conversations.

        `input` is what the model reads: no template is applied and nothing is put at its end,
        whatever the reading of the model is. `messages` are read as the gate reads a prompt and a
        response. `probs` has the reward if `use_activation` is false, else its sigmoid.

        Unlike vLLM: a start or end token that the text begins or ends with is not put there
        twice; `messages` may be a list of conversations, and the last message must be the
        assistant's; a conversation that is too long loses the start of its prompt, as in the
        gate; a key that is not known is an error.
        """
        model = service.model(request.model)
        found = await service.score(model, request.texts())
        data = [
            ClassifyDatum(index=place, label=model.label, probs=[value])
            for place, value in enumerate(activated(found, request.use_activation))
        ]
        return ClassifyAnswer(**ClassifyAnswer.head("classify", model, found), data=data)

    @routes.post("/score")
    async def score(request: ScoreRequest) -> ScoreAnswer:
        """The reward of each response (`text_2`) to its prompt (`text_1`).

        Unlike vLLM, which joins both texts without a template unless the model is a cross-encoder,
        they are read as the gate reads a prompt and a response. `score` is the reward if
        `use_activation` is false, else its sigmoid.
        """
        model = service.model(request.model)
        found = await service.score(model, request.texts())
        data = [
            ScoreDatum(index=place, score=value)
            for place, value in enumerate(activated(found, request.use_activation))
        ]
        return ScoreAnswer(**ScoreAnswer.head("score", model, found), data=data)

    @routes.get("/v1/models")
    async def models() -> ModelList:
        """The names that requests may use as `model`; the first one is the default."""
        return ModelList(
            data=[
                ModelCard(
                    id=name, created=started, root=name,
                    max_model_len=model.longest, fingerprint=model.fingerprint,
                )
                for name, model in service.models.items()
            ]
        )  # fmt: skip

    return routes


def activated(found: Scored, wanted: bool | None) -> list[float]:
    """The rewards, or their sigmoids unless `wanted` is false."""
    rewards: list[float] = found.rewards.tolist()
    return rewards if wanted is False else [sigmoid(reward) for reward in rewards]
