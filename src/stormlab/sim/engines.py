"""Which engine simulates: SimPy, which knows everything, or the compiled kernel, which knows less and is quick."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

from stormlab.errors import BadInput, how_to_install
from stormlab.scenario.model import Closed, Paced, Poisson, Scenario, Trace
from stormlab.scenario.result import Result

ENGINES = ("auto", "simpy", "fast")

#: From so many requests on ``auto`` takes the kernel; below, SimPy is done before the kernel has been loaded.
LARGE = 200_000


def chosen(scenario: Scenario, engine: str) -> str:
    """The engine, ``simpy`` or ``fast``, that plays ``scenario`` when ``engine`` is asked for."""
    require(scenario, engine)
    if engine != "auto":
        return engine
    return "fast" if expected_requests(scenario) >= LARGE and objection(scenario) is None else "simpy"


def require(scenario: Scenario, engine: str) -> None:
    """Raise :class:`BadInput` unless ``engine`` exists and can play ``scenario``; the message says why not."""
    if engine not in ENGINES:
        raise BadInput(f"engine: {engine!r} is none of {', '.join(ENGINES)}")
    reason = objection(scenario) if engine == "fast" else None
    if reason is not None:
        raise BadInput(f"the engine 'fast' cannot play this scenario: {reason}; use 'simpy'")


def objection(scenario: Scenario) -> str | None:
    """Why the kernel cannot play ``scenario`` here; ``None`` when it can."""
    if find_spec("numba") is None:
        return f"numba is not installed ({how_to_install('fast')})"
    from stormlab.sim.fast.fit import misfit

    return misfit(scenario)


def expected_requests(scenario: Scenario) -> float:
    """About how many requests a run makes, without spikes and shapes."""
    return scenario.run.duration * sum(_rate(client.arrivals, scenario) for client in scenario.clients.values())


def _rate(arrivals: Poisson | Paced | Trace | Closed, scenario: Scenario) -> float:
    match arrivals:
        case Closed(users=users, think_time=think):
            return users / max(think.mean, 1e-3)
        case Trace(times=times):
            return len(times) / scenario.run.duration
        case _:
            return arrivals.rate


def run(
    scenario: Scenario,
    *,
    engine: str = "auto",
    seed: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> Result:
    """Simulate ``scenario`` once; arguments as for :func:`stormlab.sim.run`."""
    if chosen(scenario, engine) == "fast":
        from stormlab.sim import fast

        return fast.run(scenario, seed=seed, progress=progress)
    from stormlab import sim

    return sim.run(scenario, seed=seed, progress=progress)
