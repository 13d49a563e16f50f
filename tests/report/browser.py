"""A real Chromium for the tests of the page: loads files, tells what it asked of the network."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking",
)  # fmt: skip
# The packages that carry axe-core, the newest first.
AXE = (("axe_playwright_python", "axe.min.js"), ("axe_core_python", "axe.min.js"))
PATIENCE = 20.0

Found = TypeVar("Found")


class Browser:
    """A page at a time, from a file, in a window and colour scheme of the test's choosing."""

    def __init__(self, folder: Path) -> None:
        from selenium import webdriver
        from selenium.webdriver.chrome.options import Options
        from selenium.webdriver.chrome.service import Service

        options = Options()
        for flag in (*FLAGS, f"--user-data-dir={folder / 'profile'}"):
            options.add_argument(flag)
        options.binary_location = next(found for found in map(shutil.which, NAMES) if found)
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        self._folder = folder
        self.driver = webdriver.Chrome(
            options=options, service=Service(shutil.which("chromedriver"), log_output=os.devnull)
        )
        self.driver.set_script_timeout(60)

    def open(
        self,
        page: str,
        fragment: str = "",
        *,
        size: tuple[int, int] = (1280, 800),
        scheme: str = "light",
        script: bool = True,
    ) -> str:
        """Load a page's text as a file; gives its URL. With its script, waits until it is live."""
        path = self._folder / "index.html"
        path.write_text(page, encoding="utf-8")
        self.go("about:blank")
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            width=size[0], height=size[1], deviceScaleFactor=1, mobile=size[0] < 600,
        )  # fmt: skip
        self.devtools(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )
        self.devtools("Emulation.setScriptExecutionDisabled", value=not script)
        self.driver.get_log("performance")
        self.driver.get_log("browser")  # what earlier pages said
        self.go(f"{path.as_uri()}{fragment}")
        if script and 'id="data-rows"' in page:
            self.until(lambda: "live" in str(self.run("return document.documentElement.className")))
        return path.as_uri()

    def go(self, url: str) -> None:
        self.driver.get(url)

    def devtools(self, command: str, **arguments: Any) -> Any:
        return self.driver.execute_cdp_cmd(command, arguments)

    def run(self, script: str, *arguments: Any) -> Any:
        """The value of a function's body in the page; outside its policy, as a user's console."""
        return self.driver.execute_script(script, *arguments)

    def requests(self) -> list[str]:
        """What was asked of files and network since the page was opened."""
        asked = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                asked.append(message["params"]["request"]["url"])
        return asked

    def complaints(self) -> list[str]:
        """Errors and warnings on the console since the page was opened, or the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def until(self, wanted: Callable[[], Found]) -> Found:
        """Wait for something true."""
        end = time.monotonic() + PATIENCE
        while not (found := wanted()):
            assert time.monotonic() < end, "it did not come about"
            time.sleep(0.02)
        return found

    def press(self, *keys: str) -> None:
        """Press keys, wherever the focus is."""
        from selenium.webdriver import ActionChains

        chain = ActionChains(self.driver, duration=0)
        for key in keys:
            chain.send_keys(key)
        chain.perform()

    def click(self, element: Any) -> None:
        """Click in the middle of the window, where the bar at its top covers nothing."""
        self.run("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def find(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def texts(self, selector: str) -> list[str]:
        """The text content of all elements that fit, shown or not."""
        found: list[str] = self.run(
            "return Array.from(document.querySelectorAll(arguments[0]), e => e.textContent)",
            selector,
        )
        return found

    def axe(self, source: str) -> list[str]:
        """The serious and critical findings of axe-core, a line each."""
        if not self.run("return typeof axe !== 'undefined'"):
            self.run(source)
        found = self.driver.execute_async_script(
            "var done = arguments[0];"
            "axe.run().then(r => done(r.violations), e => done([{impact: 'critical',"
            " id: String(e), nodes: []}]))"
        )
        return [
            f"{each['impact']}: {each['id']}: {node['target']}: {node['failureSummary'][:200]}"
            for each in found
            if each["impact"] in {"serious", "critical"}
            for node in each["nodes"] or [{"target": "-", "failureSummary": "axe failed"}]
        ]

    def close(self) -> None:
        self.driver.quit()


def missing() -> str:
    """Why there is no browser to test with; empty where there is one."""
    if importlib.util.find_spec("selenium") is None:
        return "selenium is not installed"
    if not any(map(shutil.which, NAMES)):
        return "no chromium on PATH"
    return "" if shutil.which("chromedriver") else "no chromedriver on PATH"


def axe_source(packages: Sequence[tuple[str, str]] = AXE) -> str:
    """axe-core's script, from the first package that carries it; skips the test without one."""
    for package, name in packages:
        # Looked up, not imported: one of them imports a browser driver that is not needed here.
        for folder in sys.path:
            path = Path(folder) / package / name
            if path.is_file():
                return path.read_text(encoding="utf-8")
    pytest.skip("no axe-core: install axe-core-python")
