"""Breaker and budgets of the kernel: the decisions of :mod:`stormlab.policies`, on arrays of numbers."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from stormlab.sim.fast.structures import compiled

#: How an attempt ends; the first five are the columns of failures.
ERROR, OVERLOADED, TIMEOUT, REFUSED, INVALID, OK = range(6)

CLOSED, OPEN, HALF_OPEN = range(3)
ROUNDING = 1e-9


class Breaker(NamedTuple):
    """Numbers of a breaker: ``kind`` none (0), consecutive (1), share (2); ``state``, ``tally`` and ``calls`` change.

    ``state``: state, period, admitted. ``tally``: failed, slow, counted, place. ``calls``: what the window holds.
    """

    kind: int
    failures: int
    ratio: float
    window: int
    minimum: int
    open_seconds: float
    probes: int
    slow_ratio: float
    slow_seconds: float
    state: Any
    tally: Any
    opened: Any
    calls: Any


class Budget(NamedTuple):
    """``kind`` none (0), paid by success (1), paid by request (2), gRPC (3), Envoy (4).

    ``tokens`` holds the tokens, or the attempts and the retries in flight.
    """

    kind: int
    deposit: float
    capacity: float
    tokens: Any


@compiled
def move(breaker: Any, now: float, state: int) -> None:
    """Enter a state with a fresh tally."""
    breaker.state[0] = state
    breaker.state[1] += 1
    breaker.state[2] = 0
    breaker.tally[:] = 0
    if state == OPEN:
        breaker.opened[0] = now


@compiled
def breaker_admits(breaker: Any, now: float) -> Any:
    """Whether a call may pass now."""
    state = breaker.state
    if state[0] == OPEN and now >= breaker.opened[0] + breaker.open_seconds:
        move(breaker, now, HALF_OPEN)
    if state[0] == OPEN or (state[0] == HALF_OPEN and state[2] >= breaker.probes):
        return False
    state[2] += 1
    return True


@compiled
def breaker_ignores(breaker: Any, period: int) -> None:
    """A call of that period was cut off, or nothing was sent."""
    if period == breaker.state[1]:
        breaker.state[2] -= 1


@compiled
def breaker_settles(breaker: Any, now: float, period: int, started: float, failed: int) -> None:
    """A call of that period ended."""
    if period != breaker.state[1]:
        return
    if breaker.kind == 1:
        _streak(breaker, now, failed)
    else:
        _share(breaker, now, failed, now - started > breaker.slow_seconds)


@compiled
def _streak(breaker: Any, now: float, failed: int) -> None:
    tally, probing = breaker.tally, breaker.state[0] == HALF_OPEN
    tally[0] = tally[0] + 1 if failed else 0
    tally[1] = 0 if failed else tally[1] + 1
    if tally[0] >= (1 if probing else breaker.failures):
        move(breaker, now, OPEN)
    elif probing and tally[1] == breaker.probes:
        move(breaker, now, CLOSED)


@compiled
def _share(breaker: Any, now: float, failed: int, slow: int) -> None:
    tally, calls, probing = breaker.tally, breaker.calls, breaker.state[0] == HALF_OPEN
    window = breaker.probes if probing else breaker.window
    if tally[2] == window:
        tally[0] -= calls[tally[3]] & 1
        tally[1] -= calls[tally[3]] >> 1
    else:
        tally[2] += 1
    calls[tally[3]] = failed + 2 * slow
    tally[3] = (tally[3] + 1) % window
    tally[0] += failed
    tally[1] += slow
    if tally[2] < (breaker.probes if probing else breaker.minimum):
        return
    if tally[0] / tally[2] >= breaker.ratio or tally[1] / tally[2] >= breaker.slow_ratio:
        move(breaker, now, OPEN)
    elif probing:
        move(breaker, now, CLOSED)


@compiled
def budget_admits(budget: Any, attempt: int) -> Any:
    """Whether an attempt may be made; a retry that may has paid."""
    tokens, again = budget.tokens, attempt > 1
    if budget.kind <= 2:
        if again:
            if tokens[0] - 1.0 < -ROUNDING:
                return False
            tokens[0] = max(0.0, tokens[0] - 1.0)
        elif budget.kind == 2:
            tokens[0] = min(budget.capacity, tokens[0] + budget.deposit)
        return True
    if budget.kind == 3:
        return not (again and tokens[0] <= budget.capacity / 2)
    if again and tokens[1] >= max(np.floor(budget.deposit * tokens[0]), budget.capacity):
        return False
    tokens[0] += 1
    tokens[1] += again
    return True


@compiled
def budget_settles(budget: Any, attempt: int, ending: int) -> None:
    """An attempt ended; ``REFUSED`` stands for one that was cut off or never sent."""
    tokens = budget.tokens
    if (budget.kind == 1 and ending == OK) or (budget.kind == 3 and ending == OK):
        tokens[0] = min(budget.capacity, tokens[0] + budget.deposit)
    elif budget.kind == 3 and ending != REFUSED:
        tokens[0] = max(0.0, tokens[0] - 1.0)
    elif budget.kind == 4:
        tokens[0] -= 1
        tokens[1] -= attempt > 1
