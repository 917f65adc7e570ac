"""Child processes that cannot outlive the run: started, waited for, ended, each with a log file of its own."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from stormlab.errors import BadInput, StormlabError

#: How long a child may take to end by itself before it is killed, in s.
GRACE = 5.0
#: How long a part of a stack may take to come up, in s.
START_LIMIT = 60.0
_PR_SET_PDEATHSIG = 1


class Child:
    """One process we started; ``log`` holds what it printed."""

    def __init__(self, name: str, command: Sequence[str], *, log: Path, cwd: Path, env: Mapping[str, str]) -> None:
        self.name = name
        self.log = log
        self._asked = False
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                cwd=cwd,
                env={**os.environ, **env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=BOUND,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def status(self) -> int | None:
        """The exit status, or ``None`` while it runs."""
        return self._process.poll()

    def wait_until(self, ready: Callable[[], bool], *, seconds: float) -> None:
        """Wait for ``ready``.

        Raises:
            BadInput: it ended with status 2: what it was told cannot be used.
            StormlabError: it ended otherwise, or was not ready within ``seconds``; the message has its last words.
        """
        limit = time.monotonic() + seconds
        while not ready():
            if self.status is not None:
                kind = BadInput if self.status == 2 else StormlabError
                raise kind(f"{self.name} ended with status {self.status} before it was ready: {self.last_words()}")
            if time.monotonic() > limit:
                raise StormlabError(f"{self.name} was not ready after {seconds:g} s: {self.last_words()}")
            time.sleep(0.02)

    def wait(self, seconds: float) -> bool:
        """Whether it ended by itself within ``seconds``."""
        try:
            self._process.wait(timeout=max(0.0, seconds))
        except subprocess.TimeoutExpired:
            return False
        return True

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once."""
        self._signal(signal.SIGKILL)
        self._process.wait()

    def end(self) -> None:
        """Ask it to end, once, without waiting."""
        if self.status is None and not self._asked:
            self._asked = True
            self.resume()
            self._signal(signal.SIGTERM)

    def stop(self) -> None:
        """Ask it to end; kill it, and whatever it started, when it has not after :data:`GRACE` s."""
        if self.status is None:
            self.end()
            self.wait(GRACE)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def last_words(self, lines: int = 4) -> str:
        with contextlib.suppress(OSError):
            text = self.log.read_text(encoding="utf-8", errors="replace").strip()
            return " | ".join(text.splitlines()[-lines:]) or "it said nothing"
        return "it said nothing"

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)


def stop_all(children: Sequence[Child]) -> None:
    """Stop all of them, at the same time."""
    for child in children:
        child.end()
    for child in children:
        child.stop()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


#: What a new process does first, on Linux: it will be killed when the one that started it is gone, however that went.
BOUND = _die_with_parent if sys.platform == "linux" else None


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Meanwhile SIGTERM unwinds the stack as Ctrl-C does, so that clean-up runs; only the main thread can do that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def unwind(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, unwind)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
