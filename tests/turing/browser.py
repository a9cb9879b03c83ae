"""A headless Chromium for the tests of pages: Debian's packages `chromium` and `chromium-driver`."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from extras import needs

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
KEYS = {"left": "f", "right": "j"}


def started(profile: Path) -> Iterator[Any]:
    """A driver, until the generator is closed. Skips if there is no browser."""
    needs("test")
    programs = [shutil.which("chromium"), shutil.which("chromedriver")]
    if None in programs:
        pytest.skip("chromium is not installed: apt-get install chromium chromium-driver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = programs[0]
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(programs[1]))
    try:
        yield driver
    finally:
        driver.quit()


class Session:
    """A scripted rater in front of one page."""

    def __init__(self, driver: Any, page: Path, width: int = 1024, height: int = 768) -> None:
        self.driver = driver
        self.resize(width, height)
        driver.get(page.as_uri())

    def resize(self, width: int, height: int, *, mobile: bool = False) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def js(self, script: str) -> Any:
        return self.driver.execute_script(script)

    def text(self, name: str) -> str:
        return self.js(f"return document.getElementById('{name}').innerText")

    def visible(self, name: str) -> bool:
        return self.js(f"return document.getElementById('{name}').checkVisibility()")

    def click(self, name: str) -> None:
        self.driver.find_element("id", name).click()

    def press(self, key: str) -> None:
        for kind in ("rawKeyDown", "keyUp"):
            self.driver.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": kind, "key": key})

    def touch(self, name: str) -> None:
        box = self.js(f"return document.getElementById('{name}').getBoundingClientRect().toJSON()")
        point = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        self.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
        self.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    def until(self, condition: str, seconds: float = 20) -> None:
        """Wait until a JavaScript expression is true."""
        end = time.monotonic() + seconds
        while not self.js(f"return Boolean({condition})"):
            assert time.monotonic() < end, f"never: {condition}"
            time.sleep(0.01)

    def ready(self) -> bool:
        """Wait for a trial that accepts an answer, going on from every break. False at the end."""
        self.until(
            "(running && running.accepts) || !byId('break').hidden || !byId('done').hidden || !byId('next').hidden"
        )
        if self.visible("done"):
            return False
        if self.visible("break"):
            self.click("continue")
            return self.ready()
        if self.visible("next"):
            self.click("next")
            self.until("byId('next').hidden || !byId('break').hidden || !byId('done').hidden")
            return self.ready()
        return True

    def answers(self) -> dict[str, Any]:
        return json.loads(self.js("return byId('code').value"))
