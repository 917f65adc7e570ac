"""The transaction log behind a plug-in: the same port, served by a process of its own that may crash.

After a crash the plug-in is started again and asked what it holds beyond the last commit it acknowledged; so the
outcome of a commit is known as soon as it runs again. Should it turn out then that it kept what was refused meanwhile,
the log closes itself to writes until a restart, because the store has never seen them.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import grpc

from services.common.plugin import PluginFailed, PluginProcess
from services.common.proto import plugin_pb2 as pb
from services.common.proto.plugin_pb2_grpc import TransactionLogStub
from services.kv import records
from services.kv.model import Credit, Delete, Event, LogCorrupt, LogUnavailable, Put, Write
from stormlab.errors import BadInput

if TYPE_CHECKING:
    from services.kv.settings import KvSettings

_KEPT = "the plug-in kept writes that were refused; restart the service"


class PluginLog:
    """A transaction log that the plug-in started with ``command`` keeps.

    Args:
        timeout: s that one answer may take.
    """

    blocks = True

    def __init__(self, command: list[str], *, timeout: float = 5.0) -> None:
        self._command, self._timeout = command, timeout
        self._plugin: PluginProcess | None = None
        self._noted: list[pb.Record] = []
        self._committed = 0
        self._broken = False

    def events(self) -> Iterator[Event]:
        self._drop()
        for record in self._history():
            self._committed = record.sequence
            yield _event(record)

    def write_put(self, key: str, value: bytes) -> int:
        return self._note(Put(key, value))

    def write_delete(self, key: str) -> int:
        return self._note(Delete(key))

    def write_credit(self, key: str, amount: int, transaction: str) -> int:
        return self._note(Credit(key, amount, transaction))

    def commit(self) -> None:
        """Hands over what was noted; a plug-in that crashed is started once more.

        Raises:
            LogUnavailable: it could not be done.
        """
        noted, self._noted = self._noted, []
        if self._broken:
            raise LogUnavailable(_KEPT)
        if self._plugin is None or not self._committed_by_it(noted):
            self._commit_again(noted)

    def overgrown(self) -> bool:
        """Never: a plug-in keeps its own house."""
        return False

    def compact(self, snapshot: Iterable[Write]) -> None:
        raise LogUnavailable("a plug-in keeps its own house")

    def probe(self) -> None:
        try:
            if self._plugin is None:
                self._commit_again([])
            self._stub().Probe(pb.ProbeRequest(), timeout=self._timeout)
        except grpc.RpcError as error:
            self._drop()
            raise LogUnavailable(_words(error)) from error

    def close(self) -> None:
        self._drop()

    def _note(self, write: Write) -> int:
        code, key, payload = records.encode(write)
        sequence = self._committed + len(self._noted) + 1
        self._noted.append(pb.Record(sequence=sequence, code=code, key=key, payload=payload))
        return sequence

    def _committed_by_it(self, noted: list[pb.Record]) -> bool:
        """Whether the running plug-in took the commit; if not, it runs no more."""
        try:
            self._commit(noted)
        except grpc.RpcError:
            self._drop()
            return False
        return True

    def _commit(self, noted: list[pb.Record]) -> None:
        answer = self._stub().Commit(pb.CommitRequest(records=noted), timeout=self._timeout)
        self._committed = answer.last

    def _commit_again(self, noted: list[pb.Record]) -> None:
        """Commits to a plug-in that was just started, unless the one before it had done so."""
        held = list(self._history())
        if [_event(record).write for record in held] not in ([], [_event(record).write for record in noted]):
            self._broken = True
            raise LogUnavailable(_KEPT)
        if held:
            self._committed = held[-1].sequence
        elif noted:
            try:
                self._commit(noted)
            except grpc.RpcError as error:
                self._drop()
                raise LogUnavailable(_words(error)) from error

    def _history(self) -> Iterator[pb.Record]:
        """Starts the plug-in; what it holds after the last commit that was acknowledged."""
        try:
            self._plugin = PluginProcess(self._command)
            yield from self._stub().Events(pb.EventsRequest(after=self._committed), wait_for_ready=True)
        except PluginFailed as error:
            raise LogUnavailable(str(error)) from error
        except grpc.RpcError as error:
            self._drop()
            if _code(error) is grpc.StatusCode.DATA_LOSS:
                raise LogCorrupt(_words(error)) from error
            raise LogUnavailable(_words(error)) from error

    def _stub(self) -> Any:
        assert self._plugin is not None
        return TransactionLogStub(self._plugin.channel)

    def _drop(self) -> None:
        if self._plugin is not None:
            self._plugin.close()
            self._plugin = None


def open_log(settings: KvSettings) -> PluginLog:
    """The log that ``settings`` describe.

    Raises:
        BadInput: no command is set.
    """
    command = shlex.split(settings.tlog_plugin)
    if not command:
        raise BadInput("TLOG_PLUGIN: give the command that starts the plug-in")
    return PluginLog(command, timeout=settings.tlog_db_timeout)


def _event(record: pb.Record) -> Event:
    try:
        return Event(record.sequence, records.decode(record.code, record.key, record.payload))
    except ValueError as error:
        raise LogCorrupt(f"transaction {record.sequence} of the plug-in cannot be read: {error}") from error


def _code(error: grpc.RpcError) -> grpc.StatusCode | None:
    return error.code() if isinstance(error, grpc.Call) else None


def _words(error: grpc.RpcError) -> str:
    details = error.details() if isinstance(error, grpc.Call) else str(error)
    return f"the plug-in failed: {details}"
