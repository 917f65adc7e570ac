"""Workers that Locust forks (``--processes``) end with their master, however that ends."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """From now on, on Linux, forked children are killed when the process that forked them is gone."""
    if sys.platform == "linux":
        os.register_at_fork(after_in_child=_die_with_parent)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
