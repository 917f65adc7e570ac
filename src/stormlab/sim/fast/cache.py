"""The look-aside cache of the kernel: the decisions of :mod:`stormlab.scenario.look_aside`, on records.

Its keys are linked in the order in which they were used.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stormlab.sim.fast.chance import uniform
from stormlab.sim.fast.memory import part, real
from stormlab.sim.fast.records import FLUSH, JITTER, KEYS, key_at


@part
def draw_key(world: Any) -> Any:
    """What a request is about: the first key whose sum of probabilities is above a random number."""
    chance = uniform(world.streams, KEYS)
    if world.key_sums == 0:
        return np.int64(chance * world.key_count)
    chance *= real(world.key_sums, world.key_count - 1).value
    low, high = np.int64(0), world.key_count - 1
    while low < high:
        middle = (low + high) >> 1
        if chance < real(world.key_sums, middle).value:
            high = middle
        else:
            low = middle + 1
    return low


@part
def find(cache: Any, key: int, now: float) -> Any:
    """Whether there is an answer; counts the lookup."""
    cache.lookups += 1
    if now >= key_at(cache.keys, key).expiry:
        return False
    unlink(cache, key)
    link(cache, key)
    cache.hits += 1
    return True


@part
def fetched(world: Any, key: int, succeeded: int, now: float) -> None:
    """What the dependency has said about a key."""
    cache = world.cache
    if succeeded != 0 and cache.invalid == 0:
        keep(world, key, now)
    elif cache.delete != 0:
        drop(cache, key)


@part
def keep(world: Any, key: int, now: float) -> None:
    """Keep an answer; the key that was not used for the longest time makes room."""
    cache = world.cache
    drop(cache, key)
    if cache.size == cache.capacity:
        drop(cache, cache.oldest)
    seconds = cache.ttl
    if cache.jitter > 0.0:
        seconds *= 1 + cache.jitter * (2.0 * uniform(world.streams, JITTER) - 1.0)
    key_at(cache.keys, key).expiry = now + seconds
    cache.size += 1
    link(cache, key)


@part
def drop(cache: Any, key: int) -> None:
    """Forget a key, if it is there."""
    entry = key_at(cache.keys, key)
    if entry.expiry > 0.0:
        entry.expiry = 0.0
        cache.size -= 1
        unlink(cache, key)


@part
def link(cache: Any, key: int) -> None:
    """The key has been used."""
    entry = key_at(cache.keys, key)
    entry.older, entry.newer = cache.newest, -1
    if cache.newest >= 0:
        key_at(cache.keys, cache.newest).newer = key
    else:
        cache.oldest = key
    cache.newest = key


@part
def unlink(cache: Any, key: int) -> None:
    """Take the key out of the order."""
    entry = key_at(cache.keys, key)
    if entry.newer >= 0:
        key_at(cache.keys, entry.newer).older = entry.older
    else:
        cache.newest = entry.older
    if entry.older >= 0:
        key_at(cache.keys, entry.older).newer = entry.newer
    else:
        cache.oldest = entry.newer


@part
def flush(world: Any, share: float) -> None:
    """Forget each key with probability ``share``."""
    cache = world.cache
    key = cache.oldest
    while key >= 0:
        later = np.int64(key_at(cache.keys, key).newer)
        if share >= 1.0 or uniform(world.streams, FLUSH) < share:
            drop(cache, key)
        key = later
