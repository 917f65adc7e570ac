"""What the kernel knows and remembers, as records: times in s, -1 for nobody and nothing."""

from __future__ import annotations

from stormlab.sim.fast.memory import pointer, record

#: The streams of random numbers.
FRONT, POLICIES, THINK, FRONT_FAULTS, EDGE, BACK, BACK_FAULTS, KEYS, JITTER, FLUSH = range(10)

#: The rows of what is counted per bin; from ``FAILED`` on one for each reason.
OFFERED, ATTEMPTS, GOODPUT, SUCCEEDED, FAILED = range(5)
ROWS = FAILED + 5

#: What holds from ``at`` on, in time order, the last one at infinity; ``flush`` is what happens to the cache then.
REGIME = record(f8="at blocked flush", i8="invalid")

#: What holds for one service in each of these regimes. The share ``error`` of all attempts fails at once, of which
#: ``overload`` say that there are too many.
CONDITION = record(f8="speed error overload", i8="workers queue frozen")

#: Users from ``at`` on: linear from ``start`` to ``end`` in each stretch, the last one at infinity.
STRETCH = record(f8="at start end")

#: A client: its request, and the ``number`` of its attempt, which outdates every earlier one. ``limit`` and
#: ``deadline`` are places in the rings, ``following`` is that in the list of those that are free. Two of them fill a
#: line of the processor's cache; what only some policies need is elsewhere.
CLIENT = record(f8="intended", i4="following number attempt limit deadline present")

#: What breakers and decorrelated jitter have to know of a client: its last wait, when its attempt started and in which
#: period of the breaker, and how its last attempt failed; and what its request is about.
MEMORY = record(f8="wait started", i4="period cause key")

#: An attempt in the queue of a service; ``until`` is when its caller leaves.
QUEUED = record(f8="until", i4="caller number key")

#: A worker: the attempt it serves, or its place in the list of those that are idle. One that has to ask another service
#: counts its ``calls``, so that an answer to an earlier one is known, and the call is given up at ``lapse``. Who waits
#: for what another one has asked is in a list, too.
JOB = record(f8="until lapse", i4="following caller number key calls")

#: A key, which is in the cache when its ``expiry`` is above 0, between one that was used later and one that was used
#: earlier. While it is ``fetched`` by one, others wait for the answer, from ``first`` to ``last``.
KEY = record(f8="expiry", i4="newer older fetched first last")

#: A call that was kept, and a service and a cache at the end of a bin.
CALL = record(f8="intended ended", i8="ending attempts")
SAMPLE = record(f8="queue busy completions rejected wasted arrived")
LOOKUPS = record(f8="hits lookups")

regime_at, stretch_at, client_at, queued_at, job_at = map(pointer, (REGIME, STRETCH, CLIENT, QUEUED, JOB))
memory_at, condition_at, key_at = map(pointer, (MEMORY, CONDITION, KEY))
call_at, sample_at, lookups_at = map(pointer, (CALL, SAMPLE, LOOKUPS))

#: A service: its numbers, kinds as :func:`~stormlab.sim.fast.chance.draw` has them, and its streams; then what changes.
#: Places in the queue count up for ever, from ``head`` to ``tail``, and ``mask`` folds them into its room; ``idle``
#: is a list of workers; counts are those since the beginning.
SERVICE = record(
    f8="time_first time_second slowdown_strength slowdown_exponent speed error overload frozen_since",
    i8="time_kind slowdown_kind lifo stream faults workers queue_limit frozen busy idle head tail mask "
    "completions rejected wasted arrived conditions queue jobs works samples",
)

#: A cache; there is none when its ``capacity`` is 0.
CACHE = record(f8="ttl jitter", i8="capacity coalesce delete invalid size newest oldest hits lookups samples keys")

#: The fleet in numbers: ``time_limit``, ``deadline`` and ``call_limit`` are infinite when there is none; a user below
#: the number ``fewest`` never leaves; ``asks`` is whether the service that clients ask asks another one.
_PLANT = {
    "f8": "time_limit deadline call_limit backoff_base backoff_cap think_first think_second duration end",
    "i8": "users fewest retries backoff_kind think_kind breaker_first asks key_count bins latency_room call_room "
    "sample_room arrival_count",
}

#: Where the arrays are.
_ADDRESSES = (
    "regimes stretches ceilings arrivals streams clients memories waits limits deadlines lapses breaker budget counts "
    "latencies latency_bins calls key_sums"
)

#: What changes. ``..._due`` say when something happens next; ``free`` is a list of clients, ``hearers`` one of workers
#: who have waited for what another one asked, and now hear what it was ``answered``. ``pause`` is when the loop stops
#: for the caller, ``full`` whether it stopped because something needs more room; ``ending`` is that of the attempt or
#: request at hand; ``loop`` is the fingerprint of the loop that played.
_STATE = {
    "f8": "regime_due sample_due arrival_due recruit_due hear_due pause blocked",
    "i8": "full row stretch next_arrival next_sample recruited left free hearers answered kept keep_every until_kept "
    "called call_every until_called ending loop",
}

#: All that the loop is given: clients ask ``front``, and ``front`` may ask ``back``, past the ``cache``.
WORLD = record(
    ("front", SERVICE),
    ("back", SERVICE),
    ("cache", CACHE),
    f8=f"{_PLANT['f8']} {_STATE['f8']}",
    i8=f"{_PLANT['i8']} {_STATE['i8']} {_ADDRESSES}",
)
