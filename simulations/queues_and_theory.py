"""Closed forms and simulations vouch for each other: each formula lies in the interval of an independent simulation.

Every line is a quantity that the library computes by formula and that is simulated here from its definition, in
replications side by side: first-come-first-served queues by their waiting times, processor sharing, retrials and
redundant units by jumping from event to event, retries and arrangements by drawing. The mean of the replications has
an interval of 99 %, so one line in a hundred may fall outside by chance. The check allows for that: as many outside as
chance explains (0.1 %), and none so far that it could not be chance (z of 4.5, less than 1 in 1,000 for 100 lines).

Formulas and sources: :mod:`stormlab.sim.theory`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import comb
from typing import TypeAlias

import numpy as np
from matplotlib.figure import Figure

from simulations.experiment import options
from stormlab.report import style
from stormlab.sim.theory import queues, redundancy, retrials, retries

Numbers: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Draw: TypeAlias = Callable[[np.random.Generator, tuple[int, ...]], Numbers]

RUNS = 100
LENGTH = 1.0  # of the runs that need not be as long as they are; the test suite takes less
Z99 = 2.626  # Student's quantile for 99 % and 99 degrees of freedom

SERVICES: dict[str, tuple[float, Draw]] = {
    "D": (0.0, lambda draws, shape: np.ones(shape)),
    "E2": (0.5, lambda draws, shape: draws.gamma(2.0, 0.5, shape)),
    "M": (1.0, lambda draws, shape: draws.exponential(1.0, shape)),
    "H2": (4.0, lambda draws, shape: hyperexponential(draws, shape, scv=4.0)),
}


def hyperexponential(draws: np.random.Generator, shape: tuple[int, ...], *, scv: float) -> Numbers:
    """Mean 1 and the given squared coefficient of variation, from two exponentials with balanced means."""
    often, rates = _phases(scv)
    fast = draws.random(shape) < often
    return draws.exponential(1.0, shape) / np.where(fast, rates[0], rates[1])


def _phases(scv: float) -> tuple[float, tuple[float, float]]:
    often = (1 + ((scv - 1) / (scv + 1)) ** 0.5) / 2
    return often, (2 * often, 2 * (1 - often))


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A quantity by ``formula`` and, one value per replication, ``simulated``."""

    name: str
    formula: float
    simulated: Numbers

    @property
    def z(self) -> float:
        """How many standard errors the simulation lies above the formula."""
        error = float(np.std(self.simulated, ddof=1)) / len(self.simulated) ** 0.5
        difference = float(self.simulated.mean()) - self.formula
        return difference / error if error > 0 else (0.0 if abs(difference) < 1e-9 else np.inf)

    @property
    def inside(self) -> bool:
        """The formula lies in the interval of 99 %."""
        return abs(self.z) <= Z99


def scaled(count: int) -> int:
    """``count``, as long as runs are to be."""
    return max(1, round(LENGTH * count))


def lindley(draws: np.random.Generator, load: float, draw: Draw, *, warm: int, count: int) -> tuple[Numbers, Numbers]:
    """Waits and services of ``count`` requests per replication, one server, services of mean 1."""
    gaps = draws.exponential(1 / load, (RUNS, warm + count))
    sizes = draw(draws, (RUNS, warm + count))
    steps = np.cumsum(np.concatenate((np.zeros((RUNS, 1)), sizes[:, :-1] - gaps[:, 1:]), axis=1), axis=1)
    waits = steps - np.minimum.accumulate(steps, axis=1)
    return waits[:, warm:], sizes[:, warm:]


