"""A real Chromium, spoken to over its DevTools protocol: widths that a window cannot have, light and dark."""

from __future__ import annotations

import base64
import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from websockets.sync.client import ClientConnection, connect

SECONDS = 60


def chromium() -> str | None:
    """The browser's program; None where there is none."""
    return next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)  # fmt: skip


class Tab:
    """One page of the browser."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._numbers = itertools.count(1)

    def ask(self, method: str, **parameters: Any) -> Any:
        number = next(self._numbers)
        self._connection.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._connection.recv(SECONDS))
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]

    def show(self, page: Path, width: int, *, dark: bool = False) -> None:
        """Opens a file in a window of that width, and waits until it is drawn."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=844, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])
        self.ask("Page.navigate", url=page.as_uri())
        deadline = time.monotonic() + SECONDS
        while self.value("document.readyState + location.href") != f"complete{page.as_uri()}":
            assert time.monotonic() < deadline, f"{page} was not drawn"
            time.sleep(0.02)

    def value(self, expression: str) -> Any:
        """What an expression of JavaScript gives, in the page."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def screenshot(self) -> bytes:
        """The whole page, however long."""
        return base64.b64decode(self.ask("Page.captureScreenshot", captureBeyondViewport=True)["data"])


@contextmanager
def browser() -> Iterator[Tab]:
    """A tab of a browser with a profile of its own; nothing is left behind."""
    program = chromium()
    assert program is not None
    with TemporaryDirectory(prefix="techtrade-browser-", ignore_cleanup_errors=True) as folder:
        process = subprocess.Popen(
            [
                program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-port=0", f"--user-data-dir={folder}",
                "about:blank",
            ],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            with connect(_address(process, Path(folder)), max_size=None) as connection:
                yield _tab(connection)
        finally:
            process.terminate()
            process.wait(SECONDS)


def _address(process: subprocess.Popen[bytes], folder: Path) -> str:
    """Where the browser listens: it writes that down once it does."""
    told, deadline = folder / "DevToolsActivePort", time.monotonic() + SECONDS
    while True:
        lines = told.read_text().split() if told.exists() else []
        if len(lines) == 2:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        assert process.poll() is None and time.monotonic() < deadline, "the browser did not start"
        time.sleep(0.05)


def _tab(connection: ClientConnection) -> Tab:
    whole = Tab(connection)
    target = whole.ask("Target.createTarget", url="about:blank")["targetId"]
    session = whole.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    return _Session(connection, session)


class _Session(Tab):
    def __init__(self, connection: ClientConnection, session: str) -> None:
        super().__init__(connection)
        self._session = session
        self._numbers = itertools.count(1000)

    def ask(self, method: str, **parameters: Any) -> Any:
        number = next(self._numbers)
        body = {"id": number, "sessionId": self._session, "method": method, "params": parameters}
        self._connection.send(json.dumps(body))
        while True:
            answer = json.loads(self._connection.recv(SECONDS))
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]
