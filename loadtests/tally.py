"""Adds up the slices of all workers: HdrHistograms of latency, and what happened in each second.

An HdrHistogram counts values in buckets that grow with the value, so that every quantile is exact to three digits
however long a run is, and histograms of several workers add up to that of the whole (hdrhistogram.org).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

from loadtests.journal import Rows, Slice
from stormlab.live.plan import ENDINGS
from stormlab.outcome import Ending

#: Latencies are counted in µs, from 1 µs to an hour, to three digits.
MICROSECOND, LONGEST, DIGITS = 1e-6, 3_600_000_000, 3
QUANTILES = (0.5, 0.9, 0.95, 0.99, 0.999)
_OK = ENDINGS.index(Ending.OK)


class Latencies:
    """A histogram of times in s."""

    def __init__(self) -> None:
        self.histogram = HdrHistogram(1, LONGEST, DIGITS)

    def record(self, seconds: NDArray[np.float64]) -> None:
        values, counts = np.unique(
            np.clip(np.rint(seconds / MICROSECOND), 1, LONGEST).astype(np.int64), return_counts=True
        )
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            self.histogram.record_value(value, count)

    def quantile(self, q: float) -> float:
        """In s; NaN when nothing was recorded."""
        if not self.count:
            return float("nan")
        return float(self.histogram.get_value_at_percentile(q * 100)) * MICROSECOND

    @property
    def count(self) -> int:
        return int(self.histogram.get_total_count())

    def as_json(self) -> dict[str, float | None]:
        """Mean, quantiles and maximum in s; ``None`` when nothing was recorded."""
        if not self.count:
            return dict.fromkeys(["mean", *(label_of(q) for q in QUANTILES), "max"])
        mean, most = self.histogram.get_mean_value(), self.histogram.get_max_value()
        found = self.histogram.get_percentile_to_value_dict([q * 100 for q in QUANTILES])
        quantiles = {label_of(q): float(found[q * 100]) * MICROSECOND for q in QUANTILES}
        return {"mean": mean * MICROSECOND} | quantiles | {"max": most * MICROSECOND}


def label_of(quantile: float) -> str:
    """``p99`` for 0.99, ``p99.9`` for 0.999."""
    return f"p{quantile * 100:.10g}"


class ClientTally:
    """What is known of one client. Latencies are those of successes: from the intended start, and from sending."""

    def __init__(self) -> None:
        self.latency, self.service, self.lateness = Latencies(), Latencies(), Latencies()
        self.endings: Counter[str] = Counter()
        self.attempts = 0
        #: Successes before the end of the load; the others came while it drained.
        self.good = 0

    def add(self, rows: Rows, *, end: float) -> None:
        good = rows.ending == _OK
        self.good += int((good & (rows.ended <= end)).sum())
        self.latency.record((rows.ended - rows.intended)[good])
        self.service.record((rows.ended - rows.sent)[good])
        self.lateness.record(np.maximum(0.0, rows.sent - rows.intended))
        for ending, count in zip(*np.unique(rows.ending, return_counts=True), strict=True):
            self.endings[ENDINGS[ending].value] += int(count)
        self.attempts += int(rows.attempts.sum())

    def as_json(self) -> dict[str, Any]:
        times = {name: getattr(self, name).as_json() for name in ("latency", "service", "lateness")}
        ended = sum(self.endings.values())
        return {"ended": ended, "attempts": self.attempts, "endings": dict(self.endings)} | times


class Tally:
    """All clients, and all of them together.

    Args:
        keep_rows: keep every row, which takes memory in proportion to the requests.
    """

    def __init__(self, clients: Sequence[str], *, keep_rows: bool = False) -> None:
        self.clients = {name: ClientTally() for name in clients}
        self.total = ClientTally()
        self.seconds = Seconds()
        self.reported: Counter[int] = Counter()
        self.in_time = 0
        self.kept: list[Rows] | None = [] if keep_rows else None

    def add(self, share: int, slice_: Slice, *, end: float, late: float) -> None:
        """Count what worker ``share`` reports; what is sent until ``late`` s after ``end`` is in time."""
        rows = slice_.rows
        self.seconds.attempts.update(slice_.attempts)
        if not len(rows):
            return
        self.reported[share] += len(rows)
        self.in_time += int((rows.sent <= end + late).sum())
        self.total.add(rows, end=end)
        for place, tally in enumerate(self.clients.values()):
            tally.add(rows.where(rows.client == place), end=end)
        self.seconds.add(rows)
        if self.kept is not None:
            self.kept.append(rows)


class Seconds:
    """What happened in each second: requests by intended start, endings and latencies by time of completion."""

    def __init__(self) -> None:
        self.offered: Counter[int] = Counter()
        self.sent: Counter[int] = Counter()
        self.attempts: Counter[int] = Counter()
        self.succeeded: Counter[int] = Counter()
        self.endings: Counter[tuple[int, Ending]] = Counter()
        self._latencies: dict[int, list[NDArray[np.float32]]] = {}

    def add(self, rows: Rows) -> None:
        due, ended = rows.intended.astype(int), rows.ended.astype(int)
        _count(self.offered, due)
        _count(self.sent, rows.sent.astype(int))
        _count(self.succeeded, due[rows.ending == _OK])
        latencies = (rows.ended - rows.intended).astype(np.float32)
        for second in np.unique(ended).tolist():
            here = ended == second
            for ending, count in zip(*np.unique(rows.ending[here], return_counts=True), strict=True):
                self.endings[second, ENDINGS[ending]] += int(count)
            good = latencies[here & (rows.ending == _OK)]
            if len(good):
                self._latencies.setdefault(second, []).append(good)

    def row(self, second: int) -> dict[str, float | str]:
        """One row of ``series.csv``, in the columns of every stormlab run as far as they apply."""
        found = self._latencies.get(second)
        quantiles = np.quantile(np.concatenate(found), (0.5, 0.95, 0.99)).tolist() if found else ["", "", ""]
        failures = {
            f"failed.{ending.value}": self.endings[second, ending] for ending in ENDINGS if ending is not Ending.OK
        }
        return {
            "t": second,
            "offered": self.offered[second],
            "sent": self.sent[second],
            "attempts": self.attempts[second],
            "goodput": self.endings[second, Ending.OK],
            "succeeded": self.succeeded[second],
            **failures,
            **dict(zip(("latency.p50", "latency.p95", "latency.p99"), quantiles, strict=True)),
        }

    @property
    def last(self) -> int:
        return max([*self.offered, *(second for second, _ in self.endings), 0])


def _count(counter: Counter[int], seconds: NDArray[np.int64]) -> None:
    for second, count in zip(*np.unique(seconds, return_counts=True), strict=True):
        counter[int(second)] += int(count)
