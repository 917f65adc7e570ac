"""Redundancy is worth what its weakest part, its common causes and its repair leave of it.

Arrangements of units with MTTF 1,000 h and MTTR 10 h, in the language of ``stormlab availability``: by formula, and as
histories of failure and repair (an interval of 99 % around their mean). Two lessons go with them:

- *Common cause.* If a share β of each unit's unavailability q strikes all at once, two units are down together
  ((1−β)q)² + βq of the time: with q = 1 %, β = 10 % makes it 11 times worse than independence.
- *Fault masking.* Redundancy hides failures. Two units are inspected every T; a failure is seen only then, or once both
  are down, and repaired in 10 h then. With P = (1−e^(−λT))² for both to fail before the inspection and a mean uptime of
  E = 2(1−e^(−λT))/λ − (1−e^(−2λT))/(2λ) per cycle, they are down 10·P/(E + 10·P) of the time (renewal theorem):
  at the limit, hardly better than one unit alone.

Sources: Rausand, Høyland, *System Reliability Theory*; "Cloud Native Go", chapter 9 (fault masking).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulations.experiment import log_ticks, options, panels
from stormlab.availability import parse
from stormlab.availability.evaluation import whole
from stormlab.availability.montecarlo import simulate
from stormlab.report import style
from stormlab.scenario.estimate import Estimate

MTTF, MTTR = 1_000.0, 10.0
U = f"unit(mttf={MTTF:g}h, mttr={MTTR:g}h)"
ARRANGEMENTS = {
    "serial, 3": f"series(3 * {U})",
    "one": U,
    "balancer + 3": f"series({U}, parallel(3 * {U}))",
    "bridge": f"bridge({U}, {U}, {U}, {U}, {U})",
    "2 of 3": f"kofn(2, 3 * {U})",
    "2, β = 10 %": f"parallel(2 * {U}, beta=0.1)",
    "nested": f"parallel(series(2 * {U}), series(2 * {U}), {U})",
    "parallel, 2": f"parallel(2 * {U})",
}
BETAS = (0.0, 0.01, 0.05, 0.1, 0.2)
INSPECTIONS = (24.0, 168.0, 730.0, 4_383.0, 43_830.0)
CYCLES = 400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Unavailability by ``formula`` and by simulation."""

    formula: float
    simulated: Estimate

    @property
    def agrees(self) -> bool:
        """The formula lies within the interval."""
        return self.simulated.low <= self.formula <= self.simulated.high


def arranged(text: str, *, seed: int, years: float = 40.0, runs: int = 100) -> Point:
    """An arrangement over ``runs`` histories of ``years``; 99 % interval."""
    expression = parse(text)
    down = simulate(expression, years=years, seed=seed, runs=runs).unavailability
    return Point(formula=float(whole(expression).down[0]), simulated=down)


def masked_by_formula(inspected: float) -> float:
    """Unavailability of two units whose failures are looked for every ``inspected`` h."""
    rate = 1 / MTTF
    both = -math.expm1(-rate * inspected)
    uptime = 2 * both / rate + math.expm1(-2 * rate * inspected) / (2 * rate)
    return MTTR * both**2 / (uptime + MTTR * both**2)


def masked(inspected: float, *, seed: int, cycles: int = CYCLES) -> Point:
    """The same by simulated cycles between states in which both are known to be good; ratio estimator."""
    draws = np.random.default_rng(seed)
    both_down = draws.exponential(MTTF, (cycles, 2)).max(axis=1)
    up, down = np.minimum(both_down, inspected), np.where(both_down < inspected, MTTR, 0.0)
    share = float(down.sum() / (up.sum() + down.sum()))
    error = float(np.std(down - share * (up + down), ddof=1)) / (up + down).mean() / math.sqrt(cycles)
    return Point(
        formula=masked_by_formula(inspected),
        simulated=Estimate(mean=share, low=share - 2.576 * error, high=share + 2.576 * error, n=cycles),
    )


