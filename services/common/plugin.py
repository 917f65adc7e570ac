"""Plug-ins in processes of their own: gRPC on a Unix socket, after a handshake.

The host starts the plug-in with a magic cookie and a private folder in the environment; the plug-in listens in that
folder and says so in one line on standard output: ``PROTOCOL|ADDRESS``. The cookie keeps people from starting it by
hand, the protocol version keeps strangers apart. A plug-in whose host dies sees its standard input end, and ends. The
idea is that of HashiCorp's go-plugin (github.com/hashicorp/go-plugin); the protocol is our own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO

import grpc
import structlog

from stormlab.errors import StormlabError

PROTOCOL = 1
_COOKIE, _COOKIE_VALUE = "STORMLAB_PLUGIN_COOKIE", "9f2c6d1e"
_FOLDER = "STORMLAB_PLUGIN_FOLDER"
_START_SECONDS = 20.0
#: Bytes of a message: a group of writes, and the largest value, fit.
MAX_MESSAGE = 1 << 29
_BOUNDED = [("grpc.max_receive_message_length", MAX_MESSAGE), ("grpc.max_send_message_length", MAX_MESSAGE)]
#: Characters of a line that a plug-in prints; a longer one counts as several.
_MAX_LINE = 4096
logger = structlog.get_logger()


class PluginFailed(StormlabError):
    """The plug-in did not start, or is no plug-in of ours."""


class PluginProcess:
    """A started plug-in; ``channel`` leads to it.

    Raises:
        PluginFailed: it could not be started, ended, took longer than 20 s or speaks another protocol.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._folder = tempfile.mkdtemp(prefix="stormlab-plugin-")
        environment = os.environ | {_COOKIE: _COOKIE_VALUE, _FOLDER: self._folder}
        try:
            self.process = subprocess.Popen(
                command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        except OSError as error:
            shutil.rmtree(self._folder)
            raise PluginFailed(f"cannot start {command[0]!r}: {error.strerror}") from error
        try:
            self.channel = grpc.insecure_channel(self._handshake(), options=_BOUNDED)
        except BaseException:
            self._end()
            raise

    def close(self) -> None:
        """Ends the plug-in."""
        self.channel.close()
        self._end()

    def _handshake(self) -> str:
        lines: SimpleQueue[str] = SimpleQueue()
        assert self.process.stdout is not None
        threading.Thread(target=_read, args=(self.process.stdout, lines), daemon=True).start()
        try:
            line = lines.get(timeout=_START_SECONDS)
        except Empty:
            raise PluginFailed(f"the plug-in said nothing within {_START_SECONDS:g} s") from None
        protocol, _, address = line.strip().partition("|")
        if protocol != str(PROTOCOL) or not address.startswith("unix:"):
            raise PluginFailed(f"this is no plug-in of protocol {PROTOCOL}: it said {line[:100].strip()!r}")
        return address

    def _end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


def serve_plugin(offer: Callable[[grpc.Server], None]) -> int:
    """The life of a plug-in: serves what ``offer`` adds, one call at a time, while the host lives; its exit status."""
    if os.environ.get(_COOKIE) != _COOKIE_VALUE:
        print("This is a plug-in: the service that uses it starts it. It cannot be started by hand.", file=sys.stderr)
        return 2
    server = grpc.server(ThreadPoolExecutor(max_workers=1), options=_BOUNDED)
    offer(server)
    address = f"unix:{Path(os.environ[_FOLDER]) / 'socket'}"
    server.add_insecure_port(address)
    server.start()
    print(f"{PROTOCOL}|{address}", flush=True)
    sys.stdin.read()
    server.stop(grace=1).wait()
    return 0


def _read(output: IO[str], lines: SimpleQueue[str]) -> None:
    """The first line is the handshake, what follows goes to the log."""
    with output:
        lines.put(output.readline(_MAX_LINE))
        while line := output.readline(_MAX_LINE):
            logger.info("plug-in", line=line.rstrip())
