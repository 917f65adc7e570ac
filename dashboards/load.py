"""*Load test*: what callers see, and whether the load generator keeps its own promise."""

from __future__ import annotations

from dashboards.expressions import EDGE, quantile, rate
from dashboards.panels import Dashboard, Panel, Query
from stormlab.telemetry import names


def _attempt(q: float) -> Query:
    return Query(expr=quantile(q, names.EDGE_ATTEMPT_SECONDS, EDGE, "edge"), legend=f"p{q * 100:g} {{{{edge}}}}")


PAGE = Dashboard(
    uid="load-test",
    title="Load test",
    about="Demand as the callers make it, and the honesty of the load generator.",
    variables=("edge",),
    panels=[
        Panel(
            title="Offered load",
            good="the schedule of the scenario, whatever the services do: the loop is open",
            unit="reqps",
            queries=[Query(expr=rate(names.LOAD_OFFERED, EDGE, "edge"), legend="{{edge}}")],
        ),
        Panel(
            title="Requests under way",
            good="offered load times latency (Little's law)",
            queries=[Query(expr=f"sum by (edge) ({names.LOAD_UNDER_WAY}{{{EDGE}}})", legend="{{edge}}")],
        ),
        Panel(
            title="Lateness of the generator",
            good="p99 below 0.1 s; above it the run is void",
            unit="s",
            limit=0.1,
            queries=[Query(expr=quantile(0.99, names.LOAD_LATENESS_SECONDS, EDGE, "edge"), legend="p99 {{edge}}")],
        ),
        Panel(
            title="Duration of attempts",
            good="p99 below the time-out; a flat line at the time-out is a service that is not answering",
            unit="s",
            queries=[_attempt(0.5), _attempt(0.99)],
        ),
        Panel(
            title="Attempts by ending",
            good="ok only",
            unit="reqps",
            queries=[Query(expr=rate(names.EDGE_ATTEMPTS, EDGE, "edge", "ending"), legend="{{edge}} {{ending}}")],
        ),
    ],
)
