"""Small scenarios that the kernel plays, for every part of it one."""

from __future__ import annotations

from typing import Any

from stormlab.scenario.model import Scenario

SMALL: dict[str, Any] = {"workers": 4, "service_time": {"kind": "fixed", "mean": 0.1}, "queue": {"limit": 60}}
LIMIT = {"kind": "timeout", "seconds": 0.5}
FIXED = {"kind": "fixed", "delay": 0.3}


def scenario(
    *policies: dict[str, Any],
    arrivals: dict[str, Any] | None = None,
    faults: tuple[dict[str, Any], ...] = (),
    keys: dict[str, Any] | None = None,
    shape: tuple[tuple[float, float], ...] = (),
    others: dict[str, Any] | None = None,
    **service: Any,
) -> Scenario:
    trigger = {"kind": "capacity", "target": "kv", "at": 8, "for": 3, "speed": 0.23}
    return Scenario.model_validate(
        {
            "title": "A small storm",
            "run": {"duration": 25, "warmup": 2},
            "services": {"kv": {**SMALL, **service}, **(others or {})},
            "clients": {
                "web": {
                    "target": "kv",
                    "arrivals": arrivals or {"kind": "poisson", "rate": 30},
                    "policies": policies,
                    "keys": keys,
                    "shape": shape,
                }
            },
            "faults": faults or (trigger,),
        }
    )


def asking(
    *policies: dict[str, Any],
    call: dict[str, Any] | None = None,
    calls: list[dict[str, Any]] | None = None,
    database: dict[str, Any] | None = None,
    workers: int = 60,
    seconds: float = 0.013,
    **more: Any,
) -> Scenario:
    """The same clients, of a service that asks a database for everything, perhaps past a cache."""
    return scenario(
        *policies,
        workers=workers,
        service_time={"kind": "fixed", "mean": seconds},
        calls=calls or [{"target": "db", **(call or {})}],
        others={"db": {**SMALL, **(database or {})}},
        **more,
    )


def cached(*policies: dict[str, Any], faults: tuple[dict[str, Any], ...], workers: int = 60, **cache: Any) -> Scenario:
    """All ask for the same, which is kept for 0.7 s; the database has room for all of them."""
    call = {"cache": {"capacity": 10, "ttl": 0.7, **cache}, "policies": [{"kind": "timeout", "seconds": 0.3}]}
    one = {"kind": "uniform", "count": 1}
    database = {"service_time": {"kind": "fixed", "mean": 0.2}, "queue": {"limit": 9000}}
    return asking(*policies, faults=faults, call=call, keys=one, database=database, workers=workers)


def retry(backoff: dict[str, Any], retries: int = 3) -> dict[str, Any]:
    return {"kind": "retry", "max_retries": retries, "backoff": backoff}


AT_ONCE = retry({"kind": "none"})

GATES: dict[str, dict[str, Any]] = {
    "by success": {"kind": "retry-budget", "deposit": 0.2, "capacity": 5},
    "by request": {"kind": "retry-budget", "deposit": 0.2, "capacity": 5, "paid_by": "request"},
    "grpc": {"kind": "grpc-retry-throttle"},
    "envoy": {"kind": "envoy-retry-budget"},
    "consecutive": {"kind": "consecutive-breaker", "failures": 3, "open_seconds": 1.0, "probes": 2},
    "share": {"kind": "circuit-breaker", "window": 20, "minimum": 10, "open_seconds": 1.0, "probes": 4},
}

