"""The numbers that a stack at rest has to show, each with what to do when it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

#: What a stack without Prometheus and Jaeger may hold in memory, in bytes.
MEMORY_LIMIT = 400e6
#: Over how many of the latest samples, one a second, figures are averaged.
RECENT = 10
#: A sample or a trace older than this is not fresh, in s.
FRESH = 5.0
#: The dashboards whose panels have data in a stack at rest; the others need a load test or a fault.
AT_REST = ("resilience", "services", "key-value", "runtime")

#: Name, key of the samples, words, what fits, remedy.
_FIGURES: tuple[tuple[str, str, str, Callable[[float], bool], str], ...] = (
    (
        "requests",
        "goodput",
        "{:.1f} a second succeed (5)",
        lambda value: 4 < value < 6,
        "look for failing answers of the gateway in the log on the page",
    ),
    (
        "attempts",
        "amplification",
        "{:.2f} for each request (1)",
        lambda value: 0.95 < value < 1.05,
        "something fails and is retried: look at toxics, active faults and the log",
    ),
    (
        "latency",
        "p99",
        "{:.3g} s at the 99th percentile (below 0.25)",
        lambda value: value < 0.25,
        "a toxic delays, or the machine is busy: ask again when it has rested",
    ),
    (
        "queue",
        "queue",
        "{:.0f} waiting (0)",
        lambda value: value < 1,
        "a service has less capacity than it is asked for: look at active faults",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at; ``remedy`` is for when it is not ``ok``. Without an essential one, nothing runs."""

    name: str
    ok: bool
    found: str
    remedy: str = ""
    essential: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a running stack says of itself; ``now`` is s since the epoch.

    ``scraped`` says of each target whether it answers; ``panels`` of each panel, by its title, whether Prometheus has
    data for it; ``known`` are the services in Jaeger. What is not there is ``None``.
    """

    now: float
    state: Mapping[str, Any]
    samples: Sequence[Mapping[str, Any]]
    proxies: Mapping[str, Mapping[str, Any]]
    traces: Sequence[Mapping[str, Any]]
    scraped: Mapping[str, bool]
    memory: int | None = None
    up: Mapping[str, bool] | None = None
    panels: Mapping[str, bool] | None = None
    firing: Sequence[str] | None = None
    known: Sequence[str] | None = None

    def mean(self, name: str) -> float | None:
        """Of the latest samples that have ``name``."""
        values = [one[name] for one in self.samples[-RECENT:] if one.get(name) is not None]
        return fmean(values) if values else None


def checkup(facts: Facts) -> list[Finding]:
    """The table, in the order in which one would look for a fault."""
    return [*_stack(facts), *_requests(facts), *_traces(facts), *_observers(facts)]


def _stack(facts: Facts) -> Iterator[Finding]:
    run = facts.state["scenario"]
    yield Finding(
        name="scenario",
        ok=not run["running"],
        found=f"{run['name']} is under way" if run["running"] else "none under way",
        remedy="the figures below are those of a stack at rest; wait for it, or stop it on the page",
    )
    yield _all(
        "targets", facts.scraped, "answer", "the log on the page says why one does not; `stormlab down`, then up"
    )
    switched_off = [name for name, one in facts.proxies.items() if not one["enabled"]]
    poisoned = [name for name, one in facts.proxies.items() if one["toxics"]]
    disturbed = sorted({*switched_off, *poisoned})
    yield Finding(
        name="proxies",
        ok=bool(facts.proxies) and not disturbed,
        found=f"{len(facts.proxies)}, " + (f"disturbed: {', '.join(disturbed)}" if disturbed else "no toxics"),
        remedy="set the sliders and switches of the page back, or POST /reset to the proxy's control port",
    )
    faults = facts.state["faults"]
    yield Finding(
        name="active faults",
        ok=not faults,
        found=", ".join(faults) or "none",
        remedy="they end with the scenario that began them: stop it on the page",
    )
    if facts.memory is not None:
        yield Finding(
            name="memory",
            ok=facts.memory < MEMORY_LIMIT,
            found=f"{facts.memory / 1e6:.0f} MB without Prometheus and Jaeger (below {MEMORY_LIMIT / 1e6:.0f})",
            remedy="the Runtime dashboard says which process grows; `stormlab down`, then up, frees it",
        )


def _requests(facts: Facts) -> Iterator[Finding]:
    age = facts.now - facts.samples[-1]["t"] if facts.samples else None
    yield Finding(
        name="last sample",
        ok=age is not None and age < FRESH,
        found="none yet" if age is None else f"{age:.1f} s ago (below {FRESH:g})",
        remedy="wait some seconds; if it stays so the console is overloaded: end other programs",
    )
    for name, key, words, fits, remedy in _FIGURES:
        value = facts.mean(key)
        found = "no figure yet" if value is None else words.format(value)
        yield Finding(name=name, ok=value is not None and fits(value), found=found, remedy=remedy)
    breakers = facts.samples[-1]["breakers"] if facts.samples else {}
    open_ = sorted(name for name, state in breakers.items() if state != "closed")
    yield Finding(
        name="breakers",
        ok=bool(breakers) and not open_,
        found=f"not closed: {', '.join(open_)}" if open_ else f"{len(breakers)}, all closed",
        remedy="docs/runbooks/breaker-open.md",
    )


def _traces(facts: Facts) -> Iterator[Finding]:
    latest = max((trace["spans"][0]["startTime"] / 1e6 for trace in facts.traces), default=None)
    age = None if latest is None else facts.now - latest
    yield Finding(
        name="traces",
        ok=age is not None and age < 2 * FRESH,
        found="none" if age is None else f"the last one began {age:.1f} s ago (below {2 * FRESH:g})",
        remedy="services export to the console's port: look for OTLP errors in the log on the page",
    )
    most = max((len(trace["processes"]) for trace in facts.traces), default=0)
    yield Finding(
        name="trace length",
        ok=most >= 2,
        found=f"up to {most} services in a trace (2: gateway and service)",
        remedy="trace context gets lost between gateway and service: is something else in between?",
    )


def _observers(facts: Facts) -> Iterator[Finding]:
    if facts.up is not None:
        yield _all("Prometheus", facts.up, "are up", "open its page, Status, Targets: it says why one is down")
    if facts.panels is not None:
        yield _all(
            "panels", facts.panels, "have data", "targets may be up for too short a time; wait 15 s and ask again"
        )
    if facts.firing is not None:
        yield Finding(
            name="alerts",
            ok=not facts.firing,
            found=f"firing: {', '.join(facts.firing)}" if facts.firing else "none fires",
            remedy="each has a page in docs/runbooks",
        )
    if facts.known is not None:
        yield Finding(
            name="Jaeger",
            ok="gateway" in facts.known,
            found=f"knows {len(facts.known)} services" + ("" if "gateway" in facts.known else ", not the gateway"),
            remedy="the console passes spans on to it: is its OTLP port the one that `stormlab up` chose?",
        )


def _all(name: str, each: Mapping[str, bool], do: str, remedy: str) -> Finding:
    lacking = [one for one, ok in each.items() if not ok]
    found = f"{len(each) - len(lacking)} of {len(each)} {do}" + (f"; not {', '.join(lacking)}" if lacking else "")
    return Finding(name=name, ok=bool(each) and not lacking, found=found, remedy=remedy)
