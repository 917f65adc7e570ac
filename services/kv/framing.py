"""Frames of the transaction file: one commit, one frame, whole or not there.

::

    file   = magic [snapshot-frame* end-frame] commit-frame*
    frame  = marker[4] length:u32 body-crc:u32 head-crc:u32 body
    body   = record*, or sequence:u64 in an end frame
    record = sequence:u64 code:u8 key-length:u32 payload-length:u32 key payload

Numbers are big-endian; head-crc is over the 12 bytes before it. A snapshot stands at the start; the frame that ends it
names the last write it contains. In commit frames sequence numbers strictly increase.

The two checksums tell a torn tail from damage: a frame that is not whole is the *tail* of an interrupted commit when
nothing valid follows it, and *corruption* when something does. A snapshot is moved into place whole, so one that
does not end is corruption too.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from zlib import crc32

from services.kv import records
from services.kv.model import Event, LogCorrupt

MAGIC = b"STORMKV1"
COMMIT = b"\xf5KV\n"
SNAPSHOT = b"\xf5KS\n"
END = b"\xf5KE\n"
_MARKERS = re.compile(b"\xf5K[VSE]\n")
_HEAD = struct.Struct(">4sIII")
_RECORD = struct.Struct(">QBII")


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: its marker, its events, its last sequence number and the offset in bytes of the next one."""

    marker: bytes
    events: tuple[Event, ...]
    sequence: int
    end: int


def encode_record(event: Event) -> bytes:
    code, text, payload = records.encode(event.write)
    key = text.encode()
    return _RECORD.pack(event.sequence, code, len(key), len(payload)) + key + payload


def encode_frame(body: Iterable[bytes], *, marker: bytes = COMMIT) -> bytes:
    content = b"".join(body)
    head = struct.pack(">4sII", marker, len(content), crc32(content))
    return head + struct.pack(">I", crc32(head)) + content


def encode_end(sequence: int) -> bytes:
    """The frame that ends a snapshot whose last write has this ``sequence`` number."""
    return encode_frame([sequence.to_bytes(8)], marker=END)


def frames(data: bytes | memoryview, start: int) -> Iterator[Frame]:
    """The whole frames of ``data`` from ``start`` on, until its end or a torn tail.

    Raises:
        LogCorrupt: something valid follows a broken frame, a snapshot does not end, or sequence numbers do not
            increase.
    """
    offset, after, in_snapshot = start, 0, False
    while (frame := _frame(data, offset)) is not None:
        if frame.marker == COMMIT:
            if in_snapshot:
                raise LogCorrupt(f"corrupt at offset {offset}: {_NO_END}")
            _check_order(frame, after, offset)
        in_snapshot = frame.marker == SNAPSHOT
        after = max(after, frame.sequence)
        yield frame
        offset = frame.end
    follower = _next_valid(data, offset + 1)
    if follower is not None:
        raise LogCorrupt(f"corrupt at offset {offset}: broken frame, but a valid one follows at {follower}")
    if in_snapshot:
        raise LogCorrupt(f"corrupt at offset {offset}: {_NO_END}")


_NO_END = "the snapshot does not end"


def _check_order(frame: Frame, after: int, offset: int) -> None:
    for event in frame.events:
        if event.sequence <= after:
            raise LogCorrupt(f"corrupt at offset {offset}: sequence number {event.sequence} does not follow {after}")
        after = event.sequence


def _frame(data: bytes | memoryview, offset: int) -> Frame | None:
    """The frame at ``offset``, or ``None`` when there is no whole and sound one."""
    begin = offset + _HEAD.size
    if begin > len(data):
        return None
    marker, length, body_crc, head_crc = _HEAD.unpack_from(data, offset)
    if crc32(data[offset : begin - 4]) != head_crc or not _MARKERS.fullmatch(marker) or begin + length > len(data):
        return None
    body = bytes(data[begin : begin + length])
    if crc32(body) != body_crc:
        return None
    if marker == END:
        return Frame(marker, (), int.from_bytes(body), begin + length)
    events = tuple(_events(body, offset))
    return Frame(marker, events, events[-1].sequence if events else 0, begin + length)


def _events(body: bytes, offset: int) -> Iterator[Event]:
    at = 0
    try:
        while at < len(body):
            sequence, code, key_length, payload_length = _RECORD.unpack_from(body, at)
            split = at + _RECORD.size + key_length
            key, payload = body[at + _RECORD.size : split], body[split : split + payload_length]
            at = split + payload_length
            yield Event(sequence, records.decode(code, key.decode(), payload))
    except (struct.error, ValueError) as error:
        raise LogCorrupt(f"corrupt at offset {offset}: sound checksum, unreadable records ({error})") from error


def _next_valid(data: bytes | memoryview, start: int) -> int | None:
    found = (match.start() for match in _MARKERS.finditer(data, start))
    return next((at for at in found if _frame(data, at) is not None), None)