def common_cause(beta: float, unavailability: float) -> float:
    """Unavailability of two units, as the language computes it."""
    return float(whole(parse(f"parallel(2 * {1 - unavailability:.12g}, beta={beta:g})")).down[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """Arrangements by name, masked pairs by hours between inspections."""

    arranged: Mapping[str, Point]
    masked: Mapping[float, Point]


def play(*, seed: int) -> Study:
    """Everything once."""
    return Study(
        arranged={name: arranged(text, seed=seed + n) for n, (name, text) in enumerate(ARRANGEMENTS.items())},
        masked={hours: masked(hours, seed=seed + n) for n, hours in enumerate(INSPECTIONS)},
    )


def check(study: Study) -> None:
    """Assert the findings."""
    points = {**study.arranged, **{f"{hours} h": point for hours, point in study.masked.items()}}
    outside = [name for name, point in points.items() if not point.agrees]
    assert len(outside) <= 1, f"formula and simulation disagree: {outside}"
    down = {name: point.formula for name, point in study.arranged.items()}
    one = down["one"]
    assert down["serial, 3"] > 2.9 * one, "what all must do fails three times as often"
    assert 0.99 < down["balancer + 3"] / one < 1.01, "three replicas behind one balancer are as good as the balancer"
    assert down["parallel, 2"] < 0.011 * one < down["2, β = 10 %"], "two are a hundred times as good, unless …"
    assert 10 < common_cause(0.1, 0.01) / common_cause(0.0, 0.01) < 11.5
    hours = [point.formula for point in study.masked.values()]
    assert hours == sorted(hours) and hours[-1] > 0.6 * one, "unseen failures make a spare part worth nothing"


@style.in_house
def figure(study: Study) -> Figure:
    """The arrangements, and what common causes and masking do to two units."""
    drawn, (arrangements, beta, mask) = panels(
        "Two units are a hundred times as good as one, unless something strikes both (β of 10 %: eleven times worse) "
        "or nobody sees the first one fail",
        1,
        3,
        height=4.8,
    )
    _arrangements(arrangements, study.arranged)
    betas = np.linspace(0, 0.2, 50)
    beta.plot(100 * betas, [100 * common_cause(float(one), 0.01) for one in betas], color=style.VERMILLION, linewidth=2)
    beta.axhline(0.01, color=style.MUTED, linestyle="--", linewidth=1)
    beta.set(xlim=(0, 20), ylim=(0, 0.22), xlabel="common cause β (%)")
    beta.set_title("two units of 99 %: down (%)")
    _masked(mask, study.masked)
    return drawn


def _arrangements(axes: Axes, points: Mapping[str, Point]) -> None:
    names = list(points)
    axes.plot([100 * points[name].formula for name in names], names, "|", color=style.INK, markersize=16)
    for name, point in points.items():
        error = 100 * point.simulated.half_width
        axes.errorbar(100 * point.simulated.mean, name, xerr=error, fmt="o", color=style.BLUE, markersize=4)
    axes.set(xscale="log", xlabel="bar: formula; dot: histories, 99 %")
    log_ticks(axes.xaxis, (0.001, 0.1, 10))
    axes.set_xlim(1e-4, 10)
    axes.set_title("down (%)")
    axes.invert_yaxis()


def _masked(axes: Axes, points: Mapping[float, Point]) -> None:
    days = np.geomspace(0.5, 2_500, 80)
    axes.plot(days, [100 * masked_by_formula(24 * float(day)) for day in days], color=style.INK, linewidth=1.4)
    means = [100 * point.simulated.mean for point in points.values()]
    axes.plot([hours / 24 for hours in points], means, "o", color=style.VERMILLION)
    alone = 100 * MTTR / (MTTF + MTTR)
    axes.axhline(alone, color=style.MUTED, linestyle="--", linewidth=1)
    axes.text(0.6, alone * 1.15, "one unit alone", color=style.MUTED)
    axes.set(xscale="log", yscale="log", xlim=(0.5, 2_500), xlabel="days between inspections")
    log_ticks(axes.xaxis, (1, 10, 100, 1_000))
    log_ticks(axes.yaxis, (0.01, 0.1, 1))
    axes.set_title("two, failures masked: down (%)")


def main(arguments: Sequence[str] | None = None) -> None:
    """Compute and simulate, assert the findings, draw the figure."""
    chosen = options(__doc__ or "", arguments)
    study = play(seed=chosen.seed)
    for name, point in {
        **study.arranged,
        **{f"masked, {hours:g} h": one for hours, one in study.masked.items()},
    }.items():
        print(
            f"{name:<16} {point.formula:.4e} by formula, {point.simulated.mean:.4e} ± {point.simulated.half_width:.1e}"
        )
    check(study)
    chosen.save(figure(study), "redundancy")


if __name__ == "__main__":
    main()
