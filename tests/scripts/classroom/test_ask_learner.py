"""scripts/classroom/ask_learner.py: whatever a learner's side says, the judge goes on, unchanged and undeceived."""

import copy
import json
import random

import pytest
import torch
import torch.nn as nn
from ask_learner import PythonLost, RemoteGuard, error_of
from loopback import Said, asked, said
from wire import Table, Writer
from wire_reading import Reader

from mnist_lesson import checks
from mnist_lesson.checks import judge
from mnist_lesson.checks.compare import Failed, Hint, difference

NUMBERS = ["tensor", 1, "float32", [2], [0], [0, 8], ["cpu", False, True, False], ["just", None]]


def test_a_result_and_what_was_printed():
    side = Said(["returned", ["just", 3], "", None, [], "words"])
    assert side.call(1, "a") == 3 and side.question.printed == "words"
    assert side.heard[0][:4] == ["call", "function", 0, [["just", 1], ["just", "a"]]]


@pytest.mark.parametrize(
    "message",
    [
        *(["ready"], ["over"], ["defined"], [""], ["x" * 1000], ["returned"], ["returned", ["just", 1]], ["failed"]),
        *(["returned", ["just", 1], "", None, [], ""] + [1], ["returned", 5, "", None, [], ""]),
        *(["returned", ["just", 1], "", None, 5, ""], ["returned", ["just", 1], "", [1, 2], [], ""]),
        *(["hint", [], ""][:1], ["lost", "why", [], ""], ["failed", "E", "m", "no line", 0, [], ""]),
        *(
            ["failed", "E", "m", 1, 9, [], ""],
            ["failed", "E", "m", 1, "x", [], ""],
            ["failed", "E\0", "m", 1, 0, [], ""],
        ),
        *(["failed", "ExceptionGroup", "m", 1, 0, [], ""][:2], ["callback"], ["callback", 1, [], []]),
        *(["callback", 77, [], []], ["callback", "x", [], []], ["callback", 2, [], [5]], ["callback", 2, [5], []]),
    ],
    ids=lambda message: str(message)[:30],
)
def test_what_is_no_answer_ends_the_talk(message):
    side = Said(message)
    with pytest.raises(PythonLost):
        side.call([1], lambda: 1)
    assert side.question.lost


EFFECTS = {
    "on nothing": [77, NUMBERS],
    "on a text": ["x", NUMBERS],
    "on a list that is no number": [[], NUMBERS],
    "of no kind": [1, []],
    "of an unknown kind": [1, ["eval", "1"]],
    "a tensor on a list": [2, NUMBERS],
    "a list on a tensor": [1, ["list", 1, []]],
    "a history on a function": [5, ["history", 5, [["just", 1]] * 4]],
    "an array on a tensor": [1, ["array", 1, "<f4", [2], [0, 8]]],
    "a network on a list": [2, ["module", 2, 0, "x", [], [], [], [], []]],
    "a gradient of another shape": [
        1,
        [*NUMBERS[:-1], ["tensor", -1, "uint8", [1], [0], [0, 1], ["cpu", False, True, False], ["just", None]]],
    ],
    "an optimizer of texts": [4, ["optimizer", 4, "x", [[[["just", "w"]], []]], []]],
    "an optimizer of nothing": [4, ["optimizer", 4, "x", [], []]],
    "a state of a text": [4, ["optimizer", 4, "x", [[[["ref", 3]], []]], [[["list", -1, []], []]]]],
}


@pytest.mark.parametrize("effect", EFFECTS.values(), ids=EFFECTS.keys())
def test_an_effect_on_something_else_ends_the_talk(effect):
    weight = nn.Parameter(torch.ones(1))
    with pytest.raises(PythonLost):
        said(
            ["just", 1],
            torch.ones(2),
            [1],
            torch.optim.SGD([weight]),
            print,
            {},
            weight,
            effects=[effect],
            block=bytes(9),
        )


