"""The administration port of a node: commands that cannot be used change nothing."""

from __future__ import annotations

import asyncio

import httpx

from services.common.settings import read_settings
from services.node.service import Node
from services.node.settings import NodeSettings


def test_a_bad_command_ends_no_isolation() -> None:
    settings = read_settings(NodeSettings, ["--otel-traces-exporter", "none", "--workers", "1"], program="test")

    async def main() -> None:
        transport = httpx.ASGITransport(Node(settings).admin())
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            assert (await client.put("/isolations/cut", json={"share": 1})).json() == {"replicas": 1, "isolated": 1}
            assert (await client.put("/isolations/cut", json={"share": 7})).status_code == 400
            assert (await client.put("/isolations/other", json={"share": 0})).json()["isolated"] == 1
            assert (await client.delete("/isolations/cut")).json()["isolated"] == 0

    asyncio.run(main())
