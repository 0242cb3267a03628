"""PTP (ISO 15740) over a bulk line, as MTP cameras speak it, too: containers, datasets, and one session. No camera's quirks, no files.

Why not by libgphoto2: docs/decisions/0013-mtp.md. Rules kept here: an object is only ever named by its handle, and neither 0 nor 0xFFFFFFFF is
one (to DeleteObject the latter means every object there is); whatever the camera says is bounded and hostile; an answer to another question
ends the session, because nothing that comes after it can be believed.
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass

from ingest.camera.bulk import PACKET, BulkLine
from ingest.errors import CameraGone, Unreadable

NO_HANDLE, EVERY_HANDLE = 0, 0xFFFFFFFF
FOLDER = 0x3001
UNKNOWN_SIZE = 0xFFFFFFFF
_COMMAND, _DATA, _RESPONSE = 1, 2, 3
_HEADER = struct.Struct("<IHHI")
_PIECE = 512 << 10
_NOT_SAID = (1 << 64) - 1
_LARGEST_DATASET = 8 << 20  # two million handles; everything else is small
_NOTHING = 64  # transfers without a byte in a row that are put up with


class Op(enum.IntEnum):
    """Operations, by their numbers in the standard."""

    GET_DEVICE_INFO = 0x1001
    OPEN_SESSION = 0x1002
    CLOSE_SESSION = 0x1003
    GET_STORAGE_IDS = 0x1004
    GET_STORAGE_INFO = 0x1005
    GET_OBJECT_HANDLES = 0x1007
    GET_OBJECT_INFO = 0x1008
    DELETE_OBJECT = 0x100B
    GET_DEVICE_PROP_DESC = 0x1014
    GET_DEVICE_PROP_VALUE = 0x1015
    SET_DEVICE_PROP_VALUE = 0x1016
    GET_PARTIAL_OBJECT = 0x101B
    GET_PARTIAL_OBJECT_64 = 0x95C1
    GET_OBJECT_PROP_VALUE = 0x9803


class Code(enum.IntEnum):
    """Responses that mean something of their own here."""

    OK = 0x2001
    OPERATION_NOT_SUPPORTED = 0x2005
    INVALID_STORAGE = 0x2008
    INVALID_HANDLE = 0x2009
    STORE_FULL = 0x200C
    WRITE_PROTECTED = 0x200D
    STORE_READ_ONLY = 0x200E
    ACCESS_DENIED = 0x200F
    PARTIAL_DELETION = 0x2012
    STORE_NOT_AVAILABLE = 0x2013
    DEVICE_BUSY = 0x2019
    SESSION_ALREADY_OPEN = 0x201E


class Prop(enum.IntEnum):
    """Properties of devices and objects."""

    BATTERY_LEVEL = 0x5001
    DATE_TIME = 0x5011
    OBJECT_SIZE = 0xDC04


class Refused(Exception):
    """The camera answered with another code than OK."""

    def __init__(self, op: Op, code: int) -> None:
        name = Code(code).name.replace("_", " ").lower() if code in Code._value2member_map_ else "no reason"
        super().__init__(f"the camera answered {op.name.replace('_', ' ').lower()} with {code:#06x} ({name})")
        self.op, self.code = op, code


class Dataset:
    """What the camera sent, read from the front. Raises Unreadable where it ends too soon."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def _take(self, size: int) -> bytes:
        piece = self._data[self._at : self._at + size]
        if len(piece) != size:
            raise Unreadable("the camera answers with datasets that are cut short: it does not speak PTP as it should")
        self._at += size
        return piece

    def number(self, size: int) -> int:
        """An unsigned number of `size` bytes."""
        return int.from_bytes(self._take(size), "little")

    def numbers(self, size: int) -> tuple[int, ...]:
        """An array: how many, and they."""
        count = self.number(4)
        data = self._take(count * size)
        return tuple(int.from_bytes(data[at : at + size], "little") for at in range(0, len(data), size))

    def text(self) -> str:
        """UTF-16 with its length before it; lone surrogates stay."""
        data = self._take(2 * self.number(1))
        return data.decode("utf-16-le", "surrogatepass").partition("\0")[0]


