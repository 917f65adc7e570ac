"""Settings of the key-value service."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field, SecretStr

from services.common.service_time import FORMS
from services.common.settings import Port, Seconds, ServiceSettings
from services.kv.file_log import Durability
from services.kv.storage import USE_NEW_STORAGE
from stormlab.errors import BadInput


class KvSettings(ServiceSettings):
    """What the key-value service can be told."""

    known_flags: ClassVar[frozenset[str]] = frozenset({USE_NEW_STORAGE})

    frontend_type: str = Field("rest", description="front ends, separated by commas: rest, grpc or an installed one")
    grpc_port: Port = Field(50051, description="port of the gRPC front end; 0 picks a free one")

    tlog_type: str = Field("file", description="kind of transaction log: file, postgres, plugin or an installed one")
    tlog_filename: Path = Field(Path("data/kv.log"), description="path of the transaction file")
    tlog_durability: Durability = Field(
        Durability.ALWAYS, description="when the file is forced to disk: always, interval or never"
    )
    tlog_interval: Seconds = Field(0.1, description="s between syncs for durability interval")
    tlog_compact_bytes: int = Field(
        64 << 20, ge=0, description="bytes of history after which the file is replaced by a snapshot; 0 never"
    )
    tlog_plugin: str = Field("", description="command that starts the plug-in which keeps the transaction log")
    tlog_db_host: str = Field("localhost", description="host, or folder of the socket, of PostgreSQL")
    tlog_db_port: Port = Field(5432, description="port of PostgreSQL")
    tlog_db_database: str = Field("kv", description="database of the transaction log")
    tlog_db_username: str = Field("kv", description="role that owns the transaction log")
    tlog_db_password: SecretStr = Field(SecretStr(""), description="password of that role")
    tlog_db_timeout: Seconds = Field(3.0, description="s that the database, or the plug-in, may take for one answer")

    max_key_length: int = Field(1024, ge=1, le=4096, description="longest key in characters")
    max_value_bytes: int = Field(1 << 20, ge=0, le=1 << 28, description="longest value in bytes")
    max_transactions: int = Field(100_000, ge=0, description="transaction ids of credits that are remembered")

    new_storage_shards: int = Field(
        16, ge=0, le=4096, description="shards of the new storage that the flag use-new-storage reads; 0: there is none"
    )
    shards: int = Field(1, ge=1, le=4096, description="parts of the in-memory map")
    cache_capacity: int = Field(0, ge=0, le=10_000_000, description="values in the read cache; 0 switches it off")
    backing_workers: int = Field(
        0, ge=0, le=100_000, description="emulated workers of the backing store behind the cache; 0 for a fast one"
    )
    backing_time: str = Field("exponential:0.02", description=f"time of one read of the backing store in s; {FORMS}")
    backing_queue_limit: int = Field(1000, ge=0, le=1_000_000, description="reads that may wait for the backing store")

    def front_names(self) -> list[str]:
        """The names of the front ends.

        Raises:
            BadInput: there is none, or one is named twice.
        """
        names = [name.strip() for name in self.frontend_type.split(",")]
        if "" in names or len(set(names)) < len(names):
            raise BadInput(f"FRONTEND_TYPE: {self.frontend_type!r}; write rest, grpc or rest,grpc")
        return names
