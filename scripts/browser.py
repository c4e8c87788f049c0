"""Start Chromium without a window, and tell it what to do: the hands and eyes of `scripts/browser_test.py`.

Chromium takes its orders as messages in JSON over a websocket, the Chrome DevTools Protocol:
https://chromedevtools.github.io/devtools-protocol/ describes each of them.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

# Chrome comes first: Ubuntu's Chromium is a snap, which sees none of our temporary files.
NAMES = ["google-chrome", "google-chrome-stable", "chromium", "chromium-browser", "chrome"]
PLACES = [  # where it lies if it is not on the search path: macOS, Windows
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    *(
        os.path.join(os.environ.get(variable, ""), "Google", "Chrome", "Application", "chrome.exe")
        for variable in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")
    ),
]
FLAGS = [
    "--headless",
    "--disable-gpu",
    "--disable-dev-shm-usage",  # in a container that memory is small
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-mock-keychain",  # else macOS asks for a password
    "--no-proxy-server",
    # The lesson needs no network: a page that asks for anything outside this machine fails here.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--window-size=1300,1600",
    "--remote-debugging-port=0",  # a free one: Chromium writes down which
]
START_SECONDS = 60  # for a program to come up
ANSWER_SECONDS = 60  # for a page to answer


class Problem(Exception):
    """What keeps a notebook from being tested; the message says it in a sentence."""


class Page:
    """A page of Chromium, with the JavaScript errors that it has reported so far."""

    def __init__(self, address: str) -> None:
        import websocket

        self.errors: list[str] = []
        self.number = 0
        self.socket = websocket.create_connection(
            address, timeout=ANSWER_SECONDS, suppress_origin=True, http_no_proxy=["127.0.0.1"]
        )
        for domain in ("Page", "Runtime", "Log"):
            self.command(f"{domain}.enable")
        self.command("Emulation.setFocusEmulationEnabled", enabled=True)  # as if its window were in front

    def command(self, method: str, **parameters: object) -> dict:
        """Send one order, and return the answer. Raises `Problem` if it is refused or does not come."""
        import websocket

        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        try:
            self.socket.send(json.dumps(message))
            while True:
                message = json.loads(self.socket.recv())
                self.errors += errors_in(message)
                if message.get("id") == self.number:
                    break
        except websocket.WebSocketTimeoutException:
            raise Problem(f"the page gave no answer to {method} for {ANSWER_SECONDS} seconds.") from None
        except (websocket.WebSocketException, OSError, ValueError):
            raise Problem(f"the browser ended during {method}.") from None
        if "error" in message:
            raise Problem(f"the browser refused {method}: {message['error']['message']}.")
        return message["result"]

    def evaluate(self, expression: str) -> object:
        """Return the value of an expression in JavaScript; a promise is waited for."""
        answer = self.command("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise Problem(f"the page could not be asked: {first_line(answer['exceptionDetails'])}.")
        return answer["result"].get("value")

    def wait_until(self, expression: str, seconds: float) -> bool:
        """Ask again and again until the expression is true; return False if it is not after that time."""
        return wait_until(lambda: self.evaluate(f"Boolean({expression})"), seconds)

    def drag(self, points: Sequence[tuple[float, float]]) -> None:
        """Press the mouse at the first point (x, y in pixels of the page), move through all, and let go at the last."""
        for kind, (x, y) in [
            ("mousePressed", points[0]),
            *(("mouseMoved", point) for point in points),
            ("mouseReleased", points[-1]),
        ]:
            self.command("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)
            time.sleep(0.01)  # no hand is faster

    def screenshot(self, path: Path) -> None:
        """Save a picture of what the page shows, as PNG."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self.command("Page.captureScreenshot", format="png")["data"]))


