"""The PostgreSQL log against a real server that is stopped, restarted, cut off and slowed."""

from __future__ import annotations

import itertools
import signal
import socket
import threading
from collections.abc import Iterator

import psycopg
import pytest

from services.kv.model import Credit, Delete, LogCorrupt, LogUnavailable, Put, Settled, Write
from services.kv.postgres_log import PostgresLog
from tests.services.kv.cluster import MISSING, Cluster, binaries, running_cluster

pytestmark = pytest.mark.real
numbers = itertools.count()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    programs = binaries()
    if programs is None:
        pytest.skip(MISSING)
    with running_cluster(programs) as cluster:
        yield cluster


@pytest.fixture
def database(cluster: Cluster) -> str:
    name = f"kv{next(numbers)}"
    cluster.create(name)
    return name


@pytest.fixture
def log(cluster: Cluster, database: str) -> Iterator[PostgresLog]:
    log = PostgresLog(cluster.conninfo(database))
    assert writes_of(log) == []
    yield log
    log.close()


def writes_of(log: PostgresLog) -> list[Write]:
    return [event.write for event in log.events()]


def put(log: PostgresLog, value: bytes) -> None:
    log.write_put("k", value)
    log.commit()


def until_done(log: PostgresLog, value: bytes) -> int:
    """Repeats the put until it is acknowledged; how often it was refused."""
    for refusals in itertools.count():
        try:
            put(log, value)
        except LogUnavailable:
            threading.Event().wait(0.05)
        else:
            return refusals
    raise AssertionError


def stored(cluster: Cluster, database: str) -> list[Write]:
    """What a service that starts now would read."""
    other = PostgresLog(cluster.conninfo(database))
    try:
        return writes_of(other)
    finally:
        other.close()