def text(value: str) -> bytes:
    """A string as it is sent."""
    return bytes([len(value) + 1]) + value.encode("utf-16-le") + b"\0\0" if value else b"\0"


@dataclass(frozen=True, kw_only=True)
class DeviceInfo:
    """What the camera says it is and can."""

    operations: frozenset[int]
    properties: frozenset[int]
    model: str
    serial: str

    @classmethod
    def of(cls, data: bytes) -> DeviceInfo:
        """From a GetDeviceInfo dataset. Raises Unreadable."""
        dataset = Dataset(data)
        dataset.number(2), dataset.number(4), dataset.number(2), dataset.text(), dataset.number(2)
        operations, _events, properties = (frozenset(dataset.numbers(2)) for _ in range(3))
        dataset.numbers(2), dataset.numbers(2)
        _maker, model, _version, serial = (dataset.text() for _ in range(4))
        return cls(operations=operations, properties=properties, model=model, serial=serial)


@dataclass(frozen=True, kw_only=True)
class ObjectInfo:
    """What the camera says of one object. `size`: 32 bits, and all ones where it is more or not known."""

    storage: int
    format: int
    protected: bool
    size: int
    parent: int
    name: str
    captured: str
    modified: str

    @classmethod
    def of(cls, data: bytes) -> ObjectInfo:
        """From a GetObjectInfo dataset. Raises Unreadable."""
        dataset = Dataset(data)
        storage, kind, protection, size = (dataset.number(n) for n in (4, 2, 2, 4))
        for n in (2, 4, 4, 4, 4, 4, 4):  # the thumbnail and the picture
            dataset.number(n)
        parent = dataset.number(4)
        dataset.number(2), dataset.number(4), dataset.number(4)
        name, captured, modified = (dataset.text() for _ in range(3))
        return cls(
            storage=storage, format=kind, protected=bool(protection & 1), size=size, parent=parent, name=name,
            captured=captured, modified=modified,
        )  # fmt: skip


