"""The gRPC front end: Get, Put and Delete, with the standard health and reflection services."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha import reflection

from services.common.health import Status
from services.common.proto import keyvalue_pb2 as pb
from services.common.rpc import Behaviour, Context, RpcGuard, RpcRefused
from services.common.serving import address_of
from services.kv import model
from services.kv.service import KeyValueService
from stormlab.drivers.rpc import RpcGuardInterceptor
from stormlab.errors import BadInput

SERVICE = pb.DESCRIPTOR.services_by_name["KeyValue"].full_name
#: s between two looks at the health that the health service tells.
_HEALTH_PERIOD = 1.0
#: Bytes of UTF-8 that a character may take.
_CHARACTER = 4
#: Bytes of a message beyond key and value.
_OVERHEAD = 1024

_CODES: dict[type[model.StoreError], grpc.StatusCode] = {
    model.NoSuchKey: grpc.StatusCode.NOT_FOUND,
    model.InvalidKey: grpc.StatusCode.INVALID_ARGUMENT,
    model.ValueTooLarge: grpc.StatusCode.RESOURCE_EXHAUSTED,
    model.LogUnavailable: grpc.StatusCode.UNAVAILABLE,
    model.BackingOverloaded: grpc.StatusCode.UNAVAILABLE,
}


class KeyValueRpc:
    """The methods of the service."""

    def __init__(self, service: KeyValueService) -> None:
        self._store = service.store

    async def get(self, request: pb.GetRequest, context: Context) -> pb.GetResponse:
        return pb.GetResponse(value=await self._store.get(request.key))

    async def put(self, request: pb.PutRequest, context: Context) -> pb.PutResponse:
        await self._store.put(request.key, request.value)
        return pb.PutResponse()

    async def delete(self, request: pb.DeleteRequest, context: Context) -> pb.DeleteResponse:
        await self._store.delete(request.key)
        return pb.DeleteResponse()

    def handlers(self, guard: RpcGuard) -> grpc.GenericRpcHandler:
        """What a server needs to serve the methods behind ``guard``."""
        methods: dict[str, tuple[Behaviour, Any]] = {
            "Get": (self.get, pb.GetRequest),
            "Put": (self.put, pb.PutRequest),
            "Delete": (self.delete, pb.DeleteRequest),
        }
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                name: grpc.unary_unary_rpc_method_handler(
                    guard.wrap(f"/{SERVICE}/{name}", _with_codes(behaviour)),
                    request_deserializer=request.FromString,
                    response_serializer=lambda response: response.SerializeToString(),
                )
                for name, (behaviour, request) in methods.items()
            },
        )


class GrpcFront:
    """A gRPC server on its port.

    Raises:
        BadInput: the port cannot be had.
    """

    name = "grpc"

    def __init__(self, service: KeyValueService) -> None:
        settings = service.settings
        self._service = service
        size = _CHARACTER * settings.max_key_length + settings.max_value_bytes + _OVERHEAD
        guards = service.guards
        self._server = grpc.aio.server(
            interceptors=[RpcGuardInterceptor(guards, refused=service.capacity.refused)] if guards else [],
            options=[("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", size)],
        )
        self._health = HealthServicer()
        guard = RpcGuard(
            counts=service.counts,
            faults=service.faults,
            capacity=service.capacity,
            tracing=service.tracing,
            limit=settings.max_requests,
        )
        self._server.add_generic_rpc_handlers((KeyValueRpc(service).handlers(guard),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        health_name = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
        reflection.enable_server_reflection((SERVICE, health_name, reflection.SERVICE_NAME), self._server)
        self.address = self._bind(settings.host, settings.grpc_port)

    async def run(self, stopping: asyncio.Event, *, grace: float) -> None:
        await self._server.start()
        mirror = asyncio.create_task(self._mirror_health())
        await stopping.wait()
        mirror.cancel()
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace)

    def _bind(self, host: str, port: int) -> str:
        try:
            bound = self._server.add_insecure_port(address_of(host, port))
        except RuntimeError as error:
            raise BadInput(f"cannot listen on {address_of(host, port)}: choose another HOST or GRPC_PORT") from error
        return address_of(host, bound)

    async def _mirror_health(self) -> None:
        """Tells what the shallow checks find, for the whole server and for the service by its name."""
        answer = health_pb2.HealthCheckResponse
        while True:
            failing = await self._service.shallow.status() is Status.FAILING
            for name in ("", SERVICE):
                await self._health.set(name, answer.NOT_SERVING if failing else answer.SERVING)
            await asyncio.sleep(_HEALTH_PERIOD)


def front(service: KeyValueService) -> GrpcFront:
    """The front end of ``service`` on its GRPC_PORT."""
    return GrpcFront(service)


def _with_codes(behaviour: Behaviour) -> Behaviour:
    async def coded(request: Any, context: Context) -> Any:
        try:
            return await behaviour(request, context)
        except model.StoreError as error:
            raise RpcRefused(_CODES[type(error)], str(error)) from error

    return coded
