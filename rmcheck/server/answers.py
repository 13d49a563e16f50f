"""Errors as a client of vLLM, or of TEI, expects them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from rmcheck.wording import escaped

TEI = frozenset({"/predict", "/info"})
"""The paths whose errors look like TEI's."""
MOST_PROBLEMS = 5
"""Problems of one request that are told."""


JSON = "application/json"
KINDS = {
    "input": "a text, a list of texts, token ids, or a list of token ids",
    "inputs": "a text, a list of one text or of a prompt and a response, or a list of such lists",
    "text_1": "a text or a list of texts",
    "text_2": "a text or a list of texts",
}
"""What keys are that may be of several kinds."""
_OF_KEYS = ("missing", "extra_forbidden")
"""What is wrong with a key, not with its value."""


class ErrorInfo(BaseModel):
    """What went wrong."""

    message: str
    type: str
    param: str | None = None
    code: int


class ErrorAnswer(BaseModel):
    """An error as vLLM writes it."""

    error: ErrorInfo


class TeiError(BaseModel):
    """An error as TEI writes it."""

    error: str
    error_type: str


_MEANINGS = {
    400: "The request cannot be read as it is",
    401: "The bearer token is missing or wrong",
    404: "No such model",
    413: "More bytes, texts or tokens than the server takes",
    429: "Too many texts wait; Retry-After says for how long",
    500: "The model failed on these texts",
    503: "The server stops, or the request took too long",
}
_TYPES = {
    400: ("BadRequestError", "Validation"),
    401: ("AuthenticationError", "Unauthorized"),
    404: ("NotFoundError", "Validation"),
    413: ("RequestTooLargeError", "Validation"),
    422: ("BadRequestError", "Tokenizer"),
    424: ("InternalServerError", "Backend"),
    429: ("RateLimitError", "Overloaded"),
    500: ("InternalServerError", "Backend"),
    503: ("ServiceUnavailableError", "Unhealthy"),
}
_ASKED = _MEANINGS.items()
REFUSALS: dict[int | str, dict[str, Any]] = {
    **{status: {"model": ErrorAnswer, "description": said} for status, said in _ASKED},
    "4XX": {"model": ErrorAnswer, "description": "Any other request that is refused"},
}
"""The errors of an endpoint that answers like vLLM."""
AS_TEI = {400: 422, 500: 424}
"""Statuses for which TEI has others."""
TEI_REFUSALS: dict[int | str, dict[str, Any]] = {
    **{
        AS_TEI.get(status, status): {"model": TeiError, "description": said}
        for status, said in _ASKED
        if status != 404
    },
    "4XX": {"model": TeiError, "description": "Any other request that is refused"},
}
"""The errors of an endpoint that answers like TEI."""


def refusal(
    path: str, status: int, message: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """The answer to a request on `path` that is refused."""
    said = escaped(message)
    if path in TEI:
        status = AS_TEI.get(status, status)
        body: BaseModel = TeiError(error=said, error_type=_TYPES.get(status, _TYPES[400])[1])
    else:
        kind = _TYPES.get(status, _TYPES[400])[0]
        body = ErrorAnswer(error=ErrorInfo(message=said, type=kind, code=status))
    return JSONResponse(body.model_dump(), status, headers=dict(headers or {}))


def problems(error: RequestValidationError, content_type: str = JSON) -> str:
    """All that is wrong with a request, in one line, without what was sent."""
    if not content_type.startswith(JSON):
        return f"expected a body of JSON with 'Content-Type: {JSON}', got {content_type or 'none'}"
    by_key: dict[str, dict[str, str]] = {}
    for each in error.errors():
        steps = _steps(each["loc"])
        where = ".".join(steps)
        key = steps[0] if steps else ""
        if key in KINDS and each["type"] not in _OF_KEYS:
            said = f"{key}: expected {KINDS[key]}, got {_kind(each['input'])}"
            by_key.setdefault(key, {key: said})  # the first is of the whole value
        else:
            by_key.setdefault(key, {}).setdefault(where, _line(where, each))
    told = [line for lines in by_key.values() for line in _deepest(lines)]
    shown, more = told[:MOST_PROBLEMS], len(told) - MOST_PROBLEMS
    return "; ".join([*shown, *([f"and {more} more"] if more > 0 else [])])


def _steps(place: Sequence[int | str]) -> list[str]:
    """The keys and indices of a place, without the names of the kinds of values."""
    steps = [str(step) for step in place[1:] if isinstance(step, int) or step.isidentifier()]
    return [step for step in steps if step not in ("str", "int", "bool")]


def _deepest(lines: Mapping[str, str]) -> list[str]:
    """The problems of the innermost part: a value may be of one of several kinds, and then its
    outer parts are wrong as each of the others."""
    depth = max(where.count(".") for where in lines)
    return [line for where, line in lines.items() if where.count(".") == depth]


def _line(where: str, problem: Mapping[str, Any]) -> str:
    kind = problem["type"]
    if kind == "missing":
        return f"{where} is missing"
    if kind == "extra_forbidden":
        return f"{where} is not a known key; remove it"
    if kind == "model_attributes_type":
        return f"{where or 'the body'}: expected an object, got {_kind(problem['input'])}"
    if kind == "json_invalid":
        return f"the body is not JSON: {problem['ctx']['error']}"
    if kind in ("too_short", "too_long"):
        bound = problem["ctx"].get("min_length", problem["ctx"].get("max_length"))
        most = "at least" if kind == "too_short" else "at most"
        return f"{where}: expected {most} {bound}, got {problem['ctx']['actual_length']}"
    said = str(problem["msg"]).replace("Input should be", "expected")
    return f"{where}: {said}" if where else said


def _kind(value: object) -> str:
    names = {str: "a text", bool: "true or false", int: "a number", float: "a number"}
    if isinstance(value, list):
        kinds = sorted({"a list" if isinstance(one, list) else _kind(one) for one in value})
        return f"a list of {', '.join(kinds)}" if kinds else "an empty list"
    if value is None or value == "":
        return "null" if value is None else "an empty text"
    return names.get(type(value), "an object")
