"""Ports that are free, and stay with whoever was given them until they listen."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from stormlab.live import ports


def drawn() -> int:
    """A port that the system gives to whoever asks."""
    with socket.socket() as sock:
        sock.bind((ports.HOST, 0))
        return int(sock.getsockname()[1])


@pytest.mark.skipif(sys.platform != "linux", reason="other systems let nobody listen on a port that is held")
def test_nobody_is_given_a_port_that_another_was_given_and_does_not_listen_on_yet() -> None:
    """Linux draws from 14,000 or so: most of them come up in as many drawings."""
    given = set(ports.free(40))
    assert len(given) == 40
    others = {drawn() for _ in range(20_000)}
    assert len(others) > 5_000 and not others & given


@pytest.mark.skipif(sys.platform != "linux", reason="other systems let nobody listen on a port that is held")
def test_many_that_are_asked_for_at_once_are_held_together() -> None:
    given = set(ports.free(300))
    assert not {drawn() for _ in range(20_000)} & given


def test_a_server_listens_on_a_port_that_was_given() -> None:
    (port,) = ports.free(1)
    assert not ports.answers(port)
    with socket.create_server((ports.HOST, port)):
        assert ports.answers(port)


@pytest.mark.skipif(not Path("/proc").exists(), reason="there is no /proc to count in")
def test_no_more_than_a_hundred_ports_are_held() -> None:
    files = Path("/proc/self/fd")
    ports.free(100)
    before = len(list(files.iterdir()))
    for _ in range(30):
        ports.free(10)
    assert len(list(files.iterdir())) == before


def test_a_block_holds_no_port_that_is_taken() -> None:
    first = ports.block(3)
    with socket.create_server((ports.HOST, first + 1)):
        other = ports.block(3, start=first)
    assert first + 1 not in range(other, other + 3)
