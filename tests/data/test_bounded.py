"""A chat template has some seconds and some room, in whatever thread it is rendered."""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from scoring.models import tokenizer as small_tokenizer

from rmcheck.data import Message, bounded
from rmcheck.data.template import prompt_prefix
from rmcheck.errors import SourceError

LOOP = "{% for i in range(99999) %}"
ENDLESS = {
    "loops within loops": LOOP * 4 + "{% endfor %}" * 4,
    "a macro that calls itself twice": (
        "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}"
    ),
    "output": LOOP * 2 + "{{ messages[0].content }}" + "{% endfor %}" * 2,
    "a long product": "{{ 'x' * 999999999 }}",
    "products of products": "{{ 999 * (('x' * 9999) * 99999) }}",
    "a list": "{{ [1, 2] * 999999999 }}",
    "a power": "{{ 10 ** 10 ** 10 }}",
    "a power behind tags": "{% generation %}{{ 10 ** 10 ** 10 }}{% endgeneration %}",
}
FAILING = {
    "a long range": "{% for i in range(1000000000000) %}{% endfor %}",
    "its own error": "{{ raise_exception('roles must alternate') }}",
    "no template": "{% for %}",
    "an attribute": "{{ messages.__class__.__mro__ }}",
    "endless recursion": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
}


def with_template(template: str) -> Any:
    inner = small_tokenizer()
    inner.chat_template = template
    return inner


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    assert bounded.SECONDS == 10
    monkeypatch.setattr(bounded, "SECONDS", 0.5)


@pytest.mark.parametrize("name", ENDLESS)
def test_a_template_that_never_ends_is_stopped_and_told(name: str) -> None:
    started = time.monotonic()
    with pytest.raises(SourceError, match=r"chat template .*use template: default") as caught:
        prompt_prefix("Why?" * 50, "chat", with_template(ENDLESS[name]))
    assert time.monotonic() - started < 6
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.fixture
def no_collection() -> Iterator[None]:
    """Finalizers of other tests' garbage would fail at the depth of an endless recursion."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("name", FAILING)
def test_a_template_that_fails_is_told_in_one_line(name: str) -> None:
    with pytest.raises(SourceError, match="chat template") as caught:
        prompt_prefix("Why?", "chat", with_template(FAILING[name]))
    assert "\n" not in str(caught.value)


def test_it_is_stopped_in_a_thread_too() -> None:
    said: list[str] = []

    def work() -> None:
        try:
            prompt_prefix("Why?", "chat", with_template(ENDLESS["loops within loops"]))
        except SourceError as error:
            said.append(str(error))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(6)
    assert said
    assert "did not finish within 0.5 s" in said[0]


def test_a_template_that_ends_gives_what_it_gave_and_leaves_no_trace() -> None:
    inner = with_template(
        "{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}{% endfor %}**{{ 2 * 3 }}"
    )
    turns = (Message("user", " Hi "), Message("assistant", "x" * 200_000))
    before = sys.gettrace()
    text = prompt_prefix(turns, "chat", inner)
    assert text == "<user>Hi<assistant>" + "x" * 200_000 + "**6"
    assert sys.gettrace() is before
    started = time.perf_counter()
    for number in range(300):
        prompt_prefix(f"Why {number}?", "chat", inner)
    assert time.perf_counter() - started < 3
