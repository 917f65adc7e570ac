"""The proxies of one server, and what the API may do with them; answers and errors are those of Toxiproxy 2.12.

It differs from Toxiproxy on purpose where that one would misbehave: values that make no sense (a negative latency, a
toxicity of 2) are refused with 400, a listen address without a host means loopback, and everything is bounded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus

from stormlab.chaos.server.address import AddressError
from stormlab.chaos.server.proxy import ListenError, Proxy
from stormlab.chaos.toxics import Toxic, from_api
from stormlab.errors import InvalidValue

Body = Mapping[str, object]

_FIXED_MESSAGES = {
    "stream": "stream was invalid, can be either upstream or downstream",
    "type": "invalid toxic type",
}


class ApiError(Exception):
    """What the API answers instead of a result."""

    def __init__(self, message: str, status: HTTPStatus) -> None:
        super().__init__(message)
        self.status = status

    def to_api(self) -> dict[str, object]:
        return {"error": str(self), "status": int(self.status)}


class PopulateError(ApiError):
    """Not all proxies could be made; ``made`` were."""

    def __init__(self, cause: ApiError, made: Sequence[Proxy]) -> None:
        super().__init__(str(cause), cause.status)
        self.made = made


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one server: proxies, toxics on each, open connections of each, and bytes of a request to the API."""

    proxies: int = 1000
    toxics: int = 100
    connections: int = 10_000
    body: int = 1024 * 1024


