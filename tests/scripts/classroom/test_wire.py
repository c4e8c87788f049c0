"""scripts/classroom/wire.py and wire_reading.py: plain values arrive as they were, and bad messages make nothing."""

import json
import math
import random

import numpy as np
import pytest
import torch
import torch.nn as nn
from loopback import handed, returned, said
from messages import LARGEST, Unreadable
from wire import DEEPEST, MOST_EMPTY, NUMBERS, Other, Table, Writer, is_small
from wire_reading import READ, Reader

from mnist_lesson.checks.compare import Hint
from mnist_lesson.results import History


def both_ways(value):
    """A value as the judge gets it, and as the learner's function gets it."""
    return [returned(value), *handed(value)]


class Lies(int):
    def __index__(self):
        return 99

    __eq__ = __int__ = __index__
    __hash__ = int.__hash__


@pytest.mark.parametrize(
    "value",
    [
        *(None, ..., True, False, 0, -1, 2**63, -(2**1990), 0.1, -0.0, math.inf, -math.inf, 5e-324, 1j, -0.0 - 2j),
        *("", "ü\n\0", "\ud800", "x" * 100_000, b"", bytes(range(256)), range(3, -9, -2), torch.Size([2, 0])),
        *(torch.float16, torch.device("cpu"), torch.device("cuda:3"), torch.device("meta")),
        *((), [], {}, set(), frozenset(), (1, (2,), [3, {"a": [4.5, None]}]), {1: 2, "a": (3,), (1, 2): []}),
        *({1, "a"}, frozenset([1, (2, 3)]), [0.5] * 1000),
    ],
    # The order in which a set shows texts is another one in each process, and pytest-xdist wants the same names in all.
    ids=lambda value: "a set of two kinds" if value == {1, "a"} else repr(value)[:20],
)
def test_plain_values(value):
    for found in both_ways(value):
        assert type(found) is type(value) and found == value and repr(found) == repr(value)


def test_nan():
    for found in both_ways([math.nan, complex(math.nan, 1), np.float32(math.nan)]):
        assert (
            math.isnan(found[0]) and math.isnan(found[1].real) and type(found[2]) is np.float32 and np.isnan(found[2])
        )


def test_views_of_a_dict():
    for keys, values in both_ways(({"a": 1, "b": 1}.keys(), {"a": 1, "b": 1}.values())):
        assert type(keys) is type({}.keys()) and list(keys) == ["a", "b"]
        assert type(values) is type({}.values()) and list(values) == [1, 1]


def test_a_generator_of_random_numbers_arrives_as_one():
    assert all(isinstance(found, torch.Generator) for found in both_ways(torch.default_generator))


@pytest.mark.parametrize(
    "value, plain", [(Lies(3), 3), (type("F", (float,), {})(0.5), 0.5), (type("T", (str,), {})("x"), "x")]
)
def test_of_a_class_of_the_learners_own_the_number_arrives(value, plain):
    found = returned(value)
    assert type(found) is type(plain) and found == plain


def test_of_a_list_of_the_learners_own_the_elements_arrive():
    lies = {"__iter__": lambda self: iter([9]), "__len__": lambda self: 7, "__getitem__": lambda self, place: 8}
    assert returned(type("L", (list,), lies)([1, 2])) == [1, 2]
    assert returned(type("T", (tuple,), lies)([1, 2])) == (1, 2)
    assert returned(type("D", (dict,), lies | {"items": lambda self: [(9, 9)]})({1: 2})) == {1: 2}


@pytest.mark.parametrize(
    "number", [np.float64(0.1), np.int8(-3), np.bool_(True), np.complex64(1j), np.uint64(2**64 - 1)]
)
def test_numbers_of_numpy(number):
    for found in both_ways(number):
        assert type(found) is type(number) and found == number


@pytest.mark.parametrize(
    "array",
    [
        *(
            np.arange(6).reshape(2, 3),
            np.arange(6.0).reshape(2, 3).T,
            np.zeros((0, 3)),
            np.array(3),
            np.array(["ab", "c"]),
        ),
        *(np.array([True, False]), np.arange(4, dtype=">i2"), np.array([b"x"]), np.arange(9)[::-2]),
    ],
    ids=repr,
)
def test_arrays(array):
    for found in both_ways(array):
        assert found.dtype == array.dtype and found.shape == array.shape and found.tolist() == array.tolist()
        found[...] = array[...]  # it can be written to


@pytest.mark.parametrize("name", NUMBERS)
def test_tensors_of_each_kind(name):
    some = torch.randint(0, 2, (5, NUMBERS[name].itemsize), dtype=torch.uint8)
    tensor = some.view(NUMBERS[name]).reshape(5)
    for found in both_ways(tensor):
        assert found.dtype == tensor.dtype and found.view(torch.uint8).tolist() == some.flatten().tolist()


