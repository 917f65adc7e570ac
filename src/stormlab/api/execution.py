"""Plays runs one after the other or in several processes, always in the same order and with the same figures."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, TypeVar

from stormlab.errors import StormlabError
from stormlab.scenario.model import Scenario
from stormlab.scenario.result import Result

#: How often the progress of other processes is looked at, in s.
LOOK = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run that is to be played: ``world`` is ``sim``, with an ``engine``, or ``live``, with a ``proxy``.

    A live run that is void says nothing; it is played again until ``tries`` have been made.
    """

    scenario: Scenario
    world: str
    seed: int
    proxy: str = "auto"
    engine: str = "auto"
    tries: int = 1


#: Hears which run has come how far, as a share from 0 to 1.
Progress: TypeAlias = Callable[[Job, float], None]


T = TypeVar("T")


class _Stopped(Exception):
    """The parent process has lost interest."""


def unheard(job: Job, share: float) -> None:
    """The progress nobody wants to hear."""


def execute(jobs: Sequence[Job], *, workers: int = 1, progress: Progress = unheard) -> Generator[Result, None, None]:
    """The results of ``jobs``: simulations in up to ``workers`` processes, then live runs, which need the machine
    for themselves, one by one.

    Close the iterator (``contextlib.closing``) to stop what is under way.
    """
    simulations = [job for job in jobs if job.world == "sim"]
    if min(workers, len(simulations)) > 1:
        yield from _in_processes(simulations, workers, progress)
    else:
        yield from (_play(job, progress) for job in simulations)
    yield from (_play(job, progress) for job in jobs if job.world == "live")


def _play(job: Job, progress: Progress) -> Result:
    def heard(share: float) -> None:
        progress(job, share)

    heard(0.0)
    result = _run(job, heard)
    heard(1.0)
    return result


def _run(job: Job, heard: Callable[[float], None]) -> Result:
    """The worlds are imported here, because most commands need neither and live runs need much."""
    if job.world == "live":
        from stormlab import live

        result, tries = live.run(job.scenario, seed=job.seed, progress=heard, proxy=job.proxy), 1
        while not result.valid and tries < job.tries:
            result, tries = live.run(job.scenario, seed=job.seed, progress=heard, proxy=job.proxy), tries + 1
        return replace(result, facts={**result.facts, "tries": tries}) if job.tries > 1 else result
    if job.engine != "simpy":
        from stormlab.sim import engines

        return engines.run(job.scenario, engine=job.engine, seed=job.seed, progress=heard)
    from stormlab import sim

    return sim.run(job.scenario, seed=job.seed, progress=heard)


def _in_processes(jobs: Sequence[Job], workers: int, progress: Progress) -> Generator[Result, None, None]:
    context = multiprocessing.get_context("spawn")
    board = context.RawArray("d", len(jobs) + 1)
    pool = ProcessPoolExecutor(
        min(workers, len(jobs)), mp_context=context, initializer=_enter_worker, initargs=(board,)
    )
    shares = [0.0] * len(jobs)
    try:
        with interrupts_held():
            futures = [pool.submit(_play_in_worker, index, job) for index, job in enumerate(jobs)]
        for future in futures:
            while not future.done():
                wait([future], timeout=LOOK)
                _report(jobs, board, shares, progress)
            yield result_of(future)
        _report(jobs, board, shares, progress)
    finally:
        board[len(jobs)] = 1.0
        pool.shutdown(cancel_futures=True)


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Ctrl-C waits until the end of the block, and never reaches a process that was started in it.

    A process inherits which signals are blocked, so there is no moment in which a worker that is still starting can be
    interrupted; where signals cannot be blocked (Windows) that moment remains. Another thread of this process may be
    given the signal all the same, so its handler waits too: a worker needs all that it is sent at its start.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "pthread_sigmask"):
        yield
        return
    heard: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _frame: heard.append(number))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        signal.signal(signal.SIGINT, handler)
        if heard:
            signal.raise_signal(signal.SIGINT)


def _report(jobs: Sequence[Job], board: Any, shares: list[float], progress: Progress) -> None:
    for index, job in enumerate(jobs):
        if board[index] != shares[index]:
            shares[index] = board[index]
            progress(job, shares[index])


def result_of(future: Future[T]) -> T:
    """What a worker answered; raises StormlabError when the worker was ended."""
    try:
        return future.result()
    except BrokenProcessPool:
        raise StormlabError("a simulating process was ended from outside (out of memory?); try --jobs 1") from None


_board: Any = None


def _enter_worker(board: Any) -> None:
    """Ctrl-C is the parent's business: it tells the workers through the last cell of the board."""
    global _board
    _board = board
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _play_in_worker(index: int, job: Job) -> Result:
    def note(_job: Job, share: float) -> None:
        if _board[-1]:
            raise _Stopped
        _board[index] = share

    return _play(job, note)
