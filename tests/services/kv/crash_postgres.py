"""Does to the key-value service on PostgreSQL what production does, and checks what it promised.

``python -m tests.services.kv.crash_postgres --rounds 40``. Under concurrent writes each round crashes and restarts the
database, or cuts, slows or silences the connection to it through the chaos proxy; then the service is killed with
SIGKILL, sometimes before it could recover.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from stormlab.chaos import toxics
from stormlab.chaos.client import ProxySpec, ToxiproxyClient
from stormlab.live import ports
from tests.services.kv.cluster import MISSING, Cluster, binaries, running_cluster
from tests.services.kv.crash import Child, start
from tests.services.kv.ledger import Ledger, Lost

_PROXY = "postgres"
#: s that the service may take to acknowledge writes again.
_RECOVERY = 30.0


@dataclass(slots=True)
class Disturber:
    """What can happen to the database and to the way there; everything is as before afterwards."""

    cluster: Cluster
    proxy: ToxiproxyClient
    rng: random.Random
    counts: Counter[str] = field(default_factory=Counter)

    def any(self) -> AbstractAsyncContextManager[None]:
        kinds: list[Callable[[], AbstractAsyncContextManager[None]]] = [self.restart, self.cut, self.slow, self.silence]
        kind = self.rng.choice(kinds)
        self.counts[kind.__name__] += 1
        return kind()

    @contextlib.asynccontextmanager
    async def restart(self) -> AsyncIterator[None]:
        """The database crashes and comes back."""
        await asyncio.to_thread(self.cluster.stop)
        try:
            yield
        finally:
            await asyncio.to_thread(self.cluster.start)

    @contextlib.asynccontextmanager
    async def cut(self) -> AsyncIterator[None]:
        """Connections break and new ones are refused."""
        await asyncio.to_thread(self.proxy.disable, _PROXY)
        try:
            yield
        finally:
            await asyncio.to_thread(self.proxy.enable, _PROXY)

    def slow(self) -> AbstractAsyncContextManager[None]:
        """Answers take nearly as long as, or longer than, the service waits for them."""
        return self._toxic(toxics.Latency(latency=self.rng.uniform(0.1, 0.8)))

    def silence(self) -> AbstractAsyncContextManager[None]:
        """Bytes vanish, and connections stay open."""
        stream = self.rng.choice(list(toxics.Stream))
        return self._toxic(toxics.Timeout(stream=stream))

    @contextlib.asynccontextmanager
    async def _toxic(self, toxic: toxics.Toxic) -> AsyncIterator[None]:
        await asyncio.to_thread(self.proxy.add, _PROXY, toxic)
        try:
            yield
        finally:
            await asyncio.to_thread(self.proxy.reset)


async def one_round(ledger: Ledger, child: Child, disturber: Disturber) -> None:
    """Verifies, writes, disturbs, and kills the service: after its recovery, or in the middle of it all."""
    rng = disturber.rng
    try:
        await ledger.verify(child.address)
        writing = asyncio.create_task(ledger.write(child.address, lambda: False))
        await asyncio.sleep(rng.uniform(0, 0.2))
        async with disturber.any():
            await asyncio.sleep(rng.uniform(0, 0.7))
            if rng.random() < 0.3:
                child.kill()
        if not child.dead:
            await recovery(child)
            ledger.recovered()
            await asyncio.sleep(rng.uniform(0, 0.1))
            child.kill()
        await writing
    finally:
        child.kill()


async def recovery(child: Child) -> None:
    """Waits until the service says that its log takes writes.

    Raises:
        Lost: it does not within 30 s.
    """
    until = time.monotonic() + _RECOVERY
    async with aiohttp.ClientSession() as session:
        while time.monotonic() < until:
            async with session.get(f"{child.address}/healthz/deep") as answer:
                if answer.status == 200:
                    return
            await asyncio.sleep(0.05)
    raise Lost(f"the service did not recover within {_RECOVERY:g} s")


@contextlib.contextmanager
def proxied(cluster: Cluster) -> Iterator[tuple[ToxiproxyClient, int]]:
    """A chaos proxy in front of ``cluster``: its control and the port to use."""
    command = [sys.executable, "-m", "stormlab.chaos", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        client = ToxiproxyClient(process.stdout.readline().split()[-1])
        (port,) = ports.free(1)
        client.create(ProxySpec(name=_PROXY, listen=f"127.0.0.1:{port}", upstream=f"127.0.0.1:{cluster.port}"))
        yield client, port
    finally:
        process.terminate()
        process.communicate()


def crash_test(cluster: Cluster, folder: Path, *, rounds: int, seed: int) -> tuple[Ledger, Counter[str]]:
    """Plays ``rounds`` rounds and compares after each.

    Raises:
        Lost: something acknowledged was not there, something refused was, or the service did not recover.
    """
    rng = random.Random(seed)
    ledger = Ledger(8, rng)
    cluster.create(f"crash{seed}")
    with proxied(cluster) as (proxy, port):
        disturber = Disturber(cluster, proxy, rng)
        settings = cluster.settings(f"crash{seed}", port=port) | {"TLOG_DB_TIMEOUT": "0.5"}
        for number in range(rounds):
            asyncio.run(one_round(ledger, start(folder, settings), disturber))
            if sys.stderr.isatty():
                print(f"\r{number + 1} of {rounds} rounds", end="", file=sys.stderr)
        child = start(folder, settings)
        try:
            asyncio.run(ledger.verify(child.address))
        finally:
            child.kill()
    return ledger, disturber.counts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    programs = binaries()
    if programs is None:
        print(f"crash test on PostgreSQL skipped: {MISSING}")
        return 0
    begin = time.monotonic()
    try:
        with running_cluster(programs) as cluster, tempfile.TemporaryDirectory() as folder:
            ledger, counts = crash_test(cluster, Path(folder), rounds=options.rounds, seed=options.seed)
    except Lost as error:
        print(f"crash test on PostgreSQL FAILED (seed {options.seed}): {error}")
        return 1
    done = ", ".join(f"{count} × {kind}" for kind, count in sorted(counts.items()))
    print(
        f"crash test on PostgreSQL passed: {options.rounds} kills after {done}; {ledger.acknowledged} writes "
        f"acknowledged, none lost; {ledger.refused} refused, {ledger.unknown} cut off without an answer; "
        f"seed {options.seed}, {time.monotonic() - begin:.0f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
