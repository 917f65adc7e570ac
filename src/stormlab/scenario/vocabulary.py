"""The words that expectations are written in: verdicts, and measures with their units."""

from __future__ import annotations

from enum import StrEnum

from stormlab.units import Unit


class Word(StrEnum):
    """The five verdicts, from best to worst."""

    UNAFFECTED = "unaffected"
    RECOVERED = "recovered"
    RECOVERED_LATE = "recovered-late"
    METASTABLE = "metastable"
    COLLAPSED = "collapsed"


_RATE, _TIME, _NUMBER = Unit("1/s", -1), Unit("s", 1), Unit("", 0)

TIME_TO_RECOVER = "time_to_recover"

#: The measures that an expectation may bound for one client alone.
CLIENT_MEASURES = ("offered", "attempts", "goodput", "goodput_ratio", "success_ratio", "attempts_per_request")

#: Every measure that an expectation may bound; ``time_to_recover`` belongs to the run, the others to a window of it.
MEASURE_UNITS: dict[str, Unit] = {
    "offered": _RATE,
    "attempts": _RATE,
    "goodput": _RATE,
    "goodput_ratio": _NUMBER,
    "success_ratio": _NUMBER,
    "rejected_ratio": _NUMBER,
    "attempts_per_request": _NUMBER,
    "latency_p50": _TIME,
    "latency_p95": _TIME,
    "latency_p99": _TIME,
    "queue": _NUMBER,
    "error_ratio": _NUMBER,
    "arrivals": _RATE,
    "utilisation": _NUMBER,
    "hit_ratio": _NUMBER,
    "in_service": _NUMBER,
    "replicas": _NUMBER,
    "capacity": _RATE,
    TIME_TO_RECOVER: _TIME,
}

#: What is measured of one service; all but the first of services only.
SERVICE_MEASURES = ("queue", "arrivals", "utilisation", "hit_ratio", "in_service", "replicas", "capacity")
ONLY_OF_SERVICES = SERVICE_MEASURES[1:]
