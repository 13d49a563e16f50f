"""The ASGI app: the endpoints, what they answer to errors, and the guard before them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from rmcheck import __version__
from rmcheck.server import compared, page, tei, vllm
from rmcheck.server.answers import REFUSALS, TEI, problems, refusal
from rmcheck.server.guard import Guard
from rmcheck.server.limits import Refused, TooLarge, TooLong
from rmcheck.server.metrics import FORMAT
from rmcheck.server.service import Service

ABOUT = """\
Rewards of a reward model, with the requests of vLLM (`/classify`, `/score`, `/v1/models`) and of \
Text Embeddings Inference (`/predict`, `/info`). As in those servers, a score is a sigmoid unless \
the request asks for the reward itself: `use_activation: false`, `raw_scores: true`. Requests that \
arrive together are scored together; a score does not depend on it beyond 0.00001."""


class Health(BaseModel):
    """The server is up."""

    status: str = "ok"


def application(service: Service) -> FastAPI:
    """The app of a service; its models are loaded already.

    Parameters
    ----------
    service
        Models, limits, token.
    """

    @contextlib.asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        await service.queue.start()
        try:
            yield
        finally:
            await service.queue.stop()

    app = FastAPI(
        title="rmcheck serve", version=__version__, description=ABOUT, lifespan=life,
        docs_url=None, redoc_url=None,
    )  # fmt: skip
    for routes in (vllm.router(service), tei.router(service), compared.router(service)):
        app.include_router(routes)
    app.include_router(_state(service))
    app.include_router(page.router())
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _failed)
    named = frozenset(str(getattr(route, "path", "")) for route in app.routes)
    app.add_middleware(Guard, service=service, endpoints=frozenset(app.openapi()["paths"]) | named)
    return app


def _state(service: Service) -> APIRouter:
    routes = APIRouter(tags=["server"])

    @routes.get("/health")
    async def health() -> Health:
        """Whether the server answers."""
        return Health()

    @routes.get(
        "/metrics",
        response_class=PlainTextResponse,
        responses={401: REFUSALS[401], "4XX": REFUSALS["4XX"]},
    )
    async def metrics() -> PlainTextResponse:
        """Requests, texts, seconds, queue, rewards, ties and drift, in the format of Prometheus."""
        return PlainTextResponse(service.metrics.text(), media_type=FORMAT)

    return routes


def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refused)
    after = error.retry_after
    headers = {} if after is None else {"Retry-After": str(after)}
    path, status = request.url.path, error.status
    if isinstance(error, TooLong) and path in TEI:
        status = TooLarge.status  # vLLM says 400
    return refusal(path, status, str(error), headers)


def _not_valid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return refusal(request.url.path, 400, problems(error, request.headers.get("content-type", "")))


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return refusal(request.url.path, error.status_code, str(error.detail), error.headers)


def _failed(request: Request, _: Exception) -> JSONResponse:
    """What is not the client's to know; the traceback is on the server's terminal."""
    return refusal(request.url.path, 500, "the server failed on this request; see its output")
