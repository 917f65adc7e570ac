"""Over which range of its parameters a scenario does what it expects: one parameter varied at a time.

A result that holds at one point only says more about the point than about the system. ``sensitivity.toml`` next to a
scenario names parameters and other values for them; at each value a variant is played with several seeds, and its own
expectations decide. A parameter's *range* are the values around the scenario's own at which they hold with every seed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stormlab.errors import BadInput
from stormlab.scenario import loader
from stormlab.scenario.changes import tree_of
from stormlab.scenario.model import Scenario
from stormlab.scenario.paths import lookup
from stormlab.sim import engines

FILE = "sensitivity.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vary:
    """One ``key`` of a scenario and the ``values`` it is given, ascending, in ``variant``.

    Only the expectations named in ``only`` count, or all of them; ``set`` holds further keys, to shorten the run.
    """

    key: str
    values: tuple[float, ...]
    variant: str = ""
    only: tuple[str, ...] = ()
    set: Mapping[str, Any]

    def at(self, folder: Path, value: float) -> Scenario:
        """The scenario with ``value``; raises BadInput when it does not fit."""
        pairs = {**self.set, self.key: value}
        overrides = [f"{key}={number!r}" for key, number in pairs.items()]
        scenario = loader.load(folder, variant=self.variant, overrides=overrides)
        kept = tuple(one for one in scenario.expect if not self.only or one.name in self.only)
        if len(kept) < max(1, len(self.only)):
            raise BadInput(f"{folder / FILE}: {self.key}: variant {self.variant!r} does not expect all of {self.only}")
        return scenario.model_copy(update={"expect": kept})

    def own(self, folder: Path) -> float:
        """The value that the scenario has itself."""
        value = lookup(tree_of(loader.load(folder, variant=self.variant)), self.key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadInput(f"{folder / FILE}: {self.key}: only numbers can be varied, not {value!r}")
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """In how many of ``seeds`` runs what is expected held, by value; ``own`` is the scenario's own value."""

    key: str
    variant: str
    own: float
    seeds: int
    held: Mapping[float, int]

    @property
    def range(self) -> tuple[float, float] | None:
        """The lowest and the highest value around the own one, between which it held with every seed."""
        values = sorted(self.held)
        middle = values.index(self.own)
        if self.held[self.own] < self.seeds:
            return None
        first = last = middle
        while first > 0 and self.held[values[first - 1]] == self.seeds:
            first -= 1
        while last + 1 < len(values) and self.held[values[last + 1]] == self.seeds:
            last += 1
        return values[first], values[last]


def read(folder: Path) -> list[Vary]:
    """What ``sensitivity.toml`` in ``folder`` says is to be varied, the scenario's own value among the others.

    Raises:
        BadInput: the file says something that is not understood.
    """
    path = folder / FILE
    tree = tomllib.loads(path.read_text(encoding="utf-8"))
    if unknown := set(tree) - {"vary"}:
        raise BadInput(f"{path}: {', '.join(sorted(unknown))}: there are only tables [[vary]]")
    return [_vary(folder, table) for table in tree["vary"]]


def _vary(folder: Path, table: Mapping[str, Any]) -> Vary:
    known = {"key", "values", "variant", "only", "set"}
    if unknown := set(table) - known:
        raise BadInput(f"{folder / FILE}: {', '.join(sorted(unknown))}: a table holds {', '.join(sorted(known))}")
    one = Vary(
        key=table["key"],
        values=(),
        variant=table.get("variant", ""),
        only=tuple(table.get("only", ())),
        set=table.get("set", {}),
    )
    values = tuple(sorted({*table["values"], one.own(folder)}))
    return Vary(key=one.key, values=values, variant=one.variant, only=one.only, set=one.set)


def holds(vary: Vary, folder: Path, value: float, seeds: Sequence[int]) -> int:
    """With how many of ``seeds`` everything that counts holds at ``value``."""
    scenario = vary.at(folder, value)
    return sum(engines.run(scenario, engine="auto", seed=seed).ok for seed in seeds)


def find(
    vary: Vary, folder: Path, seeds: Sequence[int], heard: Callable[[float, int], None] = lambda value, held: None
) -> Finding:
    """Play every value of ``vary``; ``heard`` is told each with its count."""
    held = {}
    for value in vary.values:
        held[value] = holds(vary, folder, value, seeds)
        heard(value, held[value])
    return Finding(key=vary.key, variant=vary.variant, own=vary.own(folder), seeds=len(seeds), held=held)
