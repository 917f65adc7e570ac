"""``stormlab list`` and ``stormlab show``: what there is to run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stormlab.cli.completion import scenario_names, variant_names
from stormlab.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

    from stormlab.scenario.disturbances import Disturbance
    from stormlab.scenario.loader import Source
    from stormlab.scenario.model import Expectation, Scenario


#: The picture of a whole incident that stands next to the scenario of a case study; see ``make cases-figures``.
FIGURE = "incident.png"


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per scenario and line.")
def list_scenarios(*, as_json: bool) -> None:
    """The scenarios that come along, and the case studies of the checkout."""
    from stormlab.scenario.loader import catalogue, read

    for name, path in catalogue().items():
        try:
            source = read(path)
        except BadInput as error:
            click.echo(f"error: {error}", err=True)
            continue
        if as_json:
            entry = {"name": name, "title": source.title, "variants": list(source.variants), "path": str(path)}
            click.echo(json.dumps(entry, ensure_ascii=False))
        else:
            click.echo(f"{click.style(name, bold=True)}  {source.title}")
            if source.variants:
                click.echo(f"    variants: {', '.join(source.variants)}")


@click.command()
@click.argument("scenario", shell_complete=scenario_names)
@click.option("--variant", metavar="NAME", default="", help="The variant to show.", shell_complete=variant_names)
def show(*, scenario: str, variant: str) -> None:
    """What SCENARIO is about: who calls whom, what goes wrong when, what is expected."""
    from stormlab.scenario.loader import read, resolve

    source = read(scenario)
    click.echo("\n".join(_portrait(source, resolve(source, variant=variant))))


def _portrait(source: Source, scenario: Scenario) -> Iterator[str]:
    variant = f" ({scenario.variant})" if scenario.variant else ""
    yield click.style(f"{source.name}{variant}: {scenario.title}", bold=True)
    if scenario.description:
        yield from ("", scenario.description.strip())
    yield from ("", *_system(scenario), "", *_timeline(scenario))
    if scenario.expect:
        yield from ("", "Expected:", *(f"  {_expectation(one)}" for one in scenario.expect))
    yield from ("", _worlds(scenario))
    if source.variants:
        yield from ("", f"Variants: {', '.join(source.variants)}")
    yield f"File: {_short(source.path)}"
    if (figure := source.path.parent / FIGURE).exists():
        yield f"Figure: {_short(figure)}"


def _short(path: Path) -> Path:
    """As seen from here, if it is below."""
    path = path.resolve()
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _worlds(scenario: Scenario) -> str:
    """Whether it plays on real processes too, and for how long; or what in it does not."""
    from stormlab.live.possible import obstacles

    if against := [str(one) for one in obstacles(scenario)]:
        return f"Plays in simulation only: {'; '.join(against)}"
    seconds, speed = scenario.run.duration / scenario.run.live_speed, scenario.run.live_speed
    return f"Plays in simulation and live: {seconds:,.0f} s of real time (run.live_speed = {speed:g})"


#: What a service may have besides workers, in the order in which it is told.
_PARTS = ("slowdown", "lease", "startup", "crash", "peers", "autoscale", "record", "checkers")


def _system(scenario: Scenario) -> Iterator[str]:
    from stormlab.policies import describe
    from stormlab.report.findings import number
    from stormlab.scenario.model import Closed, Trace

    for name, service in scenario.services.items():
        yield f"Service {name}: {service.replicas} × {service.workers} workers, {number(service.capacity)} requests/s"
        for part in _PARTS:
            if (value := getattr(service, part)) is not None:
                yield f"  {part}: {_details(value)}"
        for call in service.calls:
            more = _details(call, without={"target", "policies"})
            yield f"  calls {call.target}: {describe(call.policies)}" + (f" ({more})" if more else "")
    for name, client in scenario.clients.items():
        arrivals = client.arrivals
        if isinstance(arrivals, Closed):
            demand = f"{arrivals.users} users"
        elif isinstance(arrivals, Trace):
            demand = f"{len(arrivals.times)} recorded requests"
        else:
            demand = f"{arrivals.rate:g} requests/s ({arrivals.kind})"
        yield f"Client {name}: {demand} to {client.target}: {describe(client.policies)}"


def _timeline(scenario: Scenario) -> Iterator[str]:
    yield "Timeline:"
    moments = [*((one, "fault") for one in scenario.faults), *((one, "intervention") for one in scenario.interventions)]
    for disturbance, role in sorted(moments, key=lambda moment: moment[0].at):
        until = min(disturbance.until, scenario.run.duration)
        yield f"  {disturbance.at:>6g} s … {until:>6g} s  {role}: {_disturbance(disturbance)}"
    for moment in scenario.timeline:
        yield f"  {moment.at:>6g} s             on record: {' '.join(filter(None, (moment.clock, moment.what)))}"
    yield f"  {0:>6g} s … {scenario.run.duration:>6g} s  the run; the first {scenario.run.warmup:g} s are warm-up"


def _details(value: BaseModel, *, without: set[str] | None = None) -> str:
    """Whatever is said about it, but for what is in ``without``."""
    said = value.model_dump(exclude=without, exclude_defaults=True, mode="json")
    return ", ".join(f"{key} {_value(one)}" for key, one in said.items())


def _value(value: Any) -> str:
    """A table is told in brackets."""
    if isinstance(value, dict):
        return "(" + ", ".join(f"{key} {_value(one)}" for key, one in value.items()) + ")"
    return str(value)


def _disturbance(disturbance: Disturbance) -> str:
    details = _details(disturbance, without={"name", "at", "lasting", "target", "kind"})
    kind = getattr(disturbance, "kind", "")
    label = f"{disturbance.name}: " if disturbance.name else ""
    return f"{label}{kind} on {disturbance.target}" + (f" ({details})" if details else "")


def _expectation(expectation: Expectation) -> str:
    from stormlab.scenario.expectations import bounds, place

    where = f" ({place(expectation)})" if place(expectation) else ""
    share = f", in {expectation.share:.0%} of the runs" if expectation.share < 1 else ""
    name = f"{expectation.name}: " if expectation.name else ""
    return f"{name}{bounds(expectation)}{where}{share}"
