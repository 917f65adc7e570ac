"""Tells the console of a running stack what a live run does: which processes to watch, which faults begin and end."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from queue import Queue
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from stormlab.errors import BadInput, StormlabError
from stormlab.live import http

if TYPE_CHECKING:
    from stormlab.live.stack import Process
    from stormlab.scenario.disturbances import Disturbance

#: Where the console is; unset: nobody is told.
ENVIRONMENT = "STORMLAB_CONSOLE"
#: How long the end of a run waits for what is still to be said, in s.
PATIENCE = 5.0


class Herald:
    """Speaks to the console at ``url``, or to nobody; a console that does not answer never delays a fault.

    What is said goes out in its order from a thread; moments carry the time at which they were told.

    Raises:
        BadInput: ``url`` is no address on this machine.
    """

    def __init__(self, url: str | None) -> None:
        self._port = _port(url) if url else None
        self._outbox: Queue[tuple[str, str, Any] | None] = Queue()
        self._voice = Thread(target=self._speak, name="herald", daemon=True)
        if self._port is not None:
            self._voice.start()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Herald:
        return cls(environment.get(ENVIRONMENT))

    @property
    def listened_to(self) -> bool:
        """Whether there is somebody to be told."""
        return self._port is not None

    def watch(self, processes: list[Process], load: int) -> None:
        """These processes have metrics from now on, and the load generator at port ``load``."""
        targets = [{"name": f"run-{one.name}", "service": one.service, "port": one.port} for one in processes]
        self._say("PUT", "/api/guests", [*targets, {"name": "run-load", "service": "load", "port": load}])

    def is_over(self) -> None:
        """The run is, and with it every fault; nothing of it is to be watched any more."""
        self._say("PUT", "/api/guests", [])
        self._outbox.put(None)
        if self._port is not None:
            self._voice.join(PATIENCE)

    def begins(self, one: Disturbance) -> None:
        self._moment(one, "begin")

    def ends(self, one: Disturbance) -> None:
        self._moment(one, "end")

    def _moment(self, one: Disturbance, phase: str) -> None:
        kind = str(getattr(one, "kind", type(one).__name__))
        moment = {"fault": one.label, "kind": kind, "target": one.target, "phase": phase, "at": time.time()}
        self._say("POST", "/api/moments", moment)

    def _say(self, method: str, path: str, value: Any) -> None:
        if self._port is not None:
            self._outbox.put((method, path, value))

    def _speak(self) -> None:
        assert self._port is not None
        while (said := self._outbox.get()) is not None:
            method, path, value = said
            with contextlib.suppress(StormlabError):
                http.command(method, self._port, path, value)


def also(action: Callable[[Any], None], told: Callable[[Any], None]) -> Callable[[Any], None]:
    """Does ``action``, then tells of it."""

    def both(one: Any) -> None:
        action(one)
        told(one)

    return both


def _port(url: str) -> int:
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname not in ("127.0.0.1", "localhost") or parts.port is None:
        raise BadInput(f"{ENVIRONMENT}: {url!r} is no console; write it like http://127.0.0.1:8600")
    return parts.port
