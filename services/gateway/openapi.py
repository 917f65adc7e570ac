"""The OpenAPI document of the gateway: three routes, with the limits of the running one."""

from __future__ import annotations

from services.common import openapi
from services.common.openapi import Json
from services.common.upstream import Upstream
from services.gateway.settings import GatewaySettings

_BYTES: Json = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_MAX_AMOUNT = (1 << 63) - 1
_MAX_TRANSACTION = 256
_FAILURES = {
    "400": "The key, the body or the index cannot be used.",
    "404": "Nothing is stored under the key.",
    "408": "The body took too long to arrive.",
    "409": "What is stored, or an earlier use of the transaction id, stands against the credit.",
    "413": "The body is too long.",
    "429": "The upstream asks for patience.",
    "502": "The upstream failed or could not be reached.",
    "503": "Overloaded, or a policy let nothing through.",
    "504": "No answer within the time allowed.",
}
_ALWAYS = ("400", "429", "502", "503", "504")


def document(settings: GatewaySettings, kv: Upstream) -> Json:
    """OpenAPI 3.1; credits are there only when the key-value service is called over HTTP."""
    longest = settings.max_key_length
    key = {
        "name": "key",
        "in": "path",
        "required": True,
        "description": f"Any text of 1 to {longest} characters, as UTF-8, percent-encoded; / is written %2F.",
        "schema": {"type": "string", "minLength": 1, "maxLength": longest},
    }
    paths: Json = {"/v1/{key}": {"parameters": [key], **_values(settings)}, "/fibonacci": {"get": _compute(settings)}}
    if kv.protocol == "http":
        paths["/v1/{key}/credit"] = {"parameters": [key], "post": _credit()}
    return openapi.document("Gateway", "Routes to the services behind it; keeps nothing.", paths)


def _answers(*more: str) -> Json:
    return openapi.errors({status: _FAILURES[status] for status in sorted({*_ALWAYS, *more})})


def _values(settings: GatewaySettings) -> Json:
    schema = {"type": "string", "format": "binary", "maxLength": settings.max_value_bytes}
    body = {"required": False, "content": {"application/octet-stream": {"schema": schema}}}
    stored = {"201": openapi.answer("The key is new."), "204": openapi.answer("It is stored.")}
    return {
        "get": openapi.operation("get", "The value.", _answers("404") | {"200": openapi.answer("ok", _BYTES)}),
        "put": openapi.operation("put", "Store a value.", _answers("408", "413") | stored, body=body),
        "delete": openapi.operation(
            "delete", "Forget the key.", _answers() | {"204": openapi.answer("It is not there.")}
        ),
    }


def _credit() -> Json:
    schema = {
        "type": "object",
        "required": ["amount", "transactionID"],
        "additionalProperties": False,
        "properties": {
            "amount": {"type": "integer", "minimum": 1, "maximum": _MAX_AMOUNT},
            "transactionID": {"type": "string", "minLength": 1, "maxLength": _MAX_TRANSACTION},
        },
    }
    done = {
        "type": "object",
        "required": ["balance", "duplicate"],
        "properties": {"balance": {"type": "integer"}, "duplicate": {"type": "boolean"}},
    }
    answers = _answers("408", "409", "413") | {"200": openapi.answer("Done, now or before.", openapi.json_of(done))}
    body = {"required": True, "content": openapi.json_of(schema)}
    return openapi.operation("credit", "Add to a whole number, once.", answers, body=body)


def _compute(settings: GatewaySettings) -> Json:
    number = {
        "name": "n",
        "in": "query",
        "required": True,
        "description": "The index.",
        "schema": {"type": "integer", "minimum": 0, "maximum": settings.max_n},
    }
    content = {"text/plain": {"schema": {"type": "string", "pattern": "^[0-9]+$"}}}
    answers = _answers() | {"200": openapi.answer("f(n), with f(0) = f(1) = 1.", content)}
    return openapi.operation("fibonacci", "A Fibonacci number, the slow way.", answers) | {"parameters": [number]}
