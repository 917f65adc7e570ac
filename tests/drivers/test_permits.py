"""Whatever is cut off, wherever: every permit that a policy took is given back, once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import pytest

from stormlab.effects import Request, Steps, Strategy
from stormlab.policies import FullJitter, Policy, Retry, RetryBudget, Scope, Timeout
from tests.drivers.worlds import Play, SecondCopy, Trace, on_asyncio, on_gevent, on_simpy, random_play

World = Callable[[Play], Trace]
WORLDS = pytest.mark.parametrize("world", [on_simpy, on_asyncio, on_gevent])


class Permits:
    """Counts who is inside; what leaves without an ending was cut off."""

    kind = "permits"

    def __init__(self) -> None:
        self.taken = self.held = self.ended = self.ignored = 0

    def bind(self, inner: Strategy, scope: Scope) -> Strategy:
        def counted(now: float, request: Request) -> Steps:
            self.taken += 1
            self.held += 1
            ended = False
            try:
                answer = yield from inner(now, request)
                ended = True
                return answer
            finally:
                self.held -= 1
                self.ended += ended
                self.ignored += not ended

        return counted


def everywhere(permits: Sequence[Permits]) -> list[Policy]:
    outer, middle, lane, inner = permits
    backoff = FullJitter(base=0.1, cap=0.5)
    retrying: list[Policy] = [outer, Retry(backoff=backoff), RetryBudget(), middle]
    return [*retrying, Timeout(seconds=0.6), SecondCopy(), lane, Timeout(seconds=0.4), inner]


@WORLDS
def test_all_permits_come_back(world: World) -> None:
    ignored = 0
    for seed in range(200):
        permits = [Permits() for _ in range(4)]
        world(random_play(partial(everywhere, permits), seed, clients=10, cut=0.7))
        assert [each.held for each in permits] == [0, 0, 0, 0], f"seed {seed}"
        assert all(each.taken == each.ended + each.ignored for each in permits)
        ignored += sum(each.ignored for each in permits)
    assert ignored > 1000
