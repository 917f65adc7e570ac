"""Frames: round trip, every possible tear, damage in the middle."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kv.framing import (
    COMMIT,
    SNAPSHOT,
    encode_end,
    encode_frame,
    encode_record,
    frames,
)
from services.kv.model import Credit, Delete, Event, LogCorrupt, Put, Settled, Write

AMOUNTS = st.integers(-(2**63), 2**63 - 1)
CREDITS = st.builds(Credit, st.text(max_size=20), AMOUNTS, st.text(max_size=20))
WRITES: st.SearchStrategy[Write] = st.one_of(
    st.builds(Put, st.text(max_size=20), st.binary(max_size=50)),
    st.builds(Delete, st.text(max_size=20)),
    CREDITS,
    st.builds(Settled, CREDITS, AMOUNTS),
)


def encode(commits: list[list[Write]]) -> list[bytes]:
    encoded, sequence = [], 0
    for commit in commits:
        records = []
        for write in commit:
            sequence += 1
            records.append(encode_record(Event(sequence, write)))
        encoded.append(encode_frame(records))
    return encoded


def writes_of(data: bytes) -> list[Write]:
    return [event.write for frame in frames(data, 0) for event in frame.events]


THREE = encode(
    [
        [Put("a", b"1"), Put("b c\n", b"\x00 \n")],
        [Delete("a")],
        [Put("ü/", b"")],
    ]
)


@given(st.lists(st.lists(WRITES, min_size=1, max_size=5), max_size=5))
def test_what_is_written_is_read(commits: list[list[Write]]) -> None:
    assert writes_of(b"".join(encode(commits))) == [write for commit in commits for write in commit]


def test_every_cut_leaves_exactly_the_whole_frames() -> None:
    data = b"".join(THREE)
    ends = [len(b"".join(THREE[:count])) for count in range(4)]
    for cut in range(len(data) + 1):
        found = [frame.end for frame in frames(data[:cut], 0)]
        assert found == [end for end in ends[1:] if end <= cut]


@pytest.mark.parametrize("tail", [b"\x00" * 100, b"garbage of a torn write" * 9, COMMIT + b"\xff" * 40])
def test_rubbish_at_the_end_is_a_torn_tail(tail: bytes) -> None:
    data = b"".join(THREE)
    assert [frame.end for frame in frames(data + tail, 0)][-1] == len(data)


def test_every_changed_byte_before_the_last_frame_is_refused_naming_its_frame() -> None:
    data = b"".join(THREE)
    for position in range(len(data) - len(THREE[2])):
        damaged = bytearray(data)
        damaged[position] ^= 0x40
        start = 0 if position < len(THREE[0]) else len(THREE[0])
        with pytest.raises(LogCorrupt, match=f"offset {start}: "):
            list(frames(bytes(damaged), 0))


def test_sequence_numbers_that_do_not_increase_are_refused() -> None:
    with pytest.raises(LogCorrupt, match="does not follow 4"):
        list(frames(b"".join(THREE) + THREE[1], 0))


def test_a_sound_frame_with_unreadable_records_is_refused() -> None:
    with pytest.raises(LogCorrupt, match="unreadable"):
        list(frames(encode_frame([b"short"]), 0))


def snapshot(*, ended: bool) -> bytes:
    first = encode_frame(
        [encode_record(Event(9, Put("a", b"1"))), encode_record(Event(9, Put("b", b"2")))], marker=SNAPSHOT
    )
    return first + (encode_end(9) if ended else b"")


def commit(sequence: int) -> bytes:
    return encode_frame([encode_record(Event(sequence, Delete("a")))])


def test_commits_follow_a_snapshot() -> None:
    assert writes_of(snapshot(ended=True) + commit(10)) == [Put("a", b"1"), Put("b", b"2"), Delete("a")]


def test_an_empty_snapshot_still_says_where_history_goes_on() -> None:
    assert [frame.sequence for frame in frames(encode_end(9) + commit(10), 0)] == [9, 10]
    with pytest.raises(LogCorrupt, match="does not follow 9"):
        list(frames(encode_end(9) + commit(9), 0))


@pytest.mark.parametrize("rest", [b"", b"torn", commit(10)])
def test_a_snapshot_without_an_end_is_refused(rest: bytes) -> None:
    with pytest.raises(LogCorrupt, match="the snapshot does not end"):
        list(frames(snapshot(ended=False) + rest, 0))