#: Chance decides nothing but the arrivals.
EXACT: dict[str, Scenario] = {
    "no policies": scenario(),
    "no retries": scenario(LIMIT),
    "at once": scenario(retry({"kind": "none"}), LIMIT),
    "fixed": scenario(retry(FIXED), LIMIT),
    "exponential": scenario(retry({"kind": "exponential", "base": 0.2, "cap": 1.0}), LIMIT),
    "deadline": scenario({"kind": "deadline", "seconds": 1.2}, retry(FIXED), LIMIT),
    "deadline alone": scenario({"kind": "deadline", "seconds": 0.7}),
    **{name: scenario(retry(FIXED), gate, LIMIT) for name, gate in GATES.items()},
    "breaker, then budget": scenario(retry(FIXED), GATES["share"], GATES["envoy"], LIMIT),
    "budget, then breaker": scenario(retry(FIXED), GATES["envoy"], GATES["consecutive"], LIMIT),
    "deadline and breaker": scenario({"kind": "deadline", "seconds": 0.9}, retry(FIXED), GATES["share"]),
    "last in first out": scenario(retry(FIXED), LIMIT, queue={"limit": 60, "discipline": "lifo"}),
    "slowdown": scenario(LIMIT, slowdown={"kind": "power", "strength": 1.0, "exponent": 2.0}),
    "short queue": scenario(retry(FIXED), LIMIT, queue={"limit": 2}),
    "pause": scenario(retry(FIXED), LIMIT, faults=({"kind": "pause", "target": "kv", "at": 8.05, "for": 3},)),
    "errors": scenario(
        retry(FIXED), LIMIT, faults=({"kind": "error", "target": "kv", "at": 8, "for": 3, "probability": 1.0},)
    ),
    "workers": scenario(LIMIT, faults=({"kind": "capacity", "target": "kv", "at": 8, "for": 3, "workers": 1},)),
    "workers, twice": scenario(
        LIMIT,
        faults=(
            {"kind": "capacity", "target": "kv", "at": 10, "for": 3, "workers": 1},
            {"kind": "capacity", "target": "kv", "at": 8, "for": 8, "workers": 3},
        ),
    ),
    "a limit as long as the answer takes": scenario(AT_ONCE, {"kind": "timeout", "seconds": 0.1}, workers=40),
    "work that outlasts the run": scenario(
        retry(FIXED),
        LIMIT,
        workers=40,
        faults=(
            {"kind": "capacity", "target": "kv", "at": 8, "for": 0.5, "speed": 1e-20},
            {"kind": "capacity", "target": "kv", "at": 10, "for": 0.5, "speed": 1e-9},
        ),
    ),
    "retries without end": scenario(
        {"kind": "deadline", "seconds": 2.1},
        retry({"kind": "exponential", "base": 0.1, "cap": 0.4}, retries=2_000_000_000),
        LIMIT,
    ),
    "spike and block": scenario(
        retry(FIXED),
        LIMIT,
        faults=(
            {"kind": "load-spike", "target": "web", "at": 8, "for": 3, "factor": 3},
            {"kind": "block", "target": "web", "at": 14, "for": 3},
            {"kind": "burst", "target": "web", "at": 20, "requests": 1},
        ),
    ),
}

SLOW_DATABASE = {"kind": "capacity", "target": "db", "at": 8, "for": 3, "speed": 0.23}
HANGING_DATABASE = {"kind": "pause", "target": "db", "at": 8.05, "for": 3}
BROKEN_DATABASE = {"kind": "error", "target": "db", "at": 8, "for": 3, "probability": 1.0}
CROWD = {"kind": "load-spike", "target": "web", "at": 8.2, "for": 1, "factor": 200}

#: The same of a service that asks another one.
EXACT |= {
    "a call": asking(retry(FIXED), LIMIT, faults=(SLOW_DATABASE,)),
    "a call, all workers held": asking(AT_ONCE, LIMIT, faults=(SLOW_DATABASE,), workers=12),
    "a call that is turned away": asking(
        AT_ONCE, LIMIT, faults=(SLOW_DATABASE,), workers=12, database={"queue": {"limit": 3}}
    ),
    "a call that is turned away while others wait": asking(
        AT_ONCE,
        {"kind": "timeout", "seconds": 2},
        faults=(SLOW_DATABASE,),
        workers=4,
        seconds=0.0537,
        database={"workers": 1, "queue": {"limit": 1}},
    ),
    "a call with a limit": asking(
        AT_ONCE, LIMIT, faults=(SLOW_DATABASE,), call={"policies": [{"kind": "timeout", "seconds": 0.25}]}
    ),
    "a call with a limit as long as the answer takes": asking(
        AT_ONCE,
        LIMIT,
        faults=(SLOW_DATABASE,),
        call={"policies": [{"kind": "timeout", "seconds": 0.1}]},
        database={"workers": 40},
    ),
    "a call of a broken database": asking(retry(FIXED), GATES["share"], LIMIT, faults=(BROKEN_DATABASE,)),
    "a call of a hanging database": asking(retry(FIXED), LIMIT, faults=(HANGING_DATABASE,)),
    "a call by a service that hangs": asking(
        retry(FIXED), LIMIT, faults=({"kind": "pause", "target": "kv", "at": 8.05, "for": 3},)
    ),
    "a cache": cached(AT_ONCE, LIMIT, faults=(HANGING_DATABASE,)),
    "a cache that lets one ask": cached(AT_ONCE, LIMIT, faults=(HANGING_DATABASE,), coalesce=True),
    "a cache that forgets after errors": cached(AT_ONCE, LIMIT, faults=(HANGING_DATABASE,), on_error="delete", ttl=9.1),
    "a cache that lets one ask for a crowd": cached(
        AT_ONCE, LIMIT, faults=(HANGING_DATABASE, CROWD), coalesce=True, workers=9000
    ),
    "a crowd": cached(LIMIT, faults=(HANGING_DATABASE, CROWD), workers=9000),
    "a cache, emptied": cached(
        retry(FIXED), LIMIT, faults=tuple({"kind": "flush", "target": "kv", "at": at} for at in (8, 9.3)), ttl=None
    ),
    "a cache, invalid": cached(
        retry(FIXED), LIMIT, faults=({"kind": "invalidate", "target": "kv", "at": 8, "for": 3},), ttl=None
    ),
}