def test_an_optimizer_keeps_its_weights():
    weight = nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([weight])
    effect = [2, ["optimizer", 2, "x", [[[["ref", 1]], [["params", ["just", "none"]], ["lr", ["just", 7]]]]], []]]
    said(["just", 1], optimizer, weight, effects=[effect])
    assert optimizer.param_groups[0]["params"] == [weight] and optimizer.param_groups[0]["lr"] == 7


def test_callbacks_are_called_with_plain_values_and_only_during_the_call():
    calls = []
    side = Said(
        ["callback", 1, [], [["just", 1], ["other", "X", "an X"]]],
        ["callback", 1, [], []],
        ["returned", ["just", 5], "", None, [], ""],
    )
    assert side.call(lambda *given: calls.append(given) or len(calls)) == 5
    assert calls[0][0] == 1 and repr(calls[0][1]) == "an X" and calls[1] == ()
    assert side.heard[1:] == [["returned", ["just", 1]], ["returned", ["just", 2]]]
    side.said.append(["callback", 1, [], []])
    with pytest.raises(PythonLost):
        side.call(3)
    assert len(calls) == 2


def test_what_a_callback_raises_goes_back_and_comes_again():
    class OwnError(BaseException):
        pass

    def own(*given):
        raise OwnError

    side = Said(["callback", 1, [], []], ["failed", "RaisedByJudge", "", 0, 1, [], ""])
    with pytest.raises(Failed) as failed:
        side.call(own)
    assert isinstance(failed.value.__cause__, OwnError) and side.heard[1] == ["raised", "", "", 1]
    side = Said(["callback", 1, [], []], ["returned", ["just", 1], "", None, [], ""])
    assert side.call(lambda: {}["x"]) == 1 and side.heard[1] == ["raised", "KeyError", "'x'", 0]


def test_too_many_callbacks_end_the_talk():
    block, message = bytes(60_000_000), ["callback", 1, [], [["bytes", [0, 60_000_000]]]]
    with pytest.raises(PythonLost, match="too many bytes"):
        Said(*[(message, block)] * 9).call(lambda given: None)


def test_a_network_is_asked_with_the_weights_and_modes_it_has_here():
    with asked(lambda: nn.Sequential(nn.Linear(2, 1), nn.Dropout(0.5))) as question:
        network = question()
        with torch.no_grad():
            network[0].weight.copy_(torch.tensor([[1.0, 2.0]])), network[0].bias.fill_(5)
        network.eval()
        assert network(torch.tensor([[1.0, 1.0]])).tolist() == [[8.0]]
        network.train()
        assert set(network(torch.ones(50, 2)).flatten().tolist()) == {0.0, 16.0}
        with pytest.raises(Failed, match="mat1 and mat2"):
            network(torch.ones(1, 3))


def test_a_loader_is_read_there():
    from torch.utils.data import DataLoader, TensorDataset

    with asked(lambda: DataLoader(TensorDataset(torch.arange(5)), 2)) as question:
        loader = question()
        assert [[batch.tolist() for (batch,) in loader] for _ in range(2)] == [[[0, 1], [2, 3], [4]]] * 2
        assert isinstance(loader, DataLoader)


@pytest.mark.parametrize(
    "name, message, kind",
    [
        *(("ValueError", "why", ValueError), ("StopIteration", "", StopIteration), ("OwnError", "x", Exception)),
        *(("SystemExit", "1", Exception), ("KeyboardInterrupt", "", Exception), ("UnicodeDecodeError", "x", Exception)),
        *(
            ("ExceptionGroup", "x", Exception),
            ("print", "x", Exception),
            ("__import__", "os", Exception),
            ("", "", Exception),
        ),
        *(("KeyError", "'x'", KeyError), ("OSError", "gone", OSError), ("ImportError", "no module", ImportError)),
    ],
)
def test_exceptions_have_the_name_and_the_message_of_the_learners(name, message, kind):
    error = error_of(name, message, 7)
    assert isinstance(error, kind) and type(error).__name__ == (name or "Exception")
    assert str(error) == message and error.line == 7


