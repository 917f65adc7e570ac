"""*Services*: rate, errors and duration per route, with exemplars that open the trace."""

from __future__ import annotations

from dashboards.expressions import SERVICE, quantile, rate, ratio
from dashboards.panels import Dashboard, Panel, Query
from stormlab.telemetry import names

_BY = ("service", "route", "method")
_ALL = rate(names.REQUESTS, SERVICE, *_BY)
_ERRORS = rate(names.REQUESTS, f'{SERVICE}, status=~"5.."', *_BY)


def _quantile(q: float) -> Query:
    name = "{{service}} {{method}} {{route}}"
    return Query(expr=quantile(q, names.REQUEST_SECONDS, SERVICE, *_BY), legend=f"p{q * 100:g} {name}", exemplars=True)


PAGE = Dashboard(
    uid="services",
    title="Services",
    about="Rate, errors and duration of every route. Dots are exemplars: click one to open its trace.",
    panels=[
        Panel(
            title="Rate",
            good="follows the offered load; above it, callers retry",
            unit="reqps",
            queries=[Query(expr=_ALL, legend="{{service}} {{method}} {{route}}")],
        ),
        Panel(
            title="Errors: share of 5xx",
            good="0; 503 alone is load shedding",
            unit="percentunit",
            queries=[
                Query(expr=ratio(f"({_ERRORS}) or 0 * ({_ALL})", _ALL), legend="{{service}} {{method}} {{route}}")
            ],
        ),
        Panel(
            title="Duration",
            good="p99 below the callers' time-out",
            unit="s",
            queries=[_quantile(0.5), _quantile(0.95), _quantile(0.99)],
        ),
        Panel(
            title="Answers by status",
            good="2xx only; 404 is a missing key",
            unit="reqps",
            queries=[Query(expr=rate(names.REQUESTS, SERVICE, "service", "status"), legend="{{service}} {{status}}")],
        ),
    ],
)
