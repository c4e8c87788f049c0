"""scripts/classroom/messages.py: a message arrives as it was, and what is none is no message."""

import io
import json
import random

import pytest
from messages import HEAD, LARGEST, LONGEST, TooLarge, Unreadable, receive, send


def passed_on(*message):
    stream = io.BytesIO()
    send(stream, *message)
    stream.seek(0)
    return receive(stream)


def received(some):
    return receive(io.BytesIO(some))


def framed(text, block=b""):
    return HEAD.pack(len(text), len(block)) + text + block


def test_a_message_arrives_as_it_was():
    parts = ["word", 1, -(10**600), 1.5, -0.0, float("inf"), "\ud800 \u0000 ü", [[], {"a": None}], True]
    found, block = passed_on(parts, bytes(range(256)))
    assert found == parts and str(found[4]) == "-0.0" and block == bytes(range(256))
    assert str(passed_on(["nan", float("nan")])[0][1]) == "nan"


def test_messages_follow_each_other():
    stream = io.BytesIO()
    for number in range(3):
        send(stream, ["word", number], b"x" * number)
    stream.seek(0)
    assert [receive(stream) for _ in range(3)] == [(["word", number], b"x" * number) for number in range(3)]
    with pytest.raises(EOFError):
        receive(stream)


@pytest.mark.parametrize(
    "parts, block", [(["x", "y" * LONGEST], b""), (["x"], bytes(LARGEST + 1))], ids=["text", "block"]
)
def test_what_is_too_large_is_not_sent(parts, block):
    stream = io.BytesIO()
    with pytest.raises(TooLarge):
        send(stream, parts, block)
    assert stream.getvalue() == b"", "a part of a message would end the talk"


@pytest.mark.parametrize("lengths", [(LONGEST + 1, 0), (10, LARGEST + 1), (2**32 - 1, 2**32 - 1)])
def test_a_message_that_is_too_long_is_not_even_read(lengths):
    class Head(io.BytesIO):
        def read(self, size):
            assert size == HEAD.size, "so much must not be asked for"
            return super().read(size)

    with pytest.raises(Unreadable, match="too long"):
        receive(Head(HEAD.pack(*lengths)))


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"{}", b"[]", b"[1]", b"[[1]]", b'"word"', b"null", b"[", b'["a"', b'["a"]x', b"\xff\xfe", b'["\xff"]'),
        *(b"[" * 100_000, b'{"a":' * 100_000, b'["a",' + b"9" * 5000 + b"]", b'["a", 1e]', b"\0" * 20),
    ],
    ids=lambda text: repr(text[:12]),
)
def test_what_is_no_message(text):
    with pytest.raises(Unreadable):
        received(framed(text))


def test_it_ends_where_the_stream_ends():
    whole = framed(b'["word", 1]', b"12345")
    for length in range(len(whole)):
        with pytest.raises(EOFError):
            received(whole[:length])
    assert received(whole) == (["word", 1], b"12345")


def test_bytes_changed_by_chance_are_no_message_or_a_plain_one():
    rng = random.Random(0)
    whole = framed(json.dumps(["word", [1, {"a": [2.5, None]}], "text"]).encode(), b"123456789")
    for _ in range(1000):
        some = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            some[rng.randrange(len(some))] = rng.randrange(256)
        try:
            parts, block = received(bytes(some))
        except (EOFError, Unreadable):
            continue
        assert isinstance(parts, list) and isinstance(parts[0], str) and isinstance(block, bytes)
