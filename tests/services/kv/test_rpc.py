"""The gRPC front end of a real process: codes, health, reflection, deadlines, and REST beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from services.common.proto import keyvalue_pb2 as pb
from services.common.proto.keyvalue_pb2_grpc import KeyValueStub
from tests.services.kv.running import Running
from tools.waiting import wait_for

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def kv(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running(
        tmp_path_factory.mktemp("rpc") / "kv.log",
        frontend_type="rest,grpc",
        max_key_length=16,
        max_value_bytes=300,
        workers=8,
        service_time="fixed:0.001",
    )
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def channel(kv: Running) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(kv.addresses["grpc"]) as channel:
        yield channel


@pytest.fixture
def stub(channel: grpc.Channel) -> KeyValueStub:
    return KeyValueStub(channel)


def shows(kv: Running, line: str) -> bool:
    """Whether the scrape page has this in it."""
    return line in httpx.get(kv.public + "/metrics").text


def code_of(call: object, request: object) -> grpc.StatusCode:
    assert callable(call)
    with pytest.raises(grpc.RpcError) as refusal:
        call(request, timeout=30)
    code = refusal.value.code()
    assert isinstance(code, grpc.StatusCode)
    return code


def test_put_get_delete_with_bytes_and_any_key(stub: KeyValueStub) -> None:
    value = bytes(range(256))
    for _ in range(2):
        stub.Put(pb.PutRequest(key="a/ü ", value=value))
    assert stub.Get(pb.GetRequest(key="a/ü ")).value == value
    for _ in range(2):
        stub.Delete(pb.DeleteRequest(key="a/ü "))
    assert code_of(stub.Get, pb.GetRequest(key="a/ü ")) is grpc.StatusCode.NOT_FOUND


def test_both_front_ends_show_one_store(kv: Running, stub: KeyValueStub) -> None:
    stub.Put(pb.PutRequest(key="a/b", value=b"rpc"))
    assert httpx.get(kv.public + "/v1/a%2Fb").content == b"rpc"
    httpx.put(kv.public + "/v1/a%2Fb", content=b"rest")
    assert stub.Get(pb.GetRequest(key="a/b")).value == b"rest"


def test_limits_have_their_codes(stub: KeyValueStub) -> None:
    assert code_of(stub.Get, pb.GetRequest(key="")) is grpc.StatusCode.INVALID_ARGUMENT
    stub.Put(pb.PutRequest(key="\U0001f986" * 16, value=b"1" * 300))
    assert code_of(stub.Put, pb.PutRequest(key="x" * 17)) is grpc.StatusCode.INVALID_ARGUMENT
    assert code_of(stub.Put, pb.PutRequest(key="x", value=b"1" * 301)) is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert code_of(stub.Put, pb.PutRequest(key="x", value=b"1" * 9999)) is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_caller_whose_deadline_passes_is_told_and_its_work_is_done(kv: Running, stub: KeyValueStub) -> None:
    admin = "http://" + kv.addresses["admin"]
    httpx.put(admin + "/capacity", json={"workers": 0})
    with pytest.raises(grpc.RpcError) as refusal:
        stub.Put(pb.PutRequest(key="late", value=b"v"), timeout=2)
    assert refusal.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    wait_for(lambda: shows(kv, 'stormlab_queue_depth{service="kv"} 1.0'), what="the call that nobody waits for")
    httpx.delete(admin + "/capacity")
    wait_for(lambda: shows(kv, 'stormlab_wasted_total{service="kv"} 1.0'), what="its work to be done")
    assert stub.Get(pb.GetRequest(key="late")).value == b"v"


def test_a_fault_strikes_calls_too(kv: Running, stub: KeyValueStub) -> None:
    fault = f"http://{kv.addresses['admin']}/faults/rpc"
    httpx.put(fault, json={"kind": "error", "route": "/stormlab.kv.v1.KeyValue/Get", "method": "RPC"})
    assert code_of(stub.Get, pb.GetRequest(key="k")) is grpc.StatusCode.UNAVAILABLE
    stub.Put(pb.PutRequest(key="k", value=b""))
    assert httpx.delete(fault).json()["injected"] == 1
    stub.Get(pb.GetRequest(key="k"))


def test_a_full_queue_has_its_code(kv: Running, stub: KeyValueStub) -> None:
    admin = "http://" + kv.addresses["admin"]
    httpx.put(admin + "/capacity", json={"workers": 0})
    waiting = [stub.Get.future(pb.GetRequest(key="none")) for _ in range(1000)]
    wait_for(lambda: shows(kv, 'stormlab_queue_depth{service="kv"} 1000.0'), what="a full queue")
    assert code_of(stub.Get, pb.GetRequest(key="k")) is grpc.StatusCode.RESOURCE_EXHAUSTED
    httpx.delete(admin + "/capacity")
    assert {call.code() for call in waiting} == {grpc.StatusCode.NOT_FOUND}


def test_health_is_told_for_the_server_and_for_the_service(channel: grpc.Channel) -> None:
    health: Any = health_pb2_grpc.HealthStub(channel)
    for name in ("", "stormlab.kv.v1.KeyValue"):
        answer = health.Check(health_pb2.HealthCheckRequest(service=name))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_reflection_lists_the_service(channel: grpc.Channel) -> None:
    assert "stormlab.kv.v1.KeyValue" in ProtoReflectionDescriptorDatabase(channel).get_services()


def test_calls_are_counted_by_method_and_code(kv: Running, stub: KeyValueStub) -> None:
    code_of(stub.Get, pb.GetRequest(key="absent"))
    labels = 'method="RPC",route="/stormlab.kv.v1.KeyValue/Get",service="kv",status="NOT_FOUND"'
    assert f"stormlab_requests_total{{{labels}}}" in httpx.get(kv.public + "/metrics").text


def test_field_numbers_are_what_they_were() -> None:
    fields = {
        f"{message.name}.{field.name}": field.number
        for message in pb.DESCRIPTOR.message_types_by_name.values()
        for field in message.fields
    }
    assert fields == {
        "GetRequest.key": 1,
        "GetResponse.value": 1,
        "PutRequest.key": 1,
        "PutRequest.value": 2,
        "DeleteRequest.key": 1,
    }


def test_a_port_in_use_is_refused(kv: Running, tmp_path: Path) -> None:
    port = kv.addresses["grpc"].rsplit(":", 1)[1]
    with pytest.raises(EOFError):
        Running(tmp_path / "other.log", frontend_type="grpc", grpc_port=port)
