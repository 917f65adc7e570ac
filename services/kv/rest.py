"""The REST front end: raw bytes on ``/v1/{key}``, credits on ``/v1/{key}/credit``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated
from urllib.parse import unquote_to_bytes

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, ValidationError

from services.common.asgi import OCTETS, App, BodyFirst, Bulkhead, Receive, Scope, Send, answer, answer_json, refuse
from services.common.capacity_guard import CapacityGuard, behind_guards, counting
from services.common.faults import FaultGuard
from services.common.flags import CURRENT
from services.common.health import alive, health_page
from services.common.metrics import RequestMetrics, metrics_page
from services.common.pages import by_path, json_page
from services.common.serving import HttpFront, bind
from services.common.tracing import ServerSpans
from services.kv import model
from services.kv.core import Store
from services.kv.openapi import document
from services.kv.service import KeyValueService

KEY_ROUTE = "/v1/{key}"
CREDIT_ROUTE = "/v1/{key}/credit"
#: Bytes that the body of a credit may always have, however short values have to be.
_CREDIT_BYTES = 4096
Handler = Callable[[str, Receive, Send], Awaitable[None]]

_STATUS: dict[type[model.StoreError], tuple[int, str]] = {
    model.NoSuchKey: (404, "no-such-key"),
    model.InvalidKey: (400, "invalid-key"),
    model.ValueTooLarge: (413, "too-large"),
    model.InvalidCredit: (400, "invalid-credit"),
    model.CreditRefused: (409, "credit-refused"),
    model.LogUnavailable: (503, "log-unavailable"),
    model.BackingOverloaded: (503, "backing-full"),
}


def _whole(number: object) -> object:
    """JSON does not tell 1.0 from 1."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


class CreditBody(BaseModel):
    """The body of a credit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    amount: Annotated[StrictInt, BeforeValidator(_whole)]
    transaction: str = Field(alias="transactionID")


def target(scope: Scope) -> tuple[str, bytes]:
    """The route's template and the key's segment of the path, still percent-encoded; ``other`` when it is no route.

    The framework's decoded path cannot be used: an encoded ``/`` in a key would look like another segment.
    """
    match scope["raw_path"].split(b"/", 4):
        case [b"", b"v1", key]:
            return KEY_ROUTE, key
        case [b"", b"v1", key, b"credit"]:
            return CREDIT_ROUTE, key
    return "other", b""


class KeyValueRest:
    """The ASGI application of the key routes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._handlers: dict[str, dict[str, Handler]] = {
            KEY_ROUTE: {"GET": self._get, "PUT": self._put, "DELETE": self._delete},
            CREDIT_ROUTE: {"POST": self._credit},
            "other": {},
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route, raw = target(scope)
        handler = self._handlers[route].get(scope["method"])
        if handler is None:
            allowed = ", ".join(self._handlers[route])
            return await refuse(send, 405, "method", f"use {allowed}", headers=[(b"allow", allowed.encode())])
        CURRENT.set(scope)
        try:
            return await handler(unquote_to_bytes(raw).decode(), receive, send)
        except UnicodeDecodeError:
            return await refuse(send, 400, "invalid-key", "the key is not percent-encoded UTF-8")
        except model.StoreError as error:
            status, reason = _STATUS[type(error)]
            return await refuse(send, status, reason, str(error))

    async def _get(self, key: str, receive: Receive, send: Send) -> None:
        value = await self._store.get(key)
        await answer(send, 200, value, content_type=OCTETS)

    async def _put(self, key: str, receive: Receive, send: Send) -> None:
        message = await receive()
        created = await self._store.put(key, message["body"])
        await answer(send, 201 if created else 204)

    async def _delete(self, key: str, receive: Receive, send: Send) -> None:
        await self._store.delete(key)
        await answer(send, 204)

    async def _credit(self, key: str, receive: Receive, send: Send) -> None:
        message = await receive()
        try:
            body = CreditBody.model_validate_json(message["body"])
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"])) or "body"
            return await refuse(send, 400, "invalid-credit", f"{place}: {first['msg']}")
        done = await self._store.credit(key, body.amount, body.transaction)
        return await answer_json(send, 200, {"balance": done.balance, "duplicate": done.duplicate})


async def no_such_route(scope: Scope, receive: Receive, send: Send) -> None:
    await refuse(send, 404, "no-such-route", "keys are at /v1/{key}, with / in a key written as %2F")


def only_routes(guarded: App) -> App:
    """Lets through what names a key, so that stray paths cost no capacity and count in no dose."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await (no_such_route if target(scope)[0] == "other" else guarded)(scope, receive, send)

    return app


def route_of(scope: Scope) -> str:
    """The route's template, for metrics and faults."""
    return target(scope)[0]


def rest_app(service: KeyValueService) -> App:
    """The public application of ``service``; health and metrics pass no guard."""
    settings = service.settings
    keys: App = KeyValueRest(service.store)
    keys = CapacityGuard(keys, service.capacity)
    keys = behind_guards(keys, service.guards, service.capacity)
    keys = FaultGuard(keys, service.faults)
    keys = BodyFirst(keys, limit=max(settings.max_value_bytes, _CREDIT_BYTES), seconds=settings.body_timeout)
    keys = counting(Bulkhead(keys, limit=settings.max_requests), service.capacity)
    pages = {
        "/livez": alive,
        "/readyz": health_page(service.shallow),
        "/healthz/deep": health_page(service.deep),
        "/metrics": metrics_page(service.registry),
        "/openapi.json": json_page(document(service.store.limits)),
    }
    keys = ServerSpans(only_routes(keys), service.tracing) if settings.telemetry == "on" else only_routes(keys)
    return by_path(pages, RequestMetrics(keys, service.counts, route_of=route_of))


def front(service: KeyValueService) -> HttpFront:
    """The front end of ``service`` on its PORT.

    Raises:
        BadInput: the port cannot be had.
    """
    return HttpFront("rest", bind(service.settings.host, service.settings.port), rest_app(service))
