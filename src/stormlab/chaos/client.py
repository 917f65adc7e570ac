"""A small synchronous client for the control API of Toxiproxy: the embedded server, or the real one."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote, urlsplit

from stormlab.chaos.toxics import Toxic, from_api
from stormlab.errors import BadInput

DEFAULT_URL = "http://127.0.0.1:8474"


class ToxiproxyError(BadInput):
    """The server refused a call; ``status`` is that of HTTP: 404 for an unknown name, 409 for one that is taken."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyState:
    """A proxy as the server describes it; ``listen`` and ``upstream`` are ``host:port``."""

    name: str
    listen: str
    upstream: str
    enabled: bool
    toxics: tuple[Toxic, ...] = ()

    @classmethod
    def from_api(cls, body: Mapping[str, Any]) -> Self:
        return cls(
            name=body["name"],
            listen=body["listen"],
            upstream=body["upstream"],
            enabled=body["enabled"],
            toxics=tuple(map(from_api, body["toxics"])),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxySpec:
    """A proxy to be made; port 0 lets the server choose one."""

    name: str
    upstream: str
    listen: str = "127.0.0.1:0"
    enabled: bool = True

    def to_api(self) -> dict[str, object]:
        return {"name": self.name, "upstream": self.upstream, "listen": self.listen, "enabled": self.enabled}


class ToxiproxyClient:
    """``url`` is where the API answers; ``timeout`` in s bounds each step of a call.

    Every call makes its own connection, so that a client may be shared by threads and greenlets. Calls raise `BadInput`
    when nothing that speaks the API answers there, and `ToxiproxyError` when the server refuses.
    """

    def __init__(self, url: str = DEFAULT_URL, *, timeout: float = 5.0) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise BadInput(f"{url!r} is not the address of a Toxiproxy; write it like {DEFAULT_URL}")
        self.url = url
        self._address = (parts.hostname, parts.port or 80)
        self._timeout = timeout

    def version(self) -> str:
        answer = self._call("GET", "/version")
        if not isinstance(answer, dict) or "version" not in answer:
            raise self._stranger()
        return str(answer["version"])

    def proxies(self) -> dict[str, ProxyState]:
        return {name: ProxyState.from_api(body) for name, body in self._call("GET", "/proxies").items()}

    def proxy(self, name: str) -> ProxyState:
        return ProxyState.from_api(self._call("GET", _path(name)))

    def create(self, proxy: ProxySpec) -> ProxyState:
        return ProxyState.from_api(self._call("POST", "/proxies", proxy.to_api()))

    def populate(self, proxies: Iterable[ProxySpec]) -> list[ProxyState]:
        """Make these proxies, or replace those of the same names that have another address."""
        answer = self._call("POST", "/populate", [each.to_api() for each in proxies])
        return [ProxyState.from_api(body) for body in answer["proxies"] or ()]

    def enable(self, name: str) -> ProxyState:
        return ProxyState.from_api(self._call("POST", _path(name), {"enabled": True}))

    def disable(self, name: str) -> ProxyState:
        """Take the proxy down: connections are cut, new ones are refused."""
        return ProxyState.from_api(self._call("POST", _path(name), {"enabled": False}))

    def redirect(self, name: str, *, upstream: str) -> ProxyState:
        """Send new connections elsewhere; the open ones are cut."""
        return ProxyState.from_api(self._call("POST", _path(name), {"upstream": upstream}))

    def delete(self, name: str) -> None:
        self._call("DELETE", _path(name))

    def toxics(self, name: str) -> list[Toxic]:
        return [from_api(body) for body in self._call("GET", f"{_path(name)}/toxics")]

    def add(self, name: str, toxic: Toxic) -> Toxic:
        """Put a toxic on the proxy ``name``; it hits open connections too."""
        return from_api(self._call("POST", f"{_path(name)}/toxics", toxic.to_api()))

    def update(self, name: str, toxic: Toxic) -> Toxic:
        """Change the attributes and the toxicity of the toxic that has the name of this one."""
        return from_api(self._call("POST", _path(name, toxic.name), toxic.to_api()))

    def remove(self, name: str, toxic_name: str) -> None:
        self._call("DELETE", _path(name, toxic_name))

    def reset(self) -> None:
        """Enable all proxies and take all toxics away."""
        self._call("POST", "/reset")

    def metrics(self) -> str:
        """The counters in the text format of Prometheus; the real server needs its flag ``-proxy-metrics``."""
        return self._answer("GET", "/metrics").decode()

    def _call(self, method: str, path: str, body: object = None) -> Any:
        answer = self._answer(method, path, body)
        try:
            return json.loads(answer) if answer else None
        except ValueError:
            raise self._stranger() from None

    def _answer(self, method: str, path: str, body: object = None) -> bytes:
        connection = http.client.HTTPConnection(*self._address, timeout=self._timeout)
        payload = None if body is None else json.dumps(body)
        try:
            connection.request(method, path, payload, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = response.read()
        except OSError as problem:
            raise BadInput(
                f"Toxiproxy not answering at {self.url} ({problem}): "
                "start it with `stormlab proxy`, or start toxiproxy-server"
            ) from None
        except http.client.HTTPException:
            raise self._stranger() from None
        finally:
            connection.close()
        if response.status >= 400:
            raise ToxiproxyError(
                f"Toxiproxy at {self.url} refused {method} {path}: {_reason(answer)}", status=response.status
            )
        return answer

    def _stranger(self) -> BadInput:
        return BadInput(f"what answers at {self.url} is not Toxiproxy; give the address of its API, like {DEFAULT_URL}")


def _path(proxy: str, toxic: str | None = None) -> str:
    path = f"/proxies/{quote(proxy, safe='')}"
    return path if toxic is None else f"{path}/toxics/{quote(toxic, safe='')}"


def _reason(answer: bytes) -> str:
    try:
        return str(json.loads(answer)["error"])
    except (ValueError, KeyError, TypeError):
        return answer.decode(errors="replace").strip() or "no reason given"