class Gate:
    """A forwarder in front of the server that can be cut and silenced."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._open = threading.Event()
        self._open.set()
        threading.Thread(target=self._accept, daemon=True).start()

    def silence(self) -> None:
        """From now on bytes are taken and not passed on, in both directions."""
        self._open.clear()

    def cut(self, *, upstream: bool = True) -> None:
        """Breaks all connections; without ``upstream`` the server does not notice."""
        for near, far in self._pairs:
            near.shutdown(socket.SHUT_RDWR)
            if upstream:
                far.shutdown(socket.SHUT_RDWR)
        self._pairs.clear()
        self._open.set()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._target))
            self._pairs.append((near, far))
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                if self._open.is_set():
                    sink.sendall(data)
        except OSError:
            return


@pytest.fixture
def gate(cluster: Cluster) -> Iterator[Gate]:
    gate = Gate(cluster.port)
    yield gate
    gate.close()


def test_what_was_committed_is_replayed_in_order(cluster: Cluster, database: str, log: PostgresLog) -> None:
    assert (log.write_put("a\x00 /ü", b"\x00\xff"), log.write_delete("b")) == (1, 2)
    log.commit()
    log.write_credit("c", 2**62, "t")
    log.commit()
    log.write_put("lost", b"")
    log.close()
    assert stored(cluster, database) == [Put("a\x00 /ü", b"\x00\xff"), Delete("b"), Credit("c", 2**62, "t")]


def test_sequence_numbers_go_on_after_a_restart(cluster: Cluster, database: str, log: PostgresLog) -> None:
    put(log, b"1")
    log.close()
    other = PostgresLog(cluster.conninfo(database))
    assert len(writes_of(other)) == 1
    assert other.write_delete("k") == 2
    other.close()


def test_a_long_history_is_read_in_batches(cluster: Cluster, database: str, log: PostgresLog) -> None:
    for number in range(2500):
        log.write_put(str(number), b"")
    log.commit()
    log.close()
    assert [write.key for write in stored(cluster, database) if isinstance(write, Put)] == [
        str(number) for number in range(2500)
    ]


def test_a_second_service_cannot_have_the_log(cluster: Cluster, database: str, log: PostgresLog) -> None:
    other = PostgresLog(cluster.conninfo(database), timeout=1.0)
    with pytest.raises(LogUnavailable, match="another service"):
        writes_of(other)
    put(log, b"1")


@pytest.mark.parametrize("how", [signal.SIGQUIT, signal.SIGINT])
def test_a_server_that_comes_back_is_used_again_at_once(
    cluster: Cluster, database: str, log: PostgresLog, how: signal.Signals
) -> None:
    put(log, b"1")
    cluster.stop(how)
    cluster.start()
    put(log, b"2")
    log.close()
    assert stored(cluster, database) == [Put("k", b"1"), Put("k", b"2")]


def test_while_the_server_is_down_writes_are_refused_and_never_appear(
    cluster: Cluster, database: str, log: PostgresLog
) -> None:
    put(log, b"1")
    cluster.stop()
    for _ in range(3):
        with pytest.raises(LogUnavailable):
            put(log, b"refused")
        with pytest.raises(LogUnavailable):
            log.probe()
    cluster.start()
    until_done(log, b"2")
    log.close()
    assert stored(cluster, database) == [Put("k", b"1"), Put("k", b"2")]


def test_a_cut_connection_is_replaced(cluster: Cluster, database: str, gate: Gate) -> None:
    log = PostgresLog(cluster.conninfo(database, port=gate.port))
    writes_of(log)
    for number in range(5):
        put(log, b"%d" % number)
        gate.cut(upstream=number % 2 == 0)
    put(log, b"last")
    log.close()
    assert [item.value for item in stored(cluster, database) if isinstance(item, Put)][-1] == b"last"


def test_a_silent_network_is_a_refusal_in_time_and_the_old_session_is_fenced_off(
    cluster: Cluster, database: str, gate: Gate
) -> None:
    log = PostgresLog(cluster.conninfo(database, port=gate.port), timeout=1.0)
    writes_of(log)
    put(log, b"1")
    gate.silence()
    with pytest.raises(LogUnavailable):
        put(log, b"refused")
    gate.cut(upstream=False)
    until_done(log, b"2")
    log.close()
    assert stored(cluster, database) == [Put("k", b"1"), Put("k", b"2")]


def test_a_commit_whose_answer_was_lost_is_recognised(
    cluster: Cluster, database: str, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = PostgresLog(cluster.conninfo(database, port=gate.port))
    writes_of(log)
    real = PostgresLog._insert

    def insert_and_lose_the_answer(self: PostgresLog, *arguments: object) -> None:
        monkeypatch.setattr(PostgresLog, "_insert", real)
        real(self, *arguments)  # type: ignore[arg-type]
        raise psycopg.OperationalError("connection lost")

    monkeypatch.setattr(PostgresLog, "_insert", insert_and_lose_the_answer)
    put(log, b"1")
    log.close()
    assert stored(cluster, database) == [Put("k", b"1")]


def test_a_refused_commit_that_arrived_after_all_is_removed(
    cluster: Cluster, database: str, log: PostgresLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(log, b"1")
    real = PostgresLog._insert

    def insert_and_lose_the_server(self: PostgresLog, *arguments: object) -> None:
        monkeypatch.setattr(PostgresLog, "_insert", real)
        real(self, *arguments)  # type: ignore[arg-type]
        cluster.stop(signal.SIGINT)
        raise psycopg.OperationalError("connection lost")

    monkeypatch.setattr(PostgresLog, "_insert", insert_and_lose_the_server)
    with pytest.raises(LogUnavailable):
        put(log, b"refused")
    cluster.start()
    until_done(log, b"2")
    log.close()
    assert stored(cluster, database) == [Put("k", b"1"), Put("k", b"2")]


def test_a_snapshot_replaces_the_history(cluster: Cluster, database: str) -> None:
    log = PostgresLog(cluster.conninfo(database), compact_after=2000)
    writes_of(log)
    count = 0
    while not log.overgrown():
        put(log, b"%d" % count)
        count += 1
    snapshot: list[Write] = [Put("k", b"x"), Settled(Credit("c", 1, "t"), 1)] * count
    log.compact(iter(snapshot))
    assert not log.overgrown()
    put(log, b"after")
    log.close()
    assert stored(cluster, database) == [*snapshot, Put("k", b"after")]


def test_the_probe_leaves_nothing_behind(cluster: Cluster, database: str, log: PostgresLog) -> None:
    log.probe()
    log.close()
    assert stored(cluster, database) == []


def test_a_row_that_makes_no_sense_is_refused(cluster: Cluster, database: str, log: PostgresLog) -> None:
    log.close()
    with psycopg.connect(cluster.conninfo(database)) as connection:
        connection.execute("INSERT INTO transactions VALUES (7, 99, '', '')")
    with pytest.raises(LogCorrupt, match="transaction 7"):
        stored(cluster, database)
