"""The OpenAPI document of the REST front end, with the limits of the running service."""

from __future__ import annotations

from services.common import openapi
from services.common.openapi import Json
from services.kv.core import MAX_BALANCE
from services.kv.model import Limits

_BYTES: Json = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_ERRORS = {
    "400": "The key, the body or the transaction id cannot be used.",
    "404": "Nothing is stored under the key.",
    "408": "The body took too long to arrive.",
    "409": "What is stored, or an earlier use of the transaction id, stands against the credit.",
    "413": "The body is too long.",
    "503": "Overloaded, or the transaction log cannot be used; nothing was changed.",
}


def document(limits: Limits) -> Json:
    """OpenAPI 3.1, true for a service with these ``limits``."""
    return openapi.document(
        "Key-value service",
        "Values are raw bytes. Every operation has the effect of one however often it is repeated.",
        {
            "/v1/{key}": {
                "parameters": [_key(limits)],
                "get": openapi.operation(
                    "get", "The value.", _answers("400", "404", "503") | {"200": openapi.answer("ok", _BYTES)}
                ),
                "put": openapi.operation("put", "Store a value.", _put_answers(), body=_body(limits)),
                "delete": openapi.operation(
                    "delete", "Forget the key.", _answers("400", "503") | {"204": openapi.answer("It is not there.")}
                ),
            },
            "/v1/{key}/credit": {
                "parameters": [_key(limits)],
                "post": openapi.operation(
                    "credit", "Add to a whole number, once.", _credit_answers(), body=_credit(limits)
                ),
            },
        },
    )


_CREDITED: Json = {
    "type": "object",
    "required": ["balance", "duplicate"],
    "properties": {"balance": {"type": "integer"}, "duplicate": {"type": "boolean"}},
}


def _answers(*statuses: str) -> Json:
    return openapi.errors({status: _ERRORS[status] for status in statuses})


def _put_answers() -> Json:
    return _answers("400", "408", "413", "503") | {
        "201": openapi.answer("The key is new."),
        "204": openapi.answer("It was replaced."),
    }


def _credit_answers() -> Json:
    done = openapi.answer("It is done, now or before.", openapi.json_of(_CREDITED))
    return _answers("400", "408", "409", "413", "503") | {"200": done}


def _key(limits: Limits) -> Json:
    return {
        "name": "key",
        "in": "path",
        "required": True,
        "description": f"Any text of 1 to {limits.key} characters, as UTF-8, percent-encoded; / is written %2F.",
        "schema": {"type": "string", "minLength": 1, "maxLength": limits.key},
    }


def _body(limits: Limits) -> Json:
    schema = {"type": "string", "format": "binary", "maxLength": limits.value}
    return {"required": False, "content": {"application/octet-stream": {"schema": schema}}}


def _credit(limits: Limits) -> Json:
    text = {"type": "string", "minLength": 1, "maxLength": limits.transaction}
    schema = {
        "type": "object",
        "required": ["amount", "transactionID"],
        "additionalProperties": False,
        "properties": {
            "amount": {"type": "integer", "minimum": 1, "maximum": MAX_BALANCE - 1},
            "transactionID": text,
        },
    }
    return {"required": True, "content": openapi.json_of(schema)}
