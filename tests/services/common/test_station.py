"""The station against closed forms and by hand."""

from __future__ import annotations

import random

import pytest

from services.common.service_time import ServiceTime
from services.common.station import Discipline, Station
from stormlab.errors import BadInput


def fixed(seconds: float, **settings: object) -> Station[str]:
    return Station(draw=lambda: seconds, **{"workers": 1, "queue_limit": 10, **settings})  # type: ignore[arg-type]


def arrive(station: Station[str], now: float, job: str) -> bool:
    station.advance(now)
    return station.arrive(now, job)


def test_a_waiting_job_starts_when_the_worker_became_free_not_when_somebody_looked() -> None:
    station = fixed(1.0)
    for job in ("a", "b", "c"):
        assert arrive(station, 0.0, job)
    assert [(done.job, done.at) for done in station.advance(10.0)] == [("a", 1.0), ("b", 2.0), ("c", 3.0)]


def test_late_looks_cost_no_capacity() -> None:
    """A station that is looked at every 0.35 s serves as many as one that is looked at all the time."""
    station = fixed(0.1, workers=2, queue_limit=1000)
    for number in range(400):
        arrive(station, 0.0, str(number))
    looks = [round(0.35 * step, 6) for step in range(60)]
    done = [finished.at for now in looks for finished in station.advance(now)]
    assert len(done) == 400
    assert done[-1] == pytest.approx(20.0)


def test_a_worker_that_idled_starts_with_the_arrival() -> None:
    station = fixed(1.0)
    arrive(station, 0.0, "a")
    arrive(station, 5.0, "b")
    assert station.next_at == 6.0


@pytest.mark.parametrize(("discipline", "order"), [(Discipline.FIFO, "abc"), (Discipline.LIFO, "acb")])
def test_the_discipline_says_who_is_next(discipline: Discipline, order: str) -> None:
    station = fixed(1.0, discipline=discipline)
    for job in "abc":
        arrive(station, 0.0, job)
    assert "".join(done.job for done in station.advance(9.0)) == order


def test_a_full_queue_refuses_and_takes_again_after_a_completion() -> None:
    station = fixed(1.0, queue_limit=1)
    assert [arrive(station, 0.0, job) for job in "abc"] == [True, True, False]
    assert arrive(station, 1.0, "d")
    assert (station.busy, station.waiting) == (1, 1)


def test_no_queue_at_all() -> None:
    station = fixed(1.0, queue_limit=0)
    assert [arrive(station, 0.0, job) for job in "ab"] == [True, False]


def test_a_slower_station_finishes_running_work_as_drawn() -> None:
    station = fixed(1.0)
    arrive(station, 0.0, "a")
    arrive(station, 0.0, "b")
    station.resize(0.5, workers=1, speed=0.25)
    assert [(done.job, done.at, done.service) for done in station.advance(9.0)] == [("a", 1.0, 1.0), ("b", 5.0, 4.0)]


def test_fewer_workers_start_nothing_until_the_others_have_finished() -> None:
    station = fixed(1.0, workers=2)
    for job in "abc":
        arrive(station, 0.0, job)
    station.resize(0.5, workers=0, speed=1.0)
    assert len(station.advance(9.0)) == 2
    assert station.waiting == 1
    station.resize(20.0, workers=1, speed=1.0)
    assert [done.at for done in station.advance(30.0)] == [21.0]


def test_more_workers_take_from_the_queue_at_once() -> None:
    station = fixed(1.0)
    for job in "abc":
        arrive(station, 0.0, job)
    station.resize(0.5, workers=3, speed=1.0)
    assert [done.at for done in station.advance(9.0)] == [1.0, 1.5, 1.5]


def test_mean_wait_agrees_with_erlang_c() -> None:
    """M/M/2 at 75 % load: the mean wait is C(2, 1.5) / (c*mu - lambda) = 0.642857 / 0.5 s (Erlang's formula)."""
    rng = random.Random(1)
    station: Station[float] = Station(workers=2, draw=lambda: rng.expovariate(1.0), queue_limit=100_000)
    now, waits = 0.0, []
    for _ in range(200_000):
        now += rng.expovariate(1.5)
        waits += [done.at - done.service - done.job for done in station.advance(now)]
        station.arrive(now, now)
    assert sum(waits) / len(waits) == pytest.approx(0.642857 / 0.5, rel=0.05)


@pytest.mark.parametrize(
    ("spec", "mean", "cv"),
    [
        ("fixed:0.05", 0.05, 0.0),
        ("exponential:0.1", 0.1, 1.0),
        ("uniform:0.1:0.3", 0.2, 0.1 / 3**0.5 / 0.2),
        ("lognormal:0.2:0.5", 0.2, 0.5),
    ],
)
def test_service_times_have_the_moments_they_promise(spec: str, mean: float, cv: float) -> None:
    time, rng = ServiceTime.parse(spec), random.Random(7)
    samples = [time.sample(rng) for _ in range(100_000)]
    average = sum(samples) / len(samples)
    deviation = (sum((sample - average) ** 2 for sample in samples) / len(samples)) ** 0.5
    assert time.mean == pytest.approx(mean)
    assert average == pytest.approx(mean, rel=0.02)
    assert deviation / average == pytest.approx(cv, rel=0.03, abs=1e-9)


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "fixed",
        "fixed:",
        "fixed:-1",
        "fixed:nan",
        "exponential:1:2",
        "uniform:3:1",
        "gauss:1",
        "exponential:0",
        "fixed:0:0",
    ],
)
def test_an_unreadable_service_time_is_refused_with_the_forms(spec: str) -> None:
    with pytest.raises(BadInput, match="exponential:MEAN"):
        ServiceTime.parse(spec)


def test_with_codel_a_job_that_waited_too_long_is_turned_away_and_told_once() -> None:
    station = fixed(1.0, discipline=Discipline.CODEL)
    for job, at in (("a", 0.0), ("b", 0.1), ("c", 0.95)):
        assert arrive(station, at, job)
    assert station.turned_away() == ["b"]
    assert [(done.job, done.at) for done in station.advance(9.0)] == [("a", 1.0), ("c", 2.0)]
    assert station.turned_away() == []


def test_a_cheaper_job_takes_less_time() -> None:
    station = fixed(1.0)
    station.arrive(0.0, "a", effort=0.25)
    assert station.next_at == 0.25


def test_a_job_that_holds_its_worker_keeps_the_others_waiting_until_it_lets_go() -> None:
    station = fixed(1.0, holding=True)
    for job in "ab":
        arrive(station, 0.0, job)
    assert [done.job for done in station.advance(5.0)] == ["a"]
    assert (station.busy, station.waiting, station.next_at) == (1, 1, None)
    station.release(5.0)
    assert [(done.job, done.at) for done in station.advance(9.0)] == [("b", 6.0)]


def test_a_service_slows_down_with_the_share_of_the_workers_busy_and_with_the_queue() -> None:
    station = fixed(1.0, workers=2, slowdown=lambda busy, waiting: 1 + 2 * busy + 10 * waiting)
    for job in "abc":
        arrive(station, 0.0, job)
    assert [(done.job, done.at) for done in station.advance(9.0)] == [("a", 2.0), ("b", 3.0), ("c", 5.0)]


def test_a_purge_takes_the_oldest_and_leaves_so_many() -> None:
    station = fixed(1.0)
    for job in "abcd":
        arrive(station, 0.0, job)
    assert station.purge(0.5, keep=1) == ["b", "c"]
    assert station.purge(0.5, keep=1) == []
    assert [done.job for done in station.advance(9.0)] == ["a", "d"]