def test_what_is_right_cannot_be_changed_by_an_effect():
    """`to_picture` computes what is right for its last image after the call. Here all that is said is forged."""
    zeros = ["array", -1, "<f4", [5, 4], [0, 80]]

    class Forging(Said):
        def say(self, seconds):
            (node,) = self.heard[-1][3]
            if node[6][2]:  # a leaf: of those, `to_picture` has computed before what is right
                image = Reader(Table(-1), memoryview(self.blocks[-1]), {}).read(node)
                writer = Writer(Table(-1), lambda *_: None)
                return ["returned", writer.write(image.detach()[0].numpy().copy()), "", None, [], ""], bytes(
                    writer.block
                )
            self.forged = True
            effect = [
                "tensor",
                node[1],
                "float32",
                [1, 5, 4],
                [0, 1, 2],
                [80, 80],
                ["cpu", True, False, False],
                ["just", None],
            ]
            return ["returned", zeros, "", None, [[node[1], effect]], ""], bytes(160)

        def hear(self, parts, block=b""):
            super().hear(parts, block)
            self.blocks = [block]

    side = Forging()
    verdict = checks.to_picture.judge(side.question, RemoteGuard)
    assert side.forged and verdict.state == judge.NOT_YET and "changes what it was given" in verdict.hint


def test_the_judge_looks_itself_at_what_has_changed():
    """A process that was tampered with can say that nothing has changed: what it says of the values then shows it."""
    node = ["list", 1, [["just", 2]]]
    side = Said(["returned", ["just", 1], "", None, [[1, node]], ""])
    guard = RemoteGuard(side.question, judge.LimitedOutput(), {}, 10, ())
    with pytest.raises(Hint, match="changes what it was given"):
        guard([1])
    side.said.append(["returned", ["just", 1], "", None, [[1, ["list", 1, [["just", 1]]]]], ""])
    assert guard([1]) == 1


def test_other_values_equal_nothing():
    found = said(["other", "float", "0.5"])
    for expected in (0.5, "0.5", torch.tensor(0.5), (0.5,), None, torch.ones(2).numpy()):
        assert difference(found, expected)


def test_messages_changed_by_chance_change_nothing_but_the_values_of_the_call(monkeypatch):
    """Mutations of good answers: each ends in a result, a hint or PythonLost, and the judge's own things stay."""
    rng = random.Random(2)
    right = torch.arange(3.0)
    layer = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
    with asked(lambda *given: (given, nn.Linear(2, 1), {"a": [1, 2.5, "x"]})) as question:
        recorded, receive = [], question.receive
        monkeypatch.setattr(question, "receive", lambda seconds: recorded.append(receive(seconds)) or recorded[-1])
        question.call("function", 0, (right.clone(), layer, [1, 2], print), look=True)
    (parts, block), ends = recorded[0], {}
    whole, classes = json.dumps(parts), dict(vars(nn.Linear))
    others = [
        None,
        True,
        -1,
        1,
        2,
        10**30,
        0.5,
        "",
        "forward",
        "__class__",
        "module",
        "ref",
        [],
        {},
        [0, 8],
        ["just", 1],
        [[]],
    ]
    for _ in range(500):
        message = json.loads(whole)
        for _ in range(rng.randint(1, 3)):
            here = message
            while True:
                place = rng.randrange(len(here))
                if isinstance(here[place], list) and here[place] and rng.random() < 0.9:
                    here = here[place]
                else:
                    here[place] = rng.choice(others)
                    break
        if not isinstance(message[0], str):
            continue  # messages.py refuses it
        try:
            Said((message, block)).call(right.clone(), copy.deepcopy(layer), [1, 2], print)
            end = "result"
        except (PythonLost, Hint) as error:
            end = type(error).__name__
        ends[end] = ends.get(end, 0) + 1
    assert ends["result"] > 20 and ends["PythonLost"] > 20, ends
    assert right.tolist() == [0, 1, 2] and dict(vars(nn.Linear)) == classes
