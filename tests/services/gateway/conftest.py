"""Real gateways in front of real services."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.services.running import Program, programs

Start: TypeAlias = Callable[..., Program]


@pytest.fixture
def start() -> Iterator[Start]:
    with programs() as started:
        yield started


@pytest.fixture
def gateway(start: Start, tmp_path: Path) -> Callable[..., Program]:
    """Starts a gateway with the tables of its file of upstreams, and with settings."""

    def begin(*, kv: dict[str, Any] | None = None, fibonacci: dict[str, Any] | None = None, **settings: Any) -> Program:
        tree = {name: table for name, table in (("kv", kv), ("fibonacci", fibonacci)) if table is not None}
        path = tmp_path / "upstreams.json"
        path.write_text(json.dumps(tree))
        return start("gateway", upstreams_file=path, **settings)

    return begin


def address(program: Program, front: str = "rest") -> str:
    return program.addresses[front]
