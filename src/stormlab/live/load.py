"""Load tests on this machine: Locust in one process, or a master and workers that end with it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from stormlab.live import checkout, ports
from stormlab.live.children import BOUND, GRACE, Child, terminable

#: How long the master may take to end by itself after Ctrl-C, in s.
_PATIENCE = 30.0


def play(arguments: Sequence[str], *, workers: int) -> int:
    """Run Locust with our load tests and ``arguments``; its exit status.

    With several ``workers`` each is a process of its own. Locust's own flag for that, ``--processes``, forks them; in
    processes that were forked its messages were seen to wait for a second or more (Locust 2.47, pyzmq 27.3).

    Raises:
        BadInput: there is no checkout around the library, or libraries are missing.
    """
    checkout.require_extras()
    root = checkout.root()
    locust = [sys.executable, "-m", "locust", "-f", str(root / "loadtests" / "locustfile.py")]
    paths = {"PYTHONPATH": os.pathsep.join([str(root), *filter(None, [os.environ.get("PYTHONPATH")])])}
    if workers == 1:
        return _master([*locust, *arguments], paths)
    (port,) = ports.free(1)
    with terminable(), contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stormlab-load-")))
        for number in range(workers):
            name, command = f"worker-{number + 1}", [*locust, "--worker", "--master-port", str(port)]
            child = Child(name, command, log=folder / f"{name}.log", cwd=Path.cwd(), env=paths)
            stack.callback(child.stop)
        ways = ["--master", "--master-bind-host", ports.HOST, "--master-bind-port", str(port)]
        return _master([*locust, *ways, "--expect-workers", str(workers), *arguments], paths)


def _master(command: Sequence[str], paths: dict[str, str]) -> int:
    """Its output is ours; Ctrl-C reaches it as well, and it says what it knows before it ends."""
    with subprocess.Popen(command, env=os.environ | paths, preexec_fn=BOUND) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(_PATIENCE)
            raise
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end if it runs; kill it when it has not after :data:`GRACE` s."""
    process.terminate()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
