"""rmcheck's own requests, which the page uses: rewards of responses, and where they come from."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from rmcheck.data import Dialogue
from rmcheck.data.dialogue import Prompt
from rmcheck.server.answers import REFUSALS
from rmcheck.server.messages import Turn, prompt_of
from rmcheck.server.service import Service

GivenPrompt = str | Annotated[list[Turn], Field(min_length=1)]


class Rewards(BaseModel):
    """A prompt and its responses."""

    model_config = ConfigDict(extra="forbid", strict=True)

    prompt: GivenPrompt = Field(description="A text, or messages.")
    responses: Annotated[list[str], Field(min_length=1)]
    model: str | None = Field(None, description="A name of /v1/models; default: the first one.")


class RewardsAnswer(BaseModel):
    """The reward of each response, and the tokens that the model read (0: unknown)."""

    model: str
    rewards: list[float]
    tokens: list[int]


class Trace(BaseModel):
    """A prompt and one response."""

    model_config = ConfigDict(extra="forbid", strict=True)

    prompt: GivenPrompt = Field(description="A text, or messages.")
    response: str
    model: str | None = Field(None, description="A name of /v1/models; default: the first one.")


class TracedToken(BaseModel):
    """A token, whether it is a special one and one of the response, and the reward up to it."""

    text: str
    special: bool
    response: bool
    reward: float


class TraceAnswer(BaseModel):
    """What the model's head gives after each token; the last one is the response's reward."""

    model: str
    tokens: list[TracedToken]


def router(service: Service) -> APIRouter:
    """The endpoints."""
    routes = APIRouter(tags=["rmcheck"], responses=REFUSALS)

    @routes.post("/rewards")
    async def rewards(request: Rewards) -> RewardsAnswer:
        """The rewards of responses to one prompt, as `rmcheck try` prints them."""
        model, prompt = service.model(request.model), prompt_from(request.prompt)
        dialogues = [Dialogue(prompt, response) for response in request.responses]
        found = await service.score(model, dialogues)
        return RewardsAnswer(
            model=model.name, rewards=found.rewards.tolist(), tokens=list(found.read.tokens)
        )

    @routes.post("/trace")
    async def trace(request: Trace) -> TraceAnswer:
        """Where the reward of a response comes from: the reward after each token that is read.

        Only for a causal model that runs in this server.
        """
        model = service.model(request.model)
        dialogue = Dialogue(prompt_from(request.prompt), request.response)
        tokens = await service.running(model, dialogue)
        return TraceAnswer(model=model.name, tokens=[TracedToken(**vars(one)) for one in tokens])

    return routes


def prompt_from(given: str | list[Turn]) -> Prompt:
    """A prompt of a request as data have it."""
    return given if isinstance(given, str) else prompt_of(given)
