"""The gRPC guard on a server of its own: codes, when to come back, and remembered answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import grpc
import grpc.aio

from stormlab.drivers.aio import Pipeline
from stormlab.drivers.rpc import RpcGuardInterceptor
from stormlab.drivers.server import EFFORT
from stormlab.outcome import Outcome
from stormlab.policies import CallerThrottle, ConcurrencyShed, Degrade, Idempotent, Policy

Ask = Callable[..., Coroutine[Any, Any, bytes]]


async def served(policies: list[Policy], test: Callable[[Ask, list[Outcome]], Awaitable[None]]) -> int:
    """Runs ``test`` against an echo server behind ``policies``; how often the echo was reached."""
    reached, refusals, release = 0, list[Outcome](), asyncio.Event()

    async def echo(message: bytes, context: Any) -> bytes:
        nonlocal reached
        reached += 1
        if message == b"wait":
            await release.wait()
        if message == b"release":
            release.set()
        if message == b"abort":
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such thing")
        return message + b" %g" % EFFORT.get()

    server = grpc.aio.server(interceptors=[RpcGuardInterceptor(Pipeline(policies), refused=refusals.append)])
    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {"Say": grpc.unary_unary_rpc_method_handler(echo)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            say: Any = channel.unary_unary("/test.Echo/Say")

            async def ask(message: bytes, **metadata: str) -> bytes:
                pairs = [(name.replace("_", "-"), value) for name, value in metadata.items()]
                answer: bytes = await say(message, metadata=pairs)
                return answer

            await test(ask, refusals)
    finally:
        await server.stop(None)
    return reached


async def failing(call: Awaitable[bytes]) -> grpc.aio.AioRpcError:
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error
    raise AssertionError("the call succeeded")


def test_who_asks_too_often_is_told_when_to_come_back() -> None:
    async def test(ask: Ask, refusals: list[Outcome]) -> None:
        assert await ask(b"a", x_stormlab_caller="me") == b"a 1"
        error = await failing(ask(b"b", x_stormlab_caller="me"))
        assert (error.code(), error.details()) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "throttled")
        pushback = dict(error.trailing_metadata() or ())["grpc-retry-pushback-ms"]
        assert 900_000 < int(pushback) <= 1_000_000
        assert await ask(b"c", x_stormlab_caller="other") == b"c 1"
        assert [refusal.reason for refusal in refusals] == ["throttled"]

    assert asyncio.run(served([CallerThrottle(rate=0.001, burst=1)], test)) == 2


def test_what_is_shed_is_unavailable_and_what_is_degraded_says_so() -> None:
    async def test(ask: Ask, refusals: list[Outcome]) -> None:
        waiting = asyncio.create_task(ask(b"wait"))
        while (error := await failing_or_none(ask(b"low", x_stormlab_priority="1"))) is None:
            pass
        assert (error.code(), error.details()) == (grpc.StatusCode.UNAVAILABLE, "shed-concurrency")
        assert await ask(b"release", x_stormlab_priority="0") == b"release 0.5"
        assert await waiting == b"wait 1"

    policies: list[Policy] = [ConcurrencyShed(limit=2, reserve=0.5), Degrade(above=1, effort=0.5)]
    assert asyncio.run(served(policies, test)) >= 2


async def failing_or_none(call: Awaitable[bytes]) -> grpc.aio.AioRpcError | None:
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error
    return None


def test_a_key_is_done_once_and_the_methods_own_errors_come_through() -> None:
    async def test(ask: Ask, refusals: list[Outcome]) -> None:
        assert [await ask(b"x", idempotency_key="k") for _ in range(3)] == [b"x 1"] * 3
        for _ in range(2):
            error = await failing(ask(b"abort", idempotency_key="a"))
            assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "no such thing")

    assert asyncio.run(served([Idempotent()], test)) == 3
