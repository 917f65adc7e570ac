"""*Chaos*: what was asked to go wrong, and how much of it did."""

from __future__ import annotations

from dashboards.expressions import rate, ratio
from dashboards.panels import Dashboard, Panel, Query
from stormlab.telemetry import names

_BY = ("service", "fault", "kind")
_HIT, _ELIGIBLE = rate(names.FAULTS_INJECTED, "", *_BY), rate(names.FAULT_ELIGIBLE, "", *_BY)

PAGE = Dashboard(
    uid="chaos",
    title="Chaos",
    about="Which faults are active and the dose that was seen, next to what was asked for.",
    variables=(),
    panels=[
        Panel(
            title="Active faults and interventions",
            good="nothing outside of an experiment",
            queries=[
                Query(
                    expr=f"max by (service, fault, kind) ({names.FAULT_ACTIVE})",
                    legend="{{service}} {{fault}} {{kind}}",
                )
            ],
        ),
        Panel(
            title="Dose seen: share of requests hit",
            good="the probability that was asked for",
            unit="percentunit",
            queries=[Query(expr=ratio(_HIT, _ELIGIBLE), legend="{{service}} {{fault}}")],
        ),
        Panel(
            title="Requests hit",
            good="0 outside of an experiment",
            unit="reqps",
            queries=[Query(expr=_HIT, legend="{{service}} {{fault}}")],
        ),
        Panel(
            title="Capacity",
            good="constant; a cut is a fault at work",
            unit="reqps",
            queries=[Query(expr=f"sum by (service) ({names.CAPACITY})", legend="{{service}}")],
        ),
        Panel(
            title="Bytes through the proxies",
            good="follows the load; flat at 0 is a proxy that is down",
            unit="Bps",
            queries=[
                Query(
                    expr="sum by (proxy, direction) (rate(toxiproxy_proxy_sent_bytes_total[5s]))",
                    legend="{{proxy}} {{direction}}",
                )
            ],
        ),
    ],
)
