"""The OpenAPI document of the Fibonacci service, with the limit of the running one."""

from __future__ import annotations

from services.common import openapi
from services.common.openapi import Json

_ERRORS = {
    "400": "The index is missing, repeated, no whole number or out of range.",
    "503": "Overloaded.",
    "504": "The time that the caller left is over.",
}


def document(max_n: int) -> Json:
    """OpenAPI 3.1, true for a service that computes up to ``max_n``."""
    number = {
        "name": "n",
        "in": "query",
        "required": True,
        "description": "The index.",
        "schema": {"type": "integer", "minimum": 0, "maximum": max_n},
    }
    content = {"text/plain": {"schema": {"type": "string", "pattern": "^[0-9]+$"}}}
    answers = openapi.errors(_ERRORS) | {"200": openapi.answer("f(n), with f(0) = f(1) = 1.", content)}
    compute = openapi.operation("fibonacci", "A Fibonacci number, the slow way.", answers) | {"parameters": [number]}
    return openapi.document("Fibonacci service", "One span for each call of the recursion.", {"/": {"get": compute}})
