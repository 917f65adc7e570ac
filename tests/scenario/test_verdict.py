"""Series made by hand for each of the five words, each loop, and the edges between them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stormlab.scenario.series import Column, Series
from stormlab.scenario.verdict import Loop, Verdict, Word, healthy_bins, judge, rate
from tests.scenario.building import CLOSED, SPIKE, filled, scenario, series, web

SPIKED = scenario(faults=[SPIKE])
PATIENT = scenario(faults=[SPIKE], clients=web(policies=[{"kind": "timeout", "seconds": 1}]))


def down(first: int, last: int, *, share: float = 0.0, attempts: float = 60, **columns: Column) -> Series:
    """60/s offered, of which only ``share`` succeed from ``first`` to ``last``."""
    when = {(first, last): 60 * share}
    usual = {"goodput": filled(100, 60, when), "succeeded": filled(100, 60, when)}
    return series(**(usual | {"attempts": filled(100, 60, {(first, last): attempts})} | columns))


def outcome(verdict: Verdict) -> tuple[Word, float | None, Loop | None]:
    return verdict.word, verdict.time_to_recover, verdict.loop


def test_unaffected() -> None:
    assert outcome(judge(series(), SPIKED)) == (Word.UNAFFECTED, 0, None)


@pytest.mark.parametrize(("until", "seconds"), [(25, 0), (30, 0), (31, 1), (45, 15), (60, 30)])
def test_recovered_with_its_time_after_the_end_of_the_fault(until: int, seconds: float) -> None:
    verdict = judge(down(20, until), SPIKED)
    assert verdict.word is Word.RECOVERED
    assert verdict.time_to_recover == pytest.approx(seconds, abs=1)
    when = f"{verdict.time_to_recover:g} s after" if verdict.time_to_recover else "by the time"
    assert verdict.sentence == f"Recovered {when} the trigger ended."


def test_recovered_late_is_later_than_the_scenario_allows() -> None:
    verdict = judge(down(20, 75), SPIKED)
    assert verdict.word is Word.RECOVERED_LATE
    assert verdict.time_to_recover == pytest.approx(45, abs=1)
    assert "later than the 30 s allowed" in verdict.sentence


def test_metastable_is_down_with_affordable_demand_and_many_attempts() -> None:
    verdict = judge(down(20, 100, attempts=240), SPIKED)
    assert outcome(verdict) == (Word.METASTABLE, None, Loop.RETRIES)
    assert verdict.sentence == (
        "Metastable: at the end goodput is 0.0% of what it was, with 4.00 attempts per request, at 60/s offered "
        "against a capacity of 100/s; kept down by retries."
    )


@pytest.mark.parametrize(
    ("case", "why"),
    [
        ({"attempts": 66}, "attempts are hardly more"),
        ({"attempts": 240, "offered": filled(100, 60, {(30, 100): 90})}, "demand is not back to normal"),
        ({"attempts": 240, "service__kv__capacity": filled(100, 100, {(20, 100): 55})}, "demand is above capacity"),
    ],
)
def test_collapsed_is_down_for_any_other_reason(case: dict[str, Any], why: str) -> None:
    assert judge(down(20, 100, **case), SPIKED).word is Word.COLLAPSED, why


def test_the_loop_is_lost_capacity_before_anything_else() -> None:
    lost = filled(100, 100, {(20, 100): 70})
    assert judge(down(20, 100, attempts=240, service__kv__capacity=lost), SPIKED).loop is Loop.CAPACITY


def test_the_loop_is_queueing_when_waits_exceed_the_callers_patience() -> None:
    queue = filled(100, 2, {(20, 100): 150})
    assert judge(down(20, 100, service__kv__queue=queue), PATIENT).loop is Loop.QUEUEING
    assert judge(down(20, 100, service__kv__queue=queue / 2), PATIENT).loop is None
    assert judge(down(20, 100, service__kv__queue=queue), SPIKED).loop is None


def test_the_loop_is_an_empty_cache_when_hits_stay_away() -> None:
    hits = filled(100, 0.9, {(20, 100): 0.1})
    assert judge(down(20, 100, attempts=240, service__kv__hit_ratio=hits), SPIKED).loop is Loop.CACHE


def test_a_small_loss_that_lasts_is_found_although_no_second_stands_out() -> None:
    assert judge(down(30, 100, share=0.86), SPIKED).word is Word.COLLAPSED
    assert judge(down(20, 30, share=0.86), SPIKED).word is Word.RECOVERED


def test_a_loss_below_ten_percent_is_healthy() -> None:
    assert judge(down(20, 100, share=0.93), SPIKED).word is Word.UNAFFECTED


def test_health_is_relative_to_what_held_before() -> None:
    usual = series(goodput=filled(100, 42), succeeded=filled(100, 42))
    assert judge(usual, SPIKED).word is Word.UNAFFECTED


def test_what_was_down_before_the_fault_has_nothing_to_fall_from() -> None:
    verdict = judge(down(0, 100, share=0.02), SPIKED)
    assert verdict.word is Word.COLLAPSED
    assert "only 2% of the requests succeeded before the first fault" in verdict.sentence


def test_a_dip_before_the_fault_or_in_the_warm_up_is_not_its_effect() -> None:
    assert judge(down(0, 4), SPIKED).word is Word.UNAFFECTED
    assert judge(down(12, 13), SPIKED).word is Word.UNAFFECTED


@pytest.mark.parametrize("clients", [web(), web(arrivals=CLOSED)])
@pytest.mark.parametrize("duration", [8, 100])
def test_a_run_without_a_fault_in_which_nothing_happens_is_unaffected(duration: int, clients: Any) -> None:
    quiet = scenario(run={"duration": duration, "warmup": 1}, clients=clients)
    steady = {name: filled(duration, 60) for name in ("offered", "attempts", "goodput", "succeeded")}
    assert judge(series(duration, **steady), quiet).word is Word.UNAFFECTED


def test_without_a_fault_the_beginning_is_the_baseline() -> None:
    calm = scenario()
    assert outcome(judge(series(), calm)) == (Word.UNAFFECTED, 0, None)
    assert judge(down(50, 100), calm).word is Word.COLLAPSED
    passing = judge(down(50, 60), calm)
    assert (passing.word, passing.sentence) == (Word.RECOVERED, "Recovered, without a fault.")


def test_a_fault_that_lasts_to_the_end_of_the_run() -> None:
    endless = scenario(faults=[{**SPIKE, "for": None}])
    assert judge(series(), endless).word is Word.UNAFFECTED
    assert judge(down(20, 100, attempts=240), endless).word is Word.COLLAPSED
    assert judge(down(50, 100, share=0.86), endless).word is Word.COLLAPSED
    adapted = judge(down(20, 50), endless)
    assert outcome(adapted) == (Word.RECOVERED, 0, None)
    assert adapted.sentence == "Recovered while the fault was still active."


def test_a_run_that_ends_soon_after_the_fault_is_judged_by_what_there_is() -> None:
    late = scenario(faults=[{**SPIKE, "at": 85, "for": 10}])
    assert judge(down(85, 95), late).word is Word.RECOVERED
    assert judge(down(85, 100, attempts=240), late).word is Word.METASTABLE


def test_health_must_hold_to_the_end_to_count() -> None:
    assert judge(down(20, 92, attempts=240), SPIKED).word is Word.METASTABLE
    flickering = down(20, 100, attempts=240)
    flickering["succeeded"][50:55] = 60
    assert judge(flickering, SPIKED).word is Word.METASTABLE


def test_nobody_asking_is_nobody_suffering() -> None:
    nothing = {name: filled(100, 0) for name in ("offered", "attempts", "goodput", "succeeded")}
    assert judge(series(**nothing), SPIKED).word is Word.UNAFFECTED
    gap = {name: filled(100, 60, {(40, 100): 0}) for name in nothing}
    assert judge(series(**gap), SPIKED).word is Word.UNAFFECTED
    later = {name: filled(100, 0, {(40, 100): 60}) for name in ("offered", "attempts")}
    assert judge(series(**(nothing | later)), SPIKED).word is Word.COLLAPSED


def test_a_run_shorter_than_the_widest_average() -> None:
    short = scenario(run={"duration": 8, "warmup": 0}, faults=[{**SPIKE, "at": 3, "for": 1}])
    few = {name: filled(8, 1) for name in ("offered", "attempts", "goodput", "succeeded")}
    assert healthy_bins(series(8, **few), short).shape == (8,)
    assert judge(series(8, **few), short).word is Word.UNAFFECTED


def test_a_run_that_ends_within_a_second() -> None:
    assert judge(series(81), scenario(run={"duration": 80.5}, faults=[SPIKE])).word is Word.UNAFFECTED


class TestClosedLoop:
    """Users who wait for an answer do not ask: demand falls instead of requests failing."""

    described = scenario(faults=[SPIKE], clients=web(arrivals=CLOSED))

    def stuck(self, first: int, last: int) -> Series:
        names = ("offered", "attempts", "goodput", "succeeded")
        return series(**{name: filled(100, 45, {(first, last): 3}) for name in names})

    def test_silence_is_not_health(self) -> None:
        assert judge(self.stuck(20, 100), self.described).word is Word.COLLAPSED
        assert judge(self.stuck(20, 40), self.described).time_to_recover == pytest.approx(10, abs=3)
        assert judge(self.stuck(20, 100), SPIKED).word is Word.UNAFFECTED

    def test_users_who_leave_as_planned_are_not_missed(self) -> None:
        leaving = web(arrivals=CLOSED, shape=[[40, 1], [40, 0.06]])
        assert judge(self.stuck(40, 100), scenario(faults=[SPIKE], clients=leaving)).word is Word.UNAFFECTED

    def test_users_who_fail_fast_ask_more_and_that_is_no_new_demand(self) -> None:
        busy = {name: filled(100, 45, {(20, 100): 450}) for name in ("offered", "attempts")}
        dead = {name: filled(100, 45, {(20, 100): 0}) for name in ("goodput", "succeeded")}
        attempts = {"attempts": filled(100, 45, {(20, 100): 1800})}
        assert judge(series(**(busy | dead | attempts)), self.described).word is Word.METASTABLE


def test_capacity_is_that_of_the_bottleneck_behind_the_service_called() -> None:
    chain: dict[str, Any] = {
        "services": {
            "kv": {"calls": [{"target": "db"}, {"target": "db"}]},
            "db": {"workers": 10, "service_time": {"kind": "fixed", "mean": 0.1}},
        },
        "faults": [SPIKE],
    }
    verdict = judge(down(20, 100, attempts=240, service__db__capacity=filled(100, 100)), scenario(**chain))
    assert verdict.word is Word.COLLAPSED
    assert "at 60/s offered against a capacity of 50/s" in verdict.sentence


def test_capacity_that_was_not_measured_is_taken_from_the_scenario() -> None:
    verdict = judge(down(20, 100, attempts=240, service__kv__capacity=filled(100, np.nan)), SPIKED)
    assert "against a capacity of 100/s" in verdict.sentence


class TestNoise:
    """Few requests make noisy seconds; noise is no verdict."""

    described = scenario(
        run={"duration": 300, "recover_within": 60},
        clients=web(arrivals={"kind": "poisson", "rate": 2}),
        faults=[{**SPIKE, "at": 60}],
    )

    def noisy(self, seed: int, rate: float, share: Column) -> Series:
        random = np.random.default_rng(seed)
        offered = random.poisson(rate, 300).astype(float)
        succeeded = random.binomial(offered.astype(int), share).astype(float)
        return series(300, offered=offered, attempts=offered, goodput=succeeded, succeeded=succeeded)

    @pytest.mark.parametrize(("rate", "share"), [(2, 1.0), (2, 0.97), (2, 0.9), (0.5, 0.95), (20, 0.9)])
    def test_a_steady_system_is_unaffected_for_nearly_every_seed(self, rate: float, share: float) -> None:
        words = [judge(self.noisy(seed, rate, filled(300, share)), self.described).word for seed in range(200)]
        assert words.count(Word.UNAFFECTED) >= 190
        assert Word.COLLAPSED not in words

    def test_an_outage_is_found_for_every_seed_and_its_end_within_the_width_of_the_average(self) -> None:
        share = filled(300, 0.97, {(60, 100): 0.05})
        verdicts = [judge(self.noisy(seed, 2, share), self.described) for seed in range(100)]
        assert {verdict.word for verdict in verdicts} == {Word.RECOVERED}
        times = np.array([verdict.time_to_recover for verdict in verdicts], dtype=float)
        assert np.abs(times - 30).max() <= 15

    def test_a_lasting_outage_is_found_for_every_seed(self) -> None:
        share = filled(300, 0.97, {(60, 300): 0.5})
        words = {judge(self.noisy(seed, 2, share), self.described).word for seed in range(100)}
        assert words == {Word.COLLAPSED}


def test_a_rate_below_one_is_not_rounded_to_nothing() -> None:
    assert [rate(one) for one in (0.0, 0.042, 0.5, 1.4, 60.2)] == ["0/s", "0.042/s", "0.5/s", "1/s", "60/s"]
