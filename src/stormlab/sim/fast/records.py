"""What the kernel knows and remembers, as records: times in s, -1 for nobody and nothing."""

from __future__ import annotations

from stormlab.sim.fast.memory import pointer, record

#: The streams of random numbers.
SERVICE, POLICIES, THINK, FAULTS, EDGE = range(5)

#: The rows of what is counted per bin; from ``FAILED`` on one for each reason.
OFFERED, ATTEMPTS, GOODPUT, SUCCEEDED, FAILED = range(5)
ROWS = FAILED + 5

#: What holds from ``at`` on, in time order, the last one at infinity.
REGIME = record(f8="at speed error blocked", i8="workers queue frozen error_ending")

#: Users from ``at`` on: linear from ``start`` to ``end`` in each stretch, the last one at infinity.
STRETCH = record(f8="at start end")

#: A client: its request, and the ``number`` of its attempt, which outdates every earlier one. ``limit`` and
#: ``deadline`` are places in the rings, ``following`` is that in the list of those that are free. Two of them fill a
#: line of the processor's cache; what only some policies need is elsewhere.
CLIENT = record(f8="intended", i4="following number attempt limit deadline present")

#: What breakers and decorrelated jitter have to know of a client: its last wait, when its attempt started and in which
#: period of the breaker, and how its last attempt failed.
MEMORY = record(f8="wait started", i4="period cause")

#: An attempt in the queue; ``until`` is when its caller leaves.
QUEUED = record(f8="until", i4="client number")

#: A worker: the attempt it serves, or its place in the list of those that are idle.
JOB = record(f8="until", i4="following client number")

#: A call that was kept, and the service at the end of a bin.
CALL = record(f8="intended ended", i8="ending attempts")
SAMPLE = record(f8="queue busy completions rejected wasted arrived")

regime_at, stretch_at, client_at, queued_at, job_at = map(pointer, (REGIME, STRETCH, CLIENT, QUEUED, JOB))
call_at, sample_at, memory_at = pointer(CALL), pointer(SAMPLE), pointer(MEMORY)

#: The service and the fleet in numbers, kinds as :func:`~stormlab.sim.fast.memory.draw` has them: ``time_limit`` and
#: ``deadline`` are infinite when there is none; a user below the number ``fewest`` never leaves.
_PLANT = {
    "f8": "service_first service_second slowdown_strength slowdown_exponent time_limit deadline backoff_base "
    "backoff_cap think_first think_second duration end",
    "i8": "users fewest retries service_kind slowdown_kind backoff_kind think_kind lifo breaker_first bins "
    "latency_room call_room sample_room arrival_count",
}

#: Where the arrays are.
ADDRESSES = (
    "regimes stretches ceilings arrivals streams clients memories waits limits deadlines queue jobs works breaker "
    "budget counts samples latencies latency_bins calls"
)

#: What changes. ``..._due`` say when something happens next; ``idle`` and ``free`` are lists of workers and clients;
#: the counts are those since the beginning. ``pause`` is when the loop stops for the caller, ``full`` whether it
#: stopped because something needs more room; ``ending`` is that of the attempt or request at hand; ``loop`` is the
#: fingerprint of the loop that played.
_STATE = {
    "f8": "regime_due sample_due arrival_due recruit_due frozen_since pause speed error blocked",
    "i8": "full row stretch workers queue_limit frozen error_ending next_arrival next_sample recruited left busy idle "
    "free queue_head queue_tail queue_mask completions rejected wasted arrived kept keep_every until_kept called "
    "call_every until_called ending loop",
}

#: All that the loop is given.
WORLD = record(f8=f"{_PLANT['f8']} {_STATE['f8']}", i8=f"{_PLANT['i8']} {_STATE['i8']} {ADDRESSES}")
