"""Running front ends until SIGTERM: bind first, serve, drain within the grace period."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator, Sequence
from typing import Protocol

import structlog
import uvicorn

from services.common.asgi import App, Message, Receive, Scope, Send
from services.common.http_protocol import BoundedProtocol
from services.common.logs import announce
from stormlab.errors import BadInput

_BACKLOG = 2048
#: s for which connections that were open at SIGTERM are still answered, each answer closing its connection.
_LINGER = 1.0
logger = structlog.get_logger()


class Front(Protocol):
    """A way in to a service, bound to its address already."""

    name: str
    address: str

    async def run(self, stopping: asyncio.Event, *, grace: float) -> None:
        """Serves until ``stopping`` is set, then lets what is under way finish for at most ``grace`` s."""
        ...


def bind(host: str, port: int, *, settings: str = "HOST or PORT") -> socket.socket:
    """A listening TCP socket; port 0 picks a free one.

    Raises:
        BadInput: the address cannot be had; ``settings`` says what to change.
    """
    try:
        family, kind, number, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        sock = socket.socket(family, kind, number)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(_BACKLOG)
    except OSError as error:
        reason = error.strerror or str(error)
        raise BadInput(f"cannot listen on {host}:{port}: {reason}; choose another {settings}") from error
    sock.setblocking(False)
    return sock


def address_of(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class HttpFront:
    """An ASGI application on a listening socket, and on ``more`` of them."""

    def __init__(self, name: str, sock: socket.socket, app: App, *, more: Sequence[socket.socket] = ()) -> None:
        self.name, self._sockets, self._app = name, [sock, *more], app
        self.address = address_of(*sock.getsockname()[:2])

    async def run(self, stopping: asyncio.Event, *, grace: float) -> None:
        closing = _Closing(self._app)
        server = _Server(_config(closing, grace), closing)
        waiter = asyncio.create_task(_when(stopping, server))
        await server.serve(sockets=self._sockets)
        waiter.cancel()


async def serve(fronts: Sequence[Front], *, grace: float, beside: asyncio.Task[None] | None = None) -> None:
    """Serves all ``fronts`` until SIGTERM or SIGINT, then lets requests under way finish for ``grace`` s.

    Raises:
        Exception: what ``beside``, a task that may end at any time, failed with; the fronts have stopped then.
    """
    stopping = asyncio.Event()

    def stop(name: str) -> None:
        logger.info("stopping", signal=name, grace=grace)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop, number.name)
    if beside is not None:
        beside.add_done_callback(lambda task: None if task.cancelled() or task.exception() is None else stopping.set())
    async with asyncio.TaskGroup() as group:
        for front in fronts:
            group.create_task(front.run(stopping, grace=grace))
            announce("listening", name=front.name, address=front.address)
    if beside is not None and beside.done():
        beside.result()


class _Closing:
    """Once told to, asks every caller to open a new connection for the next request."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.now = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def watched(message: Message) -> None:
            if self.now and message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        await self._app(scope, receive, watched)


class _Server(uvicorn.Server):
    """A server that leaves signals to the process and closes no connection that may have a request on its way."""

    def __init__(self, config: uvicorn.Config, closing: _Closing) -> None:
        super().__init__(config)
        self._closing = closing

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._closing.now = True
        await asyncio.sleep(0)
        for server in self.servers:
            server.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LINGER):
                while self.server_state.connections:
                    await asyncio.sleep(0.02)
        await super().shutdown(sockets)


async def _when(stopping: asyncio.Event, server: uvicorn.Server) -> None:
    await stopping.wait()
    server.should_exit = True


def _config(app: App, grace: float) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=BoundedProtocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=max(1, round(grace)),
    )