class Registry:
    """``seed`` decides every draw: toxicity, jitter, slices."""

    def __init__(self, *, seed: int, limits: Limits) -> None:
        self._seed = seed
        self._limits = limits
        self._proxies: dict[str, Proxy] = {}
        self._lock = asyncio.Lock()

    def __iter__(self) -> Iterator[Proxy]:
        return iter(self._proxies.values())

    def get(self, name: str) -> Proxy:
        if name not in self._proxies:
            raise ApiError("proxy not found", HTTPStatus.NOT_FOUND)
        return self._proxies[name]

    async def create(self, body: Body) -> Proxy:
        wanted = _ProxyBody.read(body)
        wanted.require("")
        async with self._lock:
            if wanted.name in self._proxies:
                raise ApiError("proxy already exists", HTTPStatus.CONFLICT)
            return await self._add(wanted)

    async def populate(self, bodies: Sequence[Body]) -> list[Proxy]:
        """Make the proxies, or replace those with another address. Raises `PopulateError`."""
        made: list[Proxy] = []
        try:
            wanted = [_ProxyBody.read(body) for body in bodies]
            for number, each in enumerate(wanted, 1):
                each.require(f" at proxy {number}")
            async with self._lock:
                for each in wanted:
                    made.append(await self._add_or_replace(each))
        except ApiError as error:
            raise PopulateError(error, made) from None
        return made

    async def update(self, name: str, body: Body) -> Proxy:
        async with self._lock:
            proxy = self.get(name)
            wanted = _ProxyBody.read(body, proxy)
            with _as_api_errors():
                await proxy.update(listen=wanted.listen, upstream=wanted.upstream, enabled=wanted.enabled)
            return proxy

    async def delete(self, name: str) -> None:
        async with self._lock:
            self.get(name).stop()
            del self._proxies[name]

    async def reset(self) -> None:
        """Enable all proxies and take all toxics away."""
        async with self._lock:
            for proxy in self:
                with _as_api_errors():
                    await proxy.start()
                proxy.set_toxics([])

    def stop(self) -> None:
        for proxy in self:
            proxy.stop()

    def add_toxic(self, name: str, body: Body) -> Toxic:
        proxy = self.get(name)
        with _as_api_errors(body):
            toxic = from_api(body)
        if any(each.name == toxic.name for each in proxy.toxics):
            raise ApiError("toxic already exists", HTTPStatus.CONFLICT)
        if len(proxy.toxics) >= self._limits.toxics:
            raise ApiError(f"no more than {self._limits.toxics} toxics on one proxy", HTTPStatus.BAD_REQUEST)
        proxy.set_toxics([*proxy.toxics, toxic])
        return toxic

    def toxic(self, name: str, toxic_name: str) -> Toxic:
        for toxic in self.get(name).toxics:
            if toxic.name == toxic_name:
                return toxic
        raise ApiError("toxic not found", HTTPStatus.NOT_FOUND)

    def update_toxic(self, name: str, toxic_name: str, body: Body) -> Toxic:
        """Change attributes and toxicity; name, type and stream stay."""
        old = self.toxic(name, toxic_name)
        with _as_api_errors():
            new = old.updated(body)
        proxy = self.get(name)
        proxy.set_toxics([new if each is old else each for each in proxy.toxics])
        return new

    def remove_toxic(self, name: str, toxic_name: str) -> None:
        old = self.toxic(name, toxic_name)
        proxy = self.get(name)
        proxy.set_toxics([each for each in proxy.toxics if each is not old])

    async def _add(self, wanted: _ProxyBody) -> Proxy:
        if wanted.name not in self._proxies and len(self._proxies) >= self._limits.proxies:
            raise ApiError(f"no more than {self._limits.proxies} proxies", HTTPStatus.BAD_REQUEST)
        proxy = Proxy(
            name=wanted.name,
            listen=wanted.listen,
            upstream=wanted.upstream,
            seed=self._seed,
            max_connections=self._limits.connections,
        )
        if wanted.enabled:
            with _as_api_errors():
                await proxy.start()
        self._proxies[proxy.name] = proxy
        return proxy

    async def _add_or_replace(self, wanted: _ProxyBody) -> Proxy:
        existing = self._proxies.get(wanted.name)
        if existing is None:
            return await self._add(wanted)
        with _as_api_errors():
            if not await existing.differs(listen=wanted.listen, upstream=wanted.upstream):
                return existing
        existing.stop()
        return await self._add(wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class _ProxyBody:
    """What a request says about a proxy."""

    name: str
    listen: str
    upstream: str
    enabled: bool

    @classmethod
    def read(cls, body: Body, default: Proxy | None = None) -> _ProxyBody:
        """What ``body`` leaves out stays as it is in ``default``."""
        return cls(
            name=_text(body, "name", ""),
            listen=_text(body, "listen", default.listen if default else ""),
            upstream=_text(body, "upstream", default.upstream if default else ""),
            enabled=_flag(body, "enabled", default.enabled if default else True),
        )

    def require(self, place: str) -> None:
        for field in ("name", "upstream"):
            if not getattr(self, field):
                raise ApiError(f"missing required field: {field}{place}", HTTPStatus.BAD_REQUEST)


def bad_body(problem: object) -> ApiError:
    return ApiError(f"bad request body: {problem}", HTTPStatus.BAD_REQUEST)


@contextmanager
def _as_api_errors(body: Body | None = None) -> Iterator[None]:
    try:
        yield
    except (AddressError, ListenError) as problem:
        raise ApiError(str(problem), HTTPStatus.INTERNAL_SERVER_ERROR) from None
    except InvalidValue as problem:
        if body is not None and problem.field in _FIXED_MESSAGES and isinstance(body.get(problem.field, ""), str):
            raise ApiError(_FIXED_MESSAGES[problem.field], HTTPStatus.BAD_REQUEST) from None
        raise bad_body(problem) from None


def _text(body: Body, key: str, default: str) -> str:
    value = body.get(key)
    if value is None:
        return default
    if not isinstance(value, str):
        raise bad_body(f"{key}: must be a string, not {value!r}")
    return value


def _flag(body: Body, key: str, default: bool) -> bool:  # noqa: FBT001
    value = body.get(key)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise bad_body(f"{key}: must be true or false, not {value!r}")
    return value
