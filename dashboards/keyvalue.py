"""*Key-value*: the store, its transaction log and its cache."""

from __future__ import annotations

from dashboards.expressions import SERVICE, rate, ratio, total
from dashboards.panels import Dashboard, Panel, Query
from stormlab.telemetry import names

_COMMITS, _WRITES = rate(names.LOG_COMMITS, SERVICE, "service"), rate(names.LOG_WRITES, SERVICE, "service")

PAGE = Dashboard(
    uid="key-value",
    title="Key-value",
    about="The store, its transaction log and its emulated workers.",
    panels=[
        Panel(
            title="Keys",
            good="replicas agree; grows with what is put",
            queries=[Query(expr=f"{names.KEYS}{{{SERVICE}}}", legend="{{service}} {{instance}}")],
        ),
        Panel(
            title="Writes and commits of the log",
            good="fewer commits than writes under load: group commit shares one fsync",
            unit="ops",
            queries=[Query(expr=_WRITES, legend="writes"), Query(expr=_COMMITS, legend="commits")],
        ),
        Panel(
            title="Workers busy",
            good="below the number of workers; at it, a queue grows",
            queries=[
                Query(expr=total(names.WORKERS_BUSY, SERVICE, "service"), legend="{{service}} busy"),
                Query(expr=total(names.WORKERS, SERVICE, "service"), legend="{{service}} workers"),
            ],
        ),
        Panel(
            title="Utilisation",
            good="below 0.7; near 1 waiting times explode",
            unit="percentunit",
            limit=0.9,
            queries=[
                Query(
                    expr=ratio(total(names.WORKERS_BUSY, SERVICE, "service"), total(names.WORKERS, SERVICE, "service")),
                    legend="{{service}}",
                )
            ],
        ),
        Panel(
            title="Completions",
            good="equals the rate of requests",
            unit="reqps",
            queries=[Query(expr=rate(names.COMPLETIONS, SERVICE, "service"), legend="{{service}}")],
        ),
    ],
)
