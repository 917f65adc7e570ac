"""What splitting the in-memory map into shards buys: operations per second of several threads on one map.

A dictionary needs no lock for a single get or set; the sharded map takes one, so that it also holds where dictionaries
are not safe by themselves. With a global interpreter lock threads do not run at the same time and shards can
only save waiting for locks; `python -VV` of a free-threaded build is where the columns should differ.

    python benchmarks/shards.py [--operations 200000] [--repeats 5]
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time
from collections.abc import MutableMapping

from services.kv.sharding import ShardedMap

THREADS = (1, 2, 4, 8)
SHARDS = (1, 4, 16, 64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--operations", type=int, default=200_000, help="of all threads (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=5, help="default: %(default)s")
    given = parser.parse_args()
    print(f"{'operations/s':>14}" + "".join(f"{number:>10} thr." for number in THREADS))
    for name in ("dictionary", *SHARDS):
        rates = [median_rate(name, threads, given.operations, given.repeats) for threads in THREADS]
        label = name if isinstance(name, str) else f"{name} shards"
        print(f"{label:>14}" + "".join(f"{rate:>15,.0f}" for rate in rates))


def median_rate(name: str | int, threads: int, operations: int, repeats: int) -> float:
    return statistics.median(rate(made(name), threads, operations // threads) for _ in range(repeats))


def made(name: str | int) -> MutableMapping[str, bytes]:
    return {} if isinstance(name, str) else ShardedMap(name)


def rate(values: MutableMapping[str, bytes], threads: int, operations: int) -> float:
    """Operations per second, nine gets to one set, each thread on keys of its own."""
    ready = threading.Barrier(threads + 1)
    workers = [threading.Thread(target=work, args=(values, number, operations, ready)) for number in range(threads)]
    for worker in workers:
        worker.start()
    ready.wait()
    start = time.perf_counter()
    for worker in workers:
        worker.join()
    return threads * operations / (time.perf_counter() - start)


def work(values: MutableMapping[str, bytes], thread: int, operations: int, ready: threading.Barrier) -> None:
    keys = [f"{thread}-{number}" for number in range(100)]
    for key in keys:
        values[key] = b""
    ready.wait()
    for number in range(operations):
        key = keys[number % 100]
        if number % 10:
            values[key]
        else:
            values[key] = b"x"


if __name__ == "__main__":
    main()
