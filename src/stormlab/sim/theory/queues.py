"""Queues in steady state: Poisson arrivals, one or more servers, with and without room to wait.

λ is the arrival rate, μ the service rate of one server, a = λ/μ the offered load in Erlang, c the servers and
ρ = a/c their utilisation. Little's law L = λW ties numbers to times. Formulas: Kleinrock, *Queueing Systems* vol. 1;
Gross, Shortle, Thompson, Harris, *Fundamentals of Queueing Theory*, chapters 2 and 5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from stormlab.sim.theory.domain import (
    require_count,
    require_not_negative,
    require_positive,
    require_probability,
    require_stable,
)

_REMEDY = "lower the arrival rate, or add servers or speed"


@dataclass(frozen=True, slots=True, kw_only=True)
class SteadyState:
    """Long-run means of a queue.

    ``in_system`` and ``waiting`` are numbers of customers, ``response`` and ``wait`` seconds, ``utilisation`` the busy
    fraction of each server, ``blocked`` the fraction of arrivals turned away, ``throughput`` completions per second.
    """

    in_system: float
    waiting: float
    response: float
    wait: float
    utilisation: float
    blocked: float
    throughput: float


def mm1(*, arrival_rate: float, service_rate: float) -> SteadyState:
    """M/M/1: L = ρ/(1−ρ), W = 1/(μ−λ). Raises ``BadInput`` unless λ < μ."""
    return mmc(arrival_rate=arrival_rate, service_rate=service_rate, servers=1)


def mm1_at_least(count: int, *, arrival_rate: float, service_rate: float) -> float:
    """P(N ≥ count) = ρ^count in M/M/1."""
    require_positive(arrival_rate=arrival_rate, service_rate=service_rate)
    require_count(least=0, count=count)
    load = arrival_rate / service_rate
    require_stable(load, remedy=_REMEDY)
    return load**count


def mm1_response_quantile(quantile: float, *, arrival_rate: float, service_rate: float) -> float:
    """The time in s within which the fraction ``quantile`` of M/M/1 customers is done: −ln(1−q)/(μ−λ)."""
    require_positive(arrival_rate=arrival_rate, service_rate=service_rate)
    require_probability(quantile=quantile)
    require_stable(arrival_rate / service_rate, remedy=_REMEDY)
    return math.inf if quantile == 1 else -math.log1p(-quantile) / (service_rate - arrival_rate)


def erlang_b(*, servers: int, offered: float) -> float:
    """Fraction of arrivals lost by ``servers`` without waiting room under ``offered`` Erlang (any service times)."""
    require_count(least=0, servers=servers)
    require_not_negative(offered=offered)
    lost = 1.0
    for count in range(1, servers + 1):
        lost = offered * lost / (count + offered * lost)
    return lost


def erlang_c(*, servers: int, offered: float) -> float:
    """Fraction of arrivals that have to wait in M/M/c under ``offered`` Erlang: B/(1−ρ(1−B))."""
    require_count(servers=servers)
    lost = erlang_b(servers=servers, offered=offered)
    utilisation = offered / servers
    require_stable(utilisation, remedy=_REMEDY)
    return lost / (1 - utilisation * (1 - lost))


def mmc(*, arrival_rate: float, service_rate: float, servers: int) -> SteadyState:
    """M/M/c with unlimited waiting room: Wq = C/(cμ−λ) with Erlang's C. Raises ``BadInput`` unless λ < cμ."""
    require_positive(arrival_rate=arrival_rate, service_rate=service_rate)
    waits = erlang_c(servers=servers, offered=arrival_rate / service_rate)
    return _from_wait(waits / (servers * service_rate - arrival_rate), arrival_rate, 1 / service_rate, servers)


def mmc_wait_tail(time: float, *, arrival_rate: float, service_rate: float, servers: int) -> float:
    """P(wait > ``time`` s) = C·e^(−(cμ−λ)t) in M/M/c, first come first served."""
    require_positive(arrival_rate=arrival_rate, service_rate=service_rate)
    require_not_negative(time=time)
    waits = erlang_c(servers=servers, offered=arrival_rate / service_rate)
    return waits * math.exp(-(servers * service_rate - arrival_rate) * time)


