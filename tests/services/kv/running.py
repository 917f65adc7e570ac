"""The key-value service as a child process of the tests."""

from __future__ import annotations

from pathlib import Path

from tests.services.running import Program


class Running(Program):
    """The service on free ports, keeping its data in ``log``, once it has read its history."""

    def __init__(self, log: Path, **settings: object) -> None:
        super().__init__("kv", **{"tlog_filename": log, "grpc_port": 0} | settings)
