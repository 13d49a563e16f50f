"""The page that compares responses, in a real browser: numbers, keys, links, history, themes."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from report.browser import Browser, axe_source
from scoring.models import save

from .apps import client, opened, running, service

pytestmark = pytest.mark.slow

CONTROL, ALT, ENTER, LEFT, HOME = "\ue009", "\ue00a", "\ue007", "\ue012", "\ue011"
PROMPT = "Why did nobody live in the old house by the river?"
RESPONSES = ("Because the river ran too near.", "the cat sat on a mat", "rain, <img src=x>")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Two causal models."""
    folder = tmp_path_factory.mktemp("page")
    save(folder / "model")
    save(folder / "second", "llama", seed=1)
    given = service(opened(folder), beside=opened(folder, "hf:second"))
    with running(given) as url:
        yield url


def fragment(*texts: str) -> str:
    return "#" + base64.urlsafe_b64encode(
        json.dumps(texts, separators=(",", ":")).encode()
    ).decode().rstrip("=")


def opened_page(
    browser: Browser, url: str, size: tuple[int, int] = (1280, 900), scheme: str = "light"
) -> None:
    browser.go("about:blank")
    browser.devtools(
        "Emulation.setDeviceMetricsOverride",
        width=size[0], height=size[1], deviceScaleFactor=1, mobile=size[0] < 600,
    )  # fmt: skip
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.devtools("Emulation.setEmulatedMedia", features=features)
    browser.complaints()
    browser.requests()
    browser.go(url)


def scored(browser: Browser, count: int) -> None:
    browser.until(lambda: len(browser.texts(".score-of strong")) == count)


def numbers(browser: Browser, selector: str) -> list[float]:
    return [float(text.replace("−", "-")) for text in browser.texts(selector)]


def rewards_of(browser: Browser, url: str, model: str) -> list[float]:
    found: list[float] = browser.run(
        "const asked = new XMLHttpRequest(); asked.open('POST', arguments[0], false);"
        "asked.setRequestHeader('Content-Type', 'application/json');"
        "asked.send(arguments[1]); return JSON.parse(asked.responseText).rewards;",
        f"{url}/rewards",
        json.dumps({"prompt": PROMPT, "responses": RESPONSES, "model": model}),
    )
    return found


def test_a_prompt_and_responses_are_typed_and_scored_with_keys(
    browser: Browser, served: str
) -> None:
    opened_page(browser, served)
    browser.until(lambda: "it and other" in browser.find("#models").text)
    browser.find("#prompt").send_keys(PROMPT)
    browser.find("#response-1").send_keys(RESPONSES[0])
    browser.find("#response-2").send_keys(RESPONSES[1])
    browser.find("#response-2").send_keys(ALT + ENTER)
    browser.until(lambda: len(browser.texts("#responses > li")) == 3)
    assert browser.run("return document.activeElement.id") == "response-3"
    browser.find("#response-3").send_keys(RESPONSES[2])
    browser.find("#response-3").send_keys(CONTROL + ENTER)
    scored(browser, 6)
    first, second = (rewards_of(browser, served, name) for name in ("it", "other"))
    shown = numbers(browser, ".score-of strong")
    assert shown[0::2] == pytest.approx(first, abs=5e-5)
    assert shown[1::2] == pytest.approx(second, abs=5e-5)
    ranks = [f"rank {1 + sum(other > one for other in first)}" for one in first]
    assert browser.texts(".model-0 .rank") == ranks
    widths = browser.run(
        "return Array.from(document.querySelectorAll('.model-0 .fill-bar'), b => b.style.width)"
    )
    low, high = min(first), max(first)
    expected = [f"{100 * (one - low) / (high - low):.2f}%" for one in first]
    assert [float(one[:-1]) for one in widths] == pytest.approx(
        [float(one[:-1]) for one in expected], abs=0.02
    )
    cells = browser.texts(".matrix:first-child td")[1:]
    chances = [1 / (1 + math.exp(other - one)) for one in first for other in first]
    told = ["–" if place % 4 == 0 else f"{chance:.3f}" for place, chance in enumerate(chances)]
    assert cells == told
    apart = sum(
        (first[a] > first[b]) != (second[a] > second[b]) for a, b in ((0, 1), (0, 2), (1, 2))
    )
    said = browser.find("#agreement").text
    assert said == (
        f"The models order {apart} of 3 pairs differently."
        if apart
        else "Both models order the responses in the same way."
    )
    assert browser.texts("img") == []
    assert browser.complaints() == []


