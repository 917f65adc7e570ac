"""Which replicas were out of rotation, second by second, from what a pool says."""

from __future__ import annotations

import pytest

from stormlab import sim
from stormlab.events import StateChanged
from stormlab.policies import HealthCheck, OutlierEjection
from stormlab.scenario import loader
from stormlab.scenario.recorder import ServiceLog

EJECT, CHECK = OutlierEjection.kind, HealthCheck.kind


def heard(*moves: tuple[float, int, str, str, str]) -> list[float]:
    log = ServiceLog(condemnable=True)
    for at, replica, policy, before, after in moves:
        log.hears(StateChanged(at, f"kv/{replica}", policy, before, after))
    column: list[float] = log.columns(6)["ejected"].tolist()
    return column


def test_a_replica_is_out_from_the_second_it_was_ejected_in_to_that_it_came_back_in() -> None:
    out, back = (1.5, 0, EJECT, "in-rotation", "ejected"), (4.5, 0, EJECT, "ejected", "in-rotation")
    assert heard(out, back) == [0, 1, 1, 1, 0, 0]


def test_a_replica_that_is_condemned_twice_counts_once_until_both_are_over() -> None:
    moves = [
        (0.5, 2, EJECT, "in-rotation", "ejected"),
        (1.5, 2, CHECK, "healthy", "unhealthy"),
        (2.5, 2, EJECT, "ejected", "in-rotation"),
        (2.6, 1, CHECK, "healthy", "unhealthy"),
        (3.5, 2, CHECK, "unhealthy", "healthy"),
    ]
    assert heard(*moves) == [1, 1, 2, 1, 1, 1]


def test_other_events_say_nothing() -> None:
    assert heard((0.5, 0, "panic", "calm", "panic")) == [0] * 6
    assert "ejected" not in ServiceLog().columns(3)


@pytest.mark.parametrize(("scenario", "variant"), [("lb-sinkhole", "outlier"), ("hanging-replica", "health-check")])
def test_a_run_shows_the_one_that_is_bad(scenario: str, variant: str) -> None:
    (name,) = loader.read(scenario).tree["services"]
    result = sim.run(loader.load(scenario, variant=variant), seed=1)
    fault = result.scenario.faults[0]
    ejected = result.series[f"service.{name}.ejected"]
    assert ejected[: int(fault.at)].max() == 0
    assert ejected[int(fault.at) + 6 : int(fault.until)].min() == 1
