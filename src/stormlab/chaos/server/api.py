"""The HTTP API of Toxiproxy 2.12 (github.com/Shopify/toxiproxy, README, "HTTP API") in front of a registry."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final, NoReturn

from aiohttp import web

from stormlab.chaos.server.metrics import CONTENT_TYPE, exposition
from stormlab.chaos.server.proxy import Proxy
from stormlab.chaos.server.registry import ApiError, Body, PopulateError, Registry, bad_body
from stormlab.chaos.toxics import Stream

VERSION: Final = "2.12.0"
"""The version of Toxiproxy whose API this is."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(registry: Registry, *, body_limit: int) -> web.Application:
    """The API as an application; a request body may have ``body_limit`` bytes."""
    app = web.Application(middlewares=[_errors, _no_browsers], client_max_size=body_limit)
    api = Api(registry)
    proxy, toxic = "/proxies/{proxy}", "/proxies/{proxy}/toxics/{toxic}"
    app.add_routes(
        [
            web.get("/version", api.version, allow_head=False),
            web.get("/metrics", api.metrics, allow_head=False),
            web.post("/reset", api.reset),
            web.post("/populate", api.populate),
            web.get("/proxies", api.proxies, allow_head=False),
            web.post("/proxies", api.create_proxy),
            web.get(proxy, api.proxy, allow_head=False),
            web.post(proxy, api.update_proxy),
            web.patch(proxy, api.update_proxy),
            web.delete(proxy, api.delete_proxy),
            web.get(f"{proxy}/toxics", api.toxics, allow_head=False),
            web.post(f"{proxy}/toxics", api.create_toxic),
            web.get(toxic, api.toxic, allow_head=False),
            web.post(toxic, api.update_toxic),
            web.patch(toxic, api.update_toxic),
            web.delete(toxic, api.delete_toxic),
        ]
    )
    return app


class Api:
    """One method for each call of the API."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def version(self, request: web.Request) -> web.Response:
        return web.json_response({"version": VERSION})

    async def metrics(self, request: web.Request) -> web.Response:
        return web.Response(text=exposition(self._registry), headers={"Content-Type": CONTENT_TYPE})

    async def reset(self, request: web.Request) -> web.Response:
        await self._registry.reset()
        return _nothing()

    async def populate(self, request: web.Request) -> web.Response:
        try:
            proxies = await self._registry.populate(await _objects(request))
        except ApiError as error:
            made = error.made if isinstance(error, PopulateError) else ()
            answer = error.to_api() | {"proxies": [proxy_to_api(each) for each in made] or None}
            return web.json_response(answer, status=error.status)
        return web.json_response(
            {"proxies": [proxy_to_api(each) for each in proxies] or None}, status=HTTPStatus.CREATED
        )

    async def proxies(self, request: web.Request) -> web.Response:
        return web.json_response({each.name: proxy_to_api(each) for each in self._registry})

    async def create_proxy(self, request: web.Request) -> web.Response:
        proxy = await self._registry.create(await _object(request))
        return web.json_response(proxy_to_api(proxy), status=HTTPStatus.CREATED)

    async def proxy(self, request: web.Request) -> web.Response:
        return web.json_response(proxy_to_api(self._registry.get(_proxy(request))))

    async def update_proxy(self, request: web.Request) -> web.Response:
        self._registry.get(_proxy(request))
        return web.json_response(proxy_to_api(await self._registry.update(_proxy(request), await _object(request))))

    async def delete_proxy(self, request: web.Request) -> web.Response:
        await self._registry.delete(_proxy(request))
        return _nothing()

    async def toxics(self, request: web.Request) -> web.Response:
        return web.json_response(toxics_to_api(self._registry.get(_proxy(request))))

    async def create_toxic(self, request: web.Request) -> web.Response:
        self._registry.get(_proxy(request))
        toxic = self._registry.add_toxic(_proxy(request), await _object(request))
        return web.json_response(toxic.to_api())

    async def toxic(self, request: web.Request) -> web.Response:
        return web.json_response(self._registry.toxic(_proxy(request), _toxic(request)).to_api())

    async def update_toxic(self, request: web.Request) -> web.Response:
        self._registry.toxic(_proxy(request), _toxic(request))
        toxic = self._registry.update_toxic(_proxy(request), _toxic(request), await _object(request))
        return web.json_response(toxic.to_api())

    async def delete_toxic(self, request: web.Request) -> web.Response:
        self._registry.remove_toxic(_proxy(request), _toxic(request))
        return _nothing()


def proxy_to_api(proxy: Proxy) -> dict[str, object]:
    return {
        "name": proxy.name,
        "listen": proxy.listen,
        "upstream": proxy.upstream,
        "enabled": proxy.enabled,
        "toxics": toxics_to_api(proxy),
    }


def toxics_to_api(proxy: Proxy) -> list[dict[str, object]]:
    return [each.to_api() for stream in Stream for each in proxy.toxics if each.stream == stream]


def _proxy(request: web.Request) -> str:
    return request.match_info["proxy"]


def _toxic(request: web.Request) -> str:
    return request.match_info["toxic"]


def _nothing() -> web.Response:
    return web.Response(status=HTTPStatus.NO_CONTENT)


async def _json(request: web.Request) -> object:
    """The first JSON value of the body; like Toxiproxy, nothing is asked of the content type or of what follows."""
    text = (await request.read()).decode(errors="replace").lstrip()
    if not text:
        raise bad_body("EOF")
    try:
        value, _ = json.JSONDecoder(parse_constant=_no_constant).raw_decode(text)
    except (ValueError, RecursionError) as problem:
        raise bad_body(problem) from None
    return value


async def _object(request: web.Request) -> Body:
    value = await _json(request)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise bad_body("must be an object")
    return value


async def _objects(request: web.Request) -> list[Body]:
    value = await _json(request)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise bad_body("must be a list of proxies")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ApiError as error:
        return web.json_response(error.to_api(), status=error.status)


@web.middleware
async def _no_browsers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse browsers, so that no web page can drive the server of whoever looks at it."""
    if request.headers.get("User-Agent", "").startswith("Mozilla/"):
        return web.Response(text="User agent not allowed\n", status=HTTPStatus.FORBIDDEN)
    return await handler(request)
