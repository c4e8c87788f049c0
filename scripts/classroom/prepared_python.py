"""The judge's way to the Python of a submission: start it shut in, ask it about functions, and start another if it is lost."""

from __future__ import annotations

import compileall
import queue
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import messages
from ask_learner import ENDED, PythonLost, Question
from install import ROOT
from isolation import isolated_python
from processes import end_process_tree

PREPARE_SECONDS = 300  # for the import of PyTorch on a slow machine, which is no learner's fault
READY_SECONDS = 10  # for a copy to end, once it was told to
OURS = ("learner_process.py", "messages.py", "wire.py", "wire_reading.py", "wire_networks.py", "answer_judge.py")
# The checkers and what they share with the page to print; all of this knows right answers, or is of no use there.
KEPT_BACK = ("nb*.py", "page.py", "__init__.py", "__pycache__")
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "MPLBACKEND": "agg", "MNIST_LESSON_RUNS": "runs", "LC_ALL": "C.UTF-8"}
# In a submission the names of the checkers do nothing: they are called by the judge.
NO_CHECKS = '''"""The checkers are with the judge."""


def __getattr__(name):
    if name.startswith("_"):
        raise AttributeError(name)
    return lambda *given, **options: None
'''


def write_package(folder: Path) -> None:
    """Write what a learner's process may have: the helper package without the checkers, and its side of the talk."""
    package = folder / "mnist_lesson"
    shutil.copytree(ROOT / "mnist_lesson", package, ignore=shutil.ignore_patterns("__pycache__", "checks"))
    shutil.copytree(ROOT / "mnist_lesson" / "checks", package / "checks", ignore=shutil.ignore_patterns(*KEPT_BACK))
    (package / "checks" / "__init__.py").write_text(NO_CHECKS, encoding="utf-8")
    for name in OURS:
        shutil.copy(Path(__file__).with_name(name), folder)
    # What each copy reads anew is compiled once; in there, nobody may write.
    compileall.compile_dir(folder, maxlevels=0, quiet=2)
    compileall.compile_dir(package / "checks", quiet=2)
    compileall.compile_file(package / "further" / "watch.py", quiet=2)
    for path in [folder, *folder.rglob("*")]:  # in its isolation, it may be read by another user
        path.chmod(0o755 if path.is_dir() else 0o644)


class PreparedPython:
    """The Python of one submission. Use it in a `with` block, at the end of which nothing of it is left."""

    def __init__(self, isolation: str, package: Path, data: Path, cells: list, modules: list[str]) -> None:
        self.isolation, self.cells, self.modules = isolation, cells, modules
        self.readable = {"PYTHONPATH": package, "MNIST_LESSON_DATA": data}
        self.process: subprocess.Popen | None = None
        self.ended: list[str] = []
        self.stack = ExitStack()

    def __enter__(self) -> PreparedPython:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self.process = None
        self.stack.close()

    def start(self) -> None:
        """Start the process and wait until it is prepared. Raises PythonLost."""
        program = self.readable["PYTHONPATH"] / "learner_process.py"
        shut_in = isolated_python(self.isolation, program, self.readable, ENVIRONMENT)
        self.process, self.ended = self.stack.enter_context(shut_in)
        self.received: queue.Queue = queue.Queue(maxsize=2)
        is_over = threading.Event()
        self.stack.callback(is_over.set)
        threading.Thread(target=pass_on, args=(self.process.stdout, self.received, is_over), daemon=True).start()
        self.send(["prepare", self.modules, self.isolation != "none"])
        self.wait_for(["ready"], PREPARE_SECONDS)

    @contextmanager
    def asked(self, function: str, known: list, seed: int, seconds: float) -> Iterator[Question | list]:
        """Yield the Question about a function of the submission, or a message: there is none, or why there is none.

        `known` are cells that define a known answer in its place. `seconds` is the limit of the question.
        Raises PythonLost; afterwards, the next question gets a new process.
        """
        watchdog = threading.Timer(0, lambda: None)
        try:
            if self.process is None:
                self.start()
            watchdog = self.watchdog(seconds + READY_SECONDS)
            self.send(["ask", self.cells, function, seed])
            self.answer_to_ask(seconds)
            self.send(["known", known])
            said = self.answer_to_ask(seconds)
            question = Question(self.send, self.receive, time.monotonic() + seconds)
            yield question if said == ["defined"] else said
            if question.lost:
                raise PythonLost(question.lost)
            if said == ["defined"]:
                self.send(["end"])
            if self.wait_for(["ready", "over"], READY_SECONDS) == "over":
                self.stop()
        except PythonLost:
            self.stop()
            raise
        finally:
            watchdog.cancel()

    def answer_to_ask(self, seconds: float) -> list:
        """Return the next message of the copy that answers. Raises PythonLost if it has ended."""
        said, _ = self.receive(seconds)
        if said[0] in ("ready", "over"):
            raise self.lost(ENDED)
        return said

    def watchdog(self, seconds: float) -> threading.Timer:
        """End the process after some time: one that reads nothing lets `send` wait for ever."""

        def end(process=self.process, ended=self.ended):
            ended.append(f"it ran for more than {seconds:.0f} seconds, and read nothing")
            end_process_tree(process)

        timer = threading.Timer(seconds, end)
        timer.daemon = True
        timer.start()
        return timer

    def send(self, parts: list, block: bytes = b"") -> None:
        try:
            messages.send(self.process.stdin, parts, block)
        except (OSError, ValueError):
            raise self.lost(ENDED) from None

    def receive(self, seconds: float) -> tuple[list, bytes]:
        """Return the next message. Raises PythonLost if none comes in time, or if it is none."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                message = self.received.get(timeout=min(left, 0.5))
            except queue.Empty:
                if self.process.poll() is None:
                    continue
                message = self.received.get() if not self.received.empty() else ENDED
            if isinstance(message, str):
                raise self.lost(message)
            return message
        raise self.lost(f"it ran for more than {seconds:.0f} seconds" if seconds >= 1 else "its time was over")

    def wait_for(self, words: list[str], seconds: float) -> str:
        """Return the first of these words that comes; a copy that has ended may have left others. Raises PythonLost."""
        end = time.monotonic() + seconds
        while (word := self.receive(end - time.monotonic())[0][0]) not in words:
            pass
        return word

    def lost(self, reason: str) -> PythonLost:
        time.sleep(0.1 if reason == ENDED else 0)  # so that who has ended it can say why
        return PythonLost(self.ended[0] if self.ended else reason)


def pass_on(stream, received: queue.Queue, is_over: threading.Event) -> None:
    """Put each message of a stream into a queue, and a reason at its end."""
    message: tuple | str = ()
    while not isinstance(message, str) and not is_over.is_set():
        try:
            message = messages.receive(stream)
        except (EOFError, OSError, ValueError):
            message = ENDED
        except messages.Unreadable as error:
            message = f"its Python sent {error}"
        while not is_over.is_set():
            with suppress(queue.Full):
                received.put(message, timeout=0.2)
                break
