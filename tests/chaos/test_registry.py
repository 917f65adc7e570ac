"""The bounds of the server, and the words of addresses."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

import pytest

from stormlab.chaos.server.address import Address, AddressError, parse, resolve
from stormlab.chaos.server.registry import ApiError, Limits, Registry

DOWN = {"upstream": "127.0.0.1:1", "enabled": False}


def test_proxies_and_toxics_are_bounded() -> None:
    async def main() -> None:
        registry = Registry(seed=1, limits=Limits(proxies=2, toxics=2))
        for name in ("a", "b"):
            await registry.create({"name": name, **DOWN})
        with pytest.raises(ApiError, match="no more than 2 proxies"):
            await registry.create({"name": "c", **DOWN})
        for name in ("one", "two"):
            registry.add_toxic("a", {"name": name, "type": "latency"})
        with pytest.raises(ApiError, match="no more than 2 toxics"):
            registry.add_toxic("a", {"name": "three", "type": "latency"})

    asyncio.run(main())


def test_replacing_a_proxy_is_not_one_more() -> None:
    async def main() -> None:
        registry = Registry(seed=1, limits=Limits(proxies=1))
        await registry.populate([{"name": "a", **DOWN}])
        changed = DOWN | {"name": "a", "upstream": "127.0.0.1:2"}
        assert [each.upstream for each in await registry.populate([changed])] == ["127.0.0.1:2"]

    asyncio.run(main())


def test_connections_are_bounded() -> None:
    async def main() -> None:
        registry = Registry(seed=1, limits=Limits(connections=2))
        server = await asyncio.start_server(lambda reader, writer: writer.write(b"x"), "127.0.0.1", 0)
        upstream = "{}:{}".format(*server.sockets[0].getsockname())
        proxy = await registry.create({"name": "a", "upstream": upstream, "listen": "127.0.0.1:0"})
        address = parse(proxy.listen)
        streams = [await asyncio.open_connection(*address) for _ in range(3)]
        answers = []
        for reader, _ in streams:
            with suppress(ConnectionResetError):
                answers.append(await reader.read(1))
        assert sorted(answers) in ([b"", b"x", b"x"], [b"x", b"x"])
        for _, writer in streams:
            writer.close()
        registry.stop()
        server.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:80", Address("127.0.0.1", 80)),
        ("kv:8080", Address("kv", 8080)),
        ("[::1]:80", Address("::1", 80)),
        (":80", Address("127.0.0.1", 80)),
        ("kv:", Address("kv", 0)),
        ("", Address("127.0.0.1", 0)),
    ],
)
def test_addresses_are_read(text: str, address: Address) -> None:
    assert parse(text) == address


@pytest.mark.parametrize("text", ["kv", "1:2:3", "kv:65536", "kv:-1", "kv:http3", "kv:²"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(AddressError):
        parse(text)


@pytest.mark.parametrize("text", ["127.0.0.1:80", "[::1]:80"])
def test_addresses_are_written_as_they_are_read(text: str) -> None:
    assert str(parse(text)) == text


def test_localhost_is_resolved_to_a_number() -> None:
    assert asyncio.run(resolve("localhost:80")) == Address("127.0.0.1", 80)


def test_an_unknown_host_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*arguments: object, **options: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(AddressError, match="lookup nowhere: Name or service not known"):
        asyncio.run(resolve("nowhere:80"))
