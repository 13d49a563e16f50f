"""What stands before the endpoints: the token and the size of a request."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from rmcheck.server.limits import Limits

from .apps import client, service

BODY = {"prompt": "p", "responses": ["a"]}


@pytest.fixture(scope="module")
def guarded() -> Iterator[TestClient]:
    with client(service(token="s3cret", limits=Limits(body=2000))) as found:
        yield found


WRONG = (None, "s3cret", "Bearer s3cre", "Bearer s3cret2", "Basic s3cret", "Bearer ", "Bearer \xe9")


@pytest.mark.parametrize("given", WRONG)
def test_without_the_token_there_is_no_answer(guarded: TestClient, given: str | None) -> None:
    headers = {} if given is None else {"Authorization": given.encode("latin-1")}
    for path in ("/rewards", "/classify", "/score", "/predict", "/trace"):
        answer = guarded.post(path, json=BODY, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert "s3cret" not in answer.text
    for path in ("/v1/models", "/info", "/metrics", "/other"):
        assert guarded.get(path, headers=headers).status_code == 401


def test_with_the_token_there_is_one(guarded: TestClient) -> None:
    for kind in ("Bearer", "bearer"):
        answer = guarded.post("/rewards", json=BODY, headers={"Authorization": f"{kind} s3cret"})
        assert answer.json()["rewards"] == [0.9]


def test_health_page_and_description_need_no_token(guarded: TestClient) -> None:
    for path in ("/health", "/", "/docs", "/openapi.json"):
        assert guarded.get(path).status_code == 200


def test_a_body_that_is_too_large_is_refused_whether_it_says_so_or_not(guarded: TestClient) -> None:
    headers = {"Authorization": "Bearer s3cret", "Content-Type": "application/json"}
    large = b'{"prompt": "' + b"p" * 2000 + b'", "responses": ["a"]}'
    whole = guarded.post("/rewards", content=large, headers=headers)
    parts = guarded.post("/rewards", content=iter([large[:900], large[900:]]), headers=headers)
    for answer in (whole, parts):
        assert answer.status_code == 413
        assert "the request is larger than 0.00191 MB" in answer.text
    just = b'{"prompt": "' + b"p" * 1000 + b'", "responses": ["a"]}'
    answer = guarded.post("/rewards", content=iter([just[:900], just[900:]]), headers=headers)
    assert answer.json()["rewards"] == [1 - 100.0]
