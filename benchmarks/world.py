"""How fast the simulated world is: attempts per second on ``retry-storm``, next to the same storm in plain SimPy.

Both are played in turn with the same arrivals, in one process; processor time, so that a busy machine disturbs
less. The best and the median of all rounds are printed. The plain model keeps four counts; the world keeps series,
latencies and sampled calls, and interprets the policies that services run.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from benchmarks.plain import Storm
from stormlab.scenario.loader import load
from stormlab.sim import World

ROUNDS = 15


def measure(played: dict[str, Callable[[], int]]) -> dict[str, list[float]]:
    """Attempts per processor second of every round."""
    rates: dict[str, list[float]] = {name: [] for name in played}
    for _ in range(ROUNDS):
        for name, play in played.items():
            began = time.process_time()
            attempts = play()
            rates[name].append(attempts / (time.process_time() - began))
    return rates


def main() -> None:
    scenario = load("retry-storm", variant="naive")
    plain, world = "plain SimPy", "stormlab.sim.World"
    rates = measure(
        {
            plain: lambda: Storm(scenario, 1).run().attempts,
            world: lambda: int(World(scenario, 1).run().facts["attempts"]),
        }
    )
    table = Table("model", "best", "median", "÷ plain SimPy", title="Attempts per second of retry-storm")
    for name, rate in rates.items():
        ratio = statistics.median(rate) / statistics.median(rates[plain])
        table.add_row(name, f"{max(rate):,.0f}", f"{statistics.median(rate):,.0f}", f"{ratio:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
