"""The load as numbers: shapes, recorded traces, and shares that add up to the same whole."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from loadtests.asks import browser, hot_key, mixed, over_grpc, reads
from loadtests.options import Settings, add_options, metrics_address
from loadtests.plan import Job, Role, part_of, read_policies, scenario_of
from loadtests.recording import read_trace
from loadtests.shapes import SHAPES
from stormlab.errors import BadInput
from stormlab.policies import Retry, Timeout
from stormlab.scenario.arrivals import arrival_times

ROLES = [Role("kv-reader", 3), Role("fibonacci", 1)]


def settings(**given: object) -> Settings:
    return Settings(**({"rate": 50.0, "duration": 20.0} | given))  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [name for name in SHAPES if name != "replay"])
@settings_of_hypothesis(max_examples=8)
@given(workers=st.integers(1, 7), seed=st.integers(0, 1000))
def test_workers_together_send_what_one_sends(shape: str, workers: int, seed: int) -> None:
    scenario = scenario_of(settings(shape=shape, duration=4.0), ROLES)

    def requests(of: int) -> set[tuple[str, int, float, float, float]]:
        parts = [(name, part_of(scenario, name, seed, share=k, of=of)) for name in scenario.clients for k in range(of)]
        rows: list[tuple[str, int, float, float, float]] = [
            (name, int(number), float(at), float(draws[0]), float(draws[1]))
            for name, part in parts
            for number, at, draws in zip(part.numbers, part.intended, part.draws, strict=True)
        ]
        assert len(rows) == len(set(rows))
        return set(rows)

    assert requests(workers) == requests(1)


def test_scenarios_with_callers_and_keys_are_split_alike() -> None:
    scenario = scenario_of(Settings(scenario="noisy-neighbour"), [])
    name = next(name for name, client in scenario.clients.items() if client.callers or client.keys)
    whole = part_of(scenario, name, 1, share=0, of=1)
    halves = [part_of(scenario, name, 1, share=k, of=2) for k in (0, 1)]
    assert whole.requests is not None and len(set(whole.requests)) > 1
    again = {int(n): half.request(i) for half in halves for i, n in enumerate(half.numbers)}
    assert [again[number] for number in sorted(again)] == list(whole.requests)


def test_weights_share_the_rate() -> None:
    scenario = scenario_of(settings(rate=1000.0), ROLES)
    counts = [len(arrival_times(scenario, name, 1)) for name in scenario.clients]
    assert counts[0] / counts[1] == pytest.approx(3, rel=0.05)
    assert sum(counts) / 20 == pytest.approx(1000, rel=0.03)


@pytest.mark.parametrize(
    ("shape", "at", "factor"),
    [("ramp", 10, 1.5), ("step", 18, 3), ("step", 2, 0.6), ("spike", 10, 3), ("spike", 3, 1), ("daily-wave", 10, 1.5),
     ("daily-wave", 0, 0.5), ("flash-crowd", 7, 3), ("flash-crowd", 9, 2), ("flash-crowd", 3, 1)],
)  # fmt: skip
def test_shapes(shape: str, at: float, factor: float) -> None:
    points = SHAPES[shape](20.0, 3.0)
    times, factors = zip(*points, strict=True)
    assert np.interp(at, times, factors) == pytest.approx(factor, rel=0.01)


def test_a_recorded_trace_is_replayed(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text("client,intended\nweb,7.5\nweb,5.0\nshop,6.25\n")
    assert read_trace(path) == (0.0, 1.25, 2.5)
    scenario = scenario_of(settings(shape="replay", trace=str(path)), ROLES)
    assert sorted(t for name in scenario.clients for t in arrival_times(scenario, name, 1)) == [0.0, 1.25, 2.5]


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "empty"), ("a,b\n1,2\n", "line 1: there is no column"), ("1.0\nx\n", "line 2: 'x' holds no time")],
)
def test_a_trace_that_cannot_be_read(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(text)
    with pytest.raises(BadInput, match=words):
        read_trace(path)


@pytest.mark.parametrize(
    "text",
    ['[{"kind": "retry", "max_retries": 2}, {"kind": "timeout", "seconds": 1}]',
     '[{ kind = "retry", max_retries = 2 }, { kind = "timeout", seconds = 1 }]'],
)  # fmt: skip
def test_policies_in_json_and_toml(text: str, tmp_path: Path) -> None:
    path = tmp_path / "policies"
    path.write_text(text)
    assert read_policies(text) == read_policies(str(path)) == (Retry(max_retries=2), Timeout(seconds=1))
    assert read_policies("") == ()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"policies": '[{"kind": "retyr"}]'}, "policies.*retry"),
        ({"policies": "no-such-file"}, "no-such-file: cannot be read"),
        ({"rate": 0.0}, "--rate must be above 0"),
        ({"shape": "replay"}, "needs --trace FILE"),
        ({"duration": 0.0}, "duration: Input should be greater than 0"),
        ({"scenario": "no-such-scenario"}, "no-such-scenario"),
    ],
)
def test_settings_that_cannot_be_used(given: dict[str, object], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        scenario_of(settings(**given), ROLES)


def test_a_job_survives_its_way_to_the_workers() -> None:
    options = settings(shape="flash-crowd", arrivals="paced")
    job = Job(scenario=scenario_of(options, ROLES), settings=options, epoch=12.5, told=11.0, shares={"a": 0, "b": 1})
    assert Job.from_json(job.to_json()) == job


def test_what_is_asked_for() -> None:
    some = settings(keys=10, write_share=0.5, value_bytes=3, fibonacci_n=9)
    assert reads(some)(0.0, 0.35) == ("GET", "/v1/load-3", b"")
    assert mixed(some)(0.2, 0.35) == ("PUT", "/v1/load-3", b"xxx")
    assert over_grpc(mixed)(some)(0.9, 0.35) == ("GET", "load-3", b"")
    assert browser(some)(0.8, 0.0).target == "/fibonacci?n=9"
    hot = [hot_key(some)(first, 0.75).target for first in np.linspace(0, 0.999, 100)]
    assert hot.count("/v1/load-0") == 90 and set(hot) == {"/v1/load-0", "/v1/load-7"}


def test_popular_keys_follow_zipf() -> None:
    choose = reads(settings(keys=100, skew=1.0))
    first = [choose(0.0, draw).target for draw in np.linspace(0, 0.9999, 5000)].count("/v1/load-0")
    assert first / 5000 == pytest.approx(1 / sum(1 / rank for rank in range(1, 101)), rel=0.01)


def test_workers_on_one_machine_take_ports_in_a_row_and_those_with_a_machine_each_the_same() -> None:
    assert metrics_address(Settings(), 1) is None
    assert metrics_address(Settings(metrics_port=9646), 1) == ("127.0.0.1", 9647)
    assert metrics_address(Settings(metrics_port=9646, metrics_host="0.0.0.0"), 1) == ("0.0.0.0", 9646)


def test_users_who_do_not_think_may_be_many_and_ask_for_long() -> None:
    for users, duration in ((32, 60.0), (1000, 3600.0)):
        scenario = scenario_of(settings(loop="closed", users=users, duration=duration), ROLES)
        assert [len(arrival_times(scenario, name, 1)) for name in scenario.clients] == [0, 0]


def test_locusts_page_is_on_loopback_unless_somebody_wants_it_elsewhere() -> None:
    parser = Mock()
    add_options(parser)
    assert parser.set_defaults.call_args.kwargs["web_host"] == "127.0.0.1"
