"""The least that a proxy of the gateway's framework can do: one route, one shared session; `gateway` compares with it.

python -m benchmarks.bare_proxy UPSTREAM_PORT PORT
"""

from __future__ import annotations

import sys

import aiohttp
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_sessions: list[aiohttp.ClientSession] = []


async def item(request: Request) -> Response:
    if not _sessions:
        _sessions.append(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=256)))
    url = f"http://127.0.0.1:{sys.argv[1]}/v1/{request.path_params['key']}"
    async with _sessions[0].get(url) as answer:
        return Response(await answer.read(), answer.status)


if __name__ == "__main__":
    app = Starlette(routes=[Route("/v1/{key}", item)])
    uvicorn.run(app, port=int(sys.argv[2]), http="httptools", log_level="error", access_log=False, server_header=False)
