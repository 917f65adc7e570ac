"""Expectations over many runs: in how many they hold, and whether those are enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stormlab.report.findings import number, percent, worlds
from stormlab.scenario.result import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One expectation over the runs of one world; ``value`` of the only run, or how many of them it holds in."""

    world: str
    name: str
    value: str
    bounds: str
    ok: bool


def standings(results: Sequence[Result]) -> list[Standing]:
    """Every expectation per world, held against the share of runs in which it has to hold."""
    return [
        _standing(world, members, index)
        for world, members in worlds(results).items()
        for index in range(len(members[0].checks))
    ]


def _standing(world: str, members: Sequence[Result], index: int) -> Standing:
    first, runs = members[0].checks[index], len(members)
    held = sum(one.checks[index].ok for one in members)
    return Standing(
        world=world,
        name=first.name,
        value=f"holds in {held} of {runs}" if runs > 1 else number(first.value),
        bounds=first.bounds + (f", in {percent(first.share)} of the runs" if runs > 1 else ""),
        ok=held >= first.share * runs - 1e-9,
    )
