"""One proxied connection: two endpoints, and between them a link for each direction.

As in Toxiproxy there is no half-closed connection: the end of one direction, once it has passed its toxics, closes the
destination, and that ends the other direction.
"""

from __future__ import annotations

import asyncio
import math
import socket
import struct
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol, cast

from stormlab.chaos.server.link import Link
from stormlab.chaos.toxics import Stream, Toxic

HIGH_WATER: Final = 256 * 1024
"""Bytes that may wait in one transport before reading stops on the other side."""

_LINGER_ZERO: Final = struct.pack("ii", 1, 0)


class LoopClock:
    """The time of a loop whose timers tick in whole ms: a wait is rounded up, so that none is too short."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def time(self) -> float:
        return time.monotonic()

    def call_later(self, delay: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        return self._loop.call_later(math.ceil(delay * 1000) / 1000, callback)


class Endpoint(asyncio.Protocol):
    """One of the two sockets of a connection."""

    __slots__ = ("_connection", "_transport", "forward", "inbound", "lost", "outbound", "received", "write")

    outbound: Link
    inbound: Link
    forward: Callable[[bytes], object]
    """Takes what was received; set by the outbound link."""
    write: Callable[[bytes | memoryview], object]
    """Sends; set once connected."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._transport: asyncio.Transport | None = None
        self.received = 0
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=HIGH_WATER)
        self.write = self._transport.write
        self._connection.endpoint_connected(self)

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        self.forward(data)

    def eof_received(self) -> bool:
        self.outbound.source_ended()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self.inbound.destination_lost()
        self.outbound.source_ended()
        self._connection.endpoint_lost()

    def pause_writing(self) -> None:
        self.inbound.hold(self)

    def resume_writing(self) -> None:
        self.inbound.release(self)

    def pause(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def close(self) -> None:
        """Close once all that was written is sent, or at once if the connection is to be reset."""
        if self._connection.resets:
            self.abort()
        elif self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def linger_zero(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)


class Owner(Protocol):
    """Who accepts connections."""

    def client_connected(self, connection: Connection) -> None:
        """Now is the time to `Connection.dial` or to `Connection.refuse`."""
        ...

    def connection_ended(self, connection: Connection) -> None:
        """Both sockets are closed."""
        ...


class Connection:
    """``seed`` decides all its draws."""

    def __init__(self, *, seed: str, clock: LoopClock, owner: Owner) -> None:
        self.seed = seed
        self.clock = clock
        self.resets = False
        self.client = Endpoint(self)
        self.server = Endpoint(self)
        self.links = (
            Link(self, Stream.UPSTREAM, self.client, self.server),
            Link(self, Stream.DOWNSTREAM, self.server, self.client),
        )
        self._owner = owner

    async def dial(self, host: str, port: int, toxics: Callable[[], Sequence[Toxic]]) -> None:
        """Connect to the server and let the bytes flow; the client is refused if there is no server."""
        try:
            await asyncio.get_running_loop().create_connection(lambda: self.server, host, port)
        except (OSError, ValueError):
            self.refuse()
        except asyncio.CancelledError:
            self.refuse()
            raise
        else:
            for link in self.links:
                link.open(toxics())

    def refuse(self) -> None:
        """Close the client's socket; there is no other."""
        self.server.lost = True
        if self.client.lost:
            self._owner.connection_ended(self)
        else:
            self.client.abort()

    def configure(self, toxics: Sequence[Toxic]) -> None:
        for link in self.links:
            link.configure(toxics)

    def reset_on_close(self) -> None:
        self.resets = True
        self.client.linger_zero()
        self.server.linger_zero()

    def abort(self) -> None:
        """Close both sockets now."""
        self.client.abort()
        self.server.abort()

    def endpoint_connected(self, endpoint: Endpoint) -> None:
        if endpoint is self.client:
            self._owner.client_connected(self)

    def endpoint_lost(self) -> None:
        if self.client.lost and self.server.lost:
            self._owner.connection_ended(self)
