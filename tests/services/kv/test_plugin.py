"""Plug-ins in processes of their own: handshake, crash, the log behind one, the duck."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from services.common.plugin import PluginFailed, PluginProcess
from services.common.proto import plugin_pb2 as pb
from services.kv.examples.duck import ask
from services.kv.model import Credit, Delete, LogCorrupt, LogUnavailable, Put, Write
from services.kv.plugin_log import PluginLog
from tests.services.kv.running import Running
from tests.services.running import ROOT

pytestmark = pytest.mark.live


def file_plugin(path: Path) -> list[str]:
    return [sys.executable, "-m", "services.kv.examples.file_plugin", str(path)]


def script(*lines: str) -> list[str]:
    return [sys.executable, "-c", "\n".join(lines)]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[PluginLog]:
    log = PluginLog(file_plugin(tmp_path / "kv.log"))
    assert writes_of(log) == []
    yield log
    log.close()


def writes_of(log: PluginLog) -> list[Write]:
    return [event.write for event in log.events()]


def crash(log: PluginLog) -> None:
    """Kills the plug-in and waits until it is dead."""
    assert log._plugin is not None
    log._plugin.process.kill()
    log._plugin.process.wait()


def put(log: PluginLog, value: bytes) -> None:
    log.write_put("k", value)
    log.commit()


def test_the_duck_says_quack() -> None:
    command = [sys.executable, "-m", "services.kv.examples.duck"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout == "The duck says: Quack!\n"


def test_a_plugin_is_not_started_by_hand() -> None:
    command = [sys.executable, "-m", "services.kv.examples.duck", "plugin"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "cannot be started by hand" in done.stderr


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["/no/such/program"], "cannot start"),
        (script("print('hello')"), "no plug-in of protocol 1: it said 'hello'"),
        (script("print('2|unix:/x')"), "no plug-in of protocol 1"),
        (script("pass"), "it said ''"),
        (script("print('x' * 10**5, end='', flush=True); import sys; sys.stdin.read()"), "it said 'x{100}'$"),
    ],
)
def test_what_is_no_plugin_is_refused(command: list[str], says: str) -> None:
    with pytest.raises(PluginFailed, match=says):
        ask(command)


def test_a_plugin_ends_when_its_host_does() -> None:
    plugin = PluginProcess([sys.executable, "-m", "services.kv.examples.duck", "plugin"])
    assert plugin.process.stdin is not None
    plugin.process.stdin.close()
    assert plugin.process.wait(timeout=20) == 0
    plugin.close()


def test_the_log_behind_a_plugin_is_a_log(tmp_path: Path, log: PluginLog) -> None:
    log.write_put("a\x00 ü", b"\xff")
    log.write_delete("b")
    log.commit()
    log.write_credit("c", 5, "t")
    log.commit()
    log.probe()
    log.close()
    again = PluginLog(file_plugin(tmp_path / "kv.log"))
    assert writes_of(again) == [Put("a\x00 ü", b"\xff"), Delete("b"), Credit("c", 5, "t")]
    again.close()


def test_a_plugin_that_crashed_is_started_again_and_nothing_is_lost(tmp_path: Path, log: PluginLog) -> None:
    for number in range(3):
        put(log, b"%d" % number)
        crash(log)
    put(log, b"last")
    log.close()
    again = PluginLog(file_plugin(tmp_path / "kv.log"))
    assert writes_of(again) == [Put("k", value) for value in (b"0", b"1", b"2", b"last")]
    again.close()


def test_a_commit_that_was_done_before_the_crash_is_not_done_twice(
    tmp_path: Path, log: PluginLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = PluginLog._commit

    def commit_and_crash(self: PluginLog, noted: list[object]) -> None:
        monkeypatch.setattr(PluginLog, "_commit", real)
        committed = self._committed
        real(self, noted)  # type: ignore[arg-type]
        self._committed = committed
        crash(self)
        self._stub().Probe(pb.ProbeRequest(), timeout=5)

    monkeypatch.setattr(PluginLog, "_commit", commit_and_crash)
    put(log, b"1")
    put(log, b"2")
    log.close()
    again = PluginLog(file_plugin(tmp_path / "kv.log"))
    assert writes_of(again) == [Put("k", b"1"), Put("k", b"2")]
    again.close()


def test_a_plugin_that_cannot_be_started_again_is_a_refusal(log: PluginLog) -> None:
    put(log, b"1")
    crash(log)
    log._command = ["/no/such/program"]
    for _ in range(2):
        with pytest.raises(LogUnavailable, match="cannot start"):
            put(log, b"2")


def test_a_plugin_that_kept_what_was_refused_closes_the_log(log: PluginLog, monkeypatch: pytest.MonkeyPatch) -> None:
    put(log, b"1")
    real, command = PluginLog._commit, log._command

    def commit_and_crash(self: PluginLog, noted: list[object]) -> None:
        committed = self._committed
        real(self, noted)  # type: ignore[arg-type]
        self._committed, self._command = committed, ["/no/such/program"]
        crash(self)
        self._stub().Probe(pb.ProbeRequest(), timeout=5)

    monkeypatch.setattr(PluginLog, "_commit", commit_and_crash)
    with pytest.raises(LogUnavailable, match="cannot start"):
        put(log, b"refused")
    monkeypatch.undo()
    log._command = command
    for _ in range(2):
        with pytest.raises(LogUnavailable, match="restart the service"):
            put(log, b"3")


def test_damage_behind_the_plugin_is_told(tmp_path: Path, log: PluginLog) -> None:
    put(log, b"1")
    put(log, b"2")
    log.close()
    path = tmp_path / "kv.log"
    data = bytearray(path.read_bytes())
    data[30] ^= 1
    path.write_bytes(data)
    again = PluginLog(file_plugin(path))
    with pytest.raises(LogCorrupt, match="offset 8"):
        writes_of(again)


def test_a_crash_of_the_plugin_does_not_crash_the_service(tmp_path: Path) -> None:
    command = " ".join(file_plugin(tmp_path / "kv.log"))
    kv = Running(tmp_path / "unused.log", tlog_type="plugin", tlog_plugin=command)
    try:
        assert httpx.put(kv.public + "/v1/a", content=b"1").status_code == 201
        children = Path(f"/proc/{kv.process.pid}/task/{kv.process.pid}/children").read_text().split()
        for child in children:
            os.kill(int(child), signal.SIGKILL)
        assert httpx.get(kv.public + "/v1/a").content == b"1"
        assert httpx.put(kv.public + "/v1/a", content=b"2", timeout=30).status_code == 204
        assert kv.stop() == 0
    finally:
        kv.end()
    again = Running(tmp_path / "kv.log")
    try:
        assert httpx.get(again.public + "/v1/a").content == b"2"
    finally:
        again.end()
