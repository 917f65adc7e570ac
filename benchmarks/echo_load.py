"""Load for the proxy benchmark: an echo server and its clients in one process, on bare epoll to cost little.

Started by ``benchmarks/proxy.py``. Says on standard output at which port it listens; then, for each line of JSON on
standard input (``mode``, ``host``, ``port``, ``connections``, ``seconds``), runs the load and answers with another.
"""

from __future__ import annotations

import json
import select
import socket
import statistics
import sys
import time
from collections.abc import Callable

REQUEST = b"x" * 128
BLOCK = b"x" * 262_144
BULK = b"BULK"


class Load:
    """Everything on one epoll: ``handlers`` says, by file descriptor, what to do when there is something to read."""

    def __init__(self) -> None:
        self.epoll = select.epoll()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.handlers: dict[int, Callable[[], None]] = {}
        self.served: set[socket.socket] = set()
        self.received = 0
        self._on_readable(self.listener, self._accept)

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def run(self, *, mode: str, host: str, port: int, connections: int, seconds: float) -> dict[str, float]:
        """One measurement; the first tenth of the time only warms up."""
        clients = [self._connect(host, port) for _ in range(connections)]
        waits: list[float] = []
        for client in clients:
            self._bulk(client) if mode == "bulk" else self._ask(client, waits)
        self._turn(seconds / 10)
        before, answered, start = self.received, len(waits), time.perf_counter()
        self._turn(seconds)
        elapsed = time.perf_counter() - start
        measured = waits[answered:]
        for each in (*clients, *self.served):
            self._close(each)
        self.served.clear()
        if mode == "bulk":
            return {"bytes_per_second": (self.received - before) / elapsed}
        return {
            "requests_per_second": len(measured) / elapsed,
            "median_latency": statistics.median(measured),
            "answered": len(waits),
        }

    def _turn(self, seconds: float) -> None:
        end = time.perf_counter() + seconds
        poll, handlers, now = self.epoll.poll, self.handlers, time.perf_counter
        while now() < end:
            for descriptor, _ in poll(0.05):
                if handler := handlers.get(descriptor):
                    handler()

    def _accept(self) -> None:
        peer, _ = self.listener.accept()
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        receive, send = peer.recv, peer.send
        self.served.add(peer)

        def swallow() -> None:
            data = receive(len(BLOCK))
            self.received += len(data)
            if not data:
                self._close(peer)

        def echo() -> None:
            data = receive(65_536)
            if data[:4] == BULK:
                self.handlers[peer.fileno()] = swallow
            elif data:
                send(data)
            else:
                self._close(peer)

        self._on_readable(peer, echo)

    def _ask(self, client: socket.socket, waits: list[float]) -> None:
        receive, send, now, note = client.recv, client.send, time.perf_counter, waits.append
        asked = now()

        def answered() -> None:
            nonlocal asked
            if not receive(65_536):
                raise ConnectionError("the proxy closed a connection")
            moment = now()
            note(moment - asked)
            asked = moment
            send(REQUEST)

        self._on_readable(client, answered)
        send(REQUEST)

    def _bulk(self, client: socket.socket) -> None:
        client.send(BULK)
        self._turn(0.05)
        client.setblocking(False)
        send = client.send

        def push() -> None:
            try:
                send(BLOCK)
            except BlockingIOError:
                return

        self.handlers[client.fileno()] = push
        self.epoll.register(client, select.EPOLLOUT)

    def _connect(self, host: str, port: int) -> socket.socket:
        client = socket.create_connection((host, port))
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client

    def _on_readable(self, sock: socket.socket, handler: Callable[[], None]) -> None:
        self.handlers[sock.fileno()] = handler
        self.epoll.register(sock, select.EPOLLIN)

    def _close(self, sock: socket.socket) -> None:
        if sock.fileno() >= 0:
            self.handlers.pop(sock.fileno(), None)
            self.epoll.unregister(sock)
            sock.close()


def main() -> None:
    load = Load()
    print(load.port, flush=True)
    for line in sys.stdin:
        print(json.dumps(load.run(**json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
