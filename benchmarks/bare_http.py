"""The least that the framework of the services can do: one route, one dictionary, no guards; `kv` compares with it.

python benchmarks/bare_http.py PORT
"""

from __future__ import annotations

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

values: dict[str, bytes] = {}


async def item(request: Request) -> Response:
    key = request.path_params["key"]
    if request.method == "PUT":
        values[key] = await request.body()
        return Response(status_code=204)
    return Response(values[key])


if __name__ == "__main__":
    app = Starlette(routes=[Route("/v1/{key}", item, methods=["GET", "PUT"])])
    uvicorn.run(app, port=int(sys.argv[1]), http="httptools", log_level="error", access_log=False, server_header=False)
