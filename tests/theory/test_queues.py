"""Queues against the printed values and against one another."""

from __future__ import annotations

import math

import pytest

from stormlab.errors import BadInput
from stormlab.sim.theory import queues


def test_mm1_at_eighty_percent() -> None:
    steady = queues.mm1(arrival_rate=8_000, service_rate=10_000)
    assert steady.response * 1e3 == pytest.approx(0.5, abs=5e-7)
    assert steady.in_system == pytest.approx(4)
    assert steady.in_system == pytest.approx(queues.little(arrival_rate=8_000, response=steady.response))
    assert queues.mm1_at_least(3, arrival_rate=8, service_rate=10) == pytest.approx(0.8**3)


@pytest.mark.parametrize(("quantile", "milliseconds"), [(0.5, 0.3466), (0.9, 1.1513), (0.99, 2.3026), (0.999, 3.4539)])
def test_mm1_quantiles(quantile: float, milliseconds: float) -> None:
    seconds = queues.mm1_response_quantile(quantile, arrival_rate=8_000, service_rate=10_000)
    assert round(seconds * 1e3, 4) == milliseconds


def test_the_last_mm1_customer_may_take_for_ever() -> None:
    assert queues.mm1_response_quantile(1, arrival_rate=1, service_rate=2) == math.inf


@pytest.mark.parametrize(
    ("servers", "offered", "lost", "waits"),
    [
        (1, 0.5, 0.333333, 0.500000),
        (2, 1, 0.200000, 0.333333),
        (5, 3, 0.110054, 0.236152),
        (10, 8, 0.121661, 0.409180),
    ],
)
def test_erlang(servers: int, offered: float, lost: float, waits: float) -> None:
    assert round(queues.erlang_b(servers=servers, offered=offered), 6) == lost
    assert round(queues.erlang_c(servers=servers, offered=offered), 6) == waits


def test_brookers_erlang_figures() -> None:
    assert round(queues.erlang_c(servers=5, offered=2.5), 3) == 0.130
    assert round(queues.erlang_c(servers=10, offered=5), 3) == 0.036


def test_wait_tail_starts_at_erlang_c_and_integrates_to_the_mean_wait() -> None:
    case = {"arrival_rate": 3.0, "service_rate": 1.0, "servers": 5}
    tails = [queues.mmc_wait_tail(step * 0.001, **case) for step in range(20_000)]  # type: ignore[arg-type]
    assert tails[0] == pytest.approx(queues.erlang_c(servers=5, offered=3))
    area = sum(tails) * 0.001 - tails[0] * 0.0005
    assert area == pytest.approx(queues.mmc(arrival_rate=3, service_rate=1, servers=5).wait, rel=1e-5)


@pytest.mark.parametrize(
    ("servers", "response"),
    [
        (1, 5.00000),
        (2, 2.77778),
        (3, 2.07865),
        (4, 1.74554),
        (5, 1.55411),
        (8, 1.28603),
        (10, 1.20459),
        (16, 1.09528),
        (20, 1.06402),
        (32, 1.02510),
        (50, 1.00870),
        (100, 1.00098),
    ],
)
def test_mmc_at_eighty_percent(servers: int, response: float) -> None:
    steady = queues.mmc(arrival_rate=0.8 * servers, service_rate=1, servers=servers)
    assert round(steady.response, 5) == response
    assert steady.utilisation == pytest.approx(0.8)


def test_mmck_at_eighty_percent_of_one_server() -> None:
    steady = queues.mmck(arrival_rate=0.8, service_rate=1, servers=1, room=5)
    assert (round(steady.blocked, 6), round(steady.in_system, 6), round(steady.response, 6)) == (
        0.088819,
        1.868332,
        2.563065,
    )
    assert steady.throughput == pytest.approx(0.8 * (1 - steady.blocked))


def test_mmck_at_full_load_is_uniform() -> None:
    steady = queues.mmck(arrival_rate=1, service_rate=1, servers=1, room=5)
    assert steady.blocked == pytest.approx(1 / 6)
    assert steady.in_system == pytest.approx(2.5)


