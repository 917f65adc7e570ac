"""One proxy: a listening socket, the connections that came through it, and the toxics they suffer."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections import Counter
from contextlib import suppress
from typing import Final

from stormlab.chaos.server.address import Address, AddressError, parse, resolve
from stormlab.chaos.server.connection import Connection, Endpoint, LoopClock
from stormlab.chaos.toxics import Stream, Toxic

BACKLOG: Final = 1024

_log = logging.getLogger(__name__)


class ListenError(Exception):
    """The address cannot be listened on; the message is worded like Toxiproxy's."""


class Proxy:
    """``seed`` decides every draw of its connections; more than ``max_connections`` at a time are refused."""

    def __init__(self, *, name: str, listen: str, upstream: str, seed: int, max_connections: int) -> None:
        self.name = name
        self.listen = listen
        self.upstream = upstream
        self.toxics: list[Toxic] = []
        self._seed = seed
        self._max_connections = max_connections
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._dials: set[asyncio.Task[None]] = set()
        self._accepted = 0
        self._received: Counter[Stream] = Counter()
        self._sent: Counter[Stream] = Counter()

    @property
    def enabled(self) -> bool:
        return self._server is not None

    async def start(self) -> None:
        """Listen, and know the port if it was left open. Raises `ListenError`."""
        if self._server is not None:
            return
        listener = await self._bind()
        self.listen = str(Address(*listener.getsockname()[:2]))
        self._server = await asyncio.get_running_loop().create_server(self._accept, sock=listener, backlog=BACKLOG)

    def stop(self) -> None:
        """Stop listening and cut every connection."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for dial in self._dials:
            dial.cancel()
        for connection in list(self._connections):
            connection.abort()

    async def differs(self, *, listen: str, upstream: str) -> bool:
        """Whether these addresses are others than its own. Raises `AddressError`."""
        return self.listen != str(await resolve(listen)) or self.upstream != upstream

    async def update(self, *, listen: str, upstream: str, enabled: bool) -> None:
        """Take over what is new; another address cuts all connections. Raises `AddressError` and `ListenError`."""
        if await self.differs(listen=listen, upstream=upstream):
            self.stop()
            self.listen, self.upstream = listen, upstream
        if enabled:
            await self.start()
        else:
            self.stop()

    def set_toxics(self, toxics: list[Toxic]) -> None:
        """From now on these are the toxics, for new connections and for those that are open."""
        self.toxics = toxics
        for connection in list(self._connections):
            connection.configure(toxics)

    def received(self, stream: Stream) -> int:
        """Bytes read from the sources of this direction."""
        return self._received[stream] + sum(
            link.received for each in self._connections for link in each.links if link.stream == stream
        )

    def sent(self, stream: Stream) -> int:
        """Bytes written to the destinations of this direction."""
        return self._sent[stream] + sum(
            link.sent for each in self._connections for link in each.links if link.stream == stream
        )

    async def _bind(self) -> socket.socket:
        try:
            address = await resolve(self.listen)
        except AddressError as problem:
            raise ListenError(f"listen tcp: {problem}") from None
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        try:
            return socket.create_server(address, family=family, backlog=BACKLOG)
        except OSError as problem:
            reason = os.strerror(problem.errno or 0).lower()
            raise ListenError(f"listen tcp {address}: bind: {reason}") from None

    def _accept(self) -> Endpoint:
        loop = asyncio.get_running_loop()
        self._accepted += 1
        connection = Connection(seed=f"{self._seed}/{self.name}/{self._accepted}", clock=LoopClock(loop), owner=self)
        self._connections.add(connection)
        return connection.client

    def client_connected(self, connection: Connection) -> None:
        """Dial the upstream for a client, unless the proxy is down or full, or the upstream is no address."""
        if len(self._connections) > self._max_connections:
            _log.warning("proxy %s: a connection beyond the first %d was refused", self.name, self._max_connections)
        elif self.enabled:
            with suppress(AddressError):
                self._start_dial(connection, parse(self.upstream))
                return
        connection.refuse()

    def _start_dial(self, connection: Connection, upstream: Address) -> None:
        dial = asyncio.get_running_loop().create_task(connection.dial(*upstream, lambda: self.toxics))
        self._dials.add(dial)
        dial.add_done_callback(self._dials.discard)

    def connection_ended(self, connection: Connection) -> None:
        """Keep the counts of a connection that is no more."""
        if connection not in self._connections:
            return
        self._connections.remove(connection)
        for link in connection.links:
            self._received[link.stream] += link.received
            self._sent[link.stream] += link.sent
