"""Numbers of the SRE book that are no defaults of anything: small models that must come to the printed figures."""

from __future__ import annotations

import simpy

from stormlab.drivers.sim import Run
from stormlab.effects import PLAIN, Request
from stormlab.outcome import Outcome, overloaded, success
from stormlab.policies import Fixed, NoBackoff, Retry, RetryRatio, Scope, compose
from stormlab.policies.queueing import WaitingLine
from stormlab.sim.theory import retries
from tests.policies.bench import FAILED, Bench


class Never:
    """Nothing is drawn."""

    def random(self) -> float:
        raise AssertionError("a fixed wait draws nothing")

    def uniform(self, a: float, b: float) -> float:
        raise AssertionError("a fixed wait draws nothing")


def test_three_attempts_per_request_and_four_layers_of_them() -> None:
    """sre.google/sre-book: at most 3 attempts (handling-overload); 4³ = 64 (addressing-cascading-failures)."""
    assert Bench(Retry(max_retries=2, backoff=NoBackoff())).calls(1, FAILED) == [3]
    assert retries.layered_attempts(tries=4, layers=3) == 64


def test_sixty_retries_a_minute_for_a_whole_process() -> None:
    """sre.google/sre-book/addressing-cascading-failures: a server-wide budget of 60 retries a minute."""
    budget = RetryRatio(ratio=0.0, window=60.0, min_per_second=1.0)
    bench = Bench(Retry(max_retries=3, backoff=NoBackoff()), budget)
    assert sum(bench.calls(1000, FAILED)) == 1000 + 60
    bench.wait(66.0)
    assert sum(bench.calls(1000, FAILED)) == 1000 + 60


def test_a_queue_of_ten_times_the_threads_makes_100_ms_last_1100() -> None:
    """sre.google/sre-book/addressing-cascading-failures: 10 threads per queue length of 100, 100 ms each: 1.1 s."""
    threads, seconds = 10, 0.1
    line: WaitingLine[int] = WaitingLine(limit=10 * threads)
    assert all(line.join(0.0, number) for number in range(10 * threads))
    assert not line.join(0.0, -1)
    free, answered = [seconds] * threads, 0.0
    while (job := line.take(min(free))) is not None:
        thread = free.index(min(free))
        free[thread] += seconds
        answered = free[thread] if job == 10 * threads - 1 else answered
    assert round(answered, 6) == 1.1


def test_a_callee_of_10000_asked_10100_times_a_second_is_asked_100_times_more_every_second() -> None:
    """sre.google/sre-book/addressing-cascading-failures: 10,100, 10,200, 10,300 … when all failures return after 1 s.

    Here at a hundredth of the rate: a callee of 100 a second, and 101 new requests.
    """
    env, seen = simpy.Environment(), [0] * 12
    strategy = compose([Retry(max_retries=50, backoff=Fixed(delay=1.0))], Scope(random=Never()))

    def callee(_request: Request, _reply: object) -> Outcome:
        seen[int(env.now)] += 1
        return success() if seen[int(env.now)] <= 100 else overloaded("full")

    def arrivals() -> simpy.events.ProcessGenerator:
        for second in range(10):
            yield env.timeout(second + 0.5 - env.now)
            for _ in range(101):
                Run(env, strategy(env.now, PLAIN), callee, lambda *_: None).start()

    env.process(arrivals())
    env.run(10.0)
    assert seen[:10] == [101 + second for second in range(10)]


def test_a_queue_of_11_s_serves_nobody_whose_deadline_is_10_s() -> None:
    """sre.google/sre-book/addressing-cascading-failures: what has waited past its deadline is worth nothing."""
    line: WaitingLine[float] = WaitingLine(limit=10_000)
    for number in range(1200):
        line.join(number / 100, number / 100 + 10.0)
    late = 0
    for number in range(1100):
        deadline = line.take(11.0 + number / 100)
        late += deadline is not None and 11.0 + number / 100 > deadline
    assert late == 1100
