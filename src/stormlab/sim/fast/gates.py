"""Breaker and budgets of the kernel: the decisions of :mod:`stormlab.policies`, on records."""

from __future__ import annotations

from typing import Any

import numpy as np

from stormlab.sim.fast.memory import part, pointer, record, whole

#: How an attempt ends; the first five are the columns of failures. One is ``PENDING`` as long as it has not.
ERROR, OVERLOADED, TIMEOUT, REFUSED, INVALID, OK, PENDING = range(7)

CLOSED, OPEN, HALF_OPEN = range(3)
ROUNDING = 1e-9


#: A breaker: ``kind`` none (0), consecutive (1), share (2); from ``state`` on what changes.
#: ``calls`` is the address of what the window holds.
BREAKER = record(
    f8="ratio open_seconds slow_ratio slow_seconds opened",
    i8="calls kind failures window minimum probes state period admitted failed slow counted place",
)
breaker_at = pointer(BREAKER)

#: A budget: ``kind`` none (0), paid by success (1), paid by request (2), gRPC (3), Envoy (4). Envoy's counts the
#: attempts and the retries in flight, the others ``tokens``.
BUDGET = record(f8="deposit capacity tokens", i8="attempts retries kind")
budget_at = pointer(BUDGET)


@part
def move(breaker: Any, now: float, state: int) -> None:
    """Enter a state with a fresh tally."""
    breaker.state = state
    breaker.period += 1
    breaker.admitted = 0
    breaker.failed = breaker.slow = breaker.counted = breaker.place = 0
    if state == OPEN:
        breaker.opened = now


@part
def breaker_admits(breaker: Any, now: float) -> Any:
    """Whether a call may pass now."""
    if breaker.state == OPEN and now >= breaker.opened + breaker.open_seconds:
        move(breaker, now, HALF_OPEN)
    if breaker.state == OPEN or (breaker.state == HALF_OPEN and breaker.admitted >= breaker.probes):
        return False
    breaker.admitted += 1
    return True


@part
def breaker_ignores(breaker: Any, period: int) -> None:
    """A call of that period was cut off, or nothing was sent."""
    if period == breaker.period:
        breaker.admitted -= 1


@part
def breaker_settles(breaker: Any, now: float, period: int, started: float, failed: int) -> None:
    """A call of that period ended."""
    if period != breaker.period:
        return
    if breaker.kind == 1:
        _streak(breaker, now, failed)
    else:
        _share(breaker, now, failed, now - started > breaker.slow_seconds)


@part
def _streak(breaker: Any, now: float, failed: int) -> None:
    """``failed`` and ``counted`` are the failures and the successes in a row."""
    probing = breaker.state == HALF_OPEN
    breaker.failed = breaker.failed + 1 if failed else 0
    breaker.counted = 0 if failed else breaker.counted + 1
    if breaker.failed >= (1 if probing else breaker.failures):
        move(breaker, now, OPEN)
    elif probing and breaker.counted == breaker.probes:
        move(breaker, now, CLOSED)


@part
def _share(breaker: Any, now: float, failed: int, slow: int) -> None:
    probing = breaker.state == HALF_OPEN
    window = breaker.probes if probing else breaker.window
    oldest = whole(breaker.calls, breaker.place)
    if breaker.counted == window:
        breaker.failed -= oldest.value & 1
        breaker.slow -= oldest.value >> 1
    else:
        breaker.counted += 1
    oldest.value = failed + 2 * slow
    breaker.place = (breaker.place + 1) % window
    breaker.failed += failed
    breaker.slow += slow
    if breaker.counted < (breaker.probes if probing else breaker.minimum):
        return
    if breaker.failed / breaker.counted >= breaker.ratio or breaker.slow / breaker.counted >= breaker.slow_ratio:
        move(breaker, now, OPEN)
    elif probing:
        move(breaker, now, CLOSED)


@part
def budget_admits(budget: Any, attempt: int) -> Any:
    """Whether an attempt may be made; a retry that may has paid."""
    again = attempt > 1
    if budget.kind <= 2:
        if again:
            if budget.tokens - 1.0 < -ROUNDING:
                return False
            budget.tokens = max(0.0, budget.tokens - 1.0)
        elif budget.kind == 2:
            budget.tokens = min(budget.capacity, budget.tokens + budget.deposit)
        return True
    if budget.kind == 3:
        return not (again and budget.tokens <= budget.capacity / 2)
    if again and budget.retries >= max(np.floor(budget.deposit * budget.attempts), budget.capacity):
        return False
    budget.attempts += 1
    budget.retries += again
    return True


@part
def budget_settles(budget: Any, attempt: int, ending: int) -> None:
    """An attempt ended; ``REFUSED`` stands for one that was cut off or never sent."""
    if (budget.kind == 1 or budget.kind == 3) and ending == OK:
        budget.tokens = min(budget.capacity, budget.tokens + budget.deposit)
    elif budget.kind == 3 and ending != REFUSED:
        budget.tokens = max(0.0, budget.tokens - 1.0)
    elif budget.kind == 4:
        budget.attempts -= 1
        budget.retries -= attempt > 1
