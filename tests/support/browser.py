"""A headless Chromium that a test starts for itself and speaks to over two pipes."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from required import program

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
_IN, _OUT = 3, 4
"""The descriptors on which Chromium reads commands and answers, by its option for pipes."""
_WATCHED = (
    "Runtime.consoleAPICalled",
    "Runtime.exceptionThrown",
    "Log.entryAdded",
    "Network.requestWillBeSent",
)


_TOO_WIDE = """[...document.querySelectorAll('body *')].filter(one => {
  for (let box = one.parentElement; box; box = box.parentElement)
    if (['auto', 'scroll', 'hidden'].includes(getComputedStyle(box).overflowX)) return false;
  return one.getBoundingClientRect().right > {width} + 1;
}).map(one => one.outerHTML.slice(0, 120))"""


@dataclass
class Browser:
    """One browser with one page; `heard` are the events of the page that was opened last.

    Protocol: https://chromedevtools.github.io/devtools-protocol/, each message JSON and a zero byte.
    """

    commands: int
    answers: int
    session: str = ""
    width: int = 0
    sent: int = 0
    rest: bytes = b""
    heard: list[dict[str, Any]] = field(default_factory=list)

    def open(self, file: Path, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Load a file in a window of that size, and wait until it is drawn."""
        self.heard.clear()
        self.width = width
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self("Emulation.setEmulatedMedia", media="", features=[scheme])
        self("Page.navigate", url=file.resolve().as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.heard):
            self.heard.append(self._message())

    def value(self, script: str) -> Any:
        """What a script gives on the page."""
        answer = self("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def picture(self, file: Path, *, whole: bool = True) -> None:
        """Write the page as PNG: from top to end, or what the window shows."""
        answer = self("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(answer["data"]))

    def pdf(self) -> bytes:
        """The page as a person prints it, on A4."""
        paper = {"paperWidth": 8.27, "paperHeight": 11.69, "printBackground": True}
        return base64.b64decode(self("Page.printToPDF", **paper, displayHeaderFooter=False)["data"])

    def too_wide(self) -> list[str]:
        """The elements that reach beyond the window, if the page does; a phone's would grow with them."""
        reaches = self.value(f"document.documentElement.scrollWidth > {self.width}")
        return list(self.value(_TOO_WIDE.replace("{width}", str(self.width)))) if reaches else []

    def told(self) -> list[str]:
        """What the page complained of, and every address that it asked for beyond its own file."""
        found = []
        for event in self.heard:
            if event["method"] not in _WATCHED:
                continue
            address = event["params"].get("request", {}).get("url", "")
            if event["method"] != "Network.requestWillBeSent" or not address.startswith(("file:", "data:")):
                found.append(f"{event['method']} {address or json.dumps(event['params'])[:300]}")
        return found

    def __call__(self, method: str, **parameters: Any) -> dict[str, Any]:
        self.sent += 1
        number = self.sent
        command = {"id": number, "method": method, "params": parameters}
        if self.session:
            command["sessionId"] = self.session
        data = json.dumps(command).encode() + b"\0"
        while data:
            data = data[os.write(self.commands, data) :]
        while True:
            message = self._message()
            if message.get("id") == number:
                assert "error" not in message, message
                found: dict[str, Any] = message["result"]
                return found
            if "method" in message:
                self.heard.append(message)

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self.rest:
            more = os.read(self.answers, 1 << 16)
            if not more:
                raise ConnectionError("the browser has ended")
            self.rest += more
        text, _, self.rest = self.rest.partition(b"\0")
        found: dict[str, Any] = json.loads(text)
        return found


@contextmanager
def chromium(profile: Path) -> Iterator[Browser]:
    """A browser with a new profile in that folder; ended afterwards."""
    path = program("/usr/bin/chromium", "chromium")
    ours, theirs = _pipe(), _pipe()
    environment = {"HOME": str(profile), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    quiet = os.open(os.devnull, os.O_WRONLY)
    actions = [
        (os.POSIX_SPAWN_DUP2, ours[0], _IN),
        (os.POSIX_SPAWN_DUP2, theirs[1], _OUT),
        (os.POSIX_SPAWN_DUP2, quiet, 2),
    ]
    arguments = [str(path), *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
    process = os.posix_spawn(path, arguments, environment, file_actions=actions, setpgroup=0)
    for end in (ours[0], theirs[1], quiet):
        os.close(end)
    browser = Browser(ours[1], theirs[0])
    try:
        target = browser("Target.createTarget", url="about:blank")["targetId"]
        browser.session = browser("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            browser(f"{domain}.enable")
        yield browser
    finally:
        os.close(ours[1])
        os.close(theirs[0])
        _end(process)


def _pipe() -> tuple[int, int]:
    """Both ends above the descriptors that the browser gets, so that none is overwritten before its turn."""
    ends = os.pipe()
    moved = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return moved[0], moved[1]


def _end(process: int) -> None:
    """A browser whose pipe is closed ends by itself; its group is ended if it takes long."""
    for _ in range(50):
        if os.waitpid(process, os.WNOHANG) != (0, 0):
            return
        time.sleep(0.1)
    os.killpg(process, signal.SIGKILL)
    os.waitpid(process, 0)
