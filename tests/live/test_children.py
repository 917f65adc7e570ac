"""Child processes: readiness, last words, and ends that leave nobody behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stormlab.errors import BadInput, StormlabError
from stormlab.live.children import Child, terminable
from tests.live.programs import alive
from tools.waiting import wait_for

pytestmark = pytest.mark.live

SLEEPER = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
SLOW = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print("asked", flush=True), time.sleep(0.3), sys.exit()))
print("up", flush=True)
time.sleep(60)
"""
PARENT = """
import os, sys, time
from pathlib import Path
from stormlab.live.children import Child
command = [sys.executable, "-c", "import time; time.sleep(60)"]
child = Child("sleeper", command, log=Path(sys.argv[1]), cwd=Path.cwd(), env={})
print(child.pid, flush=True)
time.sleep(60)
"""
LOADING = """
import sys
from stormlab.live import load
load._master([sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(60)"], {})
"""


def child(tmp_path: Path, program: str) -> Child:
    return Child("program", [sys.executable, "-c", program], log=tmp_path / "log", cwd=tmp_path, env={})


def is_up(tmp_path: Path) -> bool:
    return "up" in (tmp_path / "log").read_text(encoding="utf-8")


def test_a_child_is_waited_for_and_ended(tmp_path: Path) -> None:
    sleeper = child(tmp_path, SLEEPER)
    sleeper.wait_until(lambda: is_up(tmp_path), seconds=20)
    sleeper.stop()
    assert sleeper.status == -signal.SIGTERM
    assert not alive(sleeper.pid)


def test_children_that_end_side_by_side_are_asked_once(tmp_path: Path) -> None:
    """A second signal would tell a service to drop what is under way."""
    slow = child(tmp_path, SLOW)
    slow.wait_until(lambda: is_up(tmp_path), seconds=20)
    slow.end()
    wait_for(lambda: "asked" in slow.last_words(), what="the first signal")
    slow.stop()
    assert slow.status == 0 and (tmp_path / "log").read_text(encoding="utf-8").count("asked") == 1


def test_a_paused_child_ends_too(tmp_path: Path) -> None:
    sleeper = child(tmp_path, SLEEPER)
    sleeper.pause()
    sleeper.stop()
    assert sleeper.status is not None


def test_a_child_that_will_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stormlab.live.children.GRACE", 0.2)
    stubborn = child(tmp_path, STUBBORN)
    stubborn.wait_until(lambda: is_up(tmp_path), seconds=20)
    stubborn.stop()
    assert stubborn.status == -signal.SIGKILL


def test_what_a_child_started_ends_with_it(tmp_path: Path) -> None:
    sleeper = f"[sys.executable, '-c', {SLEEPER!r}], stdout=subprocess.DEVNULL"
    program = f"import subprocess, sys, time; p = subprocess.Popen({sleeper}); " + (
        "print('up', p.pid, flush=True); time.sleep(60)"
    )
    parent = child(tmp_path, program)
    parent.wait_until(lambda: is_up(tmp_path), seconds=20)
    grandchild = int((tmp_path / "log").read_text(encoding="utf-8").split()[1])
    parent.stop()
    wait_for(lambda: not alive(grandchild), what="the grandchild's end")


@pytest.mark.parametrize(("status", "kind"), [(2, BadInput), (1, StormlabError)])
def test_an_early_end_is_told_with_the_last_words(tmp_path: Path, status: int, kind: type[Exception]) -> None:
    failing = child(tmp_path, f"print('no such file: x.json'); raise SystemExit({status})")
    with pytest.raises(kind, match=r"program ended with status .* before it was ready: no such file: x\.json") as told:
        failing.wait_until(lambda: False, seconds=20)
    assert isinstance(told.value, BadInput) == (kind is BadInput)


def test_a_child_that_never_gets_ready_is_told(tmp_path: Path) -> None:
    sleeper = child(tmp_path, SLEEPER)
    with pytest.raises(StormlabError, match=r"program was not ready after 0\.1 s"):
        sleeper.wait_until(lambda: False, seconds=0.1)
    sleeper.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent is gone")
@pytest.mark.parametrize("program", [PARENT, LOADING], ids=["part", "load"])
def test_children_die_with_a_parent_that_was_killed(tmp_path: Path, program: str) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True, cwd=tmp_path
    )
    assert parent.stdout is not None
    orphan = int(parent.stdout.readline())
    assert alive(orphan)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_for(lambda: not alive(orphan), what="the orphan's end")


def test_sigterm_unwinds_the_stack() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as ended, terminable():
        os.kill(os.getpid(), signal.SIGTERM)
        signal.sigtimedwait([], 1)
    assert ended.value.code == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before
