"""The file log: replay, tails, damage, locks, failing disks."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from services.kv.file_log import Durability, FileLog
from services.kv.framing import MAGIC
from services.kv.model import Credit, Delete, LogCorrupt, LogUnavailable, Put, Write
from stormlab.errors import BadInput


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "kv.log"


def opened(path: Path, durability: Durability = Durability.ALWAYS) -> tuple[FileLog, list[Write]]:
    log = FileLog(path, durability=durability)
    return log, [event.write for event in log.events()]


def write(path: Path, *values: bytes) -> None:
    log, _ = opened(path)
    for value in values:
        log.write_put("key", value)
        log.commit()
    log.close()


def read(path: Path) -> list[Write]:
    log, writes = opened(path)
    log.close()
    return writes


def values(path: Path) -> list[bytes]:
    return [item.value for item in read(path) if isinstance(item, Put)]


@pytest.mark.parametrize("durability", Durability)
def test_what_was_committed_is_replayed_in_order(path: Path, durability: Durability) -> None:
    log, before = opened(path, durability)
    assert before == []
    assert (log.write_put("white space\n", b"\x00\n "), log.write_delete("b")) == (1, 2)
    log.commit()
    assert (log.write_put("c", b""), log.write_credit("d", 7, "t")) == (3, 4)
    log.commit()
    log.close()
    assert read(path) == [
        Put("white space\n", b"\x00\n "),
        Delete("b"),
        Put("c", b""),
        Credit("d", 7, "t"),
    ]


def test_what_was_noted_but_not_committed_is_not_there(path: Path) -> None:
    log, _ = opened(path)
    log.write_put("a", b"1")
    log.close()
    assert read(path) == []


def test_sequence_numbers_go_on_after_a_restart(path: Path) -> None:
    write(path, b"1", b"2")
    log, _ = opened(path)
    assert log.write_put("key", b"3") == 3
    log.close()


def test_a_torn_tail_is_cut_off_with_a_warning_and_writing_goes_on(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(path, b"1", b"2")
    os.truncate(path, path.stat().st_size - 3)
    assert values(path) == [b"1"]
    assert "torn tail" in capsys.readouterr().out
    write(path, b"3")
    assert values(path) == [b"1", b"3"]


@pytest.mark.parametrize("size", range(len(MAGIC)))
def test_a_file_torn_at_its_birth_is_an_empty_log(path: Path, size: int) -> None:
    path.parent.mkdir()
    path.write_bytes(MAGIC[:size])
    write(path, b"1")
    assert values(path) == [b"1"]


def test_damage_in_the_middle_is_refused_naming_file_and_offset(path: Path) -> None:
    write(path, b"1", b"2")
    data = bytearray(path.read_bytes())
    data[len(MAGIC) + 20] ^= 1
    path.write_bytes(data)
    with pytest.raises(LogCorrupt, match=rf"kv\.log: corrupt at offset {len(MAGIC)}"):
        read(path)
    assert path.read_bytes() == data


def test_another_kind_of_file_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("my precious notes")
    with pytest.raises(BadInput, match="no transaction log"):
        FileLog(path)
    assert path.read_text() == "my precious notes"


def test_two_processes_cannot_share_a_log(path: Path) -> None:
    log, _ = opened(path)
    with pytest.raises(BadInput, match="in use"):
        FileLog(path)
    log.close()
    read(path)


def test_a_folder_that_cannot_be_made_is_refused() -> None:
    with pytest.raises(BadInput, match="TLOG_FILENAME"):
        FileLog(Path("/proc/nowhere/kv.log"))


def test_a_full_disk_loses_the_write_but_not_the_log(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, _ = opened(path)
    real = os.write

    def half(file: int, data: bytes) -> int:
        if len(data) < 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(file, data[: len(data) // 2])

    monkeypatch.setattr(os, "write", half)
    log.write_put("lost", b"x" * 100)
    with pytest.raises(LogUnavailable, match="No space left"):
        log.commit()
    monkeypatch.undo()
    log.write_put("kept", b"2")
    log.commit()
    log.close()
    assert read(path) == [Put("kept", b"2")]


def test_after_a_failed_sync_nothing_is_acknowledged_any_more(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows what reached the disk, and a second sync may claim success for pages that were dropped."""
    log, _ = opened(path)

    def fail(file: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fail)
    for _ in range(2):
        log.write_put("a", b"1")
        with pytest.raises(LogUnavailable, match="restart"):
            log.commit()
        monkeypatch.undo()
    log.close()


def test_a_snapshot_replaces_the_history_and_writing_goes_on(path: Path) -> None:
    write(path, *(b"%d" % number for number in range(100)))
    before = path.stat().st_size
    log, _ = opened(path)
    log.compact(iter([Put("key", b"99"), Put("other", b"")]))
    assert log.size == path.stat().st_size < before / 10
    assert log.write_put("key", b"new") == 101
    log.commit()
    with pytest.raises(BadInput, match="in use"):
        FileLog(path)
    log.close()
    assert read(path) == [Put("key", b"99"), Put("other", b""), Put("key", b"new")]
    write(path, b"102")
    assert values(path)[-1] == b"102"


def test_an_empty_snapshot_does_not_start_the_numbers_again(path: Path) -> None:
    write(path, b"1", b"2")
    log, _ = opened(path)
    log.compact(iter(()))
    log.close()
    log, writes = opened(path)
    assert (writes, log.write_put("key", b"3")) == ([], 3)
    log.close()


def test_it_is_overgrown_by_the_size_it_was_told_or_by_its_snapshot_whichever_is_more(path: Path) -> None:
    log = FileLog(path, compact_after=200)
    assert list(log.events()) == []
    steps = []
    for _ in range(2):
        count = 0
        while not log.overgrown():
            log.write_put("key", b"x" * 10)
            log.commit()
            count += 1
        steps.append(count)
        log.compact(iter([Put("big", b"x" * 1000)]))
    log.close()
    assert steps == [5, 24]


def test_without_a_size_it_never_is(path: Path) -> None:
    log, _ = opened(path)
    log.write_put("key", b"x" * 100_000)
    log.commit()
    assert not log.overgrown()
    log.close()


def test_a_compaction_without_room_leaves_everything_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(path, b"1")
    log, _ = opened(path)

    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LogUnavailable, match="No space left"):
        log.compact(iter([Put("key", b"snapshot")]))
    monkeypatch.undo()
    log.write_put("key", b"2")
    log.commit()
    log.close()
    assert values(path) == [b"1", b"2"]
    assert [item.name for item in path.parent.iterdir()] == [path.name]


def test_a_snapshot_that_was_never_moved_into_place_is_ignored(path: Path) -> None:
    write(path, b"1")
    path.with_name("kv.log.compact").write_bytes(b"half")
    assert values(path) == [b"1"]
    log, _ = opened(path)
    log.compact(iter([Put("key", b"1")]))
    log.close()
    assert values(path) == [b"1"]


def test_the_probe_says_whether_a_commit_would_succeed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, _ = opened(path)
    log.probe()
    assert [item.name for item in path.parent.iterdir()] == [path.name]

    def fail(self: Path, data: bytes) -> int:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(LogUnavailable, match="Read-only"):
        log.probe()
    log.close()