CLOSED = {"kind": "closed", "users": 60, "think_time": {"kind": "exponential", "mean": 1.5}}
EXPONENTIAL = {"kind": "exponential", "mean": 0.1}

#: Chance decides everything.
RANDOM: dict[str, Scenario] = {
    "full jitter": scenario(retry({"kind": "full-jitter", "base": 0.3}), LIMIT, service_time=EXPONENTIAL),
    "equal jitter": scenario(
        retry({"kind": "equal-jitter", "base": 0.3}), LIMIT, service_time={"kind": "lognormal", "mean": 0.1, "cv": 1.5}
    ),
    "decorrelated": scenario(
        retry({"kind": "decorrelated-jitter", "base": 0.2, "cap": 2.0}),
        GATES["by success"],
        LIMIT,
        service_time={"kind": "uniform", "low": 0.05, "high": 0.15},
    ),
    "book": scenario(retry({"kind": "book-jitter", "base": 0.2, "cap": 1.0, "floor": 0.1}), GATES["share"], LIMIT),
    "closed": scenario(retry({"kind": "full-jitter"}), LIMIT, arrivals=CLOSED, service_time=EXPONENTIAL),
    "closed, some blocked": scenario(
        retry({"kind": "full-jitter"}),
        LIMIT,
        arrivals=CLOSED,
        faults=(
            {"kind": "load-spike", "target": "web", "at": 8, "for": 4, "factor": 2},
            {"kind": "block", "target": "web", "at": 10, "for": 4, "share": 0.5},
            {"kind": "error", "target": "kv", "at": 9, "for": 4, "probability": 0.4, "status": 500},
        ),
    ),
}


RANDOM |= {
    "users and a half": scenario(
        retry({"kind": "full-jitter"}),
        LIMIT,
        arrivals={**CLOSED, "users": 41},
        faults=({"kind": "load-spike", "target": "web", "at": 8, "for": 4, "factor": 1.5},),
    ),
    "users who become more, and leave": scenario(
        retry({"kind": "full-jitter"}), LIMIT, arrivals=CLOSED, shape=((0, 1), (12, 4), (18, 1))
    ),
    "errors of two kinds": scenario(
        retry({"kind": "full-jitter", "base": 0.3}),
        LIMIT,
        faults=(
            {"kind": "error", "target": "kv", "at": 10, "for": 6, "probability": 0.5, "status": 503},
            {"kind": "error", "target": "kv", "at": 8, "for": 6, "probability": 0.5, "status": 500},
        ),
    ),
}

MANY = {"kind": "uniform", "count": 40}
POPULAR = {"kind": "zipf", "count": 200, "exponent": 1.1}
FLUSH = {"kind": "flush", "target": "kv", "at": 8, "share": 0.7}

RANDOM |= {
    "a cache of many keys": asking(
        retry({"kind": "full-jitter", "base": 0.3}),
        LIMIT,
        faults=(SLOW_DATABASE, FLUSH),
        call={"cache": {"capacity": 25, "ttl": 4, "jitter": 0.5}},
        keys=MANY,
        database={"service_time": EXPONENTIAL, "workers": 2},
    ),
    "a cache that lets one ask, popular keys": asking(
        AT_ONCE,
        {"kind": "timeout", "seconds": 1.5},
        faults=({**SLOW_DATABASE, "speed": 0.05},),
        call={
            "cache": {"capacity": 60, "ttl": 3, "coalesce": True},
            "policies": [{"kind": "timeout", "seconds": 0.4}],
        },
        keys=POPULAR,
        database={"service_time": EXPONENTIAL},
    ),
    "a cache before closed clients": asking(
        retry({"kind": "full-jitter"}),
        LIMIT,
        arrivals=CLOSED,
        faults=({"kind": "error", "target": "db", "at": 8, "for": 4, "probability": 0.6, "status": 500}, FLUSH),
        call={"cache": {"capacity": 20, "ttl": 5, "on_error": "delete"}},
        keys=POPULAR,
        database={"service_time": EXPONENTIAL},
    ),
}
