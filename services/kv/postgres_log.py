"""The transaction log in a table of PostgreSQL.

There is one writer at a time: it holds an advisory lock, and after a broken connection it makes sure that its former
session is dead before it looks what became of its last commit. So the outcome of every commit is known in the end:
an acknowledged one is there, a refused one is removed if it had arrived after all. Only a service that dies between a
refusal and the next connection leaves the refused write to chance, as every cut-off request is.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import psycopg
import structlog
from psycopg.conninfo import make_conninfo

from services.kv import records
from services.kv.growth import Growth
from services.kv.model import Credit, Delete, Event, LogCorrupt, LogUnavailable, Put, Write

if TYPE_CHECKING:
    from services.kv.settings import KvSettings

Row: TypeAlias = tuple[int, int, bytes, bytes]
Connection: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"
#: The name of the advisory lock, unique within the database.
_LOCK = int.from_bytes(b"stormkv")
_BATCH = 1000
#: s between two attempts to connect.
_PAUSE = 0.5
#: How many times as long as a usual answer a compaction may take.
_COMPACTION = 20.0
#: Bytes of a row beside key and value, about.
_ROW_OVERHEAD = 36
_CREATE = """CREATE TABLE IF NOT EXISTS transactions
    (sequence bigint PRIMARY KEY, event_type smallint NOT NULL, key bytea NOT NULL, value bytea NOT NULL)"""
_INSERT = "INSERT INTO transactions SELECT * FROM unnest(%b::bigint[], %b::smallint[], %b::bytea[], %b::bytea[])"
_TERMINATE = """SELECT pg_terminate_backend(pid) FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND pid = %s AND classid = %s AND objid = %s"""
logger = structlog.get_logger()


class PostgresLog:
    """A transaction log in the database that ``conninfo`` (a connection string of libpq) names.

    Args:
        timeout: s that the database may take for one answer; then it counts as gone.
        compact_after: bytes of history that make compaction worth its while; 0 never compacts.
    """

    blocks = True

    def __init__(self, conninfo: str, *, timeout: float = 3.0, compact_after: int = 0) -> None:
        self._conninfo, self._timeout = conninfo, timeout
        self._growth = Growth(compact_after)
        self._noted: list[Row] = []
        self._sequence = 0
        self._committed = 0
        self._connection: Connection | None = None
        self._session = 0
        self._next_attempt = float("-inf")

    def events(self) -> Iterator[Event]:
        """All committed writes, in order of their sequence numbers.

        Raises:
            LogUnavailable: the database cannot be reached, or another service holds this log.
        """
        self._growth.rewritten(0)
        with self._guarded():
            connection = self._connect()
            with self._limited(connection):
                connection.execute(_CREATE)
            for row in self._rows(connection):
                self._sequence = self._committed = row[0]
                self._growth.total += _size(row)
                yield _event(row)

    def write_put(self, key: str, value: bytes) -> int:
        return self._note(Put(key, value))

    def write_delete(self, key: str) -> int:
        return self._note(Delete(key))

    def write_credit(self, key: str, amount: int, transaction: str) -> int:
        return self._note(Credit(key, amount, transaction))

    def commit(self) -> None:
        """Inserts what was noted in one transaction; a broken connection is replaced once.

        Raises:
            LogUnavailable: the database cannot be reached; nothing of it is or will be there.
        """
        rows, self._noted = self._noted, []
        if not rows:
            return
        with self._guarded():
            try:
                self._insert(self._connected(), rows)
            except psycopg.OperationalError:
                self._drop()
                self._insert_again(rows)
        self._committed = rows[-1][0]
        self._growth.total += sum(map(_size, rows))

    def overgrown(self) -> bool:
        return self._growth.overgrown()

    def compact(self, snapshot: Iterable[Write]) -> None:
        """Replaces all rows in one transaction; those of the snapshot have the numbers up to the last one committed."""
        writes = list(snapshot)
        rows = [_row(self._committed - len(writes) + place, write) for place, write in enumerate(writes, 1)]
        self._growth.rewritten(self._growth.total)
        with self._guarded():
            connection = self._connected()
            with self._limited(connection, patience=_COMPACTION), connection.transaction():
                connection.execute("DELETE FROM transactions")
                with connection.cursor().copy("COPY transactions FROM STDIN (FORMAT BINARY)") as copy:
                    copy.set_types(["int8", "int2", "bytea", "bytea"])
                    for row in rows:
                        copy.write_row(row)
        self._growth.rewritten(sum(map(_size, rows)))
        logger.info("compacted", rows=len(rows))

    def probe(self) -> None:
        """Inserts a row and takes it back."""
        with self._guarded():
            connection = self._connected()
            with self._limited(connection), connection.transaction(force_rollback=True):
                connection.execute(_INSERT, _columns([_row(self._committed + 1, Delete(""))]))

    def close(self) -> None:
        self._drop()

    def _note(self, write: Write) -> int:
        self._sequence += 1
        self._noted.append(_row(self._sequence, write))
        return self._sequence

    def _insert(self, connection: Connection, rows: list[Row]) -> None:
        with self._limited(connection):
            connection.execute(_INSERT, _columns(rows))

    def _insert_again(self, rows: list[Row]) -> None:
        """Inserts over a new connection, unless the old one did so before it broke."""
        connection = self._connect()
        with self._limited(connection):
            found = connection.execute("SELECT 1 FROM transactions WHERE sequence = %s", (rows[-1][0],))
        if found.fetchone() is None:
            self._clean(connection)
            self._insert(connection, rows)

    def _clean(self, connection: Connection) -> None:
        """Removes what was refused but may have arrived."""
        with self._limited(connection):
            connection.execute("DELETE FROM transactions WHERE sequence > %s", (self._committed,))

    def _rows(self, connection: Connection) -> Iterator[Row]:
        with connection.transaction(), connection.cursor(name="replay") as cursor:
            with self._limited(connection):
                cursor.execute("SELECT sequence, event_type, key, value FROM transactions ORDER BY 1", binary=True)
            while True:
                with self._limited(connection):
                    rows = cursor.fetchmany(_BATCH)
                if not rows:
                    return
                yield from rows

    def _connected(self) -> Connection:
        if self._connection is None:
            self._clean(self._connect())
        assert self._connection is not None
        return self._connection

    def _connect(self) -> Connection:
        """A new connection that holds the lock, which no former session of ours does any more."""
        if time.monotonic() < self._next_attempt:
            raise LogUnavailable("the database could not be reached just now")
        self._next_attempt = time.monotonic() + _PAUSE
        timeout = max(2, round(self._timeout))
        connection = psycopg.connect(self._conninfo, autocommit=True, connect_timeout=timeout)
        try:
            self._lock(connection)
        except BaseException:
            connection.close()
            raise
        self._connection, self._session = connection, connection.info.backend_pid
        self._next_attempt = float("-inf")
        return connection

    def _lock(self, connection: Connection) -> None:
        until = time.monotonic() + self._timeout
        while not self._locked(connection):
            if time.monotonic() > until:
                raise LogUnavailable("another service uses this transaction log")
            with self._limited(connection):
                connection.execute(_TERMINATE, (self._session, _LOCK >> 32, _LOCK & 0xFFFFFFFF))
            time.sleep(0.05)

    def _locked(self, connection: Connection) -> bool:
        with self._limited(connection):
            row = connection.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,)).fetchone()
        return row is not None and bool(row[0])

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """Whatever goes wrong makes the log unavailable for now and its connection unused from then on."""
        try:
            yield
        except psycopg.Error as error:
            self._drop()
            raise LogUnavailable(f"the database failed: {str(error).strip()}") from error
        except LogUnavailable:
            self._drop()
            raise

    @contextlib.contextmanager
    def _limited(self, connection: Connection, *, patience: float = 1.0) -> Iterator[None]:
        """Cuts the connection when the block takes too long, even if the network swallows everything silently."""
        with socket.socket(fileno=os.dup(connection.fileno())) as sock:
            timer = threading.Timer(self._timeout * patience, _cut, [sock])
            timer.start()
            try:
                yield
            finally:
                timer.cancel()
                timer.join()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def open_log(settings: KvSettings) -> PostgresLog:
    """The log that ``settings`` describe."""
    conninfo = make_conninfo(
        host=settings.tlog_db_host,
        port=settings.tlog_db_port,
        dbname=settings.tlog_db_database,
        user=settings.tlog_db_username,
        password=settings.tlog_db_password.get_secret_value(),
        application_name="stormlab-kv",
    )
    return PostgresLog(conninfo, timeout=settings.tlog_db_timeout, compact_after=settings.tlog_compact_bytes)


def _cut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _row(sequence: int, write: Write) -> Row:
    code, key, payload = records.encode(write)
    return sequence, code, key.encode(), payload


def _event(row: Row) -> Event:
    sequence, code, key, payload = row
    try:
        return Event(sequence, records.decode(code, key.decode(), payload))
    except ValueError as error:
        raise LogCorrupt(f"transaction {sequence} of the database cannot be read: {error}") from error


def _columns(rows: list[Row]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _size(row: Row) -> int:
    return len(row[2]) + len(row[3]) + _ROW_OVERHEAD
