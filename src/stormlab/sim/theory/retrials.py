"""Retrial queues: a server without waiting room, whose refused customers circle in an orbit and try again.

With linear retrials each of N orbiting customers tries at rate θ; with a constant rate only one of them does.
The second is stable on a smaller range: the orbit needs σ = λ(λ+θ)/(μθ) < 1 and not merely ρ = λ/μ < 1.
Formulas: Falin, Templeton, *Retrial Queues*, 1997; constant rate: Fayolle 1986, mean number derived and
checked against the truncated Markov chain (tests/theory/test_retrials.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from stormlab.sim.theory.domain import require_not_negative, require_positive, require_stable


@dataclass(frozen=True, slots=True, kw_only=True)
class Orbit:
    """Long-run means: ``busy`` fraction of the server, customers ``orbiting``, and seconds an arrival spends there."""

    busy: float
    orbiting: float
    time_in_orbit: float


def linear_retrials(*, arrival_rate: float, service_rate: float, retry_rate: float, scv: float = 1.0) -> Orbit:
    """Every orbiting customer retries at ``retry_rate``: E[N] = λ²E[S²]/(2(1−ρ)) + λρ/((1−ρ)θ).

    ``scv`` is the squared coefficient of variation of the service time. Raises ``BadInput`` unless λ < μ.
    """
    require_positive(arrival_rate=arrival_rate, service_rate=service_rate, retry_rate=retry_rate)
    require_not_negative(scv=scv)
    load = arrival_rate / service_rate
    require_stable(load, remedy="lower the arrival rate or raise the service rate")
    waiting = load**2 * (1 + scv) / (2 * (1 - load))
    circling = arrival_rate * load / ((1 - load) * retry_rate)
    return _orbit(load, waiting + circling, arrival_rate)


def constant_retrials(*, arrival_rate: float, service_rate: float, retry_rate: float) -> Orbit:
    """One orbiting customer at a time retries at ``retry_rate``: E[N] = ρ(σ + λ/θ)/(1−σ).

    Raises ``BadInput`` unless σ = λ(λ+θ)/(μθ) < 1.
    """
    require_positive(arrival_rate=arrival_rate, service_rate=service_rate, retry_rate=retry_rate)
    load = arrival_rate / service_rate
    orbit_load = load * (arrival_rate + retry_rate) / retry_rate
    require_stable(orbit_load, remedy="lower the arrival rate, or raise the service or the retry rate")
    orbiting = load * (orbit_load + arrival_rate / retry_rate) / (1 - orbit_load)
    return _orbit(load, orbiting, arrival_rate)


def _orbit(busy: float, orbiting: float, arrival_rate: float) -> Orbit:
    return Orbit(busy=busy, orbiting=orbiting, time_in_orbit=orbiting / arrival_rate)
