"""Ports that are free, and stay with whoever was given them until they listen."""

from __future__ import annotations

import socket

from stormlab.live import ports


def test_nobody_is_given_a_port_that_another_was_given_and_does_not_listen_on_yet() -> None:
    """By chance alone 500 of the 14,000 or so that Linux draws from would hardly ever be different."""
    given = [port for _ in range(250) for port in ports.free(2)]
    assert len(set(given)) == 500


def test_a_block_holds_no_port_that_is_taken() -> None:
    first = ports.block(3)
    with socket.create_server((ports.HOST, first + 1)):
        other = ports.block(3, start=first)
    assert first + 1 not in range(other, other + 3)