def test_mmck_with_ten_servers() -> None:
    steady = queues.mmck(arrival_rate=8, service_rate=1, servers=10, room=20)
    assert round(steady.blocked, 6) == 0.009107
    assert round(steady.wait, 6) == 0.145060


def test_mmck_bridges_erlang_b_and_mmc() -> None:
    loss = queues.mmck(arrival_rate=3, service_rate=1, servers=5, room=5)
    assert loss.blocked == pytest.approx(queues.erlang_b(servers=5, offered=3))
    roomy = queues.mmck(arrival_rate=3, service_rate=1, servers=5, room=400)
    assert roomy.response == pytest.approx(queues.mmc(arrival_rate=3, service_rate=1, servers=5).response)


def test_mmck_survives_a_hundredfold_overload_of_a_long_queue() -> None:
    steady = queues.mmck(arrival_rate=100, service_rate=1, servers=1, room=2_000)
    assert steady.throughput == pytest.approx(1.0)
    assert steady.blocked == pytest.approx(0.99)


@pytest.mark.parametrize(
    ("scv", "waits"),
    [
        (0.0, (0.5, 2, 4.5, 9.5)),
        (0.5, (0.75, 3, 6.75, 14.25)),
        (1.0, (1, 4, 9, 19)),
        (4.0, (2.5, 10, 22.5, 47.5)),
    ],
)
def test_pollaczek_khinchine(scv: float, waits: tuple[float, ...]) -> None:
    for load, wait in zip((0.5, 0.8, 0.9, 0.95), waits, strict=True):
        assert queues.mg1(arrival_rate=load, mean_service=1, scv=scv).wait == pytest.approx(wait)


def test_pollaczek_khinchine_of_a_bimodal_service() -> None:
    mean = 0.999 * 0.1 + 0.001 * 10
    second_moment = 2 * (0.999 * 0.1**2 + 0.001 * 10**2)
    scv = second_moment / mean**2 - 1
    steady = queues.mg1(arrival_rate=0.8 / mean, mean_service=mean, scv=scv)
    assert mean == pytest.approx(0.1099)
    assert round(scv, 1) == 17.2
    assert round(steady.response, 3) == 4.113


def test_processor_sharing_ignores_the_distribution_and_is_fair() -> None:
    steady = queues.processor_sharing(arrival_rate=0.8, mean_service=1)
    assert steady.response == pytest.approx(5)
    assert steady.in_system == pytest.approx(queues.mm1(arrival_rate=0.8, service_rate=1).in_system)
    assert queues.processor_sharing_response(3, arrival_rate=0.8, mean_service=1) == pytest.approx(15)


def test_drain_and_blackout() -> None:
    assert queues.drain_time(900, arrival_rate=80, capacity=100) == pytest.approx(45)
    assert queues.blackout(900, deadline=1, arrival_rate=80, capacity=100) == pytest.approx(40)
    assert queues.blackout(90, deadline=1, arrival_rate=80, capacity=100) == 0


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda: queues.mm1(arrival_rate=2, service_rate=2), "load 1 is not below 1"),
        (lambda: queues.mm1(arrival_rate=-1, service_rate=2), "arrival_rate is -1; give a finite number above 0"),
        (lambda: queues.mg1(arrival_rate=1, mean_service=0.5, scv=-1), "scv is -1"),
        (lambda: queues.erlang_b(servers=-1, offered=1), "servers is -1; give a whole number"),
        (lambda: queues.mmck(arrival_rate=1, service_rate=1, servers=3, room=2), "room is 2"),
        (lambda: queues.mm1_response_quantile(1.5, arrival_rate=1, service_rate=2), "quantile is 1.5"),
        (lambda: queues.drain_time(1, arrival_rate=math.nan, capacity=2), "arrival_rate is nan"),
    ],
)
def test_refusals_name_the_argument(call: object, complaint: str) -> None:
    with pytest.raises(BadInput, match=complaint.replace("(", r"\(")):
        call()  # type: ignore[operator]
