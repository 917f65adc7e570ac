"""*Resilience*: what no stock dashboard shows. Attempts per request, goodput against throughput, wasted work."""

from __future__ import annotations

from dashboards.expressions import EDGE, SERVICE, rate, ratio, total
from dashboards.panels import Dashboard, Panel, Query
from stormlab.telemetry import names

_REQUESTS = rate(names.EDGE_REQUESTS, EDGE, "edge")
_ATTEMPTS = rate(names.EDGE_ATTEMPTS, EDGE, "edge")
_GOODPUT = rate(names.EDGE_REQUESTS, f'{EDGE}, ending="ok"', "edge")

PAGE = Dashboard(
    uid="resilience",
    title="Resilience",
    about="Is a feedback loop at work? Attempts, goodput and wasted work of every edge between caller and callee.",
    variables=("edge", "service"),
    panels=[
        Panel(
            title="Attempts, requests and goodput",
            good="the three lines lie on each other; attempts far above goodput are a retry storm",
            unit="reqps",
            queries=[
                Query(expr=_ATTEMPTS, legend="{{edge}} attempts"),
                Query(expr=_REQUESTS, legend="{{edge}} requests that ended"),
                Query(expr=_GOODPUT, legend="{{edge}} goodput"),
            ],
        ),
        Panel(
            title="Amplification: attempts per request",
            good="1 at rest and below 1.2 with a 10 % budget; above 1.5 an alert fires",
            limit=1.5,
            queries=[Query(expr=ratio(_ATTEMPTS, _REQUESTS), legend="{{edge}}")],
        ),
        Panel(
            title="Share of requests that succeed",
            good="near 1 and back there within seconds of the end of a fault",
            unit="percentunit",
            queries=[Query(expr=ratio(f"({_GOODPUT}) or 0 * ({_REQUESTS})", _REQUESTS), legend="{{edge}}")],
        ),
        Panel(
            title="Wasted work",
            good="0; work finished after its caller has left keeps a storm alive",
            unit="reqps",
            queries=[Query(expr=rate(names.WASTED, SERVICE, "service"), legend="{{service}}")],
        ),
        Panel(
            title="Shed and refused",
            good="0; while overloaded a steady rate is better than a growing queue",
            unit="reqps",
            queries=[Query(expr=rate(names.REJECTED, SERVICE, "service"), legend="{{service}}")],
        ),
        Panel(
            title="Queue depth",
            good="a handful, far below the limit; queue / capacity is the delay that it adds",
            queries=[Query(expr=total(names.QUEUE_DEPTH, SERVICE, "service"), legend="{{service}}")],
        ),
        Panel(
            title="Queueing delay",
            good="below the callers' time-out; above it every answer comes too late",
            unit="s",
            queries=[
                Query(
                    expr=ratio(total(names.QUEUE_DEPTH, SERVICE, "service"), total(names.CAPACITY, SERVICE, "service")),
                    legend="{{service}}",
                )
            ],
        ),
        Panel(
            title="Endings of requests",
            good="nearly all ok; timeout says too slow, overloaded says shed, refused says a policy forbade it",
            unit="reqps",
            queries=[Query(expr=rate(names.EDGE_REQUESTS, EDGE, "edge", "ending"), legend="{{edge}} {{ending}}")],
        ),
        Panel(
            title="Retries that a budget forbade",
            good="0 at rest; during a fault the budget at work",
            unit="reqps",
            queries=[
                Query(expr=rate(names.EDGE_RETRIES_SUPPRESSED, EDGE, "edge", "reason"), legend="{{edge}} {{reason}}")
            ],
        ),
        Panel(
            title="Breakers and other states",
            good="closed; open means that callers fail fast, half-open that they try again",
            queries=[
                Query(
                    expr=f"max by (edge, policy, state) ({names.EDGE_STATE}{{{EDGE}}})",
                    legend="{{edge}} {{policy}} {{state}}",
                )
            ],
        ),
        Panel(
            title="Adaptive limits",
            good="steady above the concurrency in use; a limit at 1 starves its callers",
            queries=[Query(expr=f"max by (edge, policy) ({names.EDGE_LIMIT}{{{EDGE}}})", legend="{{edge}} {{policy}}")],
        ),
    ],
)
