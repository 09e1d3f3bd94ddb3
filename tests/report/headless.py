"""A headless Chromium, spoken to over its debugging pipe: pages, scripts, screenshots, prints.

Knows the Chrome DevTools Protocol (https://chromedevtools.github.io/devtools-protocol/) and no
report. Standard library only; nothing is downloaded and no port is opened.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PATIENCE_S = 60.0
# Chromium reads commands from descriptor 3 and answers on 4; no shell can be relied on to move
# descriptors above 9 there.
LAUNCH = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(n), fcntl.F_DUPFD, 10) for n in sys.argv[1:3]]
for end, at in zip(ends, (3, 4)):
    os.dup2(end, at)
os.execv(sys.argv[3], sys.argv[3:])
"""
OPTIONS = (
    "--headless", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
    "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--mute-audio",
)  # fmt: skip


def found() -> str | None:
    """The path of a Chromium or Chrome on this machine."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@dataclass
class Page:
    """One open page; ``requests`` are the addresses it asked for, ``errors`` what it complained."""

    _browser: Chromium
    _session: str
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    loaded: bool = False

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the protocol."""
        return self._browser.call(method, params, self._session)

    def evaluate(self, script: str) -> Any:
        """The value of a script, a promise awaited.

        Raises:
            RuntimeError: if it throws.
        """
        found = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"]["exception"].get("description", "?"))
        return found["result"].get("value")

    def press(self, key: str, code: int) -> None:
        """One key down and up, ``code`` its Windows virtual key code."""
        named = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        written = {"text": "\r"} if key == "Enter" else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", **named, **written)
        self.call("Input.dispatchKeyEvent", type="keyUp", **named)

    def screenshot(self, *, full: bool = False, height: int | None = None) -> bytes:
        """The page as PNG: what the window shows, all of it, or its first ``height`` pixels."""
        options: dict[str, Any] = {"format": "png"}
        if full or height:
            size = self.call("Page.getLayoutMetrics")["cssContentSize"]
            wanted = min(size["height"], height or size["height"])
            clip = {"x": 0, "y": 0, "width": size["width"], "height": wanted, "scale": 1}
            options |= {"captureBeyondViewport": True, "clip": clip}
        return base64.b64decode(self.call("Page.captureScreenshot", **options)["data"])

    def print(self) -> bytes:
        """The page as PDF on A4."""
        found = self.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)
        return base64.b64decode(found["data"])

    def told(self, method: str, params: Mapping[str, Any]) -> None:
        """Take in one event."""
        if method == "Page.loadEventFired":
            self.loaded = True
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.errors.append(str(params["exceptionDetails"].get("exception", params)))
        elif method == "Log.entryAdded" and params["entry"]["level"] in {"error", "warning"}:
            self.errors.append(params["entry"]["text"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in {"error", "warning"}:
            self.errors.append(str(params["args"]))


class Chromium:
    """A running browser; use as a context manager."""

    def __init__(self, path: str) -> None:
        self._folder = tempfile.TemporaryDirectory(
            prefix="rabbench-chromium-", ignore_cleanup_errors=True
        )
        their_in, self._out = os.pipe()
        self._in, their_out = os.pipe()
        launch = [sys.executable, "-c", LAUNCH, str(their_in), str(their_out), path]
        self._process = subprocess.Popen(
            [*launch, *OPTIONS, f"--user-data-dir={self._folder.name}", "about:blank"],
            pass_fds=(their_in, their_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(their_in)
        os.close(their_out)
        self._id, self._held = 0, b""
        self._pages: dict[str, Page] = {}

    def __enter__(self) -> Chromium:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._out)
        os.close(self._in)
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()

    def call(
        self, method: str, params: Mapping[str, Any], session: str | None = None
    ) -> dict[str, Any]:
        """Send a command and wait for its answer; events on the way go to their pages."""
        self._id += 1
        mine = self._id
        message: dict[str, Any] = {"id": mine, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        for answer in self._messages():
            if answer.get("id") == mine:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                result: dict[str, Any] = answer["result"]
                return result
        raise AssertionError("unreachable: _messages ends by raising")

    def _messages(self) -> Iterator[dict[str, Any]]:
        end = time.monotonic() + PATIENCE_S
        while True:
            while b"\0" not in self._held:
                ready, _, _ = select.select([self._in], [], [], max(end - time.monotonic(), 0))
                part = os.read(self._in, 1 << 20) if ready else b""
                if not part:
                    raise TimeoutError("Chromium did not answer, or has ended")
                self._held += part
            text, _, self._held = self._held.partition(b"\0")
            message = json.loads(text)
            page = self._pages.get(message.get("sessionId", ""))
            if page is not None and "method" in message:
                page.told(message["method"], message["params"])
            yield message

    @contextmanager
    def page(
        self,
        url: str,
        *,
        width: int = 1280,
        height: int = 900,
        dark: bool = False,
        media: str = "",
        scripts: bool = True,
        scale: float = 1.0,
    ) -> Iterator[Page]:
        """Open a page, on a phone where ``width`` is below 600, and wait until it is loaded."""
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        attached = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})
        page = self._pages[attached["sessionId"]] = Page(self, attached["sessionId"])
        for domain in ("Page", "Runtime", "Network", "Log"):
            page.call(f"{domain}.enable")
        page.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=scale, mobile=width < 600,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        page.call("Emulation.setEmulatedMedia", media=media, features=[scheme])
        page.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        page.loaded = False
        page.call("Page.navigate", url=url)
        if not page.loaded:
            for _ in self._messages():
                if page.loaded:
                    break
        yield page
        self.call("Target.closeTarget", {"targetId": target})


def address(path: Path) -> str:
    """A file as an address."""
    return path.resolve().as_uri()
