"""A replica that protects itself: what it refuses costs nothing, what it forgets, and who hears of it."""

from __future__ import annotations

from random import Random

import pytest
import simpy

from stormlab.effects import Request
from stormlab.outcome import Ending, Outcome
from stormlab.scenario.model import Service
from stormlab.sim.guarded import GuardedReplica, make_replica
from stormlab.sim.service import Counts, Replica


def service(**settings: object) -> Service:
    fixed = {"kind": "fixed", "mean": 1.0}
    return Service.model_validate({"workers": 1, "service_time": fixed, **settings})


class Door:
    def __init__(self, **settings: object) -> None:
        self.env, self.counts = simpy.Environment(), Counts()
        self.replica = make_replica(self.env, service(**settings), Random(1), self.counts)
        self.answers: list[tuple[float, Outcome]] = []

    def ask(self, at: float, request: Request | None = None) -> None:
        self.env.run(at) if at > self.env.now else None
        outcome = self.replica.submit(request or Request(), self._reply)
        if outcome is not None:
            self._reply(outcome)

    def _reply(self, outcome: Outcome) -> None:
        self.answers.append((self.env.now, outcome))

    def told(self) -> list[tuple[float, str]]:
        self.env.run(self.env.now + 100)
        return [(at, outcome.reason or outcome.ending.value) for at, outcome in self.answers]


def test_only_a_service_that_protects_itself_gets_the_slower_replica() -> None:
    assert type(Door().replica) is Replica
    assert type(Door(queue={"discipline": "lifo"}).replica) is Replica
    assert type(Door(queue={"discipline": "codel"}).replica) is GuardedReplica
    assert type(Door(guards=[{"kind": "queue-shed"}]).replica) is GuardedReplica


def test_a_refusal_is_an_overload_to_the_caller_and_says_when_to_come_back() -> None:
    door = Door(guards=[{"kind": "caller-throttle", "rate": 0.5, "burst": 1}])
    door.ask(0.0)
    door.ask(0.5)
    (_, refusal) = door.answers[0]
    assert refusal.ending is Ending.OVERLOADED
    assert refusal.retry_after == pytest.approx(1.5)
    door.ask(2.0)
    assert door.told() == [(0.5, "throttled"), (1.0, "ok"), (3.0, "ok")]
    assert (door.counts.rejected, door.counts.completions) == (1, 2)


def test_the_queue_is_seen_and_full_queues_still_refuse() -> None:
    door = Door(queue={"limit": 2}, guards=[{"kind": "queue-shed", "limit": 1}])
    for _ in range(3):
        door.ask(0.0)
    assert door.told() == [(0.0, "shed-queue"), (1.0, "ok"), (2.0, "ok")]
    plain = Door(queue={"limit": 1, "discipline": "codel", "interval": 50})
    for _ in range(3):
        plain.ask(0.0)
    assert plain.told() == [(0.0, "queue-full"), (1.0, "ok"), (2.0, "ok")]


def test_codel_turns_away_when_a_worker_becomes_free() -> None:
    door = Door(queue={"discipline": "codel"})
    door.ask(0.0)
    door.ask(0.1)
    door.ask(0.95)
    assert door.told() == [(0.95, "shed-delay"), (1.0, "ok"), (2.0, "ok")]


def test_a_cheaper_answer_takes_less_time() -> None:
    door = Door(workers=2, guards=[{"kind": "degrade", "above": 1, "effort": 0.25}])
    door.ask(0.0)
    door.ask(0.0)
    assert door.told() == [(0.25, "ok"), (1.0, "ok")]
    assert door.counts.degraded == 1


def test_one_key_is_worked_off_once() -> None:
    door = Door(guards=[{"kind": "idempotent"}])
    for at in (0.0, 0.5, 1.5):
        door.ask(at, Request(token="t"))
    assert door.told() == [(0.5, "in-progress"), (1.0, "ok"), (1.5, "ok")]
    assert door.counts.completions == 1


def test_a_process_that_was_started_anew_remembers_nothing() -> None:
    door = Door(guards=[{"kind": "concurrency-shed", "limit": 2}, {"kind": "idempotent"}])
    door.ask(0.0, Request(token="a"))
    door.ask(0.0, Request(token="b"))
    door.env.run(0.5)
    door.replica.stop()
    assert [outcome.reason for _, outcome in door.answers] == ["connection-lost"] * 2
    door.ask(0.6)
    door.replica.start()
    door.ask(0.7, Request(token="a"))
    door.ask(0.7, Request(token="b"))
    assert [reason for _, reason in door.told()[2:]] == ["connection-refused", "ok", "ok"]


@pytest.mark.parametrize("guards", [[], [{"kind": "degrade", "above": 100}]], ids=["plain", "guarded"])
@pytest.mark.parametrize(("seconds", "said"), [(0.0, None), (7.0, 7.0)])
def test_who_finds_no_place_is_told_when_to_come_back(
    guards: list[dict[str, object]], seconds: float, said: float | None
) -> None:
    door = Door(queue={"limit": 0, "retry_after": seconds}, guards=guards)
    door.ask(0.0)
    door.ask(0.5)
    assert [(outcome.reason, outcome.retry_after) for _, outcome in door.answers] == [("queue-full", said)]
    late = Door(queue={"limit": 5, "discipline": "codel", "interval": 0.3, "retry_after": seconds}, guards=guards)
    for _ in range(2):
        late.ask(0.0)
    late.told()
    assert ("shed-delay", said) in [(outcome.reason, outcome.retry_after) for _, outcome in late.answers]


@pytest.mark.parametrize("guards", [[], [{"kind": "degrade", "above": 100}]], ids=["plain", "guarded"])
def test_a_cheaper_answer_takes_less_of_a_worker(guards: list[dict[str, object]]) -> None:
    door = Door(guards=guards)
    door.ask(0.0, Request(effort=0.25))
    assert door.told() == [(0.25, "ok")]
    assert door.counts.degraded == 1
