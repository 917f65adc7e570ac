"""What the requests of a client say about themselves: key, caller and priority, drawn alike in both worlds."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from stormlab.effects import PLAIN, Request
from stormlab.scenario.model import Client


def requests_of(client: Client, random: Random) -> Callable[[], Request] | None:
    """Makes the requests of a client that says something about them; ``None`` for one that does not."""
    if client.keys is None and client.callers is None and client.priority == PLAIN.priority:
        return None
    key = client.keys.sampler(random, "k") if client.keys else lambda: ""
    caller = client.callers.sampler(random, "c") if client.callers else lambda: ""
    priority = client.priority
    return lambda: Request(caller=caller(), priority=priority, key=key())
