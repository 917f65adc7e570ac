"""Counts what clients and services do into 1 s bins; the simulated and the live world both report to it."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from stormlab.events import Event, StateChanged
from stormlab.outcome import Ending
from stormlab.policies import HealthCheck, OutlierEjection
from stormlab.policies.health_check import Condition
from stormlab.policies.outlier import Place
from stormlab.scenario.model import Scenario
from stormlab.scenario.series import QUANTILES, Column, Series

#: About this many requests per client, and never more than twice as many, are kept in ``calls.csv``.
SAMPLE = 2000

_OK: Final = Ending.OK
#: What happens at one moment belongs to the bin it happens in.
_MOMENT = 1e-9

#: Who takes replicas out of rotation, and what it is called when they are.
_JUDGES = (OutlierEjection.kind, HealthCheck.kind)
_OUT = (Place.EJECTED, Condition.UNHEALTHY)

_FAILURES = [ending for ending in Ending if ending is not Ending.OK]


class CallSample(NamedTuple):
    """One request as its caller saw it; times in s, ``latency`` from the intended start."""

    client: str
    intended: float
    ended: float
    latency: float
    ending: str
    attempts: int


class ClientLog:
    """One client's counts per bin. The lists are public because a simulated world adds to them directly."""

    __slots__ = (
        "_keep_every",
        "_seen",
        "attempts",
        "calls",
        "failed",
        "goodput",
        "latencies",
        "name",
        "offered",
        "succeeded",
    )

    def __init__(self, name: str, bins: int, expected: float) -> None:
        self.name = name
        self.offered = [0] * bins
        self.attempts = [0] * bins
        self.goodput = [0] * bins
        self.succeeded = [0] * bins
        self.failed = {ending: [0] * bins for ending in _FAILURES}
        self.latencies: list[list[float]] = [[] for _ in range(bins)]
        self.calls: list[CallSample] = []
        self._keep_every = max(1, int(expected / SAMPLE))
        self._seen = 0

    def ended(self, intended: float, at: float, ending: Ending, attempts: int) -> None:
        """A request that was due at ``intended`` ended at ``at`` after ``attempts`` attempts."""
        start, end = int(intended), min(int(at), len(self.goodput) - 1)
        if ending is _OK:
            self.goodput[end] += 1
            self.succeeded[start] += 1
            self.latencies[end].append(at - intended)
        else:
            self.failed[ending][end] += 1
        if self._seen % self._keep_every == 0:
            self.calls.append(CallSample(self.name, intended, at, at - intended, ending.value, attempts))
            if len(self.calls) > 2 * SAMPLE:
                self.calls = self.calls[::2]
                self._keep_every *= 2
        self._seen += 1


class Move(NamedTuple):
    """At ``at`` s callers took ``replica`` out of rotation by ``policy``, or put it back."""

    at: float
    replica: str
    policy: str
    out: bool


def move_of(event: Event) -> Move | None:
    """What an event of a pool says about one replica; ``None`` for any other event."""
    if isinstance(event, StateChanged) and event.policy in _JUDGES:
        return Move(event.now, event.edge.rpartition("/")[2], event.policy, event.after in _OUT)
    return None


class ServiceLog:
    """One service's gauges at the end of each bin, and its cumulative counts at that moment."""

    GAUGES = ("queue", "busy", "capacity")
    COUNTS = ("completions", "rejected", "wasted")
    __slots__ = ("condemnable", "lookups", "more", "moves", "rows", "sizes")

    def __init__(self, *, condemnable: bool = False) -> None:
        self.condemnable = condemnable
        self.moves: list[Move] = []
        self.more: dict[int, tuple[float, float]] = {}
        self.rows: dict[int, tuple[float, ...]] = {}
        self.lookups: dict[int, tuple[float, float]] = {}
        self.sizes: dict[int, int] = {}

    def sample(
        self, bin_: int, *, queue: float, busy: float, capacity: float, counts: tuple[float, float, float]
    ) -> None:
        """The state at the end of bin ``bin_``; ``counts`` are completions, rejected and wasted since the start."""
        self.rows[bin_] = (queue, busy, capacity, *counts)

    def sample_caches(self, bin_: int, *, hits: float, lookups: float) -> None:
        """What the caches of the service have done since the start, at the end of bin ``bin_``."""
        self.lookups[bin_] = (hits, lookups)

    def sample_size(self, bin_: int, *, replicas: int) -> None:
        """How many replicas there are at the end of bin ``bin_``, of a service whose number changes."""
        self.sizes[bin_] = replicas

    def sample_more(self, bin_: int, *, arrivals: float, in_service: float) -> None:
        """Requests that came since the start, and the share of the replicas in service, at the end of bin ``bin_``."""
        self.more[bin_] = (arrivals, in_service)

    def hears(self, event: Event) -> None:
        """A listener to the pool of the service."""
        move = move_of(event)
        if move is not None:
            self.moves.append(move)

    def columns(self, bins: int) -> dict[str, Column]:
        width = len(self.GAUGES) + len(self.COUNTS)
        table = np.full((bins, width), np.nan)
        for bin_, row in self.rows.items():
            if 0 <= bin_ < bins:
                table[bin_] = row
        gauges = {name: table[:, index] for index, name in enumerate(self.GAUGES)}
        counts = {
            name: np.diff(table[:, index], prepend=0.0)
            for index, name in enumerate(self.COUNTS, start=len(self.GAUGES))
        }
        return gauges | counts | self._more(bins) | self._size(bins) | self._hit_ratio(bins) | self._ejected(bins)

    def _ejected(self, bins: int) -> dict[str, Column]:
        """How many replicas its callers held for bad at the end of each bin; nothing where they judge none."""
        if not self.condemnable:
            return {}
        moves = sorted(self.moves)
        column, verdicts, next_ = np.zeros(bins), set[tuple[str, str]](), 0
        for bin_ in range(bins):
            while next_ < len(moves) and moves[next_].at <= bin_ + 1:
                (verdicts.add if moves[next_].out else verdicts.discard)((moves[next_].replica, moves[next_].policy))
                next_ += 1
            column[bin_] = len({replica for replica, _ in verdicts})
        return {"ejected": column}

    def _size(self, bins: int) -> dict[str, Column]:
        if not self.sizes:
            return {}
        column = np.full(bins, np.nan)
        for bin_, size in self.sizes.items():
            if 0 <= bin_ < bins:
                column[bin_] = size
        return {"replicas": column}

    def _more(self, bins: int) -> dict[str, Column]:
        if not self.more:
            return {}
        table = np.full((bins, 2), np.nan)
        for bin_, row in self.more.items():
            if 0 <= bin_ < bins:
                table[bin_] = row
        return {"arrivals": np.diff(table[:, 0], prepend=0.0), "in_service": table[:, 1]}

    def _hit_ratio(self, bins: int) -> dict[str, Column]:
        """The share of the lookups of each bin that hit; nothing for a service without a cache."""
        if not self.lookups:
            return {}
        table = np.full((bins, 2), np.nan)
        for bin_, row in self.lookups.items():
            if 0 <= bin_ < bins:
                table[bin_] = row
        hits, lookups = np.diff(table, axis=0, prepend=0.0).T
        return {"hit_ratio": np.divide(hits, lookups, out=np.full(bins, np.nan), where=lookups > 0)}


