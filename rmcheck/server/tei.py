"""The requests of Text Embeddings Inference: `/predict` and `/info`.

After TEI 1.9.3 (router/src/http/types.rs and server.rs). What differs is said in the description of
each endpoint.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from rmcheck import __version__
from rmcheck.data import Dialogue
from rmcheck.server.answers import TEI_REFUSALS
from rmcheck.server.limits import Limits
from rmcheck.server.model import ServedModel, Text, Written
from rmcheck.server.service import Service, sigmoid

Words = Annotated[str, Field(min_length=1)]
One = Annotated[list[Words], Field(min_length=1, max_length=1)]
Pair = Annotated[list[str], Field(min_length=2, max_length=2)]


class Predict(BaseModel):
    """Texts, or pairs of a prompt and a response."""

    model_config = ConfigDict(extra="forbid", strict=True)

    inputs: Words | One | Pair | Annotated[list[One | Pair], Field(min_length=1)] = Field(
        description="A text; a list of one text or of a pair; or a list of such lists. A list of "
        "two texts is one pair, not two texts."
    )
    raw_scores: bool = Field(False, description="true: the reward itself. Else its sigmoid.")
    truncate: bool = Field(False, description="Whether a text that is too long is cut.")
    truncation_direction: Literal["Left", "Right"] = Field(
        "Right", description="The side that is cut."
    )

    @property
    def single(self) -> bool:
        """Whether the answer is one list, not a list for each input."""
        return isinstance(self.inputs, str) or isinstance(self.inputs[0], str)

    def texts(self) -> list[Text]:
        """What is scored."""
        given: Any = self.inputs
        if isinstance(given, str):
            given = [given]
        return [self._text(one) for one in ([given] if isinstance(given[0], str) else given)]

    def _text(self, given: list[str]) -> Text:
        if len(given) == 2:
            return Dialogue(*given)
        keep = 0 if self.truncate else None
        return Written(given[0], keep=keep, end=self.truncation_direction == "Left")


class Prediction(BaseModel):
    """The one label and its score."""

    score: float
    label: str


class Classifier(BaseModel):
    """The labels of the model."""

    id2label: dict[str, str]
    label2id: dict[str, int]


class ModelType(BaseModel):
    """What the model is, as TEI says it."""

    classifier: Classifier


class Info(BaseModel):
    """The server and its first model; `model_sha` is the fingerprint."""

    model_id: str
    model_sha: str | None
    model_dtype: str
    model_type: ModelType
    max_concurrent_requests: int
    max_input_length: int | None
    max_batch_tokens: int | None = None
    max_batch_requests: int | None
    max_client_batch_size: int
    auto_truncate: Literal[False] = False
    tokenization_workers: Literal[1] = 1
    version: str
    server: Literal["rmcheck"] = "rmcheck"

    @classmethod
    def of(cls, model: ServedModel, limits: Limits) -> Info:
        """Of a model that is loaded."""
        label = model.label
        kind = ModelType(classifier=Classifier(id2label={"0": label}, label2id={label: 0}))
        return cls(
            model_id=model.name, model_sha=model.fingerprint, model_dtype=model.dtype,
            model_type=kind, max_concurrent_requests=limits.waiting,
            max_input_length=model.longest, max_batch_requests=limits.batch,
            max_client_batch_size=limits.texts, version=__version__,
        )  # fmt: skip


def router(service: Service) -> APIRouter:
    """The endpoints."""
    routes = APIRouter(tags=["Text Embeddings Inference"], responses=TEI_REFUSALS)

    @routes.post("/predict")
    async def predict(request: Predict) -> list[Prediction] | list[list[Prediction]]:
        """The reward of texts that are written already, or of pairs of a prompt and a response.

        A single text is what the model reads: no template is applied. A pair is read as the gate
        reads a prompt and a response. `score` is the reward if `raw_scores` is true, else its
        sigmoid. The first model answers.

        Unlike TEI: a text that is too long is an error unless `truncate` is true; a start or end
        token that the text begins or ends with is not put there twice; a pair is read with the
        model's template; a key that is not known is an error.
        """
        model = service.first
        found = await service.score(model, request.texts())
        values: list[float] = found.rewards.tolist()
        if not request.raw_scores:
            values = [sigmoid(value) for value in values]
        answers = [[Prediction(score=value, label=model.label)] for value in values]
        return answers[0] if request.single else answers

    @routes.get("/info")
    async def info() -> Info:
        """The first model, and the limits of the server."""
        return Info.of(service.first, service.limits)

    return routes