BASE = torch.arange(24.0).reshape(2, 3, 4)
SHAPES = {
    "no axis": torch.tensor(3.5),
    "empty": torch.zeros(0),
    "an empty axis": torch.zeros(2, 0, 3),
    "axes of one": torch.ones(1, 1, 3, 1),
    "transposed": BASE.transpose(0, 2),
    "permuted": BASE.permute(1, 2, 0),
    "expanded": torch.arange(3.0).reshape(1, 3, 1).expand(2, 3, 4),
    "strided": BASE[:, ::2, 1::2],
    "flipped": BASE.flip(1),
    "nan": torch.tensor([math.nan, -0.0, math.inf]),
    "meta": torch.zeros(2, 3, device="meta"),
    "conjugated": torch.tensor([1 + 2j, 3j]).conj(),
    "negative view": torch.tensor([1 + 2j, 3j]).conj().imag,
}


@pytest.mark.parametrize("tensor", SHAPES.values(), ids=SHAPES.keys())
def test_tensors_of_each_shape(tensor):
    for found in both_ways(tensor):
        assert type(found) is torch.Tensor and (found.shape, found.dtype, found.device) == (
            tensor.shape,
            tensor.dtype,
            tensor.device,
        )
        if not tensor.is_meta:
            assert repr(found.tolist()) == repr(tensor.tolist())  # so that nan is nan, and -0.0 is not 0.0


def test_in_transposed_tensors_the_same_numbers_are_neighbours():
    for found in both_ways(torch.zeros(4, 5).T):
        assert not found.is_contiguous() and found.T.is_contiguous(), "`view` must fail as it does in the notebook"


def test_tensors_keep_their_part_in_gradients():
    leaf = torch.ones(2, requires_grad=True)
    leaf.grad = torch.tensor([3.0, 4.0])
    frozen = nn.Parameter(torch.ones(2), requires_grad=False)
    for one, computed, two, three in both_ways([leaf, leaf * 2, frozen, nn.Parameter(torch.ones(2))]):
        assert one.requires_grad and one.is_leaf and one.grad.tolist() == [3, 4] and type(one) is torch.Tensor
        assert computed.requires_grad and not computed.is_leaf and computed.tolist() == [2, 2]
        assert type(two) is nn.Parameter and not two.requires_grad and two.grad is None
        assert type(three) is nn.Parameter and three.requires_grad


def test_of_a_tensor_of_the_learners_own_class_the_numbers_arrive():
    class Liar(torch.Tensor):
        shape = property(lambda self: (7,))

        @classmethod
        def __torch_function__(cls, *given):
            return torch.zeros(7)

    found = returned(torch.ones(2).as_subclass(Liar))
    assert type(found) is torch.Tensor and found.tolist() == [1, 1]


def test_what_is_one_value_stays_one():
    shared = [1]
    for found in both_ways([shared, shared, {"a": shared}]):
        assert found[0] is found[1] is found[2]["a"]
    tensor = torch.zeros(2)
    for one, other in both_ways((tensor, tensor)):
        assert one is other


def test_a_list_that_holds_itself():
    value = [1]
    value.append(value)
    for found in both_ways(value):
        assert found[0] == 1 and found[1] is found
    value = {}
    value["me"] = [value]
    for found in both_ways(value):
        assert found["me"][0] is found


def test_what_is_too_deep_becomes_a_text():
    value = []
    for _ in range(500):
        value = [value]
    for found in both_ways(value):
        depth = 0
        while isinstance(found, list):
            found, depth = found[0], depth + 1
        assert depth == DEEPEST + 1 and isinstance(found, Other)


def test_a_history():
    history = History([0.1], [2.0], [0.3], [4.0])
    for found in both_ways(history):
        assert type(found) is History and vars(found) == vars(history)


@pytest.mark.parametrize(
    "value, kind, words",
    [
        (object(), "object", "<object object at"),
        (10**700, "int", "1000000"),
        (torch.eye(2).to_sparse(), "Tensor", "tensor(indices="),
        (torch.zeros(1).to(torch.float8_e5m2), "Tensor", "tensor([0.]"),
        (np.array([None]), "ndarray", "array([None]"),
        (np.datetime64("2020-01-01"), "datetime64", "2020-01-01"),
        ("x" * 100_001, "str", "'xxxx"),
        (len, "builtin_function_or_method", "<built-in function len>"),
        (ValueError("why"), "ValueError", "ValueError('why')"),
        (iter([]), "list_iterator", "<list_iterator"),
        (type("Broken", (), {"__repr__": lambda self: 1 / 0})(), "Broken", "something of the type Broken"),
        (type("Leaves", (), {"__repr__": lambda self: exit()})(), "Leaves", "something of the type Leaves"),
    ],
    ids=lambda one: str(type(one).__name__),
)
def test_what_has_no_plain_form_arrives_as_its_words(value, kind, words):
    found = returned(value)
    assert isinstance(found, Other) and found.kind == kind and words in repr(found) and len(repr(found)) <= 200
    assert found != value


