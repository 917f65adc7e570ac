"""The memory of a process and those below it, where the system tells."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from stormlab.live.footprint import footprints

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")


def test_descendants_are_counted_with_what_they_hold() -> None:
    held = 32 << 20
    below = f"held = bytearray({held}); print(); input()"
    above = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {below!r}])"
    with subprocess.Popen([sys.executable, "-c", above], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdin is not None
        process.stdout.readline()
        found = {one.pid: one for one in footprints(os.getpid())}
        process.stdin.close()
    assert {os.getpid(), process.pid} <= set(found)
    (holder,) = [one for one in found.values() if one.command.endswith(below)]
    assert held < holder.pss <= holder.rss
    assert all(one.pss <= one.rss for one in found.values())


def test_a_process_that_is_gone_has_none() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert footprints(process.pid) == []