def several(
    draws: np.random.Generator, *, rate: float, servers: int, room: int | None = None, steps: int = 4_000
) -> tuple[Numbers, Numbers]:
    """Mean wait of those let in, and share turned away, per replication; exponential services of mean 1."""
    free = np.zeros((RUNS, servers))
    leaves = np.zeros((RUNS, room)) if room else None
    now, every = np.zeros(RUNS), np.arange(RUNS)
    waited, let_in, refused = np.zeros(RUNS), np.zeros(RUNS), np.zeros(RUNS)
    for step in range(-steps // 4, steps):
        now += draws.exponential(1 / rate, RUNS)
        first = free.argmin(axis=1)
        starts = np.maximum(now, free[every, first])
        accepted = np.ones(RUNS, dtype=bool) if leaves is None else (leaves <= now[:, None]).any(axis=1)
        ends = starts + draws.exponential(1.0, RUNS)
        free[every[accepted], first[accepted]] = ends[accepted]
        if leaves is not None:
            seat = leaves.argmin(axis=1)
            leaves[every[accepted], seat[accepted]] = ends[accepted]
        if step >= 0:
            waited += np.where(accepted, starts - now, 0.0)
            let_in += accepted
            refused += ~accepted
    return waited / let_in, refused / steps


def chain(
    draws: np.random.Generator,
    rates: Callable[[Numbers], Sequence[Numbers]],
    moves: Sequence[Sequence[int]],
    measure: Callable[[Numbers], Numbers],
    *,
    steps: int,
) -> Numbers:
    """Long-run mean of ``measure`` in a Markov chain that starts in state 0, per replication."""
    steps = scaled(steps)
    state, moved = np.zeros((RUNS, len(moves[0]))), np.array(moves, dtype=float)
    total, time = np.zeros(RUNS), np.zeros(RUNS)
    for step in range(-steps // 5, steps):
        sums = np.cumsum(np.stack(list(rates(state)), axis=1), axis=1)
        if step >= 0:
            stay = draws.exponential(1.0, RUNS) / sums[:, -1]
            total += measure(state) * stay
            time += stay
        chosen = (draws.random(RUNS) * sums[:, -1])[:, None] >= sums
        state += moved[chosen.sum(axis=1)]
    return total / time


def single_servers(draws: np.random.Generator) -> Iterator[Line]:
    """M/M/1 at ρ = 0.8 (times in units of E[S]) and Pollaczek-Khinchine."""
    waits, sizes = lindley(draws, 0.8, SERVICES["M"][1], warm=2_000, count=scaled(20_000))
    times = waits + sizes
    steady = queues.mm1(arrival_rate=0.8, service_rate=1.0)
    yield Line(name="M/M/1 W", formula=steady.response, simulated=times.mean(axis=1))
    for quantile in (0.5, 0.9, 0.99, 0.999):
        formula = queues.mm1_response_quantile(quantile, arrival_rate=0.8, service_rate=1.0)
        beyond = (times > formula).mean(axis=1)
        yield Line(name=f"M/M/1 P(T > p{100 * quantile:g})", formula=1 - quantile, simulated=beyond)
    for load in (0.5, 0.8, 0.9, 0.95):
        length = round(300 / (1 - load) ** 1.5)
        for name, (scv, draw) in SERVICES.items():
            waits, _ = lindley(draws, load, draw, warm=length, count=scaled(3 * length))
            formula = queues.mg1(arrival_rate=load, mean_service=1.0, scv=scv).wait
            yield Line(name=f"M/{name}/1 Wq, ρ = {load}", formula=formula, simulated=waits.mean(axis=1))


def several_servers(draws: np.random.Generator) -> Iterator[Line]:
    """Erlang B and C, M/M/c, M/M/c/K."""
    for servers, offered in ((1, 0.5), (2, 1.0), (5, 3.0), (10, 8.0)):
        _, refused = several(draws, rate=offered, servers=servers, room=servers)
        lost = queues.erlang_b(servers=servers, offered=offered)
        yield Line(name=f"Erlang B({servers}, {offered:g})", formula=lost, simulated=refused)
        waited, _ = several(draws, rate=offered, servers=servers)
        waits = queues.erlang_c(servers=servers, offered=offered)
        simulated = waited * (servers - offered)
        yield Line(name=f"Erlang C({servers}, {offered:g})", formula=waits, simulated=simulated)
    for servers in (1, 2, 3, 4, 5, 8, 10, 16, 20, 32, 50, 100):
        waited, _ = several(draws, rate=0.8 * servers, servers=servers)
        steady = queues.mmc(arrival_rate=0.8 * servers, service_rate=1.0, servers=servers)
        yield Line(name=f"M/M/{servers} W, ρ = 0.8", formula=steady.response, simulated=1 + waited)
    for rate, servers, room in ((0.8, 1, 5), (1.0, 1, 5), (8.0, 10, 20)):
        waited, refused = several(draws, rate=rate, servers=servers, room=room)
        steady = queues.mmck(arrival_rate=rate, service_rate=1.0, servers=servers, room=room)
        yield Line(name=f"M/M/{servers}/{room} λ = {rate:g} blocked", formula=steady.blocked, simulated=refused)
        yield Line(name=f"M/M/{servers}/{room} λ = {rate:g} Wq", formula=steady.wait, simulated=waited)


def sharing_and_retrials(draws: np.random.Generator) -> Iterator[Line]:
    """Processor sharing of a varied service, and orbits with linear and constant retrials."""
    often, (fast, slow) = _phases(4.0)

    def shared(state: Numbers) -> Sequence[Numbers]:
        present = np.maximum(state.sum(axis=1), 1)
        arrive = np.full(RUNS, 0.8)
        leave = (fast * state[:, 0] / present, slow * state[:, 1] / present)
        return (often * arrive, (1 - often) * arrive, *leave)

    number = chain(draws, shared, ((1, 0), (0, 1), (-1, 0), (0, -1)), lambda state: state.sum(axis=1), steps=20_000)
    steady = queues.processor_sharing(arrival_rate=0.8, mean_service=1.0)
    yield Line(name="M/H2/1-PS L, ρ = 0.8", formula=steady.in_system, simulated=number)
    linear = ((0.5, 1.0), (0.7, 0.5), (0.7, 2.0), (0.8, 5.0))
    constant = ((0.3, 1.0), (0.5, 2.0), (0.5, 1.2), (0.6, 5.0))
    for kind, theory, cases in (
        ("linear", retrials.linear_retrials, linear),
        ("constant", retrials.constant_retrials, constant),
    ):
        for rate, retry in cases:
            simulated = orbit(draws, rate, retry, everyone=kind == "linear")
            formula = theory(arrival_rate=rate, service_rate=1.0, retry_rate=retry).orbiting
            yield Line(name=f"{kind} retrials ({rate:g}, 1, {retry:g}) N", formula=formula, simulated=simulated)


def orbit(draws: np.random.Generator, rate: float, retry: float, *, everyone: bool) -> Numbers:
    """Mean number in orbit; states are (busy, orbiting), services have mean 1."""

    def rates(state: Numbers) -> Sequence[Numbers]:
        busy, circling = state[:, 0], state[:, 1]
        tries = retry * (circling if everyone else np.minimum(circling, 1))
        return rate * (1 - busy), rate * busy, busy, tries * (1 - busy)

    return chain(draws, rates, ((1, 0), (0, 1), (-1, 0), (1, -1)), lambda state: state[:, 1], steps=20_000)


def standby(draws: np.random.Generator, kind: redundancy.Standby, crews: int) -> Numbers:
    """Unavailability of two units, λ = 1e-3 and μ = 0.1."""
    fail, repair = 1e-3, 0.1

    def rates(state: Numbers) -> Sequence[Numbers]:
        down = state[:, 0]
        running = 2 - down if kind is redundancy.Standby.HOT else np.minimum(2 - down, 1)
        return fail * running, repair * np.minimum(down, crews)

    return chain(draws, rates, ((1,), (-1,)), lambda state: state[:, 0] == 2, steps=20_000)


def unavailable(draws: np.random.Generator, needed: int, units: int, up: float) -> Numbers:
    """How often fewer than ``needed`` of ``units`` are up.

    That is rare for good units, so they fail with at least 0.4 here, and every draw counts as much as it is likelier
    with the true probability (importance sampling).
    """
    down = max(1 - up, 0.4)
    failed = (draws.random((RUNS, scaled(5_000), units)) < down).sum(axis=2)
    weight = ((1 - up) / down) ** failed * (up / (1 - down)) ** (units - failed)
    return np.asarray((weight * (units - failed < needed)).mean(axis=1))


def until_lost(draws: np.random.Generator, first: float, second: float, repair: float) -> Numbers:
    """Mean time until a second unit fails while one is repaired, at those rates of the first and the second failure."""
    paths = (RUNS, scaled(2_000))
    cycles = draws.geometric(second / (second + repair), paths)
    return np.asarray((draws.gamma(cycles) / first + draws.gamma(cycles) / (second + repair)).mean(axis=1))


def tries(draws: np.random.Generator) -> Iterator[Line]:
    """Retries of independent failures."""
    for failure, count in ((0.5, 3), (0.1, 3), (0.05, 3), (0.01, 3), (0.3, 2)):
        failed = np.cumprod(draws.random((RUNS, scaled(2_000), count + 1)) < failure, axis=2)
        attempts = 1 + failed[:, :, :-1].sum(axis=2)
        by_formula = retries.attempts_per_call(failure=failure, retries=count)
        yield Line(
            name=f"attempts, f = {failure}, {count} retries", formula=by_formula, simulated=attempts.mean(axis=1)
        )
        if failure ** (count + 1) > 1e-3:
            success = retries.success_probability(failure=failure, retries=count)
            simulated = 1 - failed[:, :, -1].mean(axis=1)
            yield Line(name=f"success, f = {failure}, {count} retries", formula=success, simulated=simulated)


def repaired(draws: np.random.Generator) -> Iterator[Line]:
    """Two units of which one stands by, and how long until both are down; 2 of 3."""
    fail, repair = 1e-3, 0.1
    for kind in redundancy.Standby:
        for crews in (1, 2):
            formula = redundancy.two_unit_unavailability(kind, failure_rate=fail, repair_rate=repair, crews=crews)
            yield Line(name=f"{kind} standby, crews {crews}", formula=formula, simulated=standby(draws, kind, crews))
        first = 2 * fail if kind is redundancy.Standby.HOT else fail
        formula = redundancy.two_unit_mttf(kind, failure_rate=fail, repair_rate=repair)
        yield Line(name=f"{kind} standby, MTTF", formula=formula, simulated=until_lost(draws, first, fail, repair))
        formula = redundancy.two_unit_mttf(kind, failure_rate=fail)
        yield Line(
            name=f"{kind} standby, no repair, MTTF", formula=formula, simulated=until_lost(draws, first, fail, 0.0)
        )
    formula = redundancy.two_of_three_mttf(failure_rate=fail, repair_rate=repair)
    yield Line(name="2 of 3, MTTF", formula=formula, simulated=until_lost(draws, 3 * fail, 2 * fail, repair))


def parts(draws: np.random.Generator) -> Iterator[Line]:
    """Arrangements, drawn part by part: k of n, the book's table, the bridge, common causes."""
    for needed, units in ((2, 3), (3, 5), (4, 6)):
        for up in (0.9, 0.99, 0.999):
            formula = 1 - redundancy.k_of_n(needed, units, up)
            simulated = unavailable(draws, needed, units, up)
            yield Line(name=f"{needed} of {units} down, p = {up}", formula=formula, simulated=simulated)
    for units in (1, 2, 3, 4):
        formula = 1 - redundancy.parallel([0.99] * units)
        yield Line(name=f"{units} in parallel down", formula=formula, simulated=unavailable(draws, 1, units, 0.99))
    behind = 1 - (1 - unavailable(draws, 1, 1, 0.99)) * (1 - unavailable(draws, 1, 3, 0.99))
    yield Line(name="balancer and three, down", formula=1 - redundancy.series([0.99, 0.999999]), simulated=behind)
    for units, up in ((5, 0.999), (10, 0.999), (30, 0.9999)):
        working = (draws.random((RUNS, scaled(5_000), units)) < up).all(axis=2).mean(axis=1)
        yield Line(name=f"{units} x {up} in series", formula=redundancy.series([up] * units), simulated=working)
    for chances in ((0.5,) * 5, (0.8,) * 5, (0.99,) * 5, (0.9, 0.8, 0.95, 0.85, 0.7)):
        a, b, c, d, e = (draws.random((RUNS, scaled(5_000))) < chance for chance in chances)
        whole = (a & b) | (c & d) | (a & e & d) | (c & e & b)
        formula = redundancy.bridge(*chances)
        yield Line(name=f"bridge, p = {chances[0]} ... {chances[4]}", formula=formula, simulated=whole.mean(axis=1))
    for beta, down in ((0.0, 0.01), (0.01, 0.01), (0.05, 0.01), (0.1, 0.01), (0.2, 0.01), (0.1, 0.001)):
        formula = redundancy.CommonCause(beta=beta).unavailability(2, down)
        alone = unavailable(draws, 1, 2, 1 - (1 - beta) * down)
        yield Line(name=f"beta {beta}, q = {down}", formula=formula, simulated=alone + beta * down)


def play(*, seed: int) -> list[Line]:
    """Every line once."""
    draws = np.random.default_rng(seed)
    studies = (single_servers, several_servers, sharing_and_retrials, tries, repaired, parts)
    return [line for study in studies for line in study(draws)]


def most_outside(lines: int) -> int:
    """The number outside of their intervals that chance exceeds once in a thousand times."""
    tail, count = 1.0, 0
    while tail > 1e-3:
        tail -= comb(lines, count) * 0.01**count * 0.99 ** (lines - count)
        count += 1
    return count - 1


def check(lines: Sequence[Line]) -> None:
    """Assert that formulas and simulations agree as well as chance allows."""
    outside = {line.name: round(line.z, 2) for line in lines if not line.inside}
    assert len(outside) <= most_outside(len(lines)), outside
    assert max(abs(line.z) for line in lines) < 4.5, outside


@style.in_house
def figure(lines: Sequence[Line]) -> Figure:
    """How many standard errors every simulation lies from its formula."""
    inside = sum(line.inside for line in lines)
    drawn = style.canvas(
        f"Theory and simulation agree: {inside} of {len(lines)} formulas lie in the 99 % interval of the simulation",
        "simulation − formula, in standard errors of the simulation; each dot is a quantity",
        height=4.0,
    )
    (axes,) = drawn.axes
    axes.axhspan(-Z99, Z99, color=style.BLUE, alpha=0.10, linewidth=0)
    for place, line in enumerate(lines):
        axes.plot(place, line.z, "o", color=style.BLUE if line.inside else style.VERMILLION, markersize=5)
    axes.set(xlim=(-1, len(lines)), ylim=(-5, 5), xlabel="quantities: queues, retrials, retries, redundancy")
    style.label_ends(axes, [(Z99 - 0.4, "99 %", style.BLUE)])
    return drawn


def main(arguments: Sequence[str] | None = None) -> None:
    """Simulate every line, print, assert, draw."""
    chosen = options(__doc__ or "", arguments)
    lines = play(seed=chosen.seed)
    for line in lines:
        mark = "" if line.inside else "   outside of its 99 % interval"
        print(f"{line.name:<34} {line.formula:>12.6g} {line.simulated.mean():>12.6g}  z = {line.z:>5.2f}{mark}")
    check(lines)
    chosen.save(figure(lines), "queues_and_theory")


if __name__ == "__main__":
    main()
