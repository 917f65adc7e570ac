"""The record under which a service is found, kept by several writers who check before they write, not while.

A check at the beginning of a long job says nothing about its end: a writer that was held up puts an old plan in force,
and another one's clean-up then deletes the plan that is in force. Comparing and setting in one step closes the gap.
"""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Any

import simpy

from stormlab.drivers.sim import Timer
from stormlab.effects import Request
from stormlab.outcome import Outcome, failure
from stormlab.scenario.processes import Record as Description
from stormlab.sim.service import Endpoint, Reply

NO_ADDRESS = failure("no-address")


class Record:
    """Plans are numbered from 0; ``applied`` is the one in force, ``None`` when the record is empty."""

    def __init__(self, env: simpy.Environment, description: Description, random: Random) -> None:
        self.env = env
        self.description = description
        self.applied: int | None = 0
        self._random = random
        self._sample = description.takes.sampler(random)
        self._changed_at = -float("inf")
        self.writers = [_Writer(self, random.random() * description.every) for _ in range(description.writers)]

    @property
    def newest(self) -> int:
        """The number of the newest plan."""
        return int(self.env.now / self.description.every)

    def takes(self) -> float:
        """How long one writer takes to put one plan in force, in s."""
        return self._sample()

    def apply(self, plan: int) -> None:
        """Put ``plan`` in force, whether or not a newer one is, unless that is compared in the same step."""
        if self.applied is None or (self.description.atomic and plan <= self.applied):
            return
        self.applied = plan

    def clean_up(self, plan: int) -> None:
        """Delete all plans that are older than ``plan`` by ``keep`` or more, whether or not one of them is in force."""
        if self.applied is not None and self.applied <= plan - self.description.keep:
            self.applied = None
            self._changed_at = self.env.now

    def repair(self) -> None:
        """Somebody writes the newest plan by hand."""
        if self.applied is None:
            self._changed_at = self.env.now
        self.applied = self.newest

    def stall(self, seconds: float) -> None:
        """The first writer is held up for so long, in the middle of what it does."""
        self.writers[0].stall(seconds)

    def guard(self, endpoint: Endpoint) -> Endpoint:
        """``endpoint`` for those who find the record; what they know of it is up to ``ttl`` s old."""

        def send(request: Request, reply: Reply) -> Outcome | None:
            return endpoint(request, reply) if self._found() else NO_ADDRESS

        return send

    def _found(self) -> bool:
        there = self.applied is not None
        outdated = self._random.random() * self.description.ttl > self.env.now - self._changed_at
        return there is not outdated


class _Writer:
    """Takes the newest plan, checks once that it is newer than the one in force, applies it, and cleans up."""

    def __init__(self, record: Record, delay: float) -> None:
        self._record = record
        self._plan: int | None = None
        self._due = 0.0
        self._timer = Timer(record.env, delay, self._look)

    def stall(self, seconds: float) -> None:
        """Whatever comes next comes ``seconds`` s later; a writer that is between two plans takes up the newest."""
        self._timer.cancel()
        if self._plan is None:
            self._plan, self._due = self._record.newest, self._record.env.now
        self._due += seconds
        self._timer = Timer(self._record.env, self._due - self._record.env.now, self._write)

    def _look(self, _event: Any) -> None:
        record = self._record
        if record.applied is not None and record.newest > record.applied:
            self._plan = record.newest
            self._in(record.takes(), self._write)
        else:
            self._in(record.description.every, self._look)

    def _write(self, _event: Any) -> None:
        plan, self._plan = self._plan, None
        assert plan is not None
        self._record.apply(plan)
        self._in(self._record.description.cleaning, partial(self._clean, plan))

    def _clean(self, plan: int, _event: Any) -> None:
        self._record.clean_up(plan)
        self._in(0.0, self._look)

    def _in(self, seconds: float, action: Any) -> None:
        self._due = self._record.env.now + seconds
        self._timer = Timer(self._record.env, seconds, action)
