"""Everything the command line does with scenarios, as Python calls that return values."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from stormlab.api import output
from stormlab.api.execution import Job, Progress, execute, unheard
from stormlab.api.runs import Comparison, Runs, Status
from stormlab.errors import BadInput
from stormlab.scenario import loader
from stormlab.scenario.model import Scenario
from stormlab.scenario.overrides import Overrides, texts
from stormlab.scenario.result import Result
from stormlab.sim import engines

__all__ = ["Comparison", "Job", "Overrides", "Progress", "Runs", "Status", "Worlds", "compare", "load", "run"]

Reference: TypeAlias = str | Path | Scenario
Worlds: TypeAlias = Literal["sim", "live", "both"]

WORLDS_OF: dict[str, tuple[str, ...]] = {"sim": ("sim",), "live": ("live",), "both": ("sim", "live")}


def load(scenario: str | Path, *, variant: str = "", overrides: Overrides = ()) -> Scenario:
    """The scenario called ``scenario`` (a name that ``stormlab list`` shows, or a file), checked.

    Args:
        variant: one of the file's variants; empty for the file as it stands.
        overrides: dotted keys and their values, ``{"clients.web.arrivals.rate": 80}``, applied last. A sequence of
            ``key=value`` texts with TOML values does as well.

    Raises:
        stormlab.errors.BadInput: anything that cannot be used; the message names file, line, key and remedy.
    """
    return loader.load(scenario, variant=variant, overrides=texts(overrides))


def run(
    scenario: Reference,
    *,
    variant: str = "",
    overrides: Overrides = (),
    world: Worlds = "sim",
    seed: int | None = None,
    seeds: int = 1,
    live_seeds: int | None = None,
    live_tries: int = 1,
    jobs: int = 1,
    proxy: str = "auto",
    engine: str = "auto",
    out: str | Path | None = None,
    force: bool = False,
    progress: Progress = unheard,
) -> Runs:
    """Play a scenario and judge it: ``stormlab.run("retry-storm", variant="budget")``.

    Args:
        scenario: a name, a file, or what :func:`load` gave; the last takes no ``variant`` and no ``overrides``.
        world: simulated, live on real processes, or both, simulation first.
        seed: the first seed, 0 or more; the scenario's own when ``None``.
        seeds: how many seeds, 1 or more: ``seed``, ``seed + 1`` and so on.
        live_seeds: how many of them are played live, 1 or more; all when ``None``.
        live_tries: how often a live run is played at most while it is void, 1 or more.
        jobs: processes to simulate in. More than 1 needs, as ever in Python, a main module that can be imported.
        proxy: of a live run: ``auto`` (Toxiproxy when it is on PATH, else the embedded one), ``embedded``,
            ``toxiproxy``, or the URL of a control API that is answering already.
        engine: what simulates: ``simpy``, ``fast`` (the compiled kernel, for scenarios that it knows), or ``auto``
            (``fast`` when the scenario fits and is large, else ``simpy``).
        out: a folder to write results and report to; it must be new or empty. Nothing is written when ``None``.
        force: replace what earlier runs wrote to ``out``.
        progress: hears which run has come how far.

    Raises:
        stormlab.errors.BadInput: anything that cannot be used, or a part that a live run needs and does not find.
    """
    resolved = _resolve(scenario, variant, overrides)
    reference = "scenario.toml" if isinstance(scenario, Scenario) else str(scenario)
    with output.opened(out, replacing=force) as folder:
        chosen = _Seeds(first=seed, number=seeds, live=live_seeds, tries=live_tries)
        plan = _plan(resolved, world, proxy, engine, chosen, folder, [reference, *_choices(variant, overrides)])
        return _play([plan], jobs, progress)[resolved.variant]


def compare(
    scenario: str | Path,
    *,
    variants: Sequence[str] | Literal["all"] = "all",
    overrides: Overrides = (),
    world: Worlds = "sim",
    seed: int | None = None,
    seeds: int = 1,
    live_seeds: int | None = None,
    live_tries: int = 1,
    jobs: int = 1,
    proxy: str = "auto",
    engine: str = "auto",
    out: str | Path | None = None,
    force: bool = False,
    progress: Progress = unheard,
) -> Comparison:
    """Play several variants of a scenario with the same seeds; the runs by variant, in the order asked for.

    Args:
        variants: their names, or ``"all"`` of the file's; the rest is as for :func:`run`.

    Raises:
        stormlab.errors.BadInput: as :func:`run` does.
    """
    source = loader.read(scenario)
    names = list(source.variants) if variants == "all" else list(dict.fromkeys(variants))
    if not names:
        raise BadInput(f"{source.path}: there are no variants to compare; add [variants.NAME] tables")
    resolved = {name: loader.resolve(source, variant=name, overrides=texts(overrides)) for name in names}
    chosen = _Seeds(first=seed, number=seeds, live=live_seeds, tries=live_tries)
    with output.opened(out, replacing=force) as folder:
        plans = [
            _plan(
                one,
                world,
                proxy,
                engine,
                chosen,
                folder and folder / name,
                [str(scenario), *_choices(name, overrides)],
            )
            for name, one in resolved.items()
        ]
        return _compared(_play(plans, jobs, progress), folder)


def _resolve(scenario: Reference, variant: str, overrides: Overrides) -> Scenario:
    if not isinstance(scenario, Scenario):
        return load(scenario, variant=variant, overrides=overrides)
    if variant or overrides:
        raise BadInput("variant and overrides belong to load(): this scenario has been resolved already")
    return scenario


def _choices(variant: str, overrides: Overrides) -> list[str]:
    """The words of a command line that choose the same."""
    chosen = ["--variant", variant] if variant else []
    return chosen + [word for text in texts(overrides) for word in ("--set", text)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seeds:
    """``number`` of them from ``first`` on (the scenario's own when ``None``), ``live`` of which are played live.

    A live run is played up to ``tries`` times while it is void.
    """

    first: int | None
    number: int
    live: int | None
    tries: int = 1

    def __post_init__(self) -> None:
        if (self.first or 0) < 0 or self.number < 1:
            raise BadInput(f"seed must be 0 or more and seeds 1 or more, not {self.first} and {self.number}")
        if self.tries < 1:
            raise BadInput(f"live tries must be 1 or more, not {self.tries}")
        if self.live is not None and not 1 <= self.live <= self.number:
            raise BadInput(f"live seeds must be from 1 to the number of seeds ({self.number}), not {self.live}")

    def of(self, scenario: Scenario, world: str) -> range:
        """The seeds that ``scenario`` is played with in ``world``."""
        first = scenario.run.seed if self.first is None else self.first
        return range(first, first + (self.live if world == "live" and self.live is not None else self.number))

    def words(self, scenario: Scenario, world: str) -> list[str]:
        """The words of a command line that choose the same."""
        many = ["--seeds", str(self.number)] if self.number > 1 else []
        few = ["--live-seeds", str(self.live)] if self.live is not None and world != "sim" else []
        again = ["--live-tries", str(self.tries)] if self.tries > 1 and world != "sim" else []
        return ["--seed", str(self.of(scenario, world)[0]), *many, *few, *again]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """Every run of one variant, where it is written to, and what to type to play it again."""

    variant: str
    jobs: Sequence[Job]
    folder: Path | None
    command: str


def _plan(
    scenario: Scenario,
    world: Worlds,
    proxy: str,
    engine: str,
    seeds: _Seeds,
    folder: Path | None,
    words: Sequence[str],
) -> _Plan:
    if world not in WORLDS_OF:
        raise BadInput(f"world: {world!r} is none of {', '.join(WORLDS_OF)}")
    if "live" in WORLDS_OF[world]:
        _require_live()
    if "sim" in WORLDS_OF[world]:
        engines.require(scenario, engine)
    jobs = [
        Job(scenario=scenario, world=name, seed=number, proxy=proxy, engine=engine, tries=seeds.tries)
        for name in WORLDS_OF[world]
        for number in seeds.of(scenario, name)
    ]
    where = [] if world == "sim" else [f"--{world}", *([] if proxy == "auto" else ["--proxy", proxy])]
    where += [] if engine == "auto" else ["--engine", engine]
    command = shlex.join(["stormlab", "run", *words, *where, *seeds.words(scenario, world)])
    return _Plan(variant=scenario.variant, jobs=jobs, folder=folder, command=command)


def _require_live() -> None:
    """Find out before the simulation has run that the live run cannot."""
    from stormlab.live import checkout

    checkout.require_extras()
    checkout.root()


def _play(plans: Sequence[_Plan], jobs: int, progress: Progress) -> dict[str, Runs]:
    """Play every job of every plan, and write each run as soon as it is there."""
    played: dict[str, list[Result]] = {plan.variant: [] for plan in plans}
    by_variant = {plan.variant: plan for plan in plans}
    everything = [job for plan in plans for job in plan.jobs]
    with closing(execute(everything, workers=jobs, progress=progress)) as results:
        for result in results:
            plan = by_variant[result.scenario.variant]
            kept = replace(result, facts={**result.facts, "command": plan.command})
            played[plan.variant].append(output.save(kept, plan.folder) if plan.folder else kept)
    return {plan.variant: _complete(Runs(results=tuple(played[plan.variant])), plan.folder) for plan in plans}


def _complete(runs: Runs, folder: Path | None) -> Runs:
    if folder is None:
        return runs
    from stormlab.report.page import write_report

    page = write_report(runs.results, folder)
    output.finish(folder, runs.as_json())
    return replace(runs, out=folder, page=page)


def _compared(runs: Mapping[str, Runs], folder: Path | None) -> Comparison:
    comparison = Comparison(runs=runs)
    if folder is None:
        return comparison
    from stormlab.report.comparison import write_comparison

    page = write_comparison(runs, folder)
    output.finish(folder, comparison.as_json())
    return replace(comparison, out=folder, page=page)
