"""A cheaper answer is asked for while more are inside than the server bears, and by nobody else."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from stormlab import Pipeline
from stormlab.effects import Request
from stormlab.policies import Degrade
from stormlab.policies.degrade import Strain
from stormlab.testing import run_in_virtual_time


def test_only_those_above_the_limit_get_the_cheaper_answer() -> None:
    pipeline = Pipeline([Degrade(above=2, effort=0.25)])

    async def answer(request: Request) -> float:
        await asyncio.sleep(request.effort)
        return request.effort

    async def main() -> list[float]:
        crowd = await asyncio.gather(*(pipeline.call(answer) for _ in range(4)))
        return [*crowd, await pipeline.call(answer)]

    assert run_in_virtual_time(main()) == [1.0, 1.0, 0.25, 0.25, 1.0]


@given(st.lists(st.booleans(), max_size=60))
def test_everybody_who_enters_leaves(steps: list[bool]) -> None:
    strain, inside = Strain(3), 0
    for enters in steps:
        if enters:
            inside += 1
            assert strain.enter() is (inside > 3)
        elif inside:
            inside -= 1
            strain.leave()
        assert strain.inside == inside