def test_a_link_brings_the_texts_and_asks_nobody_else(browser: Browser, served: str) -> None:
    link = f"{served}/{fragment(PROMPT, *RESPONSES)}"
    opened_page(browser, link)
    scored(browser, 6)
    assert browser.run("return document.getElementById('prompt').value") == PROMPT
    assert browser.run("return document.getElementById('response-3').value") == RESPONSES[2]
    asked = [url for url in browser.requests() if not url.startswith("data:")]
    assert {url.split("#")[0] for url in asked} == {
        f"{served}/", f"{served}/v1/models", f"{served}/rewards"
    }  # fmt: skip
    # What is typed changes the link with the next scores, and the old scores are gone at once.
    browser.find("#response-1").send_keys("!")
    assert browser.texts(".score-of strong") == []
    browser.find("#form button[type=submit]").click()
    scored(browser, 6)
    assert browser.run("return location.hash") == fragment(
        PROMPT, RESPONSES[0] + "!", *RESPONSES[1:]
    )


def test_the_running_reward_ends_at_the_reward(browser: Browser, served: str) -> None:
    opened_page(browser, f"{served}/{fragment(PROMPT, *RESPONSES[:2])}")
    scored(browser, 4)
    browser.click(browser.find(".traces button"))
    browser.until(lambda: len(browser.texts(".tokens")) == 2)
    text = browser.texts(".tokens")[0]
    assert text == f"Human: {PROMPT}\n\nAssistant: {RESPONSES[0]}"
    caption = browser.texts(".caption")[0]
    reward = browser.texts(".score-of strong")[0]
    assert caption.endswith(")")
    assert f": {reward} (" in caption
    count = len(browser.texts(".trace:first-child .tokens span"))
    assert f"After token {count} of {count}" in caption
    browser.run("document.querySelector('.tokens').focus()")
    browser.press(LEFT)
    assert f"After token {count - 1} of {count}" in browser.texts(".caption")[0]
    browser.press(HOME)
    assert f'After token 1 of {count}, "H' in browser.texts(".caption")[0]


def test_the_history_is_kept_and_cleared(browser: Browser, served: str) -> None:
    opened_page(browser, f"{served}/{fragment('first prompt', 'a', 'b')}")
    scored(browser, 4)
    opened_page(browser, f"{served}/{fragment(PROMPT, *RESPONSES)}")
    scored(browser, 6)
    browser.find("#show-history").click()
    prompts = browser.texts("#past button span")
    assert prompts[:2] == [PROMPT, "first prompt"]
    browser.click(browser.run("return document.querySelectorAll('#past button')[1]"))
    scored(browser, 4)
    assert browser.run("return document.getElementById('prompt').value") == "first prompt"
    browser.find("#show-history").click()
    browser.find("#clear-history").click()
    browser.find("#show-history").click()
    assert browser.texts("#past li") == ["Nothing was scored yet."]
    browser.find("#close-history").click()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1400])
def test_anybody_can_read_it_at_any_width(
    browser: Browser, served: str, width: int, scheme: str
) -> None:
    opened_page(browser, f"{served}/{fragment(PROMPT, *RESPONSES)}", (width, 800), scheme)
    scored(browser, 6)
    browser.click(browser.find(".traces button"))
    browser.until(lambda: len(browser.texts(".tokens")) == 2)
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    assert browser.axe(axe_source()) == []
    ground = browser.run("return getComputedStyle(document.body).backgroundColor")
    browser.find("#theme").click()
    assert browser.run("return getComputedStyle(document.body).backgroundColor") != ground
    assert browser.axe(axe_source()) == []


def test_the_page_of_requests_asks_for_nothing_but_itself(browser: Browser, served: str) -> None:
    opened_page(browser, f"{served}/docs")
    titles = browser.texts(".request h2")
    assert {"POST /classify", "POST /score", "POST /predict", "GET /info"} <= set(titles)
    assert [one for one in browser.requests() if not one.startswith("data:")] == [f"{served}/docs"]
    assert browser.axe(axe_source()) == []
    assert browser.complaints() == []


def test_a_token_is_asked_for_and_used(browser: Browser) -> None:
    with running(service(token="s3cret")) as url:
        opened_page(browser, f"{url}/{fragment('p', 'a', 'bb')}")
        browser.until(lambda: not browser.find("#token-form").get_attribute("hidden"))
        browser.find("#token").send_keys("s3cret" + ENTER)
        browser.until(lambda: "Rewards of it." in browser.find("#models").text)
        browser.find("#form button[type=submit]").click()
        scored(browser, 2)
        assert numbers(browser, ".score-of strong") == pytest.approx([0.9, 1.9])


def test_an_error_is_told(browser: Browser, served: str) -> None:
    opened_page(browser, f"{served}/{fragment(PROMPT, 'a', 'b')}")
    scored(browser, 4)
    browser.run("window.fetch = () => Promise.reject(new Error('gone'))")
    browser.find("#form button[type=submit]").click()
    browser.until(lambda: "The server does not answer" in browser.find("#status").text)


def test_the_page_is_whole_and_may_run_its_own_script_only(tmp_path: Path) -> None:
    with client(service()) as asked:
        for path in ("/", "/docs"):
            answer = asked.get(path)
            assert "http" not in answer.text.replace("http://www.w3.org/2000/svg", "")
            policy = answer.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'; style-src 'sha256-")
            assert "connect-src 'self'" in policy
            assert "unsafe" not in policy