class Session:
    """One open session: object handles hold as long as it does. Raises CameraGone, Unreadable, Refused."""

    def __init__(self, line: BulkLine, *, patience: float = 20.0) -> None:
        self._line = line
        self._patience = patience
        self._next = 0
        self._rest = b""
        try:
            self._ask(Op.OPEN_SESSION, 1)
        except Refused as refused:
            if refused.code != Code.SESSION_ALREADY_OPEN:
                raise Unreadable(f"{refused}: it opens no session") from refused
            self._ask(Op.CLOSE_SESSION)  # somebody's who left it open: what its handles mean nobody knows
            self._next = 0
            self._ask(Op.OPEN_SESSION, 1)

    def close(self) -> None:
        """End it; the line stays."""
        self._ask(Op.CLOSE_SESSION)

    def device_info(self) -> DeviceInfo:
        """Who it is."""
        return DeviceInfo.of(self._ask(Op.GET_DEVICE_INFO))

    def storages(self) -> tuple[int, ...]:
        """The storages that have a medium in them, sorted."""
        return tuple(sorted(one for one in Dataset(self._ask(Op.GET_STORAGE_IDS)).numbers(4) if one & 0xFFFF))

    def storage_room(self, storage: int) -> int | None:
        """Bytes that a storage has free; None where the camera does not say, or says what cannot be."""
        dataset = Dataset(self._ask(Op.GET_STORAGE_INFO, storage))
        for _word in range(3):  # its type, its filesystem, and what a computer may do with it
            dataset.number(2)
        capacity, free = dataset.number(8), dataset.number(8)
        return free if free <= capacity and free != _NOT_SAID else None

    def children(self, storage: int, folder: int) -> tuple[int, ...]:
        """Handles of the objects in a folder; `folder` NO_HANDLE: in the storage's root. Some cameras add those of other folders."""
        handles = Dataset(self._ask(Op.GET_OBJECT_HANDLES, storage, 0, folder or EVERY_HANDLE)).numbers(4)
        return tuple(one for one in handles if one not in (NO_HANDLE, EVERY_HANDLE))

    def object_info(self, handle: int) -> ObjectInfo:
        """Asked of the camera each time."""
        return ObjectInfo.of(self._ask(Op.GET_OBJECT_INFO, _one(handle)))

    def object_size(self, handle: int) -> int:
        """The size in 64 bits, of cameras that keep it as a property."""
        return Dataset(self._ask(Op.GET_OBJECT_PROP_VALUE, _one(handle), Prop.OBJECT_SIZE)).number(8)

    def part(self, handle: int, *, offset: int, most: int, wide: bool) -> bytes:
        """At most `most` bytes of an object from `offset` on; `wide`: by the operation that counts in 64 bits."""
        if wide:
            params = (_one(handle), offset & 0xFFFFFFFF, offset >> 32, most)
            return self._ask(Op.GET_PARTIAL_OBJECT_64, *params, most=most)
        return self._ask(Op.GET_PARTIAL_OBJECT, _one(handle), offset, most, most=most)

    def delete(self, handle: int) -> None:
        """Delete exactly this object."""
        self._ask(Op.DELETE_OBJECT, _one(handle), 0)

    def property(self, prop: Prop) -> bytes:
        """A device property's value, undecoded."""
        return self._ask(Op.GET_DEVICE_PROP_VALUE, prop)

    def description(self, prop: Prop) -> bytes:
        """What values a device property takes, undecoded."""
        return self._ask(Op.GET_DEVICE_PROP_DESC, prop)

    def set_property(self, prop: Prop, value: bytes) -> None:
        """Give a device property a value."""
        self._ask(Op.SET_DEVICE_PROP_VALUE, prop, send=value)

    # -- transactions --------------------------------------------------------------------------------------------------

    def _ask(self, op: Op, *params: int, send: bytes | None = None, most: int = _LARGEST_DATASET) -> bytes:
        """One transaction; the data that came, if any."""
        transaction, self._next = self._next, (self._next + 1) % 0xFFFFFFFE
        self._rest = b""
        self._send(_COMMAND, op, transaction, b"".join(one.to_bytes(4, "little") for one in params))
        if send is not None:
            self._send(_DATA, op, transaction, send)
        kind, code, data = self._container(transaction, most=most)
        came = b""
        if kind == _DATA:
            came = data
            if code != op:
                raise self._confused("data of another operation")
            kind, code, _params = self._container(transaction, most=64)
        if kind != _RESPONSE:
            raise self._confused("no response")
        if code != Code.OK:
            raise Refused(op, code)
        return came

    def _send(self, kind: int, code: int, transaction: int, payload: bytes) -> None:
        data = _HEADER.pack(_HEADER.size + len(payload), kind, code, transaction) + payload
        self._line.write(data, timeout=self._patience)

    def _container(self, transaction: int, *, most: int) -> tuple[int, int, bytes]:
        """The next container of this transaction: kind, code and payload."""
        head = self._bytes(_HEADER.size, of=_HEADER.size)
        length, kind, code, number = _HEADER.unpack(head)
        if number != transaction or not _HEADER.size <= length <= _HEADER.size + most:
            raise self._confused(f"a container of {length} bytes for question {number} instead of {transaction}")
        return kind, code, self._bytes(length - _HEADER.size, of=length - _HEADER.size)

    def _bytes(self, size: int, *, of: int) -> bytes:
        """`size` bytes from the line; what came with them is kept for the next container."""
        parts, have, nothing = [self._rest], len(self._rest), 0
        while have < size:
            wanted = -(-min(of - have, _PIECE) // PACKET) * PACKET
            piece = self._line.read(wanted, timeout=self._patience)
            nothing = (
                0 if piece else nothing + 1
            )  # a transfer of nothing ends one whose length was a multiple of a packet's
            if nothing > _NOTHING:
                raise self._confused("nothing, again and again")
            parts.append(piece)
            have += len(piece)
        whole = b"".join(parts)
        self._rest = whole[size:]
        return whole[:size]

    def _confused(self, what: str) -> CameraGone:
        return CameraGone(f"the camera answered with {what}: take it out and put it in again")


def _one(handle: int) -> int:
    if handle in (NO_HANDLE, EVERY_HANDLE):
        raise ValueError(f"{handle:#x} names no object")
    return handle
