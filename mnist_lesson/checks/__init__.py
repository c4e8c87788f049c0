# ruff: noqa: F401 (the notebooks call the checkers from here)
"""The self-checks of all exercises.

    checks.flat_size(flat_size)     judge your function `flat_size`, and print what came out
    checks.diagnose(case, "leak")   judge your diagnosis of a patient of notebook 10
    checks.progress()               which exercises you have solved so far
    checks.reset_progress()         forget them
    checks.certificate("your name") a page to print, when all are solved

A checker calls your function with numbers and tensors drawn at random, and compares what it returns with what
PyTorch or a plain formula gives. In notebook 10 it runs your whole program. It never reads your code.
The checkers of a notebook are in the modules with its number.
"""

from collections.abc import Callable

from mnist_lesson.checks.box import show_html, wrapped
from mnist_lesson.checks.judge import SOLVED_FILE, load_solved
from mnist_lesson.checks.nb01_setup import add_anywhere, device_of, seeded_numbers
from mnist_lesson.checks.nb02_data import batch_count, count_classes, make_loaders, to_image
from mnist_lesson.checks.nb03_visualisation import mean_image, stretch, to_picture, to_pictures
from mnist_lesson.checks.nb04_model import build, conv_parameters, flat_size, probabilities, size_after
from mnist_lesson.checks.nb05_step import learn_by_heart, train_step
from mnist_lesson.checks.nb05_training import accuracy, choose_rate, count_correct, cross_entropy, mean_loss
from mnist_lesson.checks.nb06_results import best_epoch, interval, most_overconfident, precision, read_digit
from mnist_lesson.checks.nb07_look_inside import contrast, fall_without, first_share, listen
from mnist_lesson.checks.nb08_your_own_digits import bright_ink, centre_of_mass, new_size, refuse
from mnist_lesson.checks.nb09_better_and_faster import difference_interval, even_batches, mean_and_std
from mnist_lesson.checks.nb10_clinic import (
    mend_1,
    mend_2,
    mend_3,
    mend_4,
    mend_5,
    mend_6,
    mend_7,
    mend_8,
    mend_9,
    mend_10,
    mend_11,
    mend_12,
    mend_13,
    mend_14,
    mend_15,
    mend_16,
    mend_17,
    mend_18,
    mend_19,
    mend_20,
)
from mnist_lesson.checks.nb10_diagnosis import diagnose, kept_as
from mnist_lesson.checks.nb11_take_it_with_you import bytes_of, decode, largest_error, to_int8
from mnist_lesson.checks.nb12_scale_out import batch_gradient, loss_of_all, shard, writers
from mnist_lesson.checks.page import write_certificate
from mnist_lesson.further.faults import FAULTS


def all_checkers() -> list[Callable]:
    """Return the checkers of all exercises in the order of their numbers."""
    checkers = [value for value in globals().values() if hasattr(value, "number")]  # `exercise` numbers each
    return sorted(checkers, key=lambda checker: [int(part) for part in checker.number.split(".")])  # 10.2 after 9.3


def progress() -> None:
    """Show for each notebook which of its exercises are solved, and which are open."""
    solved = load_solved()
    lines, rows = [], []
    for notebook in sorted({int(checker.number.split(".")[0]) for checker in all_checkers()}):
        there = [checker for checker in all_checkers() if checker.number.startswith(f"{notebook}.")]
        still_open = [f"{checker.number} {checker.__name__}" for checker in there if checker.number not in solved]
        done = f"{len(there) - len(still_open)} of {len(there)}"
        line = f"notebook {notebook:>2}: {done} solved"
        lines.append(wrapped(f"{line}; open: {', '.join(still_open)}" if still_open else line, indent=13))
        rows.append((notebook, done, ", ".join(still_open) or "✓ none"))
    right = f"{diagnoses_right(solved)} of {len(FAULTS)}"
    lines.append(f"diagnoses of notebook 10: {right} right")
    rows.append(("10, diagnoses", right, ""))
    if not unsolved(solved):
        lines.append("All solved: checks.certificate('your name') makes a page to print.")
        rows.append(("all solved", "", "checks.certificate('your name') makes a page to print"))
    table = "".join(f"<tr>{''.join(f'<td>{entry}</td>' for entry in row)}</tr>" for row in rows)
    show_html(f"<table><tr><th>notebook</th><th>solved</th><th>open</th></tr>{table}</table>", "\n".join(lines))


def unsolved(solved: list[str]) -> list[str]:
    """Return the numbers of the exercises that are still open."""
    return [checker.number for checker in all_checkers() if checker.number not in solved]


def diagnoses_right(solved: list[str]) -> int:
    """Return how many patients of notebook 10 have got the right diagnosis."""
    return sum(kept_as(number) in solved for number in FAULTS)


def certificate(name: str) -> None:
    """Write a page to print, with your name and the accuracy of your own network, when all exercises are solved."""
    solved = load_solved()
    still_open = unsolved(solved)
    if still_open:
        print(wrapped(f"The page is for those who have solved all exercises; open: {', '.join(still_open)}."))
        return
    try:
        path = write_certificate(name, len(all_checkers()), diagnoses_right(solved))
    except (OSError, ValueError) as error:
        print(wrapped(f"The page shows the accuracy of your own network, and that is not to be had: {error}"))
    else:
        print(f"Open this file in a browser, and print it: {path}")


def reset_progress() -> None:
    """Forget which exercises were solved."""
    SOLVED_FILE.unlink(missing_ok=True)
    print("Your progress is back to the start.")
