"""The words of a report and what they mean, said once."""

from __future__ import annotations

from stormlab.report.divergence import THRESHOLD

#: What measures are called in tables, with their unit.
MEASURES: dict[str, tuple[str, str]] = {
    "offered": ("offered load", "/s"),
    "attempts": ("attempts", "/s"),
    "goodput": ("goodput", "/s"),
    "goodput_ratio": ("goodput relative to baseline", ""),
    "success_ratio": ("share of requests that succeed", ""),
    "rejected_ratio": ("share of requests that are rejected", ""),
    "attempts_per_request": ("attempts per request", ""),
    "latency_p50": ("latency, median", "s"),
    "latency_p95": ("latency, 95th percentile", "s"),
    "latency_p99": ("latency, 99th percentile", "s"),
    "queue": ("requests waiting", ""),
    "error_ratio": ("requests failed per request due", ""),
}

GLOSSARY: dict[str, str] = {
    "offered load": "Requests that clients want to make, per second, counted when they were meant to start.",
    "attempts": "What is actually sent, per second: first tries and retries.",
    "attempts per request": "Attempts divided by offered load: 1 without retries, 1 + n when all n retries are used.",
    "goodput": "Requests that ended in success for their caller, per second, counted when they ended.",
    "latency": "From the moment a request was meant to start to its success, waiting and retries included.",
    "baseline": "What held between the warm-up and the first fault.",
    "fault": "From the start of the first fault to the end of the last one.",
    "after": "From ten seconds after the last fault to the end of the run.",
    "health": "The share of the requests due at a moment that succeed, relative to the baseline; down below 90 %.",
    "time to recover": "From the end of the last fault to the last moment at which health was down.",
    "unaffected": "Health never fell below 90 %.",
    "recovered": "Health came back, for good, within the time that the scenario allows.",
    "recovered late": "Health came back, for good, but later than the scenario allows.",
    "metastable": (
        "The triggers are over, offered load is back to normal and below capacity, and yet goodput stays down while "
        "attempts per request stay up: a feedback loop sustains the failure."
    ),
    "collapsed": "Down at the end for any other reason.",
    "void": "A live run whose faults or load were not what the scenario asked for; its figures must not be used.",
    "divergence": (
        "How far the live run is from the simulation, relative to the simulation, away from transitions; up to "
        f"{THRESHOLD:.0%} counts as agreement."
    ),
}
