"""*Runtime*: the processes themselves."""

from __future__ import annotations

from dashboards.expressions import SERVICE
from dashboards.panels import Dashboard, Panel, Query
from stormlab.telemetry import names


def _each(metric: str) -> list[Query]:
    return [Query(expr=f"{metric}{{{SERVICE}}}", legend="{{service}} {{instance}}")]


PAGE = Dashboard(
    uid="runtime",
    title="Runtime",
    about="Memory, tasks and threads of every process, and whether Prometheus reaches it.",
    panels=[
        Panel(title="Memory", good="flat at rest, near 60 MB a service", unit="bytes", queries=_each(names.MEMORY)),
        Panel(
            title="Tasks",
            good="a few at rest; grows with requests under way and falls again",
            queries=_each(names.TASKS),
        ),
        Panel(title="Threads", good="a constant", queries=_each(names.THREADS)),
        Panel(
            title="Targets up",
            good="1 for every target; 0 is a process that does not answer",
            queries=[Query(expr="up", legend="{{job}} {{instance}}")],
        ),
        Panel(
            title="Time to scrape",
            good="milliseconds; a service that is slow here is slow for its callers",
            unit="s",
            queries=[Query(expr="scrape_duration_seconds", legend="{{job}} {{instance}}")],
        ),
    ],
)
