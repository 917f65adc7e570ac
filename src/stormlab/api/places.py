"""Where the points of a sweep are played: here, in processes of this machine, or on a Dask cluster."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib import import_module
from multiprocessing.connection import wait
from typing import Any, TypeAlias

from stormlab.api.execution import interrupts_held, result_of
from stormlab.errors import BadInput, how_to_install

#: Plays one point, given its column and its row.
PlayPoint: TypeAlias = Callable[[int, int], dict[str, Any]]

#: How long a Dask cluster has to answer, in s.
PATIENCE = 10


def in_processes(play: PlayPoint, points: Sequence[tuple[int, int]], *, jobs: int) -> Iterator[dict[str, Any]]:
    """The points as they are finished, in up to ``jobs`` processes; ``play`` is pickled.

    Ctrl-C reaches this process alone: points under way are finished, the others are not begun.
    """
    if min(jobs, len(points)) <= 1:
        yield from (play(*point) for point in points)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(jobs, len(points)), mp_context=context, initializer=_enter_worker)
    try:
        with interrupts_held():
            futures = [pool.submit(play, *point) for point in points]
        yield from (result_of(future) for future in as_completed(futures))
    finally:
        pool.shutdown(cancel_futures=True)


def on_dask(play: PlayPoint, points: Sequence[tuple[int, int]], *, address: str) -> Iterator[dict[str, Any]]:
    """The points as they are finished, on the workers of a Dask scheduler, where stormlab has to be installed.

    Raises:
        BadInput: Dask is not installed, or no scheduler answers at ``address``.
    """
    try:
        distributed: Any = import_module("distributed")
    except ImportError:
        raise BadInput(f"--dask: distributed is not installed; {how_to_install('dask')}") from None
    try:
        client = distributed.Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise BadInput(f"--dask {address}: no scheduler answers there ({error}); start one: dask scheduler") from None
    with client:
        futures = client.map(lambda point: play(*point), points, pure=False)
        try:
            for future in distributed.as_completed(futures, loop=client.loop):
                yield future.result()
        finally:
            client.cancel(futures)


def _enter_worker() -> None:
    """Ctrl-C is the parent's business; end with it, also when it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()


def _end_after(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
