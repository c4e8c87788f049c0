"""scripts/classroom/alike.py: copies are found under other names, and what everybody has is no copy."""

import random
import re
import warnings

import pytest
from alike import LONGEST, pieces, similar_answers
from tables import PASSED, Row

ORIGINAL = '''
def build(height, width):
    """Return a network."""
    layers, channels = [], 1
    for number in range(2):  # two blocks
        layers.append(nn.Conv2d(channels, 32 * (number + 1), kernel_size=3))
        layers.append(nn.ReLU())
        layers.append(nn.MaxPool2d(2))
        channels = 32 * (number + 1)
        height, width = (height - 2) // 2, (width - 2) // 2
    layers += [nn.Flatten(), nn.Linear(channels * height * width, 10)]
    return nn.Sequential(*layers)
'''
COPY = """
# All of this is mine!
def my_network(h, w):
    parts, c = [], 1
    for i in range(2):
        parts.append(nn.Conv2d(c, 32 * (i + 1),
                               kernel_size=3))

        parts.append(nn.ReLU()); parts.append(nn.MaxPool2d(2))
        c = 32 * (i + 1)
        h, w = (h - 2) // 2, (w - 2) // 2
    parts += [nn.Flatten(), nn.Linear(c * h * w, 10)]
    return nn.Sequential(*parts)
"""
OTHER = """
def build(height, width):
    block = lambda before, after: nn.Sequential(nn.Conv2d(before, after, 3), nn.ReLU(), nn.MaxPool2d(2))
    front = nn.Sequential(block(1, 32), block(32, 64), nn.Flatten())
    with torch.no_grad():
        size = front(torch.zeros(1, 1, height, width)).shape[1]
    front.append(nn.Linear(size, 10))
    return front
"""
CLASS = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.part0 = nn.Linear(784, 20, bias=False)
        self.part1 = nn.Linear(20, 30)
        self.part2 = nn.Linear(30, 10)

    def forward(self, images):
        return self.part2(self.part1(self.part0(images).relu()).relu())
"""
SHORT = "def size_after(size, kernel_size, pool_size):\n    return (size - kernel_size + 1) // pool_size\n"


def class_of(*answers, exercise="4.5"):
    return [
        Row(f"p{number}_{number}_x.ipynb", exercise, "f", PASSED, "", "bwrap", text)
        for number, text in enumerate(answers)
    ]


def pairs(*answers, known=()):
    found = similar_answers(class_of(*answers), {"4.5": list(known)})
    return [(pair.one.file[:2], pair.other.file[:2]) for pair in found]


def test_a_copy_is_found_under_other_names_comments_and_lines():
    (pair,) = similar_answers(class_of(ORIGINAL, OTHER, COPY), {})
    assert (pair.one.answer, pair.other.answer, pair.share, pair.exercise) == (ORIGINAL, COPY, 1, "4.5")


def test_a_copy_is_found_under_other_names_of_attributes():
    assert pairs(CLASS, CLASS.replace("part", "p")) == [("p0", "p1")]


def test_a_copy_with_one_line_changed_is_found_and_the_most_alike_come_first():
    changed = COPY.replace("c = 32 * (i + 1)", "c = 32 + 32 * i")
    found = similar_answers(class_of(ORIGINAL, changed, COPY), {})
    assert [round(pair.share, 2) for pair in found][0] == 1 > found[1].share >= 0.7
    assert [found[0].one.answer, found[0].other.answer] == [ORIGINAL, COPY]


@pytest.mark.parametrize(
    "answers, known",
    [
        ([ORIGINAL, OTHER], []),
        ([SHORT, SHORT], []),
        ([ORIGINAL, COPY], [SHORT, ORIGINAL]),
        ([ORIGINAL, COPY.replace("my_network", "build")] * 10, []),
        (
            [
                ORIGINAL + OTHER + CLASS + f"OWN = [{', '.join(str(100 * who + n) for n in range(30))}]"
                for who in range(12)
            ],
            [],
        ),
        (["", "  "], []),
    ],
    ids=["two ideas", "short", "the lesson's own", "what many wrote", "little beside what many wrote", "no answer"],
)
def test_what_is_no_place_to_look_at(answers, known):
    assert pairs(*answers, known=known) == []


def test_what_stands_below_the_solution_can_still_be_a_copy():
    own = OTHER.replace("build", "test_of_mine")
    assert pairs(ORIGINAL + own, COPY + own, known=[ORIGINAL]) == [("p0", "p1")]


def test_two_files_of_one_learner_are_no_pair():
    one, two = class_of(ORIGINAL, COPY)
    assert similar_answers([one, two._replace(file="p0_0_y.ipynb")], {}) == []


def test_answers_to_different_exercises_are_no_pair():
    assert similar_answers([*class_of(ORIGINAL), *class_of("", COPY, exercise="4.4")], {}) == []


@pytest.mark.parametrize(
    "code",
    [
        "(" * 100_000,
        "-" * (LONGEST - 1) + "1",
        "a" + ".a" * (LONGEST // 2 - 1),
        "1" + "+1" * (LONGEST // 2 - 1),
        "if 1:\n p\n" + "elif 1:\n p\n" * (LONGEST // 12),
        "x" * 100_000,
        "\0",
        "def f(:\n",
        "'\udcff'\n",
        "0x" + "f" * 19_000,
        "1" * 5000,
        "'\\d'",
        "\r\n\x0c\u2028",
    ],
    ids="parentheses minus attributes sum elif line null syntax surrogate hex digits escape ends".split(),
)
@pytest.mark.filterwarnings("error")
def test_hostile_code_breaks_nothing(code):
    assert isinstance(pieces(code), set)
    similar_answers(class_of(code, code, ORIGINAL), {})


def test_what_python_would_warn_of_is_no_matter():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        pieces("a = '\\d' is 'b'")
    assert seen == []


def test_a_copy_that_python_cannot_read_is_found():
    broken = ORIGINAL.replace("):", ")")
    assert pairs(broken, OTHER, re.sub(" +#.*", "  # another comment", broken)) == [("p0", "p2")]


def test_what_a_long_answer_costs_is_bounded():
    """The count of pieces is what costs, and no answer has more of them than it may have letters."""
    rng = random.Random(0)
    long = ["".join(rng.choices("+-*/%()", k=100_000)) for _ in range(3)]
    assert max(len(pieces(text)) for text in long) <= LONGEST
    assert similar_answers(class_of(*long), {}) == []
