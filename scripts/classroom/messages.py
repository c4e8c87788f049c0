"""Messages between the judge and a learner's process: JSON and a block of bytes, a form that cannot run code.

The lengths of both stand in front. Numbers, texts and lists are in the JSON, the numbers of tensors in the block.
"""

from __future__ import annotations

import json
import struct
from typing import BinaryIO

LARGEST = 64_000_000  # bytes of the block; the largest that an exercise needs has 2,000,000
LONGEST = 8_000_000  # letters of the JSON, which take 30 times as much memory once they are read
HEAD = struct.Struct(">II")


class Unreadable(Exception):
    """A message, or a part of it, is none that the other side writes."""


class TooLarge(Exception):
    """A message has no room for a value."""


def send(stream: BinaryIO, parts: list, block: bytes = b"") -> None:
    """Write a message: a list that begins with a word, and the bytes that its parts name. Raises TooLarge, OSError."""
    text = json.dumps(parts).encode()
    if len(text) > LONGEST or len(block) > LARGEST:
        raise TooLarge("it takes too many bytes")
    stream.write(HEAD.pack(len(text), len(block)) + text + block)
    stream.flush()


def receive(stream: BinaryIO) -> tuple[list, bytes]:
    """Read a message. Raises EOFError where the stream ends, and Unreadable for what is no message."""
    lengths = HEAD.unpack(exactly(stream, HEAD.size))
    if lengths[0] > LONGEST or lengths[1] > LARGEST:
        raise Unreadable("a message that is too long")
    text, block = (exactly(stream, length) for length in lengths)
    try:
        parts = json.loads(text)
    except (ValueError, RecursionError, MemoryError) as error:
        raise Unreadable(f"a message that is no JSON ({type(error).__name__})") from None
    if not isinstance(parts, list) or not parts or not isinstance(parts[0], str):
        raise Unreadable("a message that does not begin with a word")
    return parts, block


def exactly(stream: BinaryIO, length: int) -> bytes:
    some = stream.read(length)
    if len(some) < length:
        raise EOFError("the other side has ended")
    return some
