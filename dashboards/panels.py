"""The house style of a dashboard: what every panel shows, one-second steps, fault windows, links to the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import common, dashboard, prometheus, timeseries
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.common import (
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    TooltipDisplayMode,
    VisibilityMode,
)

from stormlab.telemetry import names

#: Identifiers of the data sources, as deploy/grafana/provisioning names them.
PROMETHEUS, JAEGER = "stormlab-prometheus", "stormlab-jaeger"
#: What all our dashboards are tagged with; the links between them go by it.
TAG = "stormlab"
#: The shortest step of a query.
STEP = "1s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One PromQL expression; ``legend`` may hold ``{{label}}``."""

    expr: str
    legend: str
    exemplars: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One chart. ``good`` says what it looks like when all is well, for whoever looks at it at night.

    ``unit`` is one of Grafana's: ``reqps``, ``s``, ``percentunit``, ``bytes``, ``short``. ``limit`` draws a line.
    """

    title: str
    good: str
    queries: Sequence[Query]
    unit: str = "short"
    limit: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """One page of charts; ``uid`` is also its file's name."""

    uid: str
    title: str
    about: str
    panels: Sequence[Panel]
    variables: Sequence[str] = ("service",)


def build(page: Dashboard) -> model.Dashboard:
    """The dashboard as Grafana takes it."""
    made = (
        dashboard.Dashboard(page.title)
        .uid(f"stormlab-{page.uid}")
        .description(page.about)
        .tags([TAG])
        .refresh("5s")
        .time("now-5m", "now")
        .timepicker(dashboard.TimePicker().refresh_intervals(["1s", "5s", "30s", "1m"]))
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .annotation(_fault_windows())
    )
    for link in _links():
        made = made.link(link)
    for name in page.variables:
        made = made.with_variable(_variable(name))
    for panel in page.panels:
        made = made.with_panel(_chart(panel))
    return made.build()


def _chart(panel: Panel) -> timeseries.Panel:
    chart = (
        timeseries.Panel()
        .title(panel.title)
        .description(f"Good: {panel.good}")
        .datasource(_source("prometheus", PROMETHEUS))
        .interval(STEP)
        .unit(panel.unit)
        .min(0)
        .span(8)
        .height(8)
        .line_width(2)
        .fill_opacity(8)
        .show_points(VisibilityMode.NEVER)
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.TABLE)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["lastNotNull", "max"])
        )
    )
    if panel.limit is not None:
        chart = _with_limit(chart, panel.limit)
    for query in panel.queries:
        chart = chart.with_target(_target(query))
    return chart


def _target(query: Query) -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(query.expr).legend_format(query.legend).exemplar(query.exemplars).interval(STEP)


def _with_limit(chart: timeseries.Panel, limit: float) -> timeseries.Panel:
    steps = [model.Threshold(value=None, color="green"), model.Threshold(value=limit, color="red")]
    thresholds = dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)
    return chart.thresholds(thresholds).thresholds_style(
        common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED)
    )


def _fault_windows() -> dashboard.AnnotationQuery:
    """Marks, on every panel, the seconds in which a fault or an intervention is active."""
    return (
        dashboard.AnnotationQuery()
        .name("faults")
        .datasource(_source("prometheus", PROMETHEUS))
        .enable(True)
        .icon_color("red")
        .expr(f"max by (fault, kind, service) ({names.FAULT_ACTIVE}) > 0")
    )


def _links() -> list[dashboard.DashboardLink]:
    others = (
        dashboard.DashboardLink("stormlab")
        .type(model.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .keep_time(True)
        .include_vars(True)
    )
    traces = dashboard.DashboardLink("Traces").type(model.DashboardLinkType.LINK).url(_explore(JAEGER))
    return [others, traces]


def _explore(source: str) -> str:
    return f'/explore?left={{"datasource":"{source}","range":{{"from":"now-5m","to":"now"}}}}'


def _variable(label: str) -> dashboard.QueryVariable:
    metric = names.EDGE_REQUESTS if label == "edge" else names.MEMORY
    return (
        dashboard.QueryVariable(label)
        .datasource(_source("prometheus", PROMETHEUS))
        .query(f"label_values({metric}, {label})")
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
    )


def _source(kind: str, uid: str) -> model.DataSourceRef:
    return model.DataSourceRef(type_val=kind, uid=uid)
