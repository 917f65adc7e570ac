"""What the requests of a client say about themselves, drawn alike in both worlds."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from stormlab.effects import PLAIN, Request
from stormlab.scenario.model import Client


def requests_of(name: str, client: Client, random: Random) -> Callable[[], Request] | None:
    """Makes the requests of client ``name`` if it says something about them; ``None`` if it does not.

    Callers of different clients are different callers.
    """
    tells = client.keys or client.callers or client.idempotency_keys or client.priority != PLAIN.priority
    if not tells:
        return None
    key = client.keys.sampler(random, "k") if client.keys else lambda: ""
    caller = client.callers.sampler(random, f"{name}-") if client.callers else lambda: ""
    priority = client.priority
    token = _tokens(random) if client.idempotency_keys else lambda: ""
    return lambda: Request(caller=caller(), priority=priority, key=key(), token=token())


def _tokens(random: Random) -> Callable[[], str]:
    return lambda: f"{random.getrandbits(64):016x}"
