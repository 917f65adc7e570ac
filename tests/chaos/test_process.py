"""The embedded server as a program: how it starts, fails to start, and ends; and what it alone promises."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from stormlab.chaos.client import ProxySpec, ToxiproxyClient
from stormlab.chaos.toxics import Bandwidth, Latency, LimitData, Noop, Slicer
from tests.chaos.conftest import embedded, process
from tests.chaos.peers import HOST, PATIENCE, ask, connect, echo, is_refused, receive, receive_all, served

COMMAND = [sys.executable, "-m", "stormlab.chaos"]

pytestmark = pytest.mark.live


def failed_start(*arguments: str) -> str:
    """What the program says on standard error before it exits with status 2."""
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    return done.stderr


def test_a_port_in_use_is_said_so() -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = str(taken.getsockname()[1])
        said = failed_start("--port", port)
    assert f"cannot listen on {HOST}:{port}" in said
    assert "in use" in said
    assert "another --port" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_everything_closed(number: signal.Signals) -> None:
    with served(echo) as upstream, process([*COMMAND, "--port", "0"]) as child:
        assert child.stdout
        client = ToxiproxyClient(child.stdout.readline().split()[-1])
        proxy = client.create(ProxySpec(name="p", upstream=upstream))
        client.add("p", Latency(latency=60))
        with connect(proxy.listen) as peer:
            peer.sendall(b"ping")
            child.send_signal(number)
            assert receive_all(peer) == b""
        assert child.wait(PATIENCE) == 0
        assert is_refused(proxy.listen)


def test_a_configuration_is_populated(tmp_path: Path) -> None:
    config = tmp_path / "proxies.json"
    config.write_text(json.dumps([{"name": "kv", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"}]))
    with embedded("--config", str(config)) as url:
        assert list(ToxiproxyClient(url).proxies()) == ["kv"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "No such file"),
        ("{", "not JSON"),
        ("{}", "must be a list of proxies"),
        ('[{"name": "kv"}]', "missing required field: upstream at proxy 1"),
        ('[{"name": "kv", "upstream": "u:1", "listen": "nowhere"}]', "missing port in address"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_refused(tmp_path: Path, text: str | None, problem: str) -> None:
    config = tmp_path / "proxies.json"
    if text is not None:
        config.write_text(text)
    said = failed_start("--port", "0", "--config", str(config))
    assert str(config) in said
    assert problem in said


def test_the_same_seed_hits_the_same_connections() -> None:
    def hits(seed: str) -> list[bytes]:
        with served(echo) as upstream, embedded("--seed", seed) as url:
            client = ToxiproxyClient(url)
            address = client.create(ProxySpec(name="p", upstream=upstream)).listen
            client.add("p", LimitData(bytes=1, toxicity=0.5))
            return [shortened(address) for _ in range(24)]

    first = hits("7")
    assert first == hits("7")
    assert first != hits("8")
    assert {len(each) for each in first} == {1, 2}


def shortened(address: str) -> bytes:
    with connect(address) as peer:
        peer.sendall(b"xy")
        return receive(peer, 2)


def test_a_host_that_is_not_given_is_the_loopback(ours: ToxiproxyClient) -> None:
    for listen in ("", ":0"):
        body = {"name": "p", "listen": listen, "upstream": "127.0.0.1:1"}
        assert ask(ours.url, "POST", "/proxies", body).body["listen"].startswith("127.0.0.1:")
        ours.delete("p")


@pytest.mark.parametrize(
    "toxic",
    [
        {"type": "latency", "attributes": {"latency": -1}},
        {"type": "bandwidth", "attributes": {"rate": -1}},
        {"type": "latency", "toxicity": 1.5},
    ],
)
def test_values_without_meaning_are_refused(ours: ToxiproxyClient, toxic: dict[str, object]) -> None:
    ours.create(ProxySpec(name="meaning", upstream="127.0.0.1:1", enabled=False))
    assert ask(ours.url, "POST", "/proxies/meaning/toxics", toxic).status == 400


def test_a_body_beyond_the_limit_is_refused(ours: ToxiproxyClient) -> None:
    assert ask(ours.url, "POST", "/proxies", "x" * 2_000_000).status == 413


def test_it_runs_without_uvloop(tmp_path: Path) -> None:
    """Plain asyncio carries the same bytes; slower."""
    (tmp_path / "uvloop.py").write_text("raise ModuleNotFoundError('uvloop')\n")
    env = os.environ | {"PYTHONPATH": str(tmp_path)}
    data = bytes(range(256)) * 20_000
    child = subprocess.Popen([*COMMAND, "--port", "0"], stdout=subprocess.PIPE, text=True, env=env)
    try:
        assert child.stdout
        client = ToxiproxyClient(child.stdout.readline().split()[-1])
        with served(lambda peer: peer.sendall(data)) as upstream:
            address = client.create(ProxySpec(name="p", upstream=upstream)).listen
            for toxic in (Noop(), Slicer(average_size=50_000), Bandwidth(rate=1e9), Latency(latency=0.01)):
                client.add("p", toxic)
                with connect(address) as peer:
                    assert receive_all(peer) == data
    finally:
        child.terminate()
        child.communicate(timeout=PATIENCE)
    assert child.returncode == 0
