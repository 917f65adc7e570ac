"""Pieces of OpenAPI documents that the services share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

_ERROR: Json = {
    "type": "object",
    "required": ["reason", "error"],
    "properties": {
        "reason": {"type": "string", "description": "for machines"},
        "error": {"type": "string", "description": "for people"},
    },
}
_STATUS: Json = {"enum": ["healthy", "warning", "failing"]}
_CHECK: Json = {
    "type": "object",
    "required": ["status", "detail"],
    "properties": {"status": _STATUS, "detail": {"type": "string"}},
}
_HEALTH: Json = {
    "type": "object",
    "required": ["status", "checks"],
    "properties": {"status": _STATUS, "checks": {"type": "object", "additionalProperties": _CHECK}},
}


def document(title: str, description: str, paths: Json) -> Json:
    """OpenAPI 3.1 of a service: its own ``paths`` and those that every service has."""
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1", "description": description},
        "paths": paths
        | {
            "/livez": {"get": operation("alive", "Is it listening?", {"200": answer("Yes.", json_of({}))})},
            "/readyz": {"get": operation("ready", "This process and its machine.", _health_answers())},
            "/healthz/deep": {"get": operation("healthy", "What it depends on, too.", _health_answers())},
            "/metrics": {
                "get": operation("metrics", "For Prometheus.", {"200": answer("The page.", {"text/plain": {}})})
            },
        },
        "components": {"schemas": {"Error": _ERROR, "Health": _HEALTH}},
    }


def operation(name: str, summary: str, answers: Json, *, body: Json | None = None) -> Json:
    made: Json = {"operationId": name, "summary": summary, "responses": answers}
    return made if body is None else made | {"requestBody": body}


def answer(description: str, content: Json | None = None) -> Json:
    return {"description": description} if content is None else {"description": description, "content": content}


def json_of(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}


def errors(words: Mapping[str, str]) -> Json:
    """Answers with an error, by status, with what each means."""
    error = json_of({"$ref": "#/components/schemas/Error"})
    return {status: answer(text, error) for status, text in words.items()}


def _health_answers() -> Json:
    health = json_of({"$ref": "#/components/schemas/Health"})
    words = {"200": "Everything is healthy.", "429": "A check gives a warning.", "503": "A check is failing."}
    return {status: answer(text, health) for status, text in words.items()}
