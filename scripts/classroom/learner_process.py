"""What runs in the Python that a submission has for itself: judge_notebook.py starts it and listens.

It gets a line of JSON on stdin: `cells`, each a text and the places and names of its statements to run, and
`exercises`, each the name of a checker and of the learner's function. It answers on stdout, a line of JSON each:
when the checkers are imported, when the learner's names are defined, and then a state and a detail for each exercise.
"""

from __future__ import annotations

import ast
import json
import os
import sys


def main() -> None:
    task = json.loads(sys.stdin.readline())
    # What a learner reads or prints, in C too, comes from nowhere and goes nowhere: task and answers have their own ways.
    end_of_work = os.dup(0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def say(answer: object) -> None:
        print(json.dumps(answer), file=answers, flush=True)

    from mnist_lesson import checks

    say("imported")
    learner, problems = define(task["cells"])
    say("defined")
    for checker, function in task["exercises"]:
        say(verdict(getattr(checks, checker), function, learner, problems))
    # Wait to be ended: of a process that is gone nobody could tell what it had started.
    os.read(end_of_work, 1)


def define(cells: list) -> tuple[dict, dict]:
    """Run the wanted statements of the cells, and return the learner's names, and why others are not there.

    Each statement is tried by itself: a package that is missing must not cost the functions below its import.
    """
    learner = {"__name__": "__main__", "display": print}  # in a notebook display() is there without an import
    problems = {}
    for text, wanted in cells:
        body = ast.parse(text).body
        for index, names in wanted:
            try:
                exec(compile(ast.Module([body[index]], []), "cell", "exec"), learner)
            except BaseException as error:  # exit() too
                problems |= dict.fromkeys(names, f"its definition stopped with {type(error).__name__}: {error}")
    return learner, problems


def verdict(checker, function: str, learner: dict, problems: dict) -> tuple[str, str]:
    """Return the state in the checker's words, or "no verdict", and the hint or the reason."""
    if function not in learner:
        missing = ("not attempted", "its function is not in the notebook")
        return ("no verdict", problems[function]) if function in problems else missing
    try:
        found = checker.judge(learner[function])
    except BaseException as error:  # the checker's own fault, or a learner's KeyboardInterrupt
        return "no verdict", f"its checker stopped with {type(error).__name__}: {error}"
    return found.state, found.hint


if __name__ == "__main__":
    main()
