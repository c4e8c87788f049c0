"""Both sides of the talk in one process, for tests: two pipes, and a thread that answers."""

import io
import os
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import messages
from answer_judge import Answering
from ask_learner import PythonLost, Question, RemoteGuard
from wire import Table, Writer
from wire_networks import from_the_judge, read_from_judge
from wire_reading import Reader

CHECKS = Path(__file__).parents[2] / "checks"
if str(CHECKS) not in sys.path:
    sys.path.append(str(CHECKS))  # the answers of the tests of the checkers


@contextmanager
def asked(function):
    """Yield the Question about a function, which a thread answers as a learner's process does."""
    (requests, to_learner), (from_learner, answers) = os.pipe(), os.pipe()
    ends = (
        os.fdopen(requests, "rb"),
        os.fdopen(to_learner, "wb"),
        os.fdopen(from_learner, "rb"),
        os.fdopen(answers, "wb"),
    )

    def serve():
        with ends[3], suppress(EOFError):  # so that the judge sees the end if this stops
            Answering(ends[0], ends[3], function).answer_all(1)

    def receive(seconds):
        try:
            return messages.receive(ends[2])
        except EOFError:
            raise PythonLost("the learner's side has ended") from None

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield Question(lambda *message: messages.send(ends[1], *message), receive, time.monotonic() + 60)
    finally:
        ends[1].close()  # no more requests: the thread ends
        thread.join()
        for end in ends:
            end.close()


def verdict_of(checker, function):
    """Return the verdict of a checker on a function that is asked through the talk."""
    with asked(function) as question:
        verdict = checker.judge(question, RemoteGuard)
        assert not question.lost, question.lost
        return verdict


def returned(value):
    """Return what the judge gets of a value that a learner's function returns."""
    with asked(lambda: value) as question:
        return question()


def handed(*values):
    """Return what a learner's function gets of values of the judge; of a callback, the number and the name."""
    writer = Writer(Table(1), from_the_judge)
    nodes = writer.each(values)
    reader = Reader(Table(-1), memoryview(bytes(writer.block)), read_from_judge({}, lambda *callback: callback))
    return [reader.read(node) for node in nodes]


class Said:
    """A learner's side that says what a test puts into its mouth: messages, each a list or a list and bytes."""

    def __init__(self, *said):
        self.said, self.heard = list(said), []
        self.question = Question(self.hear, self.say, time.monotonic() + 60)

    def hear(self, parts, block=b""):
        self.heard.append(parts)

    def say(self, seconds):
        if not self.said:
            raise PythonLost("nothing more is said")
        said, stream = self.said.pop(0), io.BytesIO()
        messages.send(stream, *(said if isinstance(said, tuple) else (said,)))  # as it would come through a pipe
        stream.seek(0)
        return messages.receive(stream)

    def call(self, *arguments):
        """Return what the judge makes of it when it calls with these arguments."""
        return self.question.call("function", 0, arguments)[0]


def said(node, *arguments, effects=(), block=b""):
    """Return what the judge makes of an answer: the node of a result, and effects."""
    return Said((["returned", node, "", None, list(effects), ""], block)).call(*arguments)
