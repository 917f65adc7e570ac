"""Operators of a live run who have to get through to a service before what they intend takes effect."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from itertools import cycle

from stormlab.live import http
from stormlab.scenario.disturbances import Through


class Operators:
    """Ask for ``path`` at ``addresses`` (ports) in turn, until the requests of ``through`` have succeeded in a row.

    Then ``achieved`` is called once, on a thread of their own.
    """

    def __init__(self, through: Through, addresses: Sequence[int], path: str, achieved: Callable[[], None]) -> None:
        self._through = through
        self._addresses = cycle(addresses)
        self._path = path
        self._achieved = achieved
        self._given_up = threading.Event()
        threading.Thread(target=self._try, daemon=True).start()

    def give_up(self) -> None:
        """Stop trying; nothing is achieved any more."""
        self._given_up.set()

    def _try(self) -> None:
        done = 0
        while done < self._through.steps:
            ok = self._gets_through()
            if self._given_up.is_set():
                return
            done = done + 1 if ok else 0
            if not ok and self._given_up.wait(self._through.rest):
                return
        self._achieved()

    def _gets_through(self) -> bool:
        try:
            return http.exchange("GET", next(self._addresses), self._path, seconds=self._through.timeout)[0] < 400
        except OSError:
            return False
