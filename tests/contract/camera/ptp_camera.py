"""A PTP camera whole, behind the production line: objects with handles, sessions, and what real ones do wrong.

Written from the standard, not from the code under test: it takes containers and answers with containers.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from ingest.camera.bulk import Silence
from ingest.errors import CameraGone

FOLDER, VIDEO = 0x3001, 0x300D
OK, NO_OPERATION, NO_STORAGE, NO_HANDLE, PROTECTED = 0x2001, 0x2005, 0x2008, 0x2009, 0x200D
NO_PROPERTY, BAD_PARAMETER = 0x200A, 0x201D
STORE = 0x00010001
PLAIN = {0x1001, 0x1002, 0x1003, 0x1004, 0x1005, 0x1007, 0x1008, 0x100B, 0x1014, 0x1015, 0x1016, 0x101B}
WIDE = PLAIN | {0x95C1, 0x9803}
BATTERY, DATE_TIME = 0x5001, 0x5011


@dataclass
class Thing:
    """An object. `size`: what the camera says, where that is not the truth; `missing`: bytes that it cannot give."""

    name: str
    parent: int = 0
    storage: int = STORE
    content: bytes = b""
    format: int = VIDEO
    modified: str = "20260102T030405"
    protection: int = 0
    size: int | None = None
    missing: int = 0

    @property
    def says(self) -> int:
        return len(self.content) if self.size is None else self.size


@dataclass
class PtpCamera:
    """`operations` that it has; `deleted`: every handle that it was asked to delete."""

    things: dict[int, Thing] = field(default_factory=dict)
    operations: set[int] = field(default_factory=lambda: set(PLAIN))
    properties: dict[int, bytes] = field(default_factory=dict)
    storages: list[int] = field(default_factory=lambda: [STORE])
    capacity: int = 32 << 30
    free: int = 20 << 30
    plugged: bool = True
    silent: bool = False
    flat: bool = False
    root_is: int = 0
    packet: int = 512
    refuses: dict[int, int] = field(default_factory=dict)
    ignores_delete: bool = False
    session: int = 0
    closed: bool = False
    deleted: list[int] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    out: deque[bytes] = field(default_factory=deque)
    _next: int = 1
    _command: tuple[int, int, tuple[int, ...]] | None = None

    # -- hands that reach into it --------------------------------------------------------------------------------------

    def add(self, thing: Thing) -> int:
        handle, self._next = self._next, self._next + 1
        self.things[handle] = thing
        return handle

    def folder(self, path: bytes, *, storage: int = STORE) -> int:
        """The handle of a folder, made as needed; 0 is the root."""
        at = 0
        for part in filter(None, path.split(b"/")):
            name = part.decode("utf-8", "surrogatepass")
            found = self.find(name, at, storage)
            at = found or self.add(Thing(name=name, parent=at, storage=storage, format=FOLDER))
        return at

    def find(self, name: str, parent: int, storage: int = STORE) -> int | None:
        same = (
            handle for handle, one in self.things.items() if (one.name, one.parent, one.storage) == (name, parent, storage)
        )  # fmt: skip
        return next(same, None)

    def path(self, handle: int) -> bytes:
        one = self.things[handle]
        above = self.path(one.parent) + b"/" if one.parent else b""
        return above + one.name.encode("utf-8", "surrogatepass")

    # -- the line ------------------------------------------------------------------------------------------------------

    def there(self) -> bool:
        return self.plugged

    def close(self) -> None:
        self.closed = True

    def write(self, data: bytes, *, timeout: float) -> None:
        self._must_be_plugged()
        assert timeout > 0
        length, kind, code, transaction = struct.unpack_from("<IHHI", data)
        assert length == len(data)
        if kind == 1:
            params = struct.unpack(f"<{(length - 12) // 4}I", data[12:])
            self._command = (code, transaction, params)
            if code != 0x1016:
                self._answer(code, transaction, params, b"")
        else:
            assert self._command is not None
            assert (kind, code, transaction) == (2, *self._command[:2])
            self._answer(*self._command, data[12:])

    def read(self, size: int, *, timeout: float) -> bytes:
        self._must_be_plugged()
        if self.silent or not self.out:
            raise Silence(f"nothing within {timeout} s")
        piece = self.out[0][:size]
        rest = self.out[0][size:]
        self.out.popleft()
        if rest:
            self.out.appendleft(rest)
        return piece

    def _must_be_plugged(self) -> None:
        if not self.plugged:
            raise CameraGone("the line is cut")

    def say(self, kind: int, code: int, transaction: int, payload: bytes) -> None:
        """One container; where it fills its packets, an empty transfer ends it."""
        whole = struct.pack("<IHHI", 12 + len(payload), kind, code, transaction) + payload
        self.out.append(whole)
        if len(whole) % self.packet == 0:
            self.out.append(b"")

    # -- what it answers -----------------------------------------------------------------------------------------------

    def _answer(self, code: int, transaction: int, params: tuple[int, ...], sent: bytes) -> None:
        self.asked.append(code)
        if code in self.refuses or code not in self.operations:
            self.say(3, self.refuses.get(code, NO_OPERATION), transaction, b"")
            return
        kinds: dict[int, Callable[..., bytes | int]] = {
            0x1001: self._device_info, 0x1002: self._open, 0x1003: self._shut, 0x1004: self._storage_ids,
            0x1005: self._storage_info, 0x1007: self._handles, 0x1008: self._object_info, 0x100B: self._delete, 0x1014: self._description,
            0x1015: self._value, 0x101B: self._part, 0x95C1: self._wide_part, 0x9803: self._wide_size,
        }  # fmt: skip
        if code == 0x1016:
            self.properties[params[0]] = sent
            self.say(3, OK, transaction, b"")
            return
        answer = kinds[code](*params)
        if isinstance(answer, bytes):
            self.say(2, code, transaction, answer)
            answer = OK
        self.say(3, answer, transaction, b"")

    def _open(self, number: int) -> int:
        if self.session:
            return 0x201E
        self.session = number
        return OK

    def _shut(self) -> int:
        self.session = 0
        return OK

    def _device_info(self) -> bytes:
        return b"".join([
            struct.pack("<HIH", 100, 6, 100), text("microsoft.com: 1.0"), struct.pack("<H", 0), array(sorted(self.operations), 2),
            array([], 2), array(sorted(self.properties), 2), array([VIDEO], 2), array([], 2),
            text("Maker"), text("Model"), text("1.0"), text("S-000000"),
        ])  # fmt: skip

    def _storage_ids(self) -> bytes:
        return array(self.storages, 4)

    def _storage_info(self, storage: int) -> bytes | int:
        if storage not in self.storages:
            return NO_STORAGE
        kinds = struct.pack("<HHHQQI", 3, 2, 0, self.capacity, self.free, 0xFFFFFFFF)
        return kinds + text("card") + text("")

    def _handles(self, storage: int, kind: int, folder: int) -> bytes | int:
        assert kind == 0
        if storage not in self.storages:
            return NO_STORAGE
        folder = 0 if folder == 0xFFFFFFFF else folder
        if folder and self.things.get(folder, Thing("")).format != FOLDER:
            return NO_HANDLE
        mine = [handle for handle, one in self.things.items() if one.storage == storage]
        return array([one for one in mine if self.flat or self.things[one].parent == folder], 4)

    def _object_info(self, handle: int) -> bytes | int:
        one = self.things.get(handle)
        if one is None:
            return NO_HANDLE
        head = struct.pack("<IHHIH6I", one.storage, one.format, one.protection, min(one.says, 0xFFFFFFFF), 0, *[0] * 6)
        tail = struct.pack("<IHII", one.parent or self.root_is, 1 if one.format == FOLDER else 0, 0, 0)
        return head + tail + text(one.name) + text("") + text(one.modified) + text("")

    def _delete(self, handle: int, kind: int = 0) -> int:
        assert kind == 0
        self.deleted.append(handle)
        if handle == 0xFFFFFFFF:
            self.things.clear()
            return OK
        if handle not in self.things:
            return NO_HANDLE
        if self.things[handle].protection:
            return PROTECTED
        if not self.ignores_delete:
            del self.things[handle]
        return OK

    def _part(self, handle: int, offset: int, most: int) -> bytes | int:
        one = self.things.get(handle)
        if one is None:
            return NO_HANDLE
        there = one.content[: len(one.content) - one.missing] if one.missing else one.content
        return there[offset : offset + most]

    def _wide_part(self, handle: int, low: int, high: int, most: int) -> bytes | int:
        return self._part(handle, low | high << 32, most)

    def _wide_size(self, handle: int, prop: int) -> bytes | int:
        one = self.things.get(handle)
        if one is None:
            return NO_HANDLE
        return len(one.content).to_bytes(8, "little") if prop == 0xDC04 else NO_PROPERTY

    def _value(self, prop: int) -> bytes | int:
        return self.properties.get(prop, NO_PROPERTY)

    def _description(self, prop: int) -> bytes | int:
        return self.properties.get(prop, NO_PROPERTY)


def array(values: list[int], size: int) -> bytes:
    return struct.pack("<I", len(values)) + b"".join(one.to_bytes(size, "little") for one in values)


def text(value: str) -> bytes:
    if not value:
        return b"\0"
    encoded = value.encode("utf-16-le", "surrogatepass")
    return bytes([len(encoded) // 2 + 1]) + encoded + b"\0\0"