def mmck_probabilities(*, arrival_rate: float, service_rate: float, servers: int, room: int) -> list[float]:
    """P(n customers), n = 0..room, in M/M/c/K; ``room`` = K counts those in service and is at least ``servers``."""
    require_positive(arrival_rate=arrival_rate, service_rate=service_rate)
    require_count(servers=servers)
    require_count(least=servers, room=room)
    offered = arrival_rate / service_rate
    weights = [1.0]
    for count in range(1, room + 1):
        weights.append(weights[-1] * offered / min(count, servers))
        if weights[-1] > 1e250:
            weights = [weight * 1e-250 for weight in weights]
    total = math.fsum(weights)
    return [weight / total for weight in weights]


def mmck(*, arrival_rate: float, service_rate: float, servers: int, room: int) -> SteadyState:
    """M/M/c/K: arrivals that find ``room`` customers are turned away; times are of those let in. Any load will do."""
    chances = mmck_probabilities(arrival_rate=arrival_rate, service_rate=service_rate, servers=servers, room=room)
    throughput = arrival_rate * (1 - chances[-1])
    in_system = math.fsum(count * chance for count, chance in enumerate(chances))
    waiting = math.fsum(max(0, count - servers) * chance for count, chance in enumerate(chances))
    return SteadyState(
        in_system=in_system,
        waiting=waiting,
        response=in_system / throughput,
        wait=waiting / throughput,
        utilisation=throughput / (servers * service_rate),
        blocked=chances[-1],
        throughput=throughput,
    )


def mg1(*, arrival_rate: float, mean_service: float, scv: float) -> SteadyState:
    """M/G/1, first come first served, by Pollaczek and Khinchine: Wq = (ρ/(1−ρ))·((1+C²)/2)·E[S].

    ``scv`` is C², the squared coefficient of variation of the service time: 0 constant, 1/k Erlang-k, 1 exponential.
    """
    require_positive(arrival_rate=arrival_rate, mean_service=mean_service)
    require_not_negative(scv=scv)
    load = arrival_rate * mean_service
    require_stable(load, remedy=_REMEDY)
    return _from_wait(load / (1 - load) * (1 + scv) / 2 * mean_service, arrival_rate, mean_service, 1)


def processor_sharing(*, arrival_rate: float, mean_service: float) -> SteadyState:
    """M/G/1 with processor sharing: E[T] = E[S]/(1−ρ) whatever the distribution; ``wait`` is time lost to sharing."""
    require_positive(arrival_rate=arrival_rate, mean_service=mean_service)
    load = arrival_rate * mean_service
    require_stable(load, remedy=_REMEDY)
    return _from_wait(mean_service * load / (1 - load), arrival_rate, mean_service, 1)


def processor_sharing_response(work: float, *, arrival_rate: float, mean_service: float) -> float:
    """Mean time in s that a job of ``work`` s takes under processor sharing: x/(1−ρ)."""
    require_not_negative(work=work)
    steady = processor_sharing(arrival_rate=arrival_rate, mean_service=mean_service)
    return work / (1 - steady.utilisation)


def little(*, arrival_rate: float, response: float) -> float:
    """Little's law: mean number in the system, L = λW."""
    require_not_negative(arrival_rate=arrival_rate, response=response)
    return arrival_rate * response


def drain_time(backlog: float, *, arrival_rate: float, capacity: float) -> float:
    """Seconds until ``backlog`` customers are worked off while new ones keep coming: B/(C−λ)."""
    require_not_negative(backlog=backlog, arrival_rate=arrival_rate)
    require_positive(capacity=capacity)
    require_stable(arrival_rate / capacity, remedy="lower the arrival rate or raise the capacity")
    return backlog / (capacity - arrival_rate)


def blackout(backlog: float, *, deadline: float, arrival_rate: float, capacity: float) -> float:
    """Seconds without goodput that a FIFO queue shows after a stall left ``backlog``: (B − C·D)/(C−λ), at least 0.

    Every answer is later than the ``deadline`` D in s until less than C·D customers stand in front of a new one.
    """
    require_not_negative(deadline=deadline)
    excess = max(0.0, backlog - capacity * deadline)
    return drain_time(excess, arrival_rate=arrival_rate, capacity=capacity)


def _from_wait(wait: float, arrival_rate: float, mean_service: float, servers: int) -> SteadyState:
    response = wait + mean_service
    return SteadyState(
        in_system=arrival_rate * response,
        waiting=arrival_rate * wait,
        response=response,
        wait=wait,
        utilisation=arrival_rate * mean_service / servers,
        blocked=0.0,
        throughput=arrival_rate,
    )
