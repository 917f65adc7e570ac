"""What the guards cost at the door of a server: µs per request, ASGI in one process and gRPC over loopback.

A row is a bare server or the same with a pipeline in front of it. All rows are timed in turn, several rounds, and the
best round of each counts; what a guard costs is the difference to the bare row of its kind.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import grpc
import grpc.aio
from rich.console import Console
from rich.table import Table

from stormlab import Pipeline
from stormlab.drivers.asgi import App, AsgiGuard
from stormlab.drivers.rpc import RpcGuardInterceptor
from stormlab.policies import (
    AimdLimit,
    CallerThrottle,
    ConcurrencyShed,
    Degrade,
    Idempotent,
    Policy,
    PriorityShed,
    QueueShed,
)

CALLS, ROUNDS = 300, 7
USUAL: list[Policy] = [CallerThrottle(rate=1e9), ConcurrencyShed(), Degrade()]
GUARDS: list[list[Policy]] = [
    [CallerThrottle(rate=1e9)],
    [ConcurrencyShed()],
    [QueueShed()],
    [PriorityShed()],
    [AimdLimit()],
    [Degrade()],
    [Idempotent()],
    USUAL,
]

Call = Callable[[], Awaitable[object]]
_START = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]}
_BODY = {"type": "http.response.body", "body": b""}
_SCOPE = {
    "type": "http",
    "path": "/v1/key",
    "headers": [(b"host", b"localhost"), (b"x-stormlab-caller", b"me"), (b"x-stormlab-attempt", b"1")],
    "client": ("127.0.0.1", 1),
}


async def site(scope: Any, receive: Any, send: Any) -> None:
    await send(_START)
    await send(_BODY)


async def _sent(message: Any) -> None:
    """Nobody is there."""


async def _received() -> Any:
    return {"type": "http.disconnect"}


def over_asgi(app: App) -> Call:
    return lambda: app(_SCOPE, _received, _sent)


@asynccontextmanager
async def over_grpc(policies: list[Policy]) -> AsyncIterator[Call]:
    """Calls of an echo server behind ``policies``, or bare without any."""

    async def echo(message: bytes, context: Any) -> bytes:
        return message

    interceptors = [RpcGuardInterceptor(Pipeline(policies))] if policies else []
    server = grpc.aio.server(interceptors=interceptors)
    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {"Say": grpc.unary_unary_rpc_method_handler(echo)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench.Echo", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            say: Any = channel.unary_unary("/bench.Echo/Say")
            yield lambda: say(b"hello")
    finally:
        await server.stop(None)


async def seconds_for(call: Call) -> float:
    began = time.perf_counter()
    for _ in range(CALLS):
        await call()
    return time.perf_counter() - began


async def measure() -> dict[str, float]:
    """µs per request, the best of all rounds."""
    async with AsyncExitStack() as stack:
        timed: dict[str, Call] = {"ASGI, bare": over_asgi(site)}
        timed |= {f"ASGI, {_name(guards)}": over_asgi(AsgiGuard(site, Pipeline(guards))) for guards in GUARDS}
        timed["gRPC, bare"] = await stack.enter_async_context(over_grpc([]))
        timed[f"gRPC, {_name(USUAL)}"] = await stack.enter_async_context(over_grpc(USUAL))
        best = dict.fromkeys(timed, float("inf"))
        gc.disable()
        for _ in range(ROUNDS):
            for name, call in timed.items():
                best[name] = min(best[name], await seconds_for(call) / CALLS * 1e6)
        gc.enable()
        return best


def _name(guards: list[Policy]) -> str:
    return " → ".join(guard.kind for guard in guards)


def main() -> None:
    costs = asyncio.run(measure())
    table = Table("request", "µs", "more than bare", title="Cost per request at the door")
    for name, cost in costs.items():
        table.add_row(name, f"{cost:.2f}", f"{cost - costs[name.partition(',')[0] + ', bare']:+.2f}")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
