"""The other side of `plugin_log`: any transaction log, served to a host."""

from __future__ import annotations

from collections.abc import Iterator

import grpc

from services.common.plugin import serve_plugin
from services.common.proto import plugin_pb2 as pb
from services.common.proto.plugin_pb2_grpc import add_TransactionLogServicer_to_server
from services.kv import records
from services.kv.model import Credit, Delete, LogCorrupt, LogUnavailable, Put
from services.kv.ports import TransactionLog


class LogServicer:
    """Serves ``log``; the first call has to be Events."""

    def __init__(self, log: TransactionLog) -> None:
        self._log = log
        self._last = 0

    def Events(self, request: pb.EventsRequest, context: grpc.ServicerContext) -> Iterator[pb.Record]:
        try:
            for event in self._log.events():
                self._last = event.sequence
                if event.sequence > request.after:
                    code, key, payload = records.encode(event.write)
                    yield pb.Record(sequence=event.sequence, code=code, key=key, payload=payload)
        except LogCorrupt as error:
            context.abort(grpc.StatusCode.DATA_LOSS, str(error))
        except LogUnavailable as error:
            context.abort(grpc.StatusCode.UNAVAILABLE, str(error))

    def Commit(self, request: pb.CommitRequest, context: grpc.ServicerContext) -> pb.CommitResponse:
        for record in request.records:
            self._last = self._note(record)
        try:
            self._log.commit()
        except LogUnavailable as error:
            context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
        return pb.CommitResponse(last=self._last)

    def Probe(self, request: pb.ProbeRequest, context: grpc.ServicerContext) -> pb.ProbeResponse:
        try:
            self._log.probe()
        except LogUnavailable as error:
            context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
        return pb.ProbeResponse()

    def _note(self, record: pb.Record) -> int:
        match records.decode(record.code, record.key, record.payload):
            case Put(key, value):
                return self._log.write_put(key, value)
            case Delete(key):
                return self._log.write_delete(key)
            case Credit(key, amount, transaction):
                return self._log.write_credit(key, amount, transaction)
        raise ValueError(f"a plug-in takes no record of code {record.code}")


def serve_log(log: TransactionLog) -> int:
    """The life of a plug-in that keeps ``log``; its exit status."""
    status = serve_plugin(lambda server: add_TransactionLogServicer_to_server(LogServicer(log), server))
    log.close()
    return status