def errors_in(message: dict) -> list[str]:
    """Return the JavaScript errors that a message of Chromium reports: a list of no or one line.

    Three kinds count: an exception that nothing caught, a call of console.error, and what Chromium itself
    notes as an error, such as a file that could not be loaded. JupyterLab causes none of them by itself,
    so none is excused.
    """
    method, content = message.get("method"), message.get("params", {})
    if method == "Runtime.exceptionThrown":
        return [first_line(content["exceptionDetails"])]
    if method == "Runtime.consoleAPICalled" and content["type"] == "error":
        words = [str(part.get("value", part.get("description", ""))) for part in content["args"]]
        return [" ".join(" ".join(words).split())[:300]]
    if method == "Log.entryAdded" and content["entry"]["level"] == "error":
        return [f"{content['entry']['text']} ({content['entry'].get('url', '')[:200]})"]
    return []


def first_line(details: dict) -> str:
    """Return the first line of an exception in JavaScript."""
    exception = details.get("exception", {})
    return str(exception.get("description", exception.get("value", details["text"]))).split("\n")[0][:300]


def find_chromium() -> str | None:
    """Return the path of Chromium or Chrome, or None if this machine has neither."""
    candidates = [*(shutil.which(name) for name in NAMES), *PLACES]
    return next((path for path in candidates if path and Path(path).is_file()), None)


@contextmanager
def open_page(chromium: str, folder: Path) -> Iterator[Page]:
    """Start Chromium with all its files in `folder`, and close it at the end, whatever happens."""
    folder.mkdir()
    as_root = ["--no-sandbox"] if is_root() else []  # its sandbox does not work for root
    command = [chromium, *FLAGS, *as_root, f"--user-data-dir={folder / 'profile'}", "about:blank"]
    homes = {name: str(folder) for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "TMPDIR")}
    with running(command, folder / "chromium.log", {**os.environ, **homes}) as process:
        note = folder / "profile" / "DevToolsActivePort"
        wait_for_start(
            process, lambda: note.is_file() and "\n" in note.read_text(encoding="utf-8"), folder / "chromium.log"
        )
        port = int(note.read_text(encoding="utf-8").split()[0])
        tabs = json.loads(get(port, "/json"))
        yield Page(next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page"))


def is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


@contextmanager
def running(command: list[str], log: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen]:
    """Run a program beside this one; at the end it and all that it started are gone."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,  # Ctrl-C reaches this script alone, which then ends the others in order
        )
        try:
            yield process
        finally:
            end(process)


def end(process: subprocess.Popen) -> None:
    """Ask a program to end, then end by force what is left of it and of what it started."""
    import psutil

    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.Error:  # it has ended already
        family = []
    try:
        process.terminate()
        process.wait(10)
    except subprocess.TimeoutExpired:
        pass
    finally:  # also after a second Ctrl-C
        process.kill()
        if hasattr(os, "killpg"):  # what a program that crashed has left behind is still in its group
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
        for member in family:
            with suppress(psutil.Error):
                member.kill()
        process.wait()
        wait_until(lambda: not any(is_alive(member) for member in family), 5)  # their files can be removed then


def is_alive(member) -> bool:
    """Tell whether a process (of psutil) still runs; one that only waits to be counted does not."""
    import psutil

    try:
        return member.is_running() and member.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def wait_for_start(process: subprocess.Popen, is_up: Callable[[], bool], log: Path) -> None:
    """Wait until a program is up. Raises `Problem` with the end of its log if it does not come up."""
    if wait_until(lambda: process.poll() is not None or is_up(), START_SECONDS) and process.poll() is None:
        return
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-10:]
    name = Path(process.args[0]).name
    raise Problem("\n".join([f"{name} did not come up within {START_SECONDS} seconds; it said:", *lines]))


def wait_until(condition: Callable[[], object], seconds: float) -> bool:
    """Try a condition again and again until it is true; return False if it is not after that time."""
    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > limit:
            return False
        time.sleep(0.2)
    return True


def get(port: int, path: str) -> bytes:
    """Return what a server on this machine answers; b"" if nobody answers or the answer is an error."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.read() if response.status == 200 else b""
    except OSError:
        return b""
    finally:
        connection.close()
