"""A source file with a `url`: a served model, as `sources/NAME.yaml` describes it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, MinLen
from pydantic import BaseModel, ConfigDict

from rmcheck.documents import located
from rmcheck.documents.located import Located
from rmcheck.errors import Problem, ProblemsFound, UsageError
from rmcheck.reward_source import SourceOptions
from rmcheck.sources.layout import is_template_file
from rmcheck.sources.model_source import resolved
from rmcheck.sources.served import ServedSource
from rmcheck.sources.served_settings import settings_of

Name = Annotated[str, MinLen(1)]


class ServedFile(BaseModel):
    """A source file of a served model.

    Parameters
    ----------
    source
        The format's version, 1.
    description
        One line.
    kind
        `http`, which the URL says, too.
    url
        The server: `http://HOST:PORT` or `https://HOST`, without a login.
    profile
        What the server is: `vllm`, `vllm-pooling`, `sglang`, `tei`, `infinity`, `openrlhf`, `nim`,
        `hf-endpoint` or `generic`.
    model
        The model's name on the server; not needed if it serves one.
    template
        How prompt and response are joined: `default`, `chat` (the chat template of `tokenizer`),
        `raw`, `messages` (the server formats them), or a Jinja file relative to this file.
    tokenizer
        The model's tokenizer, a folder relative to this file or a hub id; token ids are sent where
        the server takes them.
    end
        What is read after the response: `none`, `tokenizer`, `template` or `eos`.
    max_length
        In tokens, where token ids are sent; the beginning of the prompt of a longer text is cut.
    objective
        For a server with several numbers: the name of one, or a weight for each name.
    revision
        The revision of the weights, for a server that does not tell it; scores are then kept.
    api_key_env
        The environment variable with the server's key.
    timeout
        Seconds for one request.
    retry_for
        Seconds for which a failing request is repeated.
    concurrency
        Requests at once, at most.
    batch
        Texts in a request, at most.
    body
        For `generic`: the JSON of a request with placeholders such as `{text}` or `{texts}`.
    answer
        For `generic`: the path to the numbers of an answer, `$.scores[*]`.
    index
        For `generic`: the path to the place of each number in the request.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)

    source: Literal[1]
    description: str = ""
    kind: Literal["http"] = "http"
    url: Name
    profile: Name
    model: Name | None = None
    template: Name | None = None
    tokenizer: Name | None = None
    end: Literal["none", "tokenizer", "template", "eos"] | None = None
    max_length: Annotated[int, Ge(1)] | None = None
    objective: Name | Annotated[dict[str, float], MinLen(1)] | None = None
    revision: Name | None = None
    api_key_env: Name | None = None
    timeout: Annotated[float, Gt(0)] | None = None
    retry_for: Annotated[float, Gt(0)] | None = None
    concurrency: Annotated[int, Ge(1)] | None = None
    batch: Annotated[int, Ge(1)] | None = None
    body: Name | dict[str, Any] | None = None
    answer: Name | None = None
    index: Name | None = None


NOT_SETTINGS = ("source", "description", "kind", "url")


def create(
    document: Located, path: Path, shown: str, spec: str, options: SourceOptions
) -> ServedSource:
    """The served model of a source file.

    Raises ProblemsFound if it has errors.
    """
    given = located.validate(ServedFile, document, label="source file")
    said = {
        key: value
        for key, value in given.model_dump().items()
        if value is not None and key not in NOT_SETTINGS
    }
    if isinstance(given.objective, dict):
        weights = given.objective.items()
        said["objective"] = "+".join(f"{weight!r}*{name}" for name, weight in weights)
    for key in ("template", "tokenizer"):
        there = resolved(said[key], path.parent) if key in said else None
        if there is not None and (there.is_dir() or is_template_file(said[key], path.parent)):
            said[key] = str(there)
    try:
        settings = settings_of(shown, given.url, said, options.root, shown)
        return ServedSource(replace(settings, spec=spec), options)
    except UsageError as error:
        said_before = (f"{shown}: ", f"{spec}: ")
        raise ProblemsFound([placed(document, said_before, str(error.args[0]))]) from None


def placed(document: Located, said_before: tuple[str, ...], text: str) -> Problem:
    """A mistake at the key that it is about, if it names one."""
    for prefix in said_before:
        text = text.removeprefix(prefix)
    key = text.partition(":")[0].partition(" ")[0]
    place = key if key in document.value else "url"
    return document.problem((place,), text)
