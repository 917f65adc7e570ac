"""Both servers of the Toxiproxy API as child processes, and what a test of either needs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stormlab.chaos.client import ProxySpec, ProxyState, ToxiproxyClient
from stormlab.errors import BadInput
from stormlab.live import ports
from tests.chaos.peers import HOST, PATIENCE, echo, served
from tools.waiting import wait_for

EMBEDDED, REAL = "embedded", "real"


@contextmanager
def process(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield child
    finally:
        child.terminate()
        child.communicate(timeout=PATIENCE)


@contextmanager
def embedded(*arguments: str) -> Iterator[str]:
    """The URL of an embedded server of one's own."""
    with process([sys.executable, "-m", "stormlab.chaos", "--port", "0", *arguments]) as child:
        assert child.stdout
        announced = child.stdout.readline()
        assert announced.startswith("listening on http://"), announced
        yield announced.split()[-1]


@contextmanager
def real(binary: Path) -> Iterator[str]:
    (port,) = ports.free(1)
    command = [str(binary), "-host", HOST, "-port", str(port), "-proxy-metrics"]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://{HOST}:{port}"
        wait_for(lambda: answers(url))
        yield url
    finally:
        child.terminate()
        child.wait(PATIENCE)


def answers(url: str) -> bool:
    try:
        return bool(ToxiproxyClient(url).version())
    except BadInput:
        return False


@pytest.fixture(scope="session")
def embedded_url() -> Iterator[str]:
    with embedded() as url:
        yield url


@pytest.fixture(scope="session")
def real_url(toxiproxy_binary: Path) -> Iterator[str]:
    with real(toxiproxy_binary) as url:
        yield url


@pytest.fixture(
    params=[
        pytest.param(EMBEDDED, marks=pytest.mark.live),
        pytest.param(REAL, marks=[pytest.mark.live, pytest.mark.real]),
    ]
)
def url(request: pytest.FixtureRequest) -> str:
    """The API of the embedded server, then that of the real one; without proxies."""
    found: str = request.getfixturevalue(f"{request.param}_url")
    cleared(found)
    return found


def cleared(url: str) -> ToxiproxyClient:
    client = ToxiproxyClient(url)
    for name in client.proxies():
        client.delete(name)
    return client


@pytest.fixture
def ours(embedded_url: str) -> ToxiproxyClient:
    """A client of the embedded server alone, which has no proxies."""
    return cleared(embedded_url)


@pytest.fixture
def client(url: str) -> ToxiproxyClient:
    return ToxiproxyClient(url)


@pytest.fixture
def proxied(client: ToxiproxyClient) -> Callable[[str], ProxyState]:
    """Makes the proxy ``p`` in front of an address."""
    return lambda upstream: client.create(ProxySpec(name="p", upstream=upstream))


@pytest.fixture
def echoed(proxied: Callable[[str], ProxyState]) -> Iterator[str]:
    """The address of the proxy ``p`` in front of an echo server."""
    with served(echo) as upstream:
        yield proxied(upstream).listen