@pytest.mark.parametrize(
    "value",
    [
        torch.zeros(LARGEST // 8 + 1).expand(9, -1),
        [0] * 200_001,
        torch.zeros(MOST_EMPTY + 1, 0),
        torch.zeros(2**40, 9, device="meta"),
    ],
    ids=["numbers", "parts", "empty lists", "meta"],
)
def test_what_is_too_large_becomes_a_hint(value):
    with pytest.raises(Hint, match="cannot be used here"):
        returned(value)


@pytest.mark.parametrize(
    "shape, small",
    [
        *(([], True), ([0], True), ([2, 3], True), ([LARGEST], True), ([LARGEST, 2], False), ([-1], False)),
        *(([1] * 32, True), ([1] * 33, False), ([10**9, 0], False), ([0, 10**9], False), ([MOST_EMPTY, 0], True)),
        *(([True], False), ([2.0], False), (["2"], False), ([10**30] * 20, False)),
    ],
)
def test_shapes(shape, small):
    assert is_small(shape) == small


def tensor(
    number=-1,
    dtype="float32",
    shape=(2,),
    order=None,
    place=(0, 8),
    kind=("cpu", False, True, False),
    grad=("just", None),
):
    """The node of a tensor, of which a test makes a part wrong."""
    order = list(range(len(shape))) if order is None else order
    return ["tensor", number, dtype, list(shape), order, list(place), list(kind), list(grad)]


def test_the_nodes_of_these_tests_are_right():
    assert said(tensor(), block=bytes(8)).tolist() == [0, 0]
    assert said(["array", -1, "<f4", [2], [0, 8]], block=bytes(8)).tolist() == [0, 0]


DEEP = ["just", 1]
for _ in range(600):
    DEEP = ["tuple", [DEEP]]
UNREADABLE = {
    "no list": 5,
    "nothing": None,
    "a text": "just",
    "an empty list": [],
    "a list for a kind": [["just"], 1],
    "an unknown kind": ["eval", "1 + 1"],
    "a kind of the other direction": ["named", "os:system"],
    "a callback": ["callback", 1, "f"],
    "a handle": ["handle", 1],
    "an optimizer": ["optimizer", -1, "torch.optim.sgd:SGD", [], []],
    "too few parts": ["list", -1],
    "too many parts": ["just", 1, 2],
    "a list as a number": ["just", [1]],
    "a dict as a number": ["just", {}],
    "a reference to nothing": ["ref", 77],
    "a reference to a list": ["ref", []],
    "a number that is a text": ["list", "x", []],
    "a number that is a truth": ["list", True, []],
    "a number that is a list": ["list", [], []],
    "a number that the judge has given": ["list", 1, []],
    "a number twice": ["tuple", [["list", -1, []], ["list", -1, []]]],
    "elements that are none": ["list", -1, [5]],
    "elements that are a number": ["list", -1, 5],
    "a dict with lists for keys": ["dict", -1, [[["list", -2, []], ["just", 1]]]],
    "a dict of no pairs": ["dict", -1, [[["just", 1]]]],
    "a set of lists": ["set", [["list", -1, []]]],
    "too deep": DEEP,
    "a huge range": ["range", 0, 10**30, 0],
    "a range of texts": ["range", "a", "b", "c"],
    "no complex number": ["complex", "x", 1],
    "a device that is none": ["device", "over there"],
    "a dtype that is none": ["dtype", "Tensor"],
    "a size of texts": ["size", ["a"]],
    "a history of two curves": ["history", -1, [["just", 1], ["just", 2]]],
    "bytes that are not there": ["bytes", [0, 17]],
    "bytes from before": ["bytes", [-4, 4]],
    "a negative number of bytes": ["bytes", [8, -4]],
    "bytes at a fraction": ["bytes", [0.0, 4]],
    "bytes at True": ["bytes", [True, 4]],
    "bytes used twice": ["tuple", [["bytes", [0, 16]], ["bytes", [0, 16]]]],
    "a tensor of an unknown dtype": tensor(dtype="float33"),
    "a dtype that is a list": tensor(dtype=["float32"]),
    "a quantized tensor": tensor(dtype="qint8", shape=[8]),
    "a quantized tensor on meta": tensor(dtype="qint8", kind=["meta", False, True, False]),
    "numbers of four bits": tensor(dtype="int4", shape=[8]),
    "a wrong number of bytes": tensor(place=[0, 7]),
    "a negative shape": tensor(shape=[-1, -2]),
    "a negative shape of no numbers": tensor(shape=[0, -2], place=[0, 0]),
    "a shape that overflows": tensor(shape=[2**32, 2**32, 2**62], place=[0, 0]),
    "a shape that would take hours to multiply": tensor(shape=[10**600] * 5000, place=[0, 0]),
    "a huge shape of no numbers": tensor(shape=[10**9, 0], place=[0, 0]),
    "a huge shape on meta": tensor(shape=[2**40, 9], place=[0, 0], kind=["meta", False, True, False]),
    "a shape of texts": tensor(shape=["2"]),
    "a shape that is none": ["tensor", -1, "float32", 2, [], [0, 8], ["cpu", False, True, False], ["just", None]],
    "an order that names an axis twice": tensor(shape=[0, 3000], order=[1, 1], place=[0, 0]),
    "an order beyond the axes": tensor(order=[1]),
    "an order of nothing": tensor(order=[]),
    "a negative order": tensor(order=[-1]),
    "a tensor elsewhere": tensor(kind=["cuda", False, True, False]),
    "whole numbers in gradients": tensor(dtype="int32", kind=["cpu", True, True, False]),
    "a gradient of another shape": tensor(grad=tensor(-2, shape=[1], place=[8, 4])),
    "a gradient that is a number": tensor(grad=["just", 1]),
    "a truth of 2": tensor(dtype="bool", shape=[1], place=[15, 1]),
    "an array of objects": ["array", -1, "O", [2], [0, 16]],
    "an array of records": ["array", -1, "i4,i4", [2], [0, 16]],
    "an array of times": ["array", -1, "<M8[s]", [2], [0, 16]],
    "an array of a huge text": ["array", -1, "U999999999", [1], [0, 16]],
    "an array of an odd shape": ["array", -1, "<f4", [-1], [0, 16]],
    "an array of many empty lists": ["array", -1, "<f4", [10**9, 0], [0, 0]],
    "an array that does not fit": ["array", -1, "<f4", [3], [0, 16]],
    "a scalar of no bytes": ["scalar", "<f4", [0, 0]],
    "a scalar object": ["scalar", "O", [0, 8]],
}


@pytest.mark.parametrize("node", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_cannot_be_read(node):
    with pytest.raises(Unreadable):
        Reader(table_with_a_list(), memoryview(bytes(15) + b"\2"), {}).read(node)


def table_with_a_list():
    table = Table(1)
    assert table.number([]) == 1
    return table


def test_few_bytes_do_not_become_many():
    node = ["tuple", [tensor(-number, "uint8", [10**6], None, [0, 10**6]) for number in range(1, 1000)]]
    with pytest.raises(Unreadable, match="twice"):
        Reader(Table(1), memoryview(bytes(10**6)), {}).read(node)


def test_many_messages_of_one_call_do_not_fill_the_memory():
    table, block = Table(1), memoryview(bytes(LARGEST))
    with pytest.raises(Unreadable, match="too many bytes"):
        for _ in range(10):
            Reader(table, block, {})
    table = Table(1)
    table.parts = 999_000
    with pytest.raises(Unreadable, match="too many"):
        Reader(table, memoryview(b""), {}).read(["tuple", [["just", 1]] * 2000])


def test_what_is_made_by_chance_is_readable_or_not_and_nothing_else():
    """Good messages with a part or two exchanged for something else: the reader makes plain values, or Unreadable."""
    rng = random.Random(1)
    value = [
        1,
        0.5,
        "text",
        (None, True),
        {"a": torch.ones(2, 3).T, 2: [b"x", {1}]},
        np.arange(3),
        History([1.0]),
        nn.Parameter(BASE),
    ]
    value.append(value)
    writer = Writer(Table(-1), lambda *_: None)
    whole, block = json.dumps(writer.write(value)), memoryview(bytes(writer.block))
    others = [
        None,
        True,
        -1,
        0,
        10**30,
        2**63,
        0.5,
        "",
        "float32",
        "ref",
        "list",
        "__class__",
        [],
        {},
        [0, 8],
        ["just", 1],
        [[]],
        *READ,
    ]
    readable = 0
    for _ in range(1500):
        node = json.loads(whole)
        for _ in range(rng.randint(1, 2)):
            exchange(node, rng, others)
        reader = Reader(Table(1), block, {})
        try:
            reader.read(node)
            readable += 1
        except Unreadable:
            pass
    assert 50 < readable < 1450, "the messages are all alike"


def exchange(node, rng, others):
    """Exchange a part of a JSON value, at any depth, for something else."""
    here = node
    while True:
        place = rng.randrange(len(here))
        if isinstance(here[place], list) and here[place] and rng.random() < 0.85:
            here = here[place]
        else:
            here[place] = rng.choice(others)
            return
