"""What runs in the Python that a submission has for itself: it prepares once, and a copy of it answers each question.

It gets messages (messages.py) on stdin and answers on stdout. First `prepare` with the modules to import, then for each
question `ask`: the learner's cells, each a text and the places and names of its statements to run, the name of the
function, and the seed of the random numbers. When the cells have run, the copy is told of a known answer to define, if
it is asked about one. It says whether the function is there, and from then on answer_judge.py answers. This process
itself runs none of the learner's code. Where a process cannot copy itself, on Windows, it answers one question and ends.
"""

from __future__ import annotations

import ast
import contextlib
import ctypes
import gc
import importlib
import os
import signal
import sys
from typing import BinaryIO

import messages

# What measures is read anew after the learner's cells have run.
OURS = ("messages", "wire", "wire_reading", "wire_networks", "answer_judge")
MEASURING = (*OURS, "mnist_lesson.checks", "mnist_lesson.further.watch")


def main() -> None:
    # What a learner reads or prints, in C too, comes from nowhere and goes nowhere: messages have their own ways.
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    try:
        (_, modules, is_alone), _ = messages.receive(requests)
        for name in modules:
            with contextlib.suppress(Exception):  # what is missing is missed where it is used
                importlib.import_module(name)
        close_to_others()
        gc.freeze()  # so that copies share what is there already
        messages.send(answers, ["ready"])
        while True:
            (_, *question), _ = messages.receive(requests)
            answer_in_a_copy(requests, answers, is_alone, question)
            messages.send(answers, ["ready"])
    except EOFError:  # the judge has ended
        pass


def close_to_others() -> None:
    """Let no copy of this process read or write in it (Linux): it would still be asked when the copy is gone."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE


def answer_in_a_copy(requests: BinaryIO, answers: BinaryIO, is_alone: bool, question: list) -> None:
    """Answer a question in a copy of this process, and end all that it leaves behind.

    `is_alone` says that this process has its own numbers of processes, so that all it may end are the learner's.
    """
    if not hasattr(os, "fork"):
        answer(requests, answers, *question)
        messages.send(answers, ["over"])
        os._exit(0)
    copy = os.fork()
    if not copy:
        status = 1
        try:
            os.setsid()
            answer(requests, answers, *question)
            status = 0
        finally:
            os._exit(status)
    os.waitpid(copy, 0)
    with contextlib.suppress(OSError):
        os.kill(-1, signal.SIGKILL) if is_alone and os.getpid() < 10 else os.killpg(copy, signal.SIGKILL)
    with contextlib.suppress(OSError):
        while True:
            os.waitpid(-1, 0)


def answer(requests: BinaryIO, answers: BinaryIO, cells: list, function: str, seed: int) -> None:
    """Define what the learner has defined, then the known answer, if there is one, and answer about the function."""
    learner, problems = {"__name__": "__main__", "display": print}, {}  # display() is there in a notebook, too
    define(cells, learner, problems)
    # Only now it comes here whether this is about a known answer: the learner's cells cannot make a difference.
    messages.send(answers, ["cells"])
    (_, known), _ = messages.receive(requests)
    define(known, learner, problems)
    for name in [name for name in sys.modules if name in MEASURING or name.startswith("mnist_lesson.checks.")]:
        del sys.modules[name]
    from answer_judge import Answering

    if function not in learner:
        messages.send(answers, ["problem", problems[function][:2000]] if function in problems else ["missing"])
        return
    messages.send(answers, ["defined"])
    Answering(requests, answers, learner[function]).answer_all(seed)


def define(cells: list, learner: dict, problems: dict) -> None:
    """Run the wanted statements of the cells with the learner's names, and note why some could not be defined.

    Each statement is tried by itself: a package that is missing must not cost the functions below its import.
    """
    for text, wanted in cells:
        body = ast.parse(text).body
        for index, names in wanted:
            try:
                exec(compile(ast.Module([body[index]], []), "cell", "exec"), learner)
                for name in names:
                    problems.pop(name, None)
            except BaseException as error:  # exit() too
                reason = f"{type(error).__name__}: {error}" if isinstance(error, Exception) else type(error).__name__
                problems |= dict.fromkeys(names, f"its definition stopped with {reason}")


if __name__ == "__main__":
    main()