class Recorder:
    """Everything that one run leaves behind, until it becomes a :class:`~stormlab.scenario.series.Series`.

    Requests may end after the end of the run: they are waited for, so that the last bins are not biased.
    """

    #: Bins kept beyond the end of the run for requests that end late; what ends later still counts in the last.
    DRAIN = 120

    def __init__(self, scenario: Scenario, expected: Mapping[str, float] | None = None) -> None:
        self.scenario = scenario
        self.bins = int(np.ceil(scenario.run.duration))
        counts = expected or {}
        self.clients = {name: ClientLog(name, self.bins + self.DRAIN, counts.get(name, 0)) for name in scenario.clients}
        self.services = {
            name: ServiceLog(condemnable=service.outlier is not None or service.health is not None)
            for name, service in scenario.services.items()
        }

    def series(self) -> Series:
        logs = list(self.clients.values())
        columns = self._totals(logs)
        if len(logs) > 1:
            for log in logs:
                columns |= {f"client.{log.name}.{name}": column for name, column in self._counts([log]).items()}
        for name, service in self.services.items():
            columns |= {f"service.{name}.{key}": column for key, column in service.columns(self.bins).items()}
        pooled = tuple(np.array([x for log in logs for x in log.latencies[i]]) for i in range(self.bins))
        table = np.full((self.bins, len(QUANTILES)), np.nan)
        for index, bin_ in enumerate(pooled):
            if bin_.size:
                table[index] = np.quantile(bin_, list(QUANTILES.values())) if bin_.size > 1 else bin_[0]
        columns |= {name: table[:, index] for index, name in enumerate(QUANTILES)}
        return Series(columns=columns, faults=active_faults(self.scenario, self.bins), latencies=pooled)

    def calls(self) -> list[CallSample]:
        return sorted((call for log in self.clients.values() for call in log.calls), key=lambda call: call.intended)

    def _totals(self, logs: Sequence[ClientLog]) -> dict[str, Column]:
        failed = {f"failed.{ending}": self._sum(log.failed[ending] for log in logs) for ending in _FAILURES}
        return self._counts(logs) | failed

    def _counts(self, logs: Sequence[ClientLog]) -> dict[str, Column]:
        return {
            "offered": self._sum(log.offered for log in logs),
            "attempts": self._sum(log.attempts for log in logs),
            "goodput": self._sum(log.goodput for log in logs),
            "succeeded": self._sum(log.succeeded for log in logs),
        }

    def _sum(self, counts: Iterable[list[int]]) -> Column:
        total: Column = np.sum([count[: self.bins] for count in counts], axis=0, dtype=float)
        return total


def active_faults(scenario: Scenario, bins: int) -> tuple[str, ...]:
    """The labels of the faults and interventions active in each bin, joined by ``+``."""
    everything = (*scenario.faults, *scenario.interventions)
    spans = [(one.label, one.at, max(one.until, one.at + _MOMENT)) for one in everything]
    return tuple("+".join(label for label, at, until in spans if at < i + 1 and until > i) for i in range(bins))


def write_calls(path: Path, calls: Iterable[CallSample]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(CallSample._fields)
        for call in calls:
            writer.writerow([f"{cell:.6f}" if isinstance(cell, float) else cell for cell in call])
