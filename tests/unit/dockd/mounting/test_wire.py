from __future__ import annotations

import contextlib
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.mounting.wire import LIMIT, Garbage, Inbox, Message, encode

SCALARS = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=60)
MESSAGES = st.lists(st.dictionaries(st.text(max_size=10), SCALARS, max_size=5), max_size=6)


@given(MESSAGES, st.data())
def test_messages_come_whole_however_the_stream_was_cut(messages: list[Message], data: st.DataObject) -> None:
    stream = b"".join(encode(message) for message in messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    inbox = Inbox()
    found = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += list(inbox.feed(stream[start:end]))
    assert found == messages


@given(st.binary(max_size=400), st.booleans())
def test_whatever_comes_is_a_message_or_garbage(noise: bytes, with_length: bool) -> None:
    stream = struct.pack("!I", len(noise)) + noise if with_length else noise
    with contextlib.suppress(Garbage):
        assert all(isinstance(message, dict) for message in Inbox().feed(stream))


@pytest.mark.parametrize("length", [LIMIT + 1, 0xFFFFFFFF])
def test_a_message_that_is_too_long_is_garbage_before_it_has_come(length: int) -> None:
    with pytest.raises(Garbage, match="announced"):
        list(Inbox().feed(struct.pack("!I", length)))


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b"{", b"\xff{}", b"[" * LIMIT, b'{"id":' + b"9" * 5000 + b"}"])
def test_what_is_no_object_is_garbage(body: bytes) -> None:
    with pytest.raises(Garbage):
        list(Inbox().feed(struct.pack("!I", len(body)) + body))


def test_messages_before_garbage_are_not_lost() -> None:
    stream = encode({"id": 1}) + struct.pack("!I", 2) + b"[]"
    messages = Inbox().feed(stream)
    assert next(messages) == {"id": 1}
    with pytest.raises(Garbage):
        next(messages)


def test_nothing_too_long_is_sent() -> None:
    assert len(json.dumps({"message": "é" * 1000})) < LIMIT
    encode({"message": "é" * 1000})
    with pytest.raises(Garbage):
        encode({"message": "x" * LIMIT})
