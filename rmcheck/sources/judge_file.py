"""A source file of kind `judge`: a language model as judge, as `sources/NAME.yaml` describes it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Gt, MinLen
from pydantic import BaseModel, ConfigDict

from rmcheck.documents import located
from rmcheck.documents.located import Located
from rmcheck.errors import ProblemsFound, UsageError
from rmcheck.remote.judge.prompt import DEFAULT
from rmcheck.reward_source import SourceOptions
from rmcheck.sources.judge import Judge, of_settings
from rmcheck.sources.judge_settings import settings_of
from rmcheck.sources.model_source import resolved
from rmcheck.sources.served_file import NOT_SETTINGS, placed

Name = Annotated[str, MinLen(1)]


class JudgeFile(BaseModel):
    """A source file of a judge.

    Parameters
    ----------
    source
        The format's version, 1.
    description
        One line.
    kind
        `judge`.
    url
        The server: `http://HOST:PORT` or `https://HOST`, without a login.
    model
        The model's name on the server; not needed if it serves one.
    mode
        `score`: a grade from 1 to 10 for each response; `pairwise`: two responses are compared, in
        both orders.
    prompt
        What the judge is asked: `default`, or a Jinja file relative to this file.
    logprobs
        Whether scores are computed from log-probabilities: `true`, `false`, or `auto` (if the
        server gives them).
    max_tokens
        Tokens of an answer at most; more than the default for a model that thinks first.
    revision
        The revision of the model, which servers do not tell; answers are then kept.
    api_key_env
        The environment variable with the server's key.
    timeout
        Seconds for one request.
    retry_for
        Seconds for which a failing request is repeated.
    concurrency
        Requests at once, at most.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)

    source: Literal[1]
    description: str = ""
    kind: Literal["judge"]
    url: Name
    model: Name | None = None
    mode: Literal["score", "pairwise"] | None = None
    prompt: Name | None = None
    logprobs: bool | Literal["auto"] | None = None
    max_tokens: Annotated[int, Ge(1)] | None = None
    revision: Name | None = None
    api_key_env: Name | None = None
    timeout: Annotated[float, Gt(0)] | None = None
    retry_for: Annotated[float, Gt(0)] | None = None
    concurrency: Annotated[int, Ge(1)] | None = None


def create(document: Located, path: Path, shown: str, spec: str, options: SourceOptions) -> Judge:
    """The judge of a source file.

    Raises ProblemsFound if it has errors.
    """
    given = located.validate(JudgeFile, document, label="source file")
    said = {
        key: value
        for key, value in given.model_dump().items()
        if value is not None and key not in NOT_SETTINGS
    }
    if given.prompt not in (None, DEFAULT):
        said["prompt"] = str(resolved(given.prompt, path.parent))
    try:
        settings = settings_of(shown, given.url, said, options.root, shown)
        return of_settings(replace(settings, spec=spec), options)
    except UsageError as error:
        said_before = (f"{shown}: ", f"{spec}: ")
        raise ProblemsFound([placed(document, said_before, str(error.args[0]))]) from None
